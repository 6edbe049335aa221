/**
 * One service: its record in the replicated table, its states and the operations that change it.
 * Does not know agents, placement or messages.
 * Source: rgmanager include/resgroup.h: rg_state_t; rg_state.c: svc_start, _svc_stop_finish.
 * Deviation: `recovering` is passed through inside one step and never rests.
 * Tested in: test/services/service-table.test.ts
 * S1  A service that is starting, stopping or recoverable has an operation; a started one may be
 *     under repair; no other state has one.
 * S2  While an operation runs on an owned service, its node is the owner.
 * S3  A service at rest has an owner if and only if it is started.
 * S4  Only a stopped service waits for its next attempt, or for a node to become free.
 * S5  A frozen service is not touched, except by the stop of its node that leaves.
 * S6  Only a started service is partial.
 *
 *   stopped ──start──► starting ──ok──► started ──status failed──► recoverable ─┐
 *      ▲                  └─failed─► recoverable                                │
 *      └───── stop ok ◄── stopping ◄── stop, relocate, restart, exit ── started │
 *   failed ◄── stop failed ── stopping, recoverable;  disabled ◄── stop ok ◄────┘
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

/** A waiting request of a user: who answers it, and its number there. */
export const requestRef = record({ node: nodeId, life: count, number: count });
export type RequestRef = Shaped<typeof requestRef>;

/** Where a service rests when its stop is done. */
const restState = oneOf("stopped", "disabled");
export type RestState = Shaped<typeof restState>;

/** What follows when a stop has ended well. */
const stopGoal = either(
  /** Rests as disabled or stopped; `evaluate`: and may be started again at once. */
  record({ type: literal("rest"), state: restState }),
  record({ type: literal("exit") }),
  /** Rests as stopped until the service on which it depends is started again. */
  record({ type: literal("wait") }),
  /** Rests as stopped until the configuration has changed, or will not. */
  record({ type: literal("change") }),
  /** Starts on the next candidate: relocation, or a start that failed. */
  record({ type: literal("next") }),
  record({ type: literal("restart") }),
  /** The recovery policy decides. */
  record({ type: literal("recover") }),
);
export type StopGoal = Shaped<typeof stopGoal>;

/** A chain of starts and stops with one purpose: which nodes were tried, which are preferred. */
const startChain = record({
  cause: oneOf("evaluation", "enable", "relocate", "restart", "recovery", "failback"),
  tried: list(nodeId),
  prefer: nullable(nodeId),
  /** Tried once more, last, even if it was tried before: the node the chain began on. */
  fallback: nullable(nodeId),
  /** Only this node may start it: recovery policy restart-disable. */
  only: nullable(nodeId),
  /** The chain came back to its fallback. */
  returned: flag,
  /** How many starts of any service had ended well when its first one began; null: none has. */
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
    /** The service was failed or disabled before: a failing stop ends in disabled all the same. */
    cleanup: oneOf("no", "yes"),
  }),
  /**
   * Of a started service: failed parts are restarted or left out, left-out ones are started; those
   * that are `gone` in the next configuration are stopped, those `fresh` in this one started.
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

/** To be performed by the named node and life, exactly once, whoever reads this. */
export type OperationOrder = {
  readonly type: "run";
  readonly service: ServiceName;
  readonly operation: Operation;
  /** Nodes that were known to run nothing when it was decided. */
  readonly off: readonly NodeName[];
};

/** What went on without quorum is started, as if by this operation of the node's life. */
export type AdoptOrder = {
  readonly type: "adopt";
  readonly service: ServiceName;
  readonly node: NodeId;
  readonly life: number;
  readonly startOp: number;
};

/** The named node need not go on with this start: it is to be stopped. It still answers for it. */
export type OperationAbort = {
  readonly type: "abort";
  readonly service: ServiceName;
  readonly operation: Operation;
};

/** What a user asked of a service that is busy; carried out when the operation ends. */
const desiredEnd = record({ end: restState, requests: list(requestRef) });

export const serviceRecord = record({
  name: serviceName,
  state: oneOf("stopped", "starting", "started", "stopping", "recoverable", "failed", "disabled"),
  owner: nullable(nodeId),
  lastOwner: nullable(nodeId),
  /** Not to be started, stopped, checked or moved until it is unfrozen. */
  frozen: flag,
  /** Started without some of its non-critical parts, until a convalesce or a restart. */
  partial: flag,
  restarts: count,
  /** Seconds since 1970; 0: never started since the table was created. */
  transition: count,
  /** Times (ms) of restarts in place that still count. */
  restartLog: list(number),
  /** Operation id of the start that made it started. */
  startOp: count,
  retryAt: nullable(number),
  /** Stopped only because exclusive services leave it no node: starts when one becomes free. */
  crowdedOut: flag,
  /** New or changed with the configuration: these nodes must have stopped it once. */
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

/** Running, or about to: counts for exclusivity and load. */
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
  const fitting = op?.kind === "repair" ? state === "started" : busy === (op !== null);
  if (!fitting) return "S1";
  if (op !== null && owner !== null && op.node !== owner) return "S2";
  if (!busy && (state === "started") !== (owner !== null)) return "S3";
  const waits = service.retryAt !== null || service.crowdedOut;
  if (waits && state !== "stopped") return "S4";
  const leaves = op?.kind === "stop" && op.goal.type === "exit";
  if (service.frozen && busy && !leaves) return "S5";
  if (service.partial && state !== "started") return "S6";
  return null;
}

/** Node whose past or present run of the service must be resolved before anybody else starts it. */
export function holderOf(service: ServiceRecord): NodeId | null {
  return service.op?.node ?? service.owner;
}
