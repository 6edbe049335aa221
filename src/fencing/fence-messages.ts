/**
 * The ordered messages of the fence domain and its state as it travels to a joiner.
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

/**
 * The victim is off: by an agent, by the end of its lease, because an operator says so, or because
 * an operator had its agents run before.
 */
const fenceDone = record({
  type: literal("fence-done"),
  victim: nodeId,
  since: count,
  by: nodeId,
  how: oneOf("agent", "self", "override", "external"),
  text,
  /** Wall clock of the sender, seconds since 1970. */
  at: count,
});

/** What is known of a node when its agents begin: they say nothing about a later life of it. */
const mark = {
  /** Ring sequence of the view that made it a victim; 0: it was none. */
  since: count,
  /** The life that it proved clean last; 0: none since this history began. */
  life: count,
};

/** An operator has the agents of the node run: they begin, or this came of them. */
const fenceExternal = record({
  type: literal("fence-external"),
  victim: nodeId,
  ...mark,
  by: nodeId,
  outcome: oneOf("begun", "success", "failure"),
  text,
});

/** More than one process uses the id of the node, as this member hears; or not any more. */
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
  /** Seen and lost, or never seen since this history began. */
  cause: oneOf("lost", "unseen"),
  /** Ring sequence of the view that made it a victim: messages about an earlier loss are void. */
  since: count,
  /** The member whose agents are at work, or null. */
  by: nullable(nodeId),
  rounds: count,
  lastText: text,
  /** An operator has its agents run, or had with success, since or shortly before it was lost. */
  byHand: nullable(byHand),
  /**
   * It is a member from another machine than before, or with another kernel: its `ready` waits,
   * since it says nothing about what ran there.
   */
  moved: flag,
  /** Life of a `ready` that waits for the agents' verdict. */
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
  /** The life that a node proved clean last, and what an operator's agents said of it since. */
  lives: list(record({ node: nodeId, life: count, byHand: nullable(byHand) })),
});
export type FenceSnapshot = Shaped<typeof fenceSnapshot>;
