/**
 * Evaluation: which stopped services start on which node, and how a chain of starts goes on when a
 * start has failed.
 * Source: rgmanager groups.c: eval_groups, consider_start; rg_state.c: handle_relocate_req.
 * Deviations: one evaluation for the whole cluster instead of one per node; a service that no node
 * could start is tried again after a growing pause; a service does not start while a node that has
 * not been seen might be running it; while services are locked, a service that had to be stopped is
 * started again on the node where it was, and nowhere else.
 * Tested in: test/services/service-table.test.ts, test/services/transitions.test.ts
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { invariant } from "../../model/outcome.ts";
import { failed } from "../../model/request-outcome.ts";
import { awaitsBrokers, brokerObstacle, notePromotion } from "./broker-waits.ts";
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

/** Starts the service on a node; no other function leads to the state `starting`. */
export function beginStart(
  table: TableState,
  name: ServiceName,
  start: { readonly node: NodeId; readonly chain: StartChain },
): void {
  const service = table.service(name);
  const { node, chain } = start;
  invariant(service.owner === null, `single owner: start of ${name} while owned`);
  invariant(table.isReady(node), `start of ${name} on a node that is not ready`);
  invariant(!table.locked || node === service.lastOwner, `start of ${name} while locked`);
  const looked = table.verdicts(name, chain.tried).map((one) => {
    const taken = one.node === node;
    return { ...one, fit: taken };
  });
  const asked = chain.cause === "enable" || chain.cause === "relocate";
  const operation = {
    kind: "start" as const,
    id: table.nextOp++,
    node,
    life: table.node(node).life,
    chain: { ...chain, since: chain.since ?? table.startsDone },
  };
  table.put({
    ...service,
    state: "starting",
    owner: node,
    restarts: chain.cause === "recovery" ? service.restarts + 1 : 0,
    // A user's request resets the counters of restarts and retries.
    restartLog: asked ? [] : service.restartLog,
    retryCount: asked ? 0 : service.retryCount,
    transition: Math.max(1, Math.floor(table.nowMs / 1000)),
    retryAt: null,
    crowdedOut: false,
    op: operation,
  });
  table.decide(name, `starting on ${table.nameOf(node)} (${chain.cause})`, { nodes: looked });
  notePromotion(table, name, { node, chain });
  order(table, name, operation);
}

/** Stops the service where it is, or runs its stop agents on `node` when nobody owns it. */
export function beginStop(
  table: TableState,
  name: ServiceName,
  stop: {
    readonly node: NodeId;
    readonly goal: StopGoal;
    readonly chain?: StartChain;
    readonly cleanup?: "yes" | "no";
    readonly why: string;
    /** It is stopped because of a failure. */
    readonly level?: "warning";
  },
): void {
  const service = table.service(name);
  const operation = {
    kind: "stop" as const,
    id: table.nextOp++,
    node: stop.node,
    life: table.node(stop.node).life,
    goal: stop.goal,
    chain: stop.chain ?? emptyChain,
    cleanup: stop.cleanup ?? ("no" as const),
  };
  const recovering = stop.goal.type === "recover" || service.state === "starting";
  table.put({
    ...service,
    state: recovering ? "recoverable" : "stopping",
    partial: false,
    transition: Math.max(1, Math.floor(table.nowMs / 1000)),
    retryAt: null,
    crowdedOut: false,
    op: operation,
  });
  const { level = "notice" } = stop;
  table.decide(name, `stopping on ${table.nameOf(stop.node)}: ${stop.why}`, { level });
  order(table, name, operation);
}

/** Stops or starts parts of a started service on its owner; the service stays started. */
export function beginRepair(
  table: TableState,
  name: ServiceName,
  repair: {
    readonly parts: "failed" | "left-out" | "gone" | "fresh";
    readonly chain: StartChain;
    readonly why: string;
    readonly level?: "warning";
  },
): void {
  const service = table.service(name);
  const { owner } = service;
  invariant(service.state === "started" && owner !== null, `repair of ${name}, not started`);
  const { parts, chain } = repair;
  const { life } = table.node(owner);
  const kind = "repair" as const;
  const operation = { kind, parts, id: table.nextOp++, node: owner, life, chain };
  table.put({ ...service, op: operation });
  const { level = "notice" } = repair;
  table.decide(name, `repair on ${table.nameOf(owner)}: ${repair.why}`, { level });
  order(table, name, operation);
}

/** Orders the operation from the node that it names. */
function order(table: TableState, service: ServiceName, operation: Operation): void {
  const off = table.conf.nodes.flatMap(({ id, name }) => {
    const { phase, knowledge } = table.node(id);
    return phase === "absent" && knowledge === "known" ? [name] : [];
  });
  // A first start is in no hurry: what it needs may be in use by a machine outside the cluster.
  const first = table.service(service).lastOwner === null;
  const unproven = first || [...table.nodes.values()].some((node) => node.unproven);
  table.emit({ type: "run", service, operation, off, unproven });
}

/** Aborts a start that is under way: when it has ended, the service is stopped. */
export function abortStart(table: TableState, service: ServiceName): void {
  const { op: operation } = table.service(service);
  if (operation?.kind === "start") table.emit({ type: "abort", service, operation });
}

/** Causes of starts of a service that was running; a soft dependency does not hold those up. */
const continued: readonly StartChain["cause"][] = ["recovery", "relocate", "restart", "failback"];

/** Why a stopped service is not started now, or null when it may be. */
export function startObstacle(
  table: TableState,
  name: ServiceName,
  cause: StartChain["cause"] = "evaluation",
): string | null {
  const unknown = table.unknownHolders(name);
  if (unknown.length > 0) {
    const names = unknown.map((node) => table.nameOf(node)).join(", ");
    return `${names} to be fenced or proven clean: it might be running there`;
  }
  const { pendingInit } = table.service(name);
  if (pendingInit.length > 0) {
    const names = pendingInit.map((node) => table.nameOf(node)).join(", ");
    return `${names} to have stopped it once, since it is new`;
  }
  const soft = table.serviceConf(name).dependMode === "soft" && continued.includes(cause);
  if (!soft && !table.dependencyMet(name)) {
    return `${table.serviceConf(name).depend ?? ""}, on which it depends, to be started`;
  }
  return null;
}

export function evaluate(table: TableState, name: ServiceName): void {
  const service = table.service(name);
  if (service.state !== "stopped" || service.op !== null) return;
  if (service.frozen || table.locked || table.isHeld(name)) return;
  if (service.transition === 0 && !table.serviceConf(name).autostart) {
    table.put({ ...service, state: "disabled" });
    table.decide(name, "disabled: autostart is off");
    return;
  }
  if (startObstacle(table, name) !== null || awaitsBrokers(table, name)) return;
  const best = table.candidates(name, [])[0];
  if (best !== undefined) {
    beginStart(table, name, {
      node: best.node,
      chain: { ...emptyChain, cause: "evaluation" },
    });
  } else if (table.crowdedNodes(name).length > 0 && !service.crowdedOut) {
    table.put({ ...service, crowdedOut: true });
    const nodes = table.verdicts(name, []);
    table.decide(name, "not started: no node is free for it", { nodes, level: "warning" });
  }
}

/** Evaluates the services that exclusive services have kept from starting. */
export function* evaluateCrowdedOut(table: TableState): TableWork {
  if (table.index.nobodyCrowdedOut) return;
  for (const { name, crowdedOut } of table.inOrder()) {
    if (!crowdedOut) continue;
    evaluate(table, name);
    yield;
  }
}

export function* evaluateAll(table: TableState, except: ReadonlySet<ServiceName>): TableWork {
  for (const service of table.inOrder()) {
    if (except.has(service.name)) continue;
    evaluate(table, service.name);
    yield;
  }
}

/** Evaluates the services whose next attempt is due. */
export function* evaluateDue(table: TableState): TableWork {
  if (table.locked) return;
  for (const { name, retryAt } of table.inOrder()) {
    if (retryAt === null || retryAt > table.nowMs) continue;
    evaluate(table, name);
    const service = table.service(name);
    // No node may run it now: nothing was tried, so the pause does not grow.
    if (service.retryAt === retryAt) {
      table.put({ ...service, retryAt: table.nowMs + retryDelayMs(table, service) });
    }
    yield;
  }
}

/** The next node of a chain after a clean stop, or the end of the chain. */
export function startNext(table: TableState, name: ServiceName, chain: StartChain): void {
  if (table.isHeld(name)) {
    putToRest(table, table.service(name), "stopped");
    table.decide(name, "stopped until the configuration has changed");
    table.reply(chain.requests, failed("stopped-for-change"));
    return;
  }
  const obstacle = startObstacle(table, name, chain.cause);
  if (obstacle === null && brokerObstacle(table, name, chain.forced) !== null) {
    putToRest(table, table.service(name), "stopped");
    table.reply(chain.requests, failed("no-promotable-broker"));
    awaitsBrokers(table, name);
    return;
  }
  const next = obstacle === null ? nextNode(table, name, chain) : null;
  if (next === null) {
    const why = obstacle ?? (table.locked ? "services are locked" : null);
    endChain(table, name, { chain, why });
    return;
  }
  const returned = chain.tried.includes(next);
  beginStart(table, name, {
    node: next,
    chain: returned ? { ...chain, fallback: null, returned: true } : chain,
  });
}

function nextNode(table: TableState, name: ServiceName, chain: StartChain): NodeId | null {
  const { lastOwner } = table.service(name);
  const permitted = (except: readonly NodeId[]) =>
    table
      .candidates(name, except, chain.forced)
      .map((candidate) => candidate.node)
      .filter((node) => !table.locked || node === lastOwner);
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

/** No node could start it: stopped until an event or a retry, or disabled by restart-disable. */
function endChain(
  table: TableState,
  name: ServiceName,
  end: { readonly chain: StartChain; readonly why: string | null },
): void {
  const service = table.service(name);
  const conf = table.serviceConf(name);
  const confined = end.chain.only !== null && !mayLeaveNode(conf.recovery);
  table.reply(end.chain.requests, failed("no-node-started-it"));
  if (confined) {
    putToRest(table, service, "disabled");
    table.decide(name, "disabled: the restart in place failed (restart-disable)", { level: "err" });
    return;
  }
  putToRest(table, service, "stopped");
  const crowdedOut = table.candidates(name, []).length === 0 && table.crowdedNodes(name).length > 0;
  table.put({ ...table.service(name), crowdedOut });
  const delayMs = postponeStart(table, name, end.chain);
  const retry = delayMs === null ? "no retry" : `next attempt in ${delayMs / 1000} s`;
  const why = end.why === null ? "" : `; ${end.why}`;
  const refused = table.verdicts(name, end.chain.tried).map((one) => ({ ...one, fit: false }));
  // An alert for the first failure only; retries that fail are expected.
  const level = service.retryCount === 0 ? "alert" : "err";
  const text = `stopped: no node could start it, ${retry}${why}`;
  table.decide(name, text, { nodes: refused, level });
}

/** Puts the service into a state in which it has no owner and no operation. */
export function putToRest(
  table: TableState,
  service: ServiceRecord,
  state: "stopped" | "disabled" | "failed",
): void {
  table.put({
    ...service,
    state,
    lastOwner: service.owner ?? service.lastOwner,
    owner: null,
    partial: false,
    restarts: state === "failed" ? 0 : service.restarts,
    restartLog: state === "disabled" ? [] : service.restartLog,
    transition: Math.max(1, Math.floor(table.nowMs / 1000)),
    retryAt: null,
    crowdedOut: false,
    op: null,
    desired: null,
  });
}

/** The service `changed`: its dependents start, or stop if they depend on it hard. */
export function followDependency(table: TableState, changed: ServiceName): void {
  for (const name of table.index.dependentsOf(changed)) settleDependent(table, name);
}

/** Starts or stops one service as its dependency demands; without a dependency evaluates it. */
export function settleDependent(table: TableState, name: ServiceName): void {
  const { depend, dependMode } = table.serviceConf(name);
  const { state, owner, frozen, op } = table.service(name);
  if (table.dependencyMet(name)) {
    evaluate(table, name);
  } else if (
    dependMode === "hard" &&
    state === "started" &&
    op === null &&
    !frozen &&
    owner !== null &&
    table.isReady(owner)
  ) {
    beginStop(table, name, {
      node: owner,
      goal: { type: "wait" },
      why: `${depend ?? ""}, on which it depends, is not started`,
    });
  }
}

/** The chain of starts for a user's request. */
export function chainForRequest(
  cause: StartChain["cause"],
  ref: RequestRef,
  rest: Partial<StartChain>,
): StartChain {
  return { ...emptyChain, ...rest, cause, requests: [ref] };
}
