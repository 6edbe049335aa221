/**
 * Requests of users: what each of them does to a service in which state, and how it is answered.
 * Source: rgmanager rg_state.c, rg_thread.c; clusvcadm(8).
 * Deviations: nothing is interrupted for a target that is not legal or occupied, nor when no other
 * node could take the service; a restart never breaks the failover domain; a failed service is
 * cleaned up where it failed, by force if need be, not where it was asked; what awaits fencing or
 * is in recovery is refused instead of being started twice; while services are locked nothing is
 * stopped that could not be started again.
 * Tested in: test/services/request-table.test.ts
 */
import type { NodeId } from "../../model/ids.ts";
import { assertNever } from "../../model/outcome.ts";
import { done, refused } from "../../model/request-outcome.ts";
import {
  abortStart,
  beginRepair,
  beginStart,
  beginStop,
  tryNext,
  userChain,
} from "./evaluation.ts";
import { freeze, unfreeze } from "./freeze-and-lock.ts";
import {
  busyRefusal,
  generalRefusal,
  relocateRefusal,
  relocateStoppedRefusal,
  standstillRefusal,
  startRefusal,
} from "./request-refusals.ts";
import type { ServiceRequest } from "./service-messages.ts";
import {
  emptyChain,
  type Operation,
  type RequestRef,
  type RestState,
  type ServiceRecord,
} from "./service-state.ts";
import type { TableState } from "./table-state.ts";

export function onRequest(draft: TableState, request: ServiceRequest): void {
  const origin = draft.nodes.get(request.ref.node);
  // A request of an earlier life was already answered there when that life ended.
  if (origin === undefined || origin.life !== request.ref.life) return;
  const service = draft.services.get(request.service);
  if (service === undefined) {
    draft.reply([request.ref], refused("unknown-service"));
    return;
  }
  const asked = request.target === null ? "" : ` to ${draft.nameOf(request.target)}`;
  const by = draft.nameOf(request.ref.node);
  draft.decide(service.name, `${request.operation}${asked} asked for on ${by}`);
  const current = draft.service(service.name);
  const refusal = generalRefusal(draft, current, request.operation);
  if (refusal !== null) draft.reply([request.ref], refused(refusal));
  else if (current.op !== null) onBusy(draft, current, { request, op: current.op });
  else onResting(draft, current, request);
}

function onBusy(
  draft: TableState,
  service: ServiceRecord,
  busy: { readonly request: ServiceRequest; readonly op: Operation },
): void {
  const { request, op } = busy;
  switch (request.operation) {
    case "disable":
      desire(draft, service, { request, op, end: "disabled" });
      return;
    case "stop":
      desire(draft, service, { request, op, end: "stopped" });
      return;
    case "enable":
      if (op.kind === "repair")
        draft.reply([request.ref], refused("already-started", service.owner));
      else if (op.kind === "start" && (request.target ?? request.ref.node) === op.node) {
        const chain = { ...op.chain, requests: [...op.chain.requests, request.ref] };
        draft.put({ ...service, op: { ...op, chain } });
      } else {
        draft.reply([request.ref], refused(busyRefusal(op)));
      }
      return;
    case "relocate":
      draft.reply([request.ref], refused(busyRefusal(op)));
      return;
    case "restart":
      draft.reply([request.ref], refused(op.kind === "start" ? busyRefusal(op) : "busy"));
      return;
    case "freeze":
    case "unfreeze":
    case "convalesce":
    case "migrate":
      draft.reply([request.ref], refused("busy"));
      return;
    default:
      assertNever(request.operation);
  }
}

/** Remembers the wanted end; disabled beats stopped, whatever came first. */
function desire(
  draft: TableState,
  service: ServiceRecord,
  wish: { readonly request: ServiceRequest; readonly op: Operation; readonly end: RestState },
): void {
  const { op } = wish;
  const disabling =
    service.desired?.end === "disabled" ||
    (op.kind === "stop" && op.goal.type === "rest" && op.goal.state === "disabled");
  draft.put({
    ...service,
    desired: {
      end: disabling ? "disabled" : wish.end,
      requests: [...(service.desired?.requests ?? []), wish.request.ref],
    },
  });
  abortStart(draft, service.name);
}

function onResting(draft: TableState, service: ServiceRecord, request: ServiceRequest): void {
  switch (request.operation) {
    case "enable":
      enable(draft, service, request);
      return;
    case "disable":
      disable(draft, service, request);
      return;
    case "stop":
      stop(draft, service, request);
      return;
    case "restart":
      restart(draft, service, request);
      return;
    case "relocate":
      relocate(draft, service, request);
      return;
    case "freeze":
      freeze(draft, service, request.ref);
      return;
    case "unfreeze":
      unfreeze(draft, service, request.ref);
      return;
    case "convalesce":
      convalesce(draft, service, request.ref);
      return;
    case "migrate":
      draft.reply([request.ref], refused("not-migratable"));
      return;
    default:
      assertNever(request.operation);
  }
}

function enable(draft: TableState, service: ServiceRecord, request: ServiceRequest): void {
  const { state, owner } = service;
  if (state === "started") draft.reply([request.ref], refused("already-started", owner));
  else if (state === "failed") draft.reply([request.ref], refused("start-of-failed"));
  else startFor(draft, service, { request, cause: "enable" });
}

/** Starts a service at rest for a user: on the asked node, by domain rules, or where asked. */
function startFor(
  draft: TableState,
  service: ServiceRecord,
  start: { readonly request: ServiceRequest; readonly cause: "enable" | "restart" },
): void {
  const { request } = start;
  const refs = [request.ref];
  const refusal = startRefusal(draft, service);
  if (refusal !== null) {
    draft.reply(refs, refused(refusal));
    return;
  }
  if (request.byDomain) {
    if (draft.candidates(service.name, []).length === 0) refuseUnplaceable(draft, service, refs);
    else tryNext(draft, service.name, userChain(start.cause, request.ref, {}));
    return;
  }
  const node = request.target ?? request.ref.node;
  if (!draft.isReady(node)) {
    draft.reply(refs, refused("start-node-not-ready"));
    return;
  }
  const legal = draft.score(service.name, node) > 0;
  if (start.cause === "enable" && !legal) {
    draft.reply(refs, refused("start-node-not-legal"));
    return;
  }
  const chain = userChain(start.cause, request.ref, { prefer: node, fallback: node });
  if (legal && draft.exclusivityConflict(service.name, node) === null) {
    beginStart(draft, service.name, { node, chain });
  } else if (draft.candidates(service.name, []).length === 0) {
    refuseUnplaceable(draft, service, refs);
  } else {
    tryNext(draft, service.name, chain);
  }
}

/** Its failover domain or exclusive services leave it no node. */
function refuseUnplaceable(
  draft: TableState,
  service: ServiceRecord,
  refs: readonly RequestRef[],
): void {
  const crowded = draft.crowdedNodes(service.name).length > 0;
  draft.reply(refs, refused(crowded ? "no-empty-node" : "no-legal-node"));
}

function disable(draft: TableState, service: ServiceRecord, request: ServiceRequest): void {
  const unclean = service.state === "failed" || service.state === "disabled";
  const node = service.owner ?? cleanupNode(draft, service) ?? request.ref.node;
  if (!draft.isReady(node)) {
    const leaving = draft.node(node).phase === "leaving";
    draft.reply([request.ref], refused(leaving ? "stop-node-leaving" : "stop-node-away"));
    return;
  }
  beginStop(draft, service.name, {
    node,
    goal: { type: "rest", state: "disabled" },
    chain: userChain("enable", request.ref, {}),
    cleanup: unclean ? "yes" : "no",
    why: "disable",
  });
}

/**
 * Where the stop of a failed service failed: only there can something be left of it. Null when that
 * node is known to run nothing any more.
 */
function cleanupNode(draft: TableState, service: ServiceRecord): NodeId | null {
  if (service.state !== "failed" || service.lastOwner === null) return null;
  return draft.node(service.lastOwner).phase === "absent" ? null : service.lastOwner;
}

function stop(draft: TableState, service: ServiceRecord, request: ServiceRequest): void {
  if (service.state === "failed") {
    draft.reply([request.ref], refused("stop-of-failed"));
  } else if (service.owner === null) {
    draft.put({ ...service, retryAt: null, crowdedOut: false });
    draft.reply([request.ref], done());
  } else if (!draft.isReady(service.owner)) {
    draft.reply([request.ref], refused("owner-not-ready"));
  } else {
    beginStop(draft, service.name, {
      node: service.owner,
      goal: { type: "rest", state: "stopped" },
      chain: userChain("enable", request.ref, {}),
      why: "stop",
    });
  }
}

/** Starts the non-critical parts that were left out. */
function convalesce(draft: TableState, service: ServiceRecord, ref: RequestRef): void {
  const { name, state, owner } = service;
  if (state !== "started" || owner === null) draft.reply([ref], refused("not-started"));
  else if (!service.partial) draft.reply([ref], refused("nothing-left-out", owner));
  else if (draft.isHeld(name)) draft.reply([ref], refused("held-by-change"));
  else if (!draft.isReady(owner)) draft.reply([ref], refused("owner-not-ready"));
  else {
    beginRepair(draft, service.name, {
      parts: "left-out",
      chain: { ...emptyChain, requests: [ref] },
      why: "what was left out is started again",
    });
  }
}

function restart(draft: TableState, service: ServiceRecord, request: ServiceRequest): void {
  const { state, owner } = service;
  const refusal = standstillRefusal(draft, service);
  if (state === "disabled") draft.reply([request.ref], refused("disabled"));
  else if (state === "failed") draft.reply([request.ref], refused("stop-of-failed"));
  else if (owner === null) startFor(draft, service, { request, cause: "restart" });
  else if (refusal !== null) draft.reply([request.ref], refused(refusal));
  else if (!draft.isReady(owner)) draft.reply([request.ref], refused("owner-not-ready"));
  else {
    beginStop(draft, service.name, {
      node: owner,
      goal: { type: "restart" },
      chain: userChain("restart", request.ref, {}),
      why: "restart",
    });
  }
}

function relocate(draft: TableState, service: ServiceRecord, request: ServiceRequest): void {
  const target = request.target !== null && draft.isReady(request.target) ? request.target : null;
  const refusal = relocateRefusal(draft, service, target);
  if (refusal !== null) {
    draft.reply([request.ref], refused(refusal));
    return;
  }
  const origin = service.owner ?? request.ref.node;
  const chain = userChain("relocate", request.ref, {
    tried: [origin],
    prefer: target,
    fallback: origin,
  });
  if (service.owner === null) relocateStopped(draft, service, { request, chain });
  else relocateStarted(draft, service, { owner: service.owner, target, chain });
}

function relocateStopped(
  draft: TableState,
  service: ServiceRecord,
  move: { readonly request: ServiceRequest; readonly chain: typeof emptyChain },
): void {
  const refusal = relocateStoppedRefusal(draft, service);
  if (refusal !== null) draft.reply([move.request.ref], refused(refusal));
  else tryNext(draft, service.name, move.chain);
}

function relocateStarted(
  draft: TableState,
  service: ServiceRecord,
  move: {
    readonly owner: NodeId;
    readonly target: NodeId | null;
    readonly chain: typeof emptyChain;
  },
): void {
  const { owner, target, chain } = move;
  if (!draft.isReady(owner)) {
    draft.reply(chain.requests, refused("owner-not-ready"));
  } else if (target === owner) {
    beginStop(draft, service.name, {
      node: owner,
      goal: { type: "restart" },
      chain: { ...emptyChain, cause: "restart", requests: chain.requests },
      why: "relocate to its own node: restart in place",
    });
  } else if (draft.candidates(service.name, [owner]).length === 0) {
    const nodes = draft.verdicts(service.name, chain.tried);
    draft.decide(service.name, "not relocated: no other node could take it", { nodes });
    draft.reply(chain.requests, refused("no-other-node", owner));
  } else {
    beginStop(draft, service.name, {
      node: owner,
      goal: { type: "next" },
      chain,
      why: target === null ? "relocate" : `relocate to ${draft.nameOf(target)}`,
    });
  }
}
