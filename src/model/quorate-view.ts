/**
 * A quorate membership as its members remember it and tell others. A shape, without meaning: what
 * follows from it is decided in `quorum/`.
 * Tested in: test/quorum/last-quorate.test.ts
 */
import { count, list, nodeId, record, type Shaped } from "./shape.ts";

const members = list(record({ node: nodeId, votes: count }));

export const quorateView = record({
  /** Sequence of the ring in which it was quorate. */
  ring: count,
  members,
  /** The lowest figures that any of its members may go by, and the highest. */
  expected: count,
  quorum: count,
  quorumMost: count,
  /**
   * Once fewer votes are expected than the file says: of whom a part needs how many to go on. Two
   * while a change is under way; then both count.
   */
  demands: list(record({ members, quorum: count })),
});
export type QuorateView = Shaped<typeof quorateView>;
export type QuorumDemand = QuorateView["demands"][number];

/** A ring of which a node cannot say what it has received: its life ended during the exchange. */
export const doubtfulRing = record({ ring: count, members: list(nodeId) });
export type DoubtfulRing = Shaped<typeof doubtfulRing>;

/** What a process remembers of quorate memberships, from one life to the next. */
export type QuorumMemory = {
  /** The last one that it took part in. */
  readonly last: QuorateView | null;
  /** Later than that one. */
  readonly doubts: readonly DoubtfulRing[];
};
