/**
 * How a request of a user ends: done, refused, or begun but not done as requested. There is one
 * word for each reason; control/request-codes.ts makes rgmanager's numbers of them.
 * Source: rgmanager include/resgroup.h. Where one of its numbers stands for several reasons, each
 * reason has its own word here; where it answers one reason with several numbers, depending on the
 * request, the word names the request.
 * Tested in: test/control/request-codes.test.ts, test/services/request-table.test.ts
 */
import type { NodeId } from "./ids.ts";

/** Nothing was begun, and nothing has changed. */
export type Refusal =
  /** The node that was asked is not in a quorate membership. */
  | "no-quorum"
  /** The node is between two lives, or has not begun its first. */
  | "between-lives"
  /** The node that is to be killed is not a member. */
  | "no-member"
  /** The node that the operator says is off does not await fencing. */
  | "no-victim"
  /** The node is a member again and will prove itself clean. */
  | "member-again"
  /** Another change of the conf has not ended yet. */
  | "change-under-way"
  | "unknown-service"
  /** clusterd moves nothing while it runs. */
  | "not-migratable"
  | "frozen"
  | "locked"
  /** All members were to leave, but a user has not locked the services, or unlocked them again. */
  | "not-locked"
  /** All members were to leave, but a service is running, being started or being stopped. */
  | "services-running"
  /** The node that has the service must be fenced or prove itself clean first. */
  | "fencing-awaited"
  /** A node that was not seen might be running the service. */
  | "holder-unseen"
  /** The service would be stopped on a node that is absent, or not clean yet. */
  | "stop-node-away"
  /** The service would be stopped on a node that is leaving. */
  | "stop-node-leaving"
  /** The owner of the service is not ready. */
  | "owner-not-ready"
  /** Too many requests wait for the operation of the service: a snapshot would become too large. */
  | "too-many-waiting"
  /** The service is being started for another request; this one might never be answered. */
  | "being-started"
  | "being-relocated"
  | "busy"
  /** A change of the conf stops the service or keeps it from starting. */
  | "held-by-change"
  /** The service is new, and not every node has stopped it once, which must come before a start. */
  | "start-before-first-stop"
  | "relocate-before-first-stop"
  | "already-started"
  /** A convalesce, but no part of the service was left out. */
  | "nothing-left-out"
  | "not-started"
  | "disabled"
  /** The service is failed: it must be disabled before it can be started. */
  | "start-of-failed"
  /** The service is failed: only a disable stops it once more. */
  | "stop-of-failed"
  /** The service is failed: to freeze or unfreeze it would change nothing. */
  | "freeze-of-failed"
  | "dependency-not-started"
  /** The node on which the service is to be started is not ready. */
  | "start-node-not-ready"
  /** The failover domain forbids the node on which the service is to be started. */
  | "start-node-not-legal"
  /** The failover domain forbids the target of the relocation. */
  | "target-not-legal"
  /** The service, or one on the target, is exclusive. */
  | "target-occupied"
  /** No ready node may run the service. */
  | "no-legal-node"
  /** The service is exclusive, or a service on each node that may run it is. */
  | "no-empty-node"
  /** Only its owner may run the service. */
  | "no-other-node"
  /** No other broker may be promoted without a loss of messages, or none can be. */
  | "no-promotable-broker"
  /** The broker of the target may not be promoted without a loss of messages, or cannot be. */
  | "broker-not-promotable";

/** The request was begun, but ended otherwise. */
export type Failure =
  /** The life of the node that was asked has ended: the result of the request is unknown. */
  | "life-ended"
  /** A member has refused the conf, or a service could not be stopped for it. */
  | "change-given-up"
  /**
   * The service was stopped for a change of the conf, or must not start before its end.
   */
  | "stopped-for-change"
  /** Every node that may run the service was tried, or no node may. */
  | "no-node-started-it"
  /** It was stopped, and no broker may be promoted now; it starts as soon as one may. */
  | "no-promotable-broker"
  /** No other node could start the service: it was started again on its former owner. */
  | "back-on-origin"
  /** Another request has stopped or disabled the service meanwhile. */
  | "overtaken"
  | "repair-failed"
  /** The node that had the service was fenced, or has proven itself clean. */
  | "owner-lost"
  /** The stop has failed: the service is failed. */
  | "stop-failed"
  /** The service is disabled as requested, but its stop has failed. */
  | "disabled-unclean";

/** `owner`: the node that has the service, if the answer is to name it; else null. */
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
