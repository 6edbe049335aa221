/**
 * One service: its record in the replicated table, its states and the operations that change it.
 * Source: rgmanager include/resgroup.h: rg_state_t; rg_state.c: svc_start, _svc_stop_finish.
 * Deviation: no record has the state `recovering`; a service passes through it within one step.
 * Tested in: test/services/service-table.test.ts
 * S1  A service that is starting, stopping or recoverable has an operation; a started one may be
 *     under repair; no other state has one.
 * S2  While an operation runs on an owned service, its node is the owner.
 * S3  A service at rest has an owner if and only if it is started.
 * S4  Only a stopped service can wait for its next attempt or for a free node.
 * S5  A frozen service is not started or stopped, except when its node leaves.
 * S6  Only a started service is partial.
 *
 *   stopped, disabled ──start──► starting ──ok──► started ──check failed──► recoverable
 *                                    └─failed─► recoverable
 *   started, failed, disabled ──stop, disable, relocate, restart, exit──► stopping
 *   stopping, recoverable ──stop ok──► stopped, starting, disabled
 *                         └─stop failed─► failed
 *   any with an owner or an operation ──its node is known to be off──► stopped, disabled
 */
import type { NodeId, NodeName, ServiceName } from "../../model/ids.ts";
import { invariant } from "../../model/outcome.ts";
import {
  count,
  either,
  flag,
  list,
  literal,
  nodeId,
  nullable,
  number,
  oneOf,
  record,
  type Shaped,
  serviceName,
} from "../../model/shape.ts";

/** A waiting request of a user: the node and life that answer it, and its number there. */
export const requestRef = record({ node: nodeId, life: count, number: count });
export type RequestRef = Shaped<typeof requestRef>;

/** The states that a stop can be asked to end in. */
const restState = oneOf("stopped", "disabled");
export type RestState = Shaped<typeof restState>;

/** What follows when a stop has succeeded. */
const stopGoal = either(
  /** It stays stopped or disabled. */
  record({ type: literal("rest"), state: restState }),
  /** Its node leaves: another node may start it. */
  record({ type: literal("exit") }),
  /** It stays stopped until the service on which it depends is started again. */
  record({ type: literal("wait") }),
  /** It stays stopped until a change of the conf has ended. */
  record({ type: literal("change") }),
  /** It starts on the next candidate: after a relocation, or after a start that failed. */
  record({ type: literal("next") }),
  /** It starts again on the same node, if that may still run it. */
  record({ type: literal("restart") }),
  /** The recovery policy decides. */
  record({ type: literal("recover") }),
);
export type StopGoal = Shaped<typeof stopGoal>;

/** A chain of starts and stops for one cause: which nodes were tried, and which is preferred. */
const startChain = record({
  cause: oneOf("evaluation", "enable", "relocate", "restart", "recovery", "failback"),
  tried: list(nodeId),
  prefer: nullable(nodeId),
  /** The node on which the chain began: it is tried last, even if it was tried before. */
  fallback: nullable(nodeId),
  /** Only this node may start it: recovery policy restart-disable. */
  only: nullable(nodeId),
  /** The chain has come back to its fallback. */
  returned: flag,
  /** An operator permits to promote a broker that may lack messages. */
  forced: flag,
  /** `startsDone` of the table when the first start of the chain began; null: none has begun. */
  since: nullable(count),
  requests: list(requestRef),
});
export type StartChain = Shaped<typeof startChain>;

const operation = either(
  record({
    kind: literal("start"),
    id: count,
    node: nodeId,
    life: count,
    chain: startChain,
  }),
  record({
    kind: literal("stop"),
    id: count,
    node: nodeId,
    life: count,
    goal: stopGoal,
    chain: startChain,
    /** `yes`: the service was failed or disabled, and becomes disabled even if this stop fails. */
    cleanup: oneOf("no", "yes"),
  }),
  /**
   * Work on parts of a started service: `failed` parts are restarted or left out, `left-out` parts
   * are started, parts `gone` in the next conf are stopped, `fresh` parts are started.
   */
  record({
    kind: literal("repair"),
    parts: oneOf("failed", "left-out", "gone", "fresh"),
    id: count,
    node: nodeId,
    life: count,
    chain: startChain,
  }),
);
export type Operation = Shaped<typeof operation>;

/** Every member computes this order; only the node and life that the operation names perform it. */
export type OperationOrder = {
  readonly type: "run";
  readonly service: ServiceName;
  readonly operation: Operation;
  /** Nodes that were known to run nothing when the operation was decided. */
  readonly off: readonly NodeName[];
  /** Nobody had owned the service yet, or some node was only presumed to be off; see NodeRecord. */
  readonly unproven: boolean;
};

/** A service that its node has kept without quorum counts as started by this operation. */
export type AdoptOrder = {
  readonly type: "adopt";
  readonly service: ServiceName;
  readonly node: NodeId;
  readonly life: number;
  readonly startOp: number;
};

/** The named node may give up this start, since a stop follows. It still reports its result. */
export type OperationAbort = {
  readonly type: "abort";
  readonly service: ServiceName;
  readonly operation: Operation;
};

/**
 * A started service is to start on another node, or anew. `goal`: of its stop; `chain`: how it
 * starts then; `why`: as of a stop.
 */
export type Move = {
  readonly owner: NodeId;
  readonly goal: "next" | "restart";
  readonly chain: StartChain;
  readonly why: string;
};

/** A move whose broker is being asked; `startOp`: of the service when the question was put. */
export type AskedMove = Move & {
  readonly id: number;
  readonly target: NodeId;
  readonly startOp: number;
};

/** What users asked of a busy service; it is done when the operation has ended. */
const desiredEnd = record({ end: restState, requests: list(requestRef) });

export const serviceRecord = record({
  name: serviceName,
  state: oneOf("stopped", "starting", "started", "stopping", "recoverable", "failed", "disabled"),
  owner: nullable(nodeId),
  lastOwner: nullable(nodeId),
  /** Not to be started, stopped, checked or moved until it is unfrozen. */
  frozen: flag,
  /** It is started without some of its non-critical parts, until a convalesce or a restart. */
  partial: flag,
  restarts: count,
  /** Seconds since 1970; 0: never started since the table was created. */
  transition: count,
  /** Times (ms) of restarts in place that still count. */
  restartLog: list(number),
  /** The id of the operation that started it last. */
  startOp: count,
  retryAt: nullable(number),
  /** It is stopped because exclusive services leave no node for it; it starts when one is free. */
  crowdedOut: flag,
  /** The conf has added or changed it, and these nodes have yet to stop it once. */
  pendingInit: list(nodeId),
  retryCount: count,
  op: nullable(operation),
  desired: nullable(desiredEnd),
});
export type ServiceRecord = Shaped<typeof serviceRecord>;

export const emptyChain: StartChain = {
  cause: "evaluation",
  tried: [],
  prefer: null,
  fallback: null,
  only: null,
  returned: false,
  forced: false,
  since: null,
  requests: [],
};

export function freshRecord(name: ServiceName): ServiceRecord {
  return {
    name,
    state: "stopped",
    owner: null,
    lastOwner: null,
    frozen: false,
    partial: false,
    restarts: 0,
    transition: 0,
    restartLog: [],
    startOp: 0,
    retryAt: null,
    crowdedOut: false,
    pendingInit: [],
    retryCount: 0,
    op: null,
    desired: null,
  };
}

/** Whether it is started or starting on the node: then it counts for exclusivity and load. */
export function occupies(service: ServiceRecord, node: NodeId): boolean {
  const held = service.owner === node;
  return held && (service.state === "started" || service.state === "starting");
}

const busyStates: readonly ServiceRecord["state"][] = ["starting", "stopping", "recoverable"];

/** Asserts S1 to S6; every change of the table passes through here. */
export function checkRecord(service: ServiceRecord): ServiceRecord {
  const broken = brokenRule(service);
  invariant(broken === null, `${broken}: ${service.name} ${service.state}`);
  return service;
}

/** The first of S1 to S6 that the record breaks, or null. */
export function brokenRule(service: ServiceRecord): string | null {
  const { state, owner, op } = service;
  const busy = busyStates.includes(state);
  const consistent = op?.kind === "repair" ? state === "started" : busy === (op !== null);
  if (!consistent) return "S1";
  if (op !== null && owner !== null && op.node !== owner) return "S2";
  if (!busy && (state === "started") !== (owner !== null)) return "S3";
  const waits = service.retryAt !== null || service.crowdedOut;
  if (waits && state !== "stopped") return "S4";
  const leaves = op?.kind === "stop" && op.goal.type === "exit";
  if (service.frozen && busy && !leaves) return "S5";
  if (service.partial && state !== "started") return "S6";
  return null;
}

/** Whether the service has another state, owner or operation, or is now to end in another way. */
export function movesOn(before: ServiceRecord, after: ServiceRecord): boolean {
  const moved = before.state !== after.state || before.owner !== after.owner;
  return moved || before.op?.id !== after.op?.id || before.desired !== after.desired;
}

/** Whether a user has asked that it stops. */
export function isToRest({ op, desired }: ServiceRecord): boolean {
  return desired !== null || (op?.kind === "stop" && op.goal.type === "rest");
}

/** The node that has the service or an operation on it; no other node may start it meanwhile. */
export function holderOf(service: ServiceRecord): NodeId | null {
  return service.op?.node ?? service.owner;
}
