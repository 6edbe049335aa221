/**
 * A quorate membership, as its members remember it and tell other nodes in the state exchange.
 * Shapes only; `quorum/` has the rules.
 * Tested in: test/quorum/last-quorate.test.ts
 */
import { count, list, nodeId, record, type Shaped } from "./shape.ts";

const members = list(record({ node: nodeId, votes: count }));

export const quorateMembership = record({
  /** Sequence of the ring in which it was quorate. */
  ring: count,
  members,
  /** The lowest expected votes and quorum that a member of it may use, and the highest quorum. */
  expected: count,
  quorum: count,
  quorumMost: count,
  /**
   * Set once fewer votes are expected than the file says: of these members, a part needs `quorum`
   * votes to stay quorate. While a change is under way there are two, and both count.
   */
  demands: list(record({ members, quorum: count })),
});
export type QuorateMembership = Shaped<typeof quorateMembership>;
export type QuorumDemand = QuorateMembership["demands"][number];

/** A ring of which a node has lost what it received, since its life ended during the exchange. */
export const doubtfulRing = record({ ring: count, members: list(nodeId) });
export type DoubtfulRing = Shaped<typeof doubtfulRing>;

/** What a daemon remembers of quorate memberships from one life of its node to the next. */
export type QuorumMemory = {
  /** The last quorate membership that the node took part in. */
  readonly last: QuorateMembership | null;
  /** Doubtful rings after `last`. */
  readonly doubts: readonly DoubtfulRing[];
};
