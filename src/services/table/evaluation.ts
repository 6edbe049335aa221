/**
 * Evaluation: which stopped services start where, which started ones go back to a better node, and
 * how a chain of starts goes on when one fails.
 * Source: rgmanager groups.c: eval_groups, consider_start, consider_relocate; rg_state.c:
 * handle_relocate_req.
 * Deviations: one evaluation for the whole cluster instead of one per node; a service that no node
 * could start is tried again after a growing pause; nothing starts while a node that might already
 * be running it is unaccounted for; while services are locked a service that had to be stopped is
 * started again where it was, and nowhere else.
 * Tested in: test/services/service-table.test.ts, test/services/transitions.test.ts
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { invariant } from "../../model/outcome.ts";
import { failed } from "../../model/request-outcome.ts";
import { mayLeaveNode } from "./recovery-policy.ts";
import { postponeStart, retryDelayMs } from "./retries.ts";
import {
  emptyChain,
  type Operation,
  type RequestRef,
  type ServiceRecord,
  type StartChain,
  type StopGoal,
} from "./service-state.ts";
import type { TableState, TableWork } from "./table-state.ts";

/** Starts the service on a node: the only way to `starting`. */
export function beginStart(
  draft: TableState,
  name: ServiceName,
  start: { readonly node: NodeId; readonly chain: StartChain },
): void {
  const service = draft.service(name);
  const { node, chain } = start;
  invariant(service.owner === null, `single owner: start of ${name} while owned`);
  invariant(draft.isReady(node), `start of ${name} on a node that is not ready`);
  invariant(!draft.locked || node === service.lastOwner, `start of ${name} while locked`);
  const looked = draft.verdicts(name, chain.tried).map((one) => {
    const taken = one.node === node;
    return { ...one, fit: taken };
  });
  const asked = chain.cause === "enable" || chain.cause === "relocate";
  const operation = {
    kind: "start" as const,
    id: draft.nextOp++,
    node,
    life: draft.node(node).life,
    chain: { ...chain, since: chain.since ?? draft.startsDone },
  };
  draft.put({
    ...service,
    state: "starting",
    owner: node,
    restarts: chain.cause === "recovery" ? service.restarts + 1 : 0,
    // A user's request begins the counting of failures anew.
    restartLog: asked ? [] : service.restartLog,
    retryCount: asked ? 0 : service.retryCount,
    transition: Math.max(1, Math.floor(draft.nowMs / 1000)),
    retryAt: null,
    crowdedOut: false,
    op: operation,
  });
  draft.decide(name, `starting on ${draft.nameOf(node)} (${chain.cause})`, { nodes: looked });
  order(draft, name, operation);
}

/** Stops the service where it is, or runs its stop agents on `node` when nobody owns it. */
export function beginStop(
  draft: TableState,
  name: ServiceName,
  stop: {
    readonly node: NodeId;
    readonly goal: StopGoal;
    readonly chain?: StartChain;
    readonly cleanup?: "yes" | "no";
    readonly why: string;
    /** Something is wrong, which is why it is stopped. */
    readonly level?: "warning";
  },
): void {
  const service = draft.service(name);
  const operation = {
    kind: "stop" as const,
    id: draft.nextOp++,
    node: stop.node,
    life: draft.node(stop.node).life,
    goal: stop.goal,
    chain: stop.chain ?? emptyChain,
    cleanup: stop.cleanup ?? ("no" as const),
  };
  const recovering = stop.goal.type === "recover" || service.state === "starting";
  draft.put({
    ...service,
    state: recovering ? "recoverable" : "stopping",
    partial: false,
    transition: Math.max(1, Math.floor(draft.nowMs / 1000)),
    retryAt: null,
    crowdedOut: false,
    op: operation,
  });
  const { level = "notice" } = stop;
  draft.decide(name, `stopping on ${draft.nameOf(stop.node)}: ${stop.why}`, { level });
  order(draft, name, operation);
}

/** Works on parts of a started service where it runs; it stays started meanwhile. */
export function beginRepair(
  draft: TableState,
  name: ServiceName,
  repair: {
    readonly parts: "failed" | "left-out" | "gone" | "fresh";
    readonly chain: StartChain;
    readonly why: string;
    readonly level?: "warning";
  },
): void {
  const service = draft.service(name);
  const { owner } = service;
  invariant(service.state === "started" && owner !== null, `repair of ${name}, not started`);
  const { parts, chain } = repair;
  const { life } = draft.node(owner);
  const kind = "repair" as const;
  const operation = { kind, parts, id: draft.nextOp++, node: owner, life, chain };
  draft.put({ ...service, op: operation });
  const { level = "notice" } = repair;
  draft.decide(name, `repair on ${draft.nameOf(owner)}: ${repair.why}`, { level });
  order(draft, name, operation);
}

/** To be performed by the node that the operation names. */
function order(draft: TableState, service: ServiceName, operation: Operation): void {
  const off = draft.conf.nodes.flatMap(({ id, name }) => {
    const { phase, knowledge } = draft.node(id);
    return phase === "absent" && knowledge === "known" ? [name] : [];
  });
  draft.emit({ type: "run", service, operation, off });
}

/** A start that is under way need not go on: as soon as it has ended, the service is stopped. */
export function abortStart(draft: TableState, service: ServiceName): void {
  const { op: operation } = draft.service(service);
  if (operation?.kind === "start") draft.emit({ type: "abort", service, operation });
}

/** Of a service that has been running: a soft dependency counts for its first start only. */
const continued: readonly StartChain["cause"][] = ["recovery", "relocate", "restart", "failback"];

/** Why a stopped service is not started now, or null when it may be. */
export function startObstacle(
  draft: TableState,
  name: ServiceName,
  cause: StartChain["cause"] = "evaluation",
): string | null {
  const unknown = draft.unknownHolders(name);
  if (unknown.length > 0) {
    const names = unknown.map((node) => draft.nameOf(node)).join(", ");
    return `${names} might be running it: to be fenced or seen clean first`;
  }
  const { pendingInit } = draft.service(name);
  if (pendingInit.length > 0) {
    const names = pendingInit.map((node) => draft.nameOf(node)).join(", ");
    return `${names} to have stopped it once, since it is new`;
  }
  const soft = draft.serviceConf(name).dependMode === "soft" && continued.includes(cause);
  if (!soft && !draft.dependencyMet(name)) {
    return `${draft.serviceConf(name).depend ?? ""}, on which it depends, to be started`;
  }
  return null;
}

export function evaluate(draft: TableState, name: ServiceName): void {
  const service = draft.service(name);
  if (service.state !== "stopped" || service.op !== null) return;
  if (service.frozen || draft.locked || draft.isHeld(name)) return;
  if (service.transition === 0 && !draft.serviceConf(name).autostart) {
    draft.put({ ...service, state: "disabled" });
    draft.decide(name, "disabled: autostart is off");
    return;
  }
  if (startObstacle(draft, name) !== null) return;
  const best = draft.candidates(name, [])[0];
  if (best !== undefined) {
    beginStart(draft, name, {
      node: best.node,
      chain: { ...emptyChain, cause: "evaluation" },
    });
  } else if (draft.crowdedNodes(name).length > 0 && !service.crowdedOut) {
    draft.put({ ...service, crowdedOut: true });
    const nodes = draft.verdicts(name, []);
    draft.decide(name, "not started: no node is free for it", { nodes, level: "warning" });
  }
}

/** A node may have become free for what exclusive services have kept from starting. */
export function* evaluateCrowdedOut(draft: TableState): TableWork {
  if (draft.index.nobodyCrowdedOut) return;
  for (const { name, crowdedOut } of draft.inOrder()) {
    if (!crowdedOut) continue;
    evaluate(draft, name);
    yield;
  }
}

export function* evaluateAll(draft: TableState, except: ReadonlySet<ServiceName>): TableWork {
  for (const service of draft.inOrder()) {
    if (except.has(service.name)) continue;
    evaluate(draft, service.name);
    yield;
  }
}

/** Retries that have fallen due; the others wait for an event or their time. */
export function* evaluateDue(draft: TableState): TableWork {
  if (draft.locked) return;
  for (const { name, retryAt } of draft.inOrder()) {
    if (retryAt === null || retryAt > draft.nowMs) continue;
    evaluate(draft, name);
    const service = draft.service(name);
    // No node may run it now. It was not attempted, so the pause does not grow.
    if (service.retryAt === retryAt) {
      draft.put({ ...service, retryAt: draft.nowMs + retryDelayMs(draft, service) });
    }
    yield;
  }
}

/** A node became ready: services for which it is better than the present owner move there. */
export function* failBackAll(draft: TableState, newcomer: NodeId): TableWork {
  for (const { name } of draft.inOrder()) {
    failBack(draft, newcomer, name);
    yield;
  }
}

/** The service moves to this ready node if that is better than its present owner. */
export function failBack(draft: TableState, newcomer: NodeId, name: ServiceName): void {
  const { state, owner, op, frozen } = draft.service(name);
  if (draft.locked || state !== "started" || owner === null || op !== null) return;
  if (frozen || !draft.isReady(owner)) return;
  if (draft.score(name, newcomer) <= draft.score(name, owner)) return;
  if (draft.exclusivityConflict(name, newcomer) !== null) return;
  beginStop(draft, name, {
    node: owner,
    goal: { type: "next" },
    chain: {
      ...emptyChain,
      cause: "failback",
      tried: [owner],
      prefer: newcomer,
      fallback: owner,
    },
    why: `${draft.nameOf(newcomer)} is a better node`,
  });
}

/** The next node of a chain after a clean stop, or the end of the chain. */
export function tryNext(draft: TableState, name: ServiceName, chain: StartChain): void {
  if (draft.isHeld(name)) {
    rest(draft, draft.service(name), "stopped");
    draft.decide(name, "stopped until the configuration has changed");
    draft.reply(chain.requests, failed("stopped-for-change"));
    return;
  }
  const obstacle = startObstacle(draft, name, chain.cause);
  const next = obstacle === null ? nextNode(draft, name, chain) : null;
  if (next === null) {
    const why = obstacle ?? (draft.locked ? "services are locked" : null);
    endChain(draft, name, { chain, why });
    return;
  }
  const returned = chain.tried.includes(next);
  beginStart(draft, name, {
    node: next,
    chain: returned ? { ...chain, fallback: null, returned: true } : chain,
  });
}

function nextNode(draft: TableState, name: ServiceName, chain: StartChain): NodeId | null {
  const { lastOwner } = draft.service(name);
  const permitted = (except: readonly NodeId[]) =>
    draft
      .candidates(name, except)
      .map((candidate) => candidate.node)
      .filter((node) => !draft.locked || node === lastOwner);
  const open = permitted(chain.tried).filter((node) => chain.only === null || node === chain.only);
  if (chain.prefer !== null && open.includes(chain.prefer)) return chain.prefer;
  const best = open[0];
  if (best !== undefined) return best;
  const { fallback } = chain;
  if (fallback === null || chain.only !== null) return null;
  const legal = permitted([]);
  if (!legal.includes(fallback)) return null;
  const always = chain.cause === "relocate" || chain.cause === "failback";
  return always || legal.every((node) => node === fallback) ? fallback : null;
}

/** Nobody could start it: stopped until an event or a retry, or disabled by restart-disable. */
function endChain(
  draft: TableState,
  name: ServiceName,
  end: { readonly chain: StartChain; readonly why: string | null },
): void {
  const service = draft.service(name);
  const conf = draft.serviceConf(name);
  const confined = end.chain.only !== null && !mayLeaveNode(conf.recovery);
  draft.reply(end.chain.requests, failed("no-node-started-it"));
  if (confined) {
    rest(draft, service, "disabled");
    draft.decide(name, "disabled: the restart in place failed (restart-disable)", { level: "err" });
    return;
  }
  rest(draft, service, "stopped");
  const crowdedOut = draft.candidates(name, []).length === 0 && draft.crowdedNodes(name).length > 0;
  draft.put({ ...draft.service(name), crowdedOut });
  const delayMs = postponeStart(draft, name, end.chain);
  const retry = delayMs === null ? "no retry" : `next attempt in ${delayMs / 1000} s`;
  const why = end.why === null ? "" : `; ${end.why}`;
  const refused = draft.verdicts(name, end.chain.tried).map((one) => ({ ...one, fit: false }));
  // The first time; while it is tried again and again that is no news.
  const level = service.retryCount === 0 ? "alert" : "err";
  const text = `stopped: no node could start it, ${retry}${why}`;
  draft.decide(name, text, { nodes: refused, level });
}

/** Puts a service to rest without an owner. */
export function rest(
  draft: TableState,
  service: ServiceRecord,
  state: "stopped" | "disabled" | "failed",
): void {
  draft.put({
    ...service,
    state,
    lastOwner: service.owner ?? service.lastOwner,
    owner: null,
    partial: false,
    restarts: state === "failed" ? 0 : service.restarts,
    restartLog: state === "disabled" ? [] : service.restartLog,
    transition: Math.max(1, Math.floor(draft.nowMs / 1000)),
    retryAt: null,
    crowdedOut: false,
    op: null,
    desired: null,
  });
}

/** The service named by `depend` changed: dependents start, or stop when the dependency is hard. */
export function followDependency(draft: TableState, changed: ServiceName): void {
  for (const name of draft.index.dependentsOf(changed)) settleDependent(draft, name);
}

/** Starts or stops one service as its dependency asks for; without one it is evaluated. */
export function settleDependent(draft: TableState, name: ServiceName): void {
  const { depend, dependMode } = draft.serviceConf(name);
  const { state, owner, frozen, op } = draft.service(name);
  if (draft.dependencyMet(name)) {
    evaluate(draft, name);
  } else if (
    dependMode === "hard" &&
    state === "started" &&
    op === null &&
    !frozen &&
    owner !== null &&
    draft.isReady(owner)
  ) {
    beginStop(draft, name, {
      node: owner,
      goal: { type: "wait" },
      why: `${depend ?? ""}, on which it depends, is not started`,
    });
  }
}

/** Chain of a start that a user asked for. */
export function userChain(
  cause: StartChain["cause"],
  ref: RequestRef,
  rest: Partial<StartChain>,
): StartChain {
  return { ...emptyChain, ...rest, cause, requests: [ref] };
}
