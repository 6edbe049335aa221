/**
 * A quorate membership as its members remember it and tell others. A shape, without meaning: what
 * follows from it is decided in `quorum/`.
 */
import { count, list, nodeId, record, type Shaped } from "./shape.ts";

export const quorateView = record({
  /** Sequence of the ring in which it was quorate. */
  ring: count,
  members: list(record({ node: nodeId, votes: count })),
  /** The lowest figures that any of its members may go by, and the highest. */
  expected: count,
  quorum: count,
  quorumMost: count,
});
export type QuorateView = Shaped<typeof quorateView>;
