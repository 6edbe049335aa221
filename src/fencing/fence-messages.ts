/**
 * The ordered messages of the fence domain and its state as it travels to a joiner.
 */
import {
  count,
  either,
  list,
  literal,
  nodeId,
  nullable,
  oneOf,
  record,
  type Shaped,
  text,
} from "../model/shape.ts";

/** A member is about to run agents against the victim; their verdict is awaited from now on. */
const fenceBegin = record({
  type: literal("fence-begin"),
  victim: nodeId,
  since: count,
  by: nodeId,
});

/** All methods failed; another round follows. */
const fenceFailed = record({
  type: literal("fence-failed"),
  victim: nodeId,
  since: count,
  by: nodeId,
  text,
});

/** The victim is off: by an agent, by the end of its lease, or because an operator says so. */
const fenceDone = record({
  type: literal("fence-done"),
  victim: nodeId,
  since: count,
  by: nodeId,
  how: oneOf("agent", "self", "override"),
  text,
  /** Wall clock of the sender, seconds since 1970. */
  at: count,
});

export const fenceMessage = either(fenceBegin, fenceFailed, fenceDone);
export type FenceMessage = Shaped<typeof fenceMessage>;

const victim = record({
  node: nodeId,
  /** Seen and lost, or never seen since this history began. */
  cause: oneOf("lost", "unseen"),
  /** Ring sequence of the view that made it a victim: messages about an earlier loss are void. */
  since: count,
  /** The member whose agents are at work, or null. */
  by: nullable(nodeId),
  rounds: count,
  lastText: text,
  /** Life of a `ready` that waits for the agents' verdict. */
  heldReady: nullable(record({ life: count, at: count })),
});
export type Victim = Shaped<typeof victim>;

const fenced = record({ node: nodeId, by: nodeId, how: text, at: count });

export const fenceSnapshot = record({
  members: list(nodeId),
  victims: list(victim),
  fenced: list(fenced),
});
export type FenceSnapshot = Shaped<typeof fenceSnapshot>;
