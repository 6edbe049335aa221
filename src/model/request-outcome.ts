/**
 * How the request of a user or operator ends: done, refused, or begun and not done as it was asked.
 * Has a word for each reason and no numbers; what clients are answered is made at the control
 * socket.
 * Source: rgmanager include/resgroup.h. Where one of its numbers stands for several reasons, each
 * reason has its own word here; where it answers one reason with several numbers, by what was
 * asked, the word says what was asked.
 * Tested in: test/control/request-codes.test.ts, test/services/request-table.test.ts
 */
import type { NodeId } from "./ids.ts";

/** Nothing was begun, and everything is as it was. */
export type Refusal =
  /** The node that was asked takes part in no quorate membership. */
  | "no-quorum"
  /** No life of that node has begun, or one has ended and the next has not begun. */
  | "between-lives"
  /** The node that is to end is none of the quorate membership. */
  | "no-member"
  /** The node that is said to be off is not waiting to be fenced. */
  | "no-victim"
  /** It is a member again, and proves by itself that it is clean. */
  | "member-again"
  /** Another change of the configuration has not ended yet. */
  | "change-under-way"
  | "unknown-service"
  /** No resource that clusterd runs can move while it is up. */
  | "not-migratable"
  | "frozen"
  | "locked"
  /** The node that has it is to be fenced, or to prove that it is clean. */
  | "fencing-awaited"
  /** A node of which nothing is known might be running it. */
  | "holder-unseen"
  /** It would be stopped on a node that is not there, or not clean yet. */
  | "stop-node-away"
  /** It would be stopped on a node that leaves. */
  | "stop-node-leaving"
  /** The node that has it can be given nothing to do. */
  | "owner-not-ready"
  /** So many wait for its operation that the state would become too large. */
  | "too-many-waiting"
  /** It is being started, and not as it was asked: whoever waited for that might wait for ever. */
  | "being-started"
  | "being-relocated"
  | "busy"
  /** A change of the configuration stops it, or keeps it from starting. */
  | "held-by-change"
  /** It is new, and not every node has stopped it once: it cannot be started, or relocated, yet. */
  | "start-before-first-stop"
  | "relocate-before-first-stop"
  | "already-started"
  /** Every part of it is started already. */
  | "nothing-left-out"
  | "not-started"
  | "disabled"
  /** It is failed: before it can be started, it must be disabled. */
  | "start-of-failed"
  /** It is failed: no other stop than that of a disable is done once more. */
  | "stop-of-failed"
  /** It is failed: to freeze or unfreeze it would change nothing. */
  | "freeze-of-failed"
  | "dependency-not-started"
  /** The node on which it is to be started is not ready. */
  | "start-node-not-ready"
  /** Its failover domain forbids that node. */
  | "start-node-not-legal"
  /** Its failover domain forbids the node to which it is to be relocated. */
  | "target-not-legal"
  /** It, or what runs on the target, is exclusive. */
  | "target-occupied"
  /** No ready node may run it. */
  | "no-legal-node"
  /** It, or something on each node that may run it, is exclusive. */
  | "no-empty-node"
  /** None but the node that has it. */
  | "no-other-node";

/** The request was taken on, and something else came of it. */
export type Failure =
  /** This life of the node that was asked is over: nobody knows what becomes of the request. */
  | "life-ended"
  /** A member has refused the configuration, or something could not be stopped for it. */
  | "change-given-up"
  /** It was stopped for a change of the configuration, or must not be started until that ends. */
  | "stopped-for-change"
  /** Every node that may run it was tried, or none may. */
  | "no-node-started-it"
  /** Relocated, and started again where it was, since no other node could start it. */
  | "back-on-origin"
  /** Somebody wanted it to be stopped or disabled meanwhile. */
  | "overtaken"
  | "repair-failed"
  /** The node that had it is known to run nothing any more. */
  | "owner-lost"
  /** A stop has failed: the service is failed. */
  | "stop-failed"
  /** Disabled as it was asked, but its stop has failed. */
  | "disabled-unclean";

/** `owner`: where the service is, as far as whoever asked wants to know; else null. */
export type RequestOutcome =
  | { readonly type: "done"; readonly owner: NodeId | null }
  | { readonly type: "refused"; readonly why: Refusal; readonly owner: NodeId | null }
  | { readonly type: "failed"; readonly why: Failure; readonly owner: NodeId | null };

export function done(owner: NodeId | null = null): RequestOutcome {
  return { type: "done", owner };
}

export function refused(why: Refusal, owner: NodeId | null = null): RequestOutcome {
  return { type: "refused", why, owner };
}

export function failed(why: Failure, owner: NodeId | null = null): RequestOutcome {
  return { type: "failed", why, owner };
}
