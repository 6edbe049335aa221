/**
 * Requests of users: what each request does to a service in each state, and how it is answered.
 * Source: rgmanager rg_state.c, rg_thread.c; clusvcadm(8).
 * Deviations: a relocation does not stop the service if the target is not legal or occupied, or if
 * no other node could take it; a restart never breaks the failover domain; a failed service is
 * cleaned up on the node where it failed, by force if need be, not on the node that was asked;
 * requests for a service that awaits fencing or is in recovery are refused; while services are
 * locked, no request stops what could not be started again.
 * Tested in: test/services/request-table.test.ts
 */
import type { NodeId } from "../../model/ids.ts";
import { assertNever } from "../../model/outcome.ts";
import { done, type Refusal, refused } from "../../model/request-outcome.ts";
import { noteBrokerRefusal } from "./broker-waits.ts";
import {
  abortStart,
  beginRepair,
  beginStart,
  beginStop,
  chainForRequest,
  startNext,
} from "./evaluation.ts";
import { freeze, unfreeze } from "./freeze-and-lock.ts";
import {
  busyRefusal,
  generalRefusal,
  isForced,
  relocateRefusal,
  relocateStoppedRefusal,
  standstillRefusal,
  startRefusal,
} from "./request-refusals.ts";
import type { ServiceRequest } from "./service-messages.ts";
import { beginMove } from "./service-moves.ts";
import {
  emptyChain,
  type Operation,
  type RequestRef,
  type RestState,
  type ServiceRecord,
} from "./service-state.ts";
import type { TableState } from "./table-state.ts";

export function onRequest(table: TableState, request: ServiceRequest): void {
  const origin = table.nodes.get(request.ref.node);
  // A request of an earlier life was answered when that life ended.
  if (origin === undefined || origin.life !== request.ref.life) return;
  const service = table.services.get(request.service);
  if (service === undefined) {
    table.reply([request.ref], refused("unknown-service"));
    return;
  }
  const asked = request.target === null ? "" : ` to ${table.nameOf(request.target)}`;
  const by = table.nameOf(request.ref.node);
  table.decide(service.name, `${request.operation}${asked} asked for on ${by}`);
  const current = table.service(service.name);
  const refusal = generalRefusal(table, current, request.operation);
  const again = request.operation === "relocate" || request.operation === "restart";
  if (refusal !== null) table.reply([request.ref], refused(refusal));
  else if (again && table.moves.has(service.name))
    table.reply([request.ref], refused("being-relocated"));
  else if (current.op !== null) onBusy(table, current, { request, op: current.op });
  else onResting(table, current, request);
}

function onBusy(
  table: TableState,
  service: ServiceRecord,
  busy: { readonly request: ServiceRequest; readonly op: Operation },
): void {
  const { request, op } = busy;
  switch (request.operation) {
    case "disable":
      desire(table, service, { request, op, end: "disabled" });
      return;
    case "stop":
      desire(table, service, { request, op, end: "stopped" });
      return;
    case "enable":
      if (op.kind === "repair")
        table.reply([request.ref], refused("already-started", service.owner));
      else if (op.kind === "start" && (request.target ?? request.ref.node) === op.node) {
        const chain = { ...op.chain, requests: [...op.chain.requests, request.ref] };
        table.put({ ...service, op: { ...op, chain } });
      } else {
        table.reply([request.ref], refused(busyRefusal(op)));
      }
      return;
    case "relocate":
      table.reply([request.ref], refused(busyRefusal(op)));
      return;
    case "restart":
      table.reply([request.ref], refused(op.kind === "start" ? busyRefusal(op) : "busy"));
      return;
    case "freeze":
    case "unfreeze":
    case "convalesce":
    case "migrate":
      table.reply([request.ref], refused("busy"));
      return;
    default:
      assertNever(request.operation);
  }
}

/** Remembers what a busy service is to become; `disabled` wins over `stopped` in any order. */
function desire(
  table: TableState,
  service: ServiceRecord,
  asked: { readonly request: ServiceRequest; readonly op: Operation; readonly end: RestState },
): void {
  const { op } = asked;
  const disabling =
    service.desired?.end === "disabled" ||
    (op.kind === "stop" && op.goal.type === "rest" && op.goal.state === "disabled");
  table.put({
    ...service,
    desired: {
      end: disabling ? "disabled" : asked.end,
      requests: [...(service.desired?.requests ?? []), asked.request.ref],
    },
  });
  abortStart(table, service.name);
}

function onResting(table: TableState, service: ServiceRecord, request: ServiceRequest): void {
  switch (request.operation) {
    case "enable":
      enable(table, service, request);
      return;
    case "disable":
      disable(table, service, request);
      return;
    case "stop":
      stop(table, service, request);
      return;
    case "restart":
      restart(table, service, request);
      return;
    case "relocate":
      relocate(table, service, request);
      return;
    case "freeze":
      freeze(table, service, request.ref);
      return;
    case "unfreeze":
      unfreeze(table, service, request.ref);
      return;
    case "convalesce":
      convalesce(table, service, request.ref);
      return;
    case "migrate":
      table.reply([request.ref], refused("not-migratable"));
      return;
    default:
      assertNever(request.operation);
  }
}

function enable(table: TableState, service: ServiceRecord, request: ServiceRequest): void {
  const { state, owner } = service;
  if (state === "started") table.reply([request.ref], refused("already-started", owner));
  else if (state === "failed") table.reply([request.ref], refused("start-of-failed"));
  else startFor(table, service, { request, cause: "enable" });
}

/** Starts a service for a user: on the target, by its failover domain, or on the node asked. */
function startFor(
  table: TableState,
  service: ServiceRecord,
  start: { readonly request: ServiceRequest; readonly cause: "enable" | "restart" },
): void {
  const { request } = start;
  const refs = [request.ref];
  const refusal = startRefusal(table, service);
  if (refusal !== null) {
    refuse(table, request, refusal);
    return;
  }
  if (request.byDomain) {
    if (table.candidates(service.name, []).length === 0) refuseUnplaceable(table, service, refs);
    else startNext(table, service.name, chainForRequest(start.cause, request.ref, {}));
    return;
  }
  const node = request.target ?? request.ref.node;
  if (!table.isReady(node)) {
    table.reply(refs, refused("start-node-not-ready"));
    return;
  }
  const legal = table.score(service.name, node) > 0;
  if (start.cause === "enable" && !legal) {
    table.reply(refs, refused("start-node-not-legal"));
    return;
  }
  const promotable = table.promotion(service.name)?.nodes.includes(node) !== false;
  if (request.target !== null && !promotable) {
    refuse(table, request, "broker-not-promotable");
    return;
  }
  const chain = chainForRequest(start.cause, request.ref, { prefer: node, fallback: node });
  if (promotable && legal && table.exclusivityConflict(service.name, node) === null) {
    beginStart(table, service.name, { node, chain });
  } else if (table.candidates(service.name, []).length === 0) {
    refuseUnplaceable(table, service, refs);
  } else {
    startNext(table, service.name, chain);
  }
}

/** Refuses a request; where brokers are the reason, says which. */
function refuse(table: TableState, request: ServiceRequest, refusal: Refusal): void {
  const { service, target, ref } = request;
  const aboutBrokers = refusal === "no-promotable-broker" || refusal === "broker-not-promotable";
  if (aboutBrokers) noteBrokerRefusal(table, service, target);
  table.reply([ref], refused(refusal));
}

/** Refuses a start because the failover domain or exclusive services leave no node for it. */
function refuseUnplaceable(
  table: TableState,
  service: ServiceRecord,
  refs: readonly RequestRef[],
): void {
  const crowded = table.crowdedNodes(service.name).length > 0;
  table.reply(refs, refused(crowded ? "no-empty-node" : "no-legal-node"));
}

function disable(table: TableState, service: ServiceRecord, request: ServiceRequest): void {
  const unclean = service.state === "failed" || service.state === "disabled";
  const node = service.owner ?? cleanupNode(table, service) ?? request.ref.node;
  if (!table.isReady(node)) {
    const leaving = table.node(node).phase === "leaving";
    table.reply([request.ref], refused(leaving ? "stop-node-leaving" : "stop-node-away"));
    return;
  }
  beginStop(table, service.name, {
    node,
    goal: { type: "rest", state: "disabled" },
    chain: chainForRequest("enable", request.ref, {}),
    cleanup: unclean ? "yes" : "no",
    why: "disable",
  });
}

/**
 * The node on which the stop of a failed service failed: only there can something of it be left.
 * Null when that node is known to run nothing any more.
 */
function cleanupNode(table: TableState, service: ServiceRecord): NodeId | null {
  if (service.state !== "failed" || service.lastOwner === null) return null;
  return table.node(service.lastOwner).phase === "absent" ? null : service.lastOwner;
}

function stop(table: TableState, service: ServiceRecord, request: ServiceRequest): void {
  if (service.state === "failed") {
    table.reply([request.ref], refused("stop-of-failed"));
  } else if (service.owner === null) {
    table.put({ ...service, retryAt: null, crowdedOut: false });
    table.reply([request.ref], done());
  } else if (!table.isReady(service.owner)) {
    table.reply([request.ref], refused("owner-not-ready"));
  } else {
    beginStop(table, service.name, {
      node: service.owner,
      goal: { type: "rest", state: "stopped" },
      chain: chainForRequest("enable", request.ref, {}),
      why: "stop",
    });
  }
}

/** Starts the non-critical parts that were left out. */
function convalesce(table: TableState, service: ServiceRecord, ref: RequestRef): void {
  const { name, state, owner } = service;
  if (state !== "started" || owner === null) table.reply([ref], refused("not-started"));
  else if (!service.partial) table.reply([ref], refused("nothing-left-out", owner));
  else if (table.isHeld(name)) table.reply([ref], refused("held-by-change"));
  else if (!table.isReady(owner)) table.reply([ref], refused("owner-not-ready"));
  else {
    beginRepair(table, service.name, {
      parts: "left-out",
      chain: { ...emptyChain, requests: [ref] },
      why: "convalesce starts the parts that were left out",
    });
  }
}

function restart(table: TableState, service: ServiceRecord, request: ServiceRequest): void {
  const { state, owner } = service;
  const refusal = standstillRefusal(table, service, false);
  if (state === "disabled") table.reply([request.ref], refused("disabled"));
  else if (state === "failed") table.reply([request.ref], refused("stop-of-failed"));
  else if (owner === null) startFor(table, service, { request, cause: "restart" });
  else if (refusal !== null) refuse(table, request, refusal);
  else if (!table.isReady(owner)) table.reply([request.ref], refused("owner-not-ready"));
  else {
    const chain = chainForRequest("restart", request.ref, {});
    beginMove(table, service.name, { owner, goal: "restart", chain, why: "restart" });
  }
}

function relocate(table: TableState, service: ServiceRecord, request: ServiceRequest): void {
  const target = request.target !== null && table.isReady(request.target) ? request.target : null;
  const forced = isForced(request);
  const refusal = relocateRefusal(table, service, { target, forced });
  if (refusal !== null) {
    refuse(table, request, refusal);
    return;
  }
  const origin = service.owner ?? request.ref.node;
  const chain = chainForRequest("relocate", request.ref, {
    tried: [origin],
    prefer: target,
    fallback: origin,
    forced,
  });
  if (service.owner === null) relocateStopped(table, service, { request, chain });
  else relocateStarted(table, service, { owner: service.owner, target, chain });
}

function relocateStopped(
  table: TableState,
  service: ServiceRecord,
  move: { readonly request: ServiceRequest; readonly chain: typeof emptyChain },
): void {
  const refusal = relocateStoppedRefusal(table, service);
  if (refusal !== null) table.reply([move.request.ref], refused(refusal));
  else startNext(table, service.name, move.chain);
}

function relocateStarted(
  table: TableState,
  service: ServiceRecord,
  move: {
    readonly owner: NodeId;
    readonly target: NodeId | null;
    readonly chain: typeof emptyChain;
  },
): void {
  const { owner, target, chain } = move;
  if (!table.isReady(owner)) {
    table.reply(chain.requests, refused("owner-not-ready"));
  } else if (target === owner) {
    beginMove(table, service.name, {
      owner,
      goal: "restart",
      chain: { ...emptyChain, cause: "restart", forced: chain.forced, requests: chain.requests },
      why: "relocate to its own node: restart in place",
    });
  } else if (table.candidates(service.name, [owner], chain.forced).length === 0) {
    const nodes = table.verdicts(service.name, chain.tried);
    table.decide(service.name, "not relocated: no other node could take it", { nodes });
    table.reply(chain.requests, refused("no-other-node", owner));
  } else {
    const why = target === null ? "relocate" : `relocate to ${table.nameOf(target)}`;
    beginMove(table, service.name, { owner, goal: "next", chain, why });
  }
}
