/**
 * The ordered messages of the fence domain, and its state as a joining node receives it.
 * Tested in: test/fencing/fence-domain.test.ts, test/fencing/by-hand.test.ts
 */
import {
  count,
  either,
  flag,
  list,
  literal,
  nodeId,
  nullable,
  oneOf,
  record,
  type Shaped,
  serviceName,
  text,
} from "../model/shape.ts";

/** A member is about to run agents against the victim; all wait for its result from now on. */
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

/**
 * The victim is off: an agent has switched it off, its lease has ended, an operator says so, an
 * operator had run its agents before, or its guard has certified it.
 */
const fenceDone = record({
  type: literal("fence-done"),
  victim: nodeId,
  since: count,
  by: nodeId,
  how: oneOf("agent", "self", "override", "external", "certificate"),
  text,
  /** Wall clock of the sender, seconds since 1970. */
  at: count,
});

/** What was known of a node when its agents began: they prove nothing about a later life of it. */
const mark = {
  /** Sequence of the ring that lost it; 0: it was no victim. */
  since: count,
  /** The last life of it that was proven clean; 0: none since this history began. */
  life: count,
};

/** An operator runs the agents of the node by hand: they begin, or they have ended. */
const fenceExternal = record({
  type: literal("fence-external"),
  victim: nodeId,
  ...mark,
  by: nodeId,
  outcome: oneOf("begun", "success", "failure"),
  text,
});

/** This member hears more than one process with the id of the node, or no longer does. */
const fenceContested = record({
  type: literal("fence-contested"),
  node: nodeId,
  by: nodeId,
  contested: flag,
});

export const fenceMessage = either(
  fenceContested,
  fenceBegin,
  fenceFailed,
  fenceDone,
  fenceExternal,
);
export type FenceMessage = Shaped<typeof fenceMessage>;

const byHand = record({ by: nodeId, outcome: oneOf("begun", "success"), text });

const victim = record({
  node: nodeId,
  /** It was a member and was lost, or was never seen since this history began. */
  cause: oneOf("lost", "unseen"),
  /** Sequence of the ring that lost it: messages about an earlier loss are ignored. */
  since: count,
  /** The member whose agents are running, or null. */
  by: nullable(nodeId),
  rounds: count,
  lastText: text,
  /** An operator runs its agents, or has run them with success, since it was last proven clean. */
  byHand: nullable(byHand),
  /**
   * It is a member on another machine than before, or with another kernel. Its `ready` waits, since
   * it proves nothing about what ran on the former machine.
   */
  moved: flag,
  /** A `ready` that waits for the result of the agents, or for the lease of the former machine. */
  heldReady: nullable(record({ life: count, at: count, hosts: flag, kept: list(serviceName) })),
});
export type Victim = Shaped<typeof victim>;

const fenced = record({ node: nodeId, by: nodeId, how: text, at: count });

export const fenceSnapshot = record({
  members: list(nodeId),
  victims: list(victim),
  fenced: list(fenced),
  /** Nodes whose id more than one process uses, and the members that hear it. */
  contested: list(record({ node: nodeId, by: list(nodeId) })),
  /** The last life of a node that was proven clean, and whether it was fenced by hand since. */
  lives: list(record({ node: nodeId, life: count, byHand: nullable(byHand) })),
});
export type FenceSnapshot = Shaped<typeof fenceSnapshot>;
