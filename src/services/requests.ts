/**
 * Requests of users: who may do what in which state, and with which code it is answered.
 * Source: rgmanager rg_state.c, rg_thread.c; clusvcadm(8).
 * Deviations: nothing is interrupted for a target that is not allowed (-15) or occupied (-7), nor
 * when no other node could take the service (-17); a restart never breaks the failover domain;
 * a failed service is cleaned up where it failed, by force if need be, not where it was asked;
 * a service whose node awaits fencing answers -13, one in recovery -6 instead of starting twice;
 * while services are locked nothing is stopped that could not be started again.
 */
import type { NodeId } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import {
  beginRepair,
  beginStart,
  beginStop,
  startObstacle,
  tryNext,
  userChain,
} from "./evaluation.ts";
import { freeze, unfreeze } from "./freeze-and-lock.ts";
import type { ServiceRequest } from "./service-messages.ts";
import {
  emptyChain,
  type Operation,
  type RequestRef,
  type RestState,
  type ServiceRecord,
} from "./service-state.ts";
import type { TableDraft } from "./table-draft.ts";

/** Users who wait for one operation; more would make the state too large to travel. */
const waitingMax = 256;

export function onRequest(draft: TableDraft, request: ServiceRequest): void {
  const origin = draft.nodes.get(request.ref.node);
  // A request of an earlier life was already answered there when that life ended.
  if (origin === undefined || origin.life !== request.ref.life) return;
  const service = draft.services.get(request.service);
  if (service === undefined) {
    draft.reply([request.ref], -4);
    return;
  }
  const asked = request.target === null ? "" : ` to ${draft.nameOf(request.target)}`;
  const by = draft.nameOf(request.ref.node);
  draft.decide(service.name, `${request.operation}${asked} asked for on ${by}`);
  const current = draft.service(service.name);
  const { operation } = request;
  const awaited = draft.awaitedNode(service.name) !== null;
  const aboutFreezing = operation === "freeze" || operation === "unfreeze";
  // No resource that clusterd runs can move while it is up, in whatever state it is.
  if (operation === "migrate") draft.reply([request.ref], -8);
  else if (current.frozen && !aboutFreezing) draft.reply([request.ref], -11);
  else if (awaited && operation !== "freeze") draft.reply([request.ref], -13);
  else if (waitersOf(current) >= waitingMax) draft.reply([request.ref], -5);
  else if (current.op !== null) onBusy(draft, current, { request, op: current.op });
  else onResting(draft, current, request);
}

function waitersOf({ op, desired }: ServiceRecord): number {
  return (op?.chain.requests.length ?? 0) + (desired?.requests.length ?? 0);
}

function onBusy(
  draft: TableDraft,
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
      if (op.kind === "repair") draft.reply([request.ref], -10, service.owner);
      else if (op.kind === "start" && (request.target ?? request.ref.node) === op.node) {
        const chain = { ...op.chain, requests: [...op.chain.requests, request.ref] };
        draft.put({ ...service, op: { ...op, chain } });
      } else {
        draft.reply([request.ref], relocating(op) || op.kind === "start" ? -5 : -6);
      }
      return;
    case "relocate":
      draft.reply([request.ref], relocating(op) || op.kind === "start" ? -5 : -6);
      return;
    case "restart":
      draft.reply([request.ref], op.kind === "start" ? -5 : -6);
      return;
    case "freeze":
    case "unfreeze":
    case "convalesce":
    case "migrate":
      draft.reply([request.ref], -6);
      return;
    default:
      assertNever(request.operation);
  }
}

function relocating(op: Operation): boolean {
  return op.chain.cause === "relocate";
}

/** Remembers the wanted end; disabled beats stopped, whatever came first. */
function desire(
  draft: TableDraft,
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
}

function onResting(draft: TableDraft, service: ServiceRecord, request: ServiceRequest): void {
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
      draft.reply([request.ref], -8);
      return;
    default:
      assertNever(request.operation);
  }
}

function enable(draft: TableDraft, service: ServiceRecord, request: ServiceRequest): void {
  if (service.state === "started") draft.reply([request.ref], -10, service.owner);
  else if (service.state === "failed") draft.reply([request.ref], -2);
  else startFor(draft, service, { request, cause: "enable" });
}

/** Starts a service at rest for a user: on the asked node, by domain rules, or where asked. */
function startFor(
  draft: TableDraft,
  service: ServiceRecord,
  start: { readonly request: ServiceRequest; readonly cause: "enable" | "restart" },
): void {
  const { request } = start;
  const refs = [request.ref];
  if (draft.locked) {
    draft.reply(refs, -6);
    return;
  }
  if (draft.unknownHolders(service.name).length > 0) {
    draft.reply(refs, -13);
    return;
  }
  if (draft.isHeld(service.name) || service.pendingInit.length > 0) {
    draft.reply(refs, -6);
    return;
  }
  if (startObstacle(draft, service.name) !== null) {
    draft.reply(refs, -7);
    return;
  }
  if (request.byDomain) {
    if (draft.candidates(service.name, []).length === 0) refuseUnplaceable(draft, service, refs);
    else tryNext(draft, service.name, userChain(start.cause, request.ref, {}));
    return;
  }
  const node = request.target ?? request.ref.node;
  if (!draft.isReady(node)) {
    draft.reply(refs, -12);
    return;
  }
  const legal = draft.score(service.name, node) > 0;
  if (start.cause === "enable" && !legal) {
    draft.reply(refs, -1);
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
  draft: TableDraft,
  service: ServiceRecord,
  refs: readonly RequestRef[],
): void {
  draft.reply(refs, draft.crowdedNodes(service.name).length > 0 ? -16 : -15);
}

function disable(draft: TableDraft, service: ServiceRecord, request: ServiceRequest): void {
  const unclean = service.state === "failed" || service.state === "disabled";
  const node = service.owner ?? cleanupNode(draft, service) ?? request.ref.node;
  if (!draft.isReady(node)) {
    draft.reply([request.ref], draft.node(node).phase === "leaving" ? -6 : -13);
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
function cleanupNode(draft: TableDraft, service: ServiceRecord): NodeId | null {
  if (service.state !== "failed" || service.lastOwner === null) return null;
  return draft.node(service.lastOwner).phase === "absent" ? null : service.lastOwner;
}

function stop(draft: TableDraft, service: ServiceRecord, request: ServiceRequest): void {
  if (service.state === "failed") {
    draft.reply([request.ref], -1);
  } else if (service.owner === null) {
    draft.put({ ...service, retryAt: null, crowdedOut: false });
    draft.reply([request.ref], 0);
  } else if (!draft.isReady(service.owner)) {
    draft.reply([request.ref], -6);
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
function convalesce(draft: TableDraft, service: ServiceRecord, ref: RequestRef): void {
  if (service.state !== "started" || service.owner === null) draft.reply([ref], -8);
  else if (!service.partial) draft.reply([ref], -10, service.owner);
  else if (draft.isHeld(service.name) || !draft.isReady(service.owner)) draft.reply([ref], -6);
  else {
    beginRepair(draft, service.name, {
      parts: "left-out",
      chain: { ...emptyChain, requests: [ref] },
      why: "what was left out is started again",
    });
  }
}

function restart(draft: TableDraft, service: ServiceRecord, request: ServiceRequest): void {
  if (service.state === "disabled") draft.reply([request.ref], -8);
  else if (service.state === "failed") draft.reply([request.ref], -1);
  else if (service.owner === null) startFor(draft, service, { request, cause: "restart" });
  else if (draft.locked || draft.isHeld(service.name) || !draft.isReady(service.owner)) {
    draft.reply([request.ref], -6);
  } else {
    beginStop(draft, service.name, {
      node: service.owner,
      goal: { type: "restart" },
      chain: userChain("restart", request.ref, {}),
      why: "restart",
    });
  }
}

function relocate(draft: TableDraft, service: ServiceRecord, request: ServiceRequest): void {
  const refs = [request.ref];
  if (service.state === "disabled") {
    draft.reply(refs, -8);
    return;
  }
  if (service.state === "failed") {
    draft.reply(refs, -2);
    return;
  }
  if (draft.locked || draft.isHeld(service.name)) {
    draft.reply(refs, -6);
    return;
  }
  const target = request.target !== null && draft.isReady(request.target) ? request.target : null;
  const refusal = target === null ? null : targetRefusal(draft, service, target);
  if (refusal !== null) {
    draft.reply(refs, refusal);
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
  draft: TableDraft,
  service: ServiceRecord,
  move: { readonly request: ServiceRequest; readonly chain: typeof emptyChain },
): void {
  const obstacle = startObstacle(draft, service.name);
  if (draft.unknownHolders(service.name).length > 0) draft.reply([move.request.ref], -13);
  else if (obstacle !== null) draft.reply([move.request.ref], -7);
  else tryNext(draft, service.name, move.chain);
}

function relocateStarted(
  draft: TableDraft,
  service: ServiceRecord,
  move: {
    readonly owner: NodeId;
    readonly target: NodeId | null;
    readonly chain: typeof emptyChain;
  },
): void {
  const { owner, target, chain } = move;
  if (!draft.isReady(owner)) {
    draft.reply(chain.requests, -6);
  } else if (target === owner) {
    beginStop(draft, service.name, {
      node: owner,
      goal: { type: "restart" },
      chain: { ...emptyChain, cause: "restart", requests: chain.requests },
      why: "relocate to its own node: restart in place",
    });
  } else if (draft.candidates(service.name, [owner]).length === 0) {
    const looked = draft.verdicts(service.name, chain.tried);
    draft.decide(service.name, "not relocated: no other node could take it", looked);
    draft.reply(chain.requests, -17, owner);
  } else {
    beginStop(draft, service.name, {
      node: owner,
      goal: { type: "next" },
      chain,
      why: target === null ? "relocate" : `relocate to ${draft.nameOf(target)}`,
    });
  }
}

function targetRefusal(draft: TableDraft, service: ServiceRecord, target: NodeId): -7 | -15 | null {
  if (draft.score(service.name, target) === 0) return -15;
  if (target === service.owner) return null;
  return draft.exclusivityConflict(service.name, target) === null ? null : -7;
}
