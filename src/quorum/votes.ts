/**
 * The arithmetic of votes: expected votes, quorum, two_node. Pure functions of numbers.
 * Source: cman commands.c: calculate_quorum; votequorum(5) for wait_for_all.
 * Deviation: two_node lowers the quorum only while the configuration has exactly two nodes, so an
 * isolated node of a grown cluster can never be quorate alone.
 */

export type VoteSum = {
  /** Sum of the votes of the present members. */
  readonly total: number;
  readonly expected: number;
  /** Quorum in force before; it never decreases without a decision of the operator. */
  readonly previousQuorum: number;
  readonly twoNode: boolean;
};

/** The number of votes a component needs. */
export function quorumOf(sum: VoteSum): number {
  if (sum.twoNode) return 1;
  const needed = Math.max(Math.floor((sum.expected + 2) / 2), Math.floor((sum.total + 2) / 2));
  return Math.max(needed, sum.previousQuorum);
}
