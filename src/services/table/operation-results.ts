/**
 * What follows when an operation of a service has ended, or a status check has failed.
 * Source: rgmanager rg_state.c: svc_start, _svc_stop_finish, handle_recover_req; rg_thread.c.
 * Deviation: with policy `disable`, a service that was stopped for its recovery is not stopped
 * twice.
 * Tested in: test/services/retries.test.ts, test/services/service-table.test.ts
 */
import type { ServiceName } from "../../model/ids.ts";
import { assertNever, invariant } from "../../model/outcome.ts";
import { done, failed } from "../../model/request-outcome.ts";
import { withoutPrimary, withoutSight } from "./broker-records.ts";
import { giveUp } from "./conf-change.ts";
import {
  beginRepair,
  beginStart,
  beginStop,
  evaluate,
  followDependency,
  putToRest,
  settleDependent,
  startNext,
  startObstacle,
} from "./evaluation.ts";
import { chooseRecovery } from "./recovery-policy.ts";
import { hastenRetries } from "./retries.ts";
import type { ServiceMessage } from "./service-messages.ts";
import { failBack } from "./service-moves.ts";
import {
  emptyChain,
  type Operation,
  type ServiceRecord,
  type StartChain,
} from "./service-state.ts";
import type { TableState } from "./table-state.ts";

type OpResult = Extract<ServiceMessage, { readonly type: "op-result" }>;
type StatusFailed = Extract<ServiceMessage, { readonly type: "status-failed" | "part-failed" }>;
type StartOp = Extract<Operation, { readonly kind: "start" }>;
type RepairOp = Extract<Operation, { readonly kind: "repair" }>;
export type StopOp = Extract<Operation, { readonly kind: "stop" }>;

/** A result of an operation that is no longer awaited is ignored. */
export function onOpResult(table: TableState, message: OpResult): void {
  const name = table.index.ofOperation(message.op);
  if (name === null) return;
  const service = table.service(name);
  const { op } = service;
  invariant(op !== null, `the index has operation ${message.op} for ${name}, which has none`);
  if (op.node !== message.node || op.life !== message.life) return;
  // A node with a new life has stopped everything; its `ready` releases what it held.
  if (table.node(op.node).life !== op.life || table.awaitedNode(service.name) !== null) return;
  if (op.kind === "repair") {
    onRepaired(table, { service, op, message });
  } else if (op.kind === "start") {
    if (message.outcome !== "declined") table.noteWork(name);
    if (message.outcome === "ok") onStarted(table, service, op);
    else onStartFailed(table, service, { op, text: message.text });
  } else if (message.outcome === "ok") {
    onStopped(table, service, op);
  } else {
    onStopFailed(table, service, { op, text: message.text });
  }
}

function onStarted(table: TableState, service: ServiceRecord, op: StartOp): void {
  table.put({
    ...service,
    state: "started",
    startOp: op.id,
    retryAt: null,
    retryCount: 0,
    op: null,
    desired: null,
  });
  table.startsDone += 1;
  if (table.index.runsBroker(service.name)) {
    table.brokers = withoutSight(table.brokers, op.node);
  }
  // Until now the script must find that the wait is over.
  if (table.index.promoting.has(service.name)) {
    table.brokers = { ...table.brokers, waitingSince: null };
  }
  table.decide(service.name, `started on ${table.nameOf(op.node)}`);
  const returned = op.chain.returned && op.chain.cause === "relocate";
  const outcome = returned ? failed("back-on-origin", op.node) : done(op.node);
  table.reply(op.chain.requests, outcome);
  catchUp(table, service, op);
  // A better node that became ready while it was starting has not been considered yet.
  const { cause, tried } = op.chain;
  const better = cause === "evaluation" ? table.candidates(service.name, tried) : [];
  for (const { node } of better) failBack(table, node, service.name);
  followDependency(table, service.name);
  hastenRetries(table, op.node);
}

/**
 * Does what was put off while the service was busy: a request, a node that leaves, a dependency.
 */
function catchUp(table: TableState, busy: ServiceRecord, op: Operation): void {
  const { name, desired } = busy;
  if (desired !== null) {
    beginStop(table, name, {
      node: op.node,
      goal: { type: "rest", state: desired.end },
      chain: { ...emptyChain, requests: desired.requests },
      why: `requested while ${op.kind} was under way`,
    });
  } else if (table.node(op.node).phase === "leaving") {
    beginStop(table, name, {
      node: op.node,
      goal: { type: "exit" },
      why: `${table.nameOf(op.node)} is leaving`,
    });
  } else {
    settleDependent(table, name);
  }
}

const repairWords: Readonly<Record<RepairOp["parts"], string>> = {
  failed: "inline recovery",
  "left-out": "convalesce",
  gone: "stop of parts that the next configuration removes",
  fresh: "start of parts that the configuration adds",
};

/** A repair has ended: the service goes on, or is recovered as a whole if the repair failed. */
function onRepaired(
  table: TableState,
  repaired: {
    readonly service: ServiceRecord;
    readonly op: RepairOp;
    readonly message: OpResult;
  },
): void {
  const { service, op, message } = repaired;
  const { outcome, partial, text } = message;
  table.put({ ...service, op: null, desired: null, partial });
  const good = outcome === "ok";
  const what = repairWords[op.parts];
  const end = good ? "complete" : `failed: ${text}`;
  const left = partial ? `; partial, clusvcadm-ts -c ${service.name} starts the rest` : "";
  const warned = good && text !== "" ? `: ${text}` : "";
  const level = good && text === "" && !partial ? "notice" : "warning";
  table.decide(service.name, `${what} on ${table.nameOf(op.node)} ${end}${warned}${left}`, {
    level,
  });
  table.reply(op.chain.requests, good ? done(op.node) : failed("repair-failed", op.node));
  if (op.parts === "gone" && !good) giveUp(table, `parts of ${service.name} cannot be stopped`);
  if (table.service(service.name).op !== null) return;
  if (op.parts === "gone" && table.change === null && service.desired === null) {
    const why = "its parts were stopped for a configuration that is not used";
    beginStop(table, service.name, { node: op.node, goal: { type: "restart" }, why });
    return;
  }
  const leaving = table.node(op.node).phase !== "ready";
  if (good || op.parts === "left-out" || service.desired !== null || leaving) {
    catchUp(table, service, op);
    return;
  }
  beginStop(table, service.name, {
    node: op.node,
    goal: { type: "recover" },
    why: `${what} failed: ${text}`,
    level: "warning",
  });
}

function onStartFailed(
  table: TableState,
  service: ServiceRecord,
  failure: { readonly op: StartOp; readonly text: string },
): void {
  const { op } = failure;
  const tried = op.chain.tried.includes(op.node) ? op.chain.tried : [...op.chain.tried, op.node];
  const fallback = op.chain.returned ? null : (op.chain.fallback ?? originOf(op.chain, op));
  beginStop(table, service.name, {
    node: op.node,
    goal: { type: "next" },
    chain: { ...op.chain, tried, fallback },
    why: `start failed: ${failure.text}`,
    level: "warning",
  });
}

/** The node on which a chain began; it is tried once more if no other node is legal. */
function originOf(chain: StartChain, op: StartOp): StartOp["node"] | null {
  if (chain.cause === "evaluation" || chain.cause === "failback") return null;
  return chain.tried[0] ?? op.node;
}

function onStopped(table: TableState, service: ServiceRecord, op: StopOp): void {
  const held = service.owner;
  const stopped: ServiceRecord = {
    ...service,
    state: "stopped",
    owner: null,
    lastOwner: held ?? service.lastOwner,
    partial: false,
    transition: Math.max(1, Math.floor(table.nowMs / 1000)),
    op: null,
    desired: null,
  };
  table.put(stopped);
  if (table.index.promoting.has(service.name)) {
    table.brokers = withoutPrimary(table.brokers, op.node);
  }
  followDependency(table, service.name);
  if (service.desired !== null) {
    putToRest(table, table.service(service.name), service.desired.end);
    table.decide(service.name, `${service.desired.end}, as asked while it was busy`);
    table.reply(service.desired.requests, done());
    const overtaken = op.goal.type !== "rest";
    table.reply(op.chain.requests, overtaken ? failed("overtaken") : done());
    return;
  }
  followGoal(table, service.name, op);
}

function followGoal(table: TableState, name: ServiceName, op: StopOp): void {
  switch (op.goal.type) {
    case "rest":
      putToRest(table, table.service(name), op.goal.state);
      table.decide(name, op.goal.state);
      table.reply(op.chain.requests, done());
      return;
    case "exit":
      table.decide(name, `stopped, ${table.nameOf(op.node)} is leaving`);
      evaluate(table, name);
      return;
    case "wait":
      table.decide(name, "stopped until the service on which it depends is started");
      evaluate(table, name);
      return;
    case "change":
      table.decide(name, "stopped for another configuration");
      evaluate(table, name);
      return;
    case "next":
      startNext(table, name, op.chain);
      return;
    case "restart":
      if (
        table.isReady(op.node) &&
        !table.isHeld(name) &&
        startObstacle(table, name, op.chain.cause) === null &&
        table.promotion(name, op.chain.forced)?.nodes.includes(op.node) !== false
      ) {
        beginStart(table, name, { node: op.node, chain: op.chain });
      } else {
        startNext(table, name, op.chain);
      }
      return;
    case "recover":
      recover(table, name, op);
      return;
    default:
      assertNever(op.goal);
  }
}

function recover(table: TableState, name: ServiceName, op: StopOp): void {
  const conf = table.serviceConf(name);
  const service = table.service(name);
  const choice = chooseRecovery(conf, service.restartLog, table.nowMs);
  const chain: StartChain = { ...op.chain, cause: "recovery" };
  if (table.isHeld(name)) {
    startNext(table, name, chain);
    return;
  }
  switch (choice.type) {
    case "restart-in-place": {
      table.put({ ...service, restartLog: choice.restartLog });
      table.decide(name, "recovering: restart in place");
      const only = conf.recovery === "restart-disable" ? op.node : null;
      const inPlace = { ...chain, prefer: op.node, only };
      startNext(table, name, inPlace);
      return;
    }
    case "relocate":
      table.put({ ...service, restartLog: [] });
      table.decide(name, "recovering: relocate");
      startNext(table, name, { ...chain, tried: [op.node], fallback: op.node });
      return;
    case "disable":
      table.put({ ...service, restartLog: [] });
      putToRest(table, table.service(name), "disabled");
      table.decide(name, `disabled by its recovery policy (${conf.recovery})`, { level: "err" });
      return;
    default:
      assertNever(choice);
  }
}

function onStopFailed(
  table: TableState,
  service: ServiceRecord,
  failure: { readonly op: StopOp; readonly text: string },
): void {
  const { op, text } = failure;
  const where = table.nameOf(op.node);
  const requests = [...op.chain.requests, ...(service.desired?.requests ?? [])];
  const disabling = op.goal.type === "rest" && op.goal.state === "disabled";
  if (op.cleanup === "yes" && disabling) {
    putToRest(table, service, "disabled");
    table.decide(service.name, `disabled, but its stop on ${where} failed: ${text}`);
    table.emit({
      type: "notice",
      level: "alert",
      text: `${service.name}: marked disabled although parts may still run on ${where} (${text})`,
    });
    table.reply(requests, failed("disabled-unclean"));
    return;
  }
  putToRest(table, { ...service, owner: service.owner ?? op.node }, "failed");
  table.decide(service.name, `failed: stop on ${where} failed: ${text}`);
  table.emit({
    type: "notice",
    level: "alert",
    text:
      `${service.name}: stop failed on ${where} (${text}); state failed; ` +
      "repair by hand, then clusvcadm-ts -d and -e",
  });
  table.reply(requests, failed("stop-failed"));
  followDependency(table, service.name);
}

/** A failed check counts only for the start (`startOp`) that it has checked. */
export function onStatusFailed(table: TableState, message: StatusFailed): void {
  const service = table.services.get(message.service);
  if (service === undefined || service.state !== "started" || service.op !== null) return;
  if (service.frozen) return;
  if (service.owner !== message.node || service.startOp !== message.startOp) return;
  if (table.node(message.node).life !== message.life) return;
  // A repair would start parts again that a change of the conf has stopped.
  if (message.type === "part-failed" && !table.isHeld(service.name)) {
    beginRepair(table, service.name, {
      parts: "failed",
      chain: { ...emptyChain, cause: "recovery" },
      why: `some independent resources failed, inline recovery: ${message.text}`,
      level: "warning",
    });
    return;
  }
  beginStop(table, service.name, {
    node: message.node,
    goal: table.node(message.node).phase === "ready" ? { type: "recover" } : { type: "exit" },
    why: `status check failed: ${message.text}`,
    level: "warning",
  });
}
