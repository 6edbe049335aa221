/**
 * The arithmetic of votes: expected votes, quorum, two_node. Pure functions of numbers.
 * Source: cman commands.c: calculate_quorum; votequorum(5) for wait_for_all.
 * Deviation: two_node lowers the quorum only while the conf has exactly two nodes, so an isolated
 * node of a cluster that has grown can never be quorate alone.
 */

export type VoteSum = {
  /** Sum of the votes of the present members. */
  readonly total: number;
  readonly expected: number;
  /** The quorum that was in force before; see Q2. */
  readonly previousQuorum: number;
  readonly twoNode: boolean;
};

/** The number of votes a component needs. */
export function quorumOf(sum: VoteSum): number {
  if (sum.twoNode) return 1;
  const needed = Math.max(Math.floor((sum.expected + 2) / 2), Math.floor((sum.total + 2) / 2));
  return Math.max(needed, sum.previousQuorum);
}
