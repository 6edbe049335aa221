/**
 * What follows when an operation of a service has ended, or when a status check failed.
 * Source: rgmanager rg_state.c: svc_start, _svc_stop_finish, handle_recover_req; rg_thread.c.
 * Deviation: the stop that a recovery has done is not done again by policy `disable`.
 * Tested in: test/services/retries.test.ts, test/services/service-table.test.ts
 */
import type { ServiceName } from "../../model/ids.ts";
import { assertNever, invariant } from "../../model/outcome.ts";
import { done, failed } from "../../model/request-outcome.ts";
import { giveUp } from "./conf-change.ts";
import {
  beginRepair,
  beginStart,
  beginStop,
  evaluate,
  failBack,
  followDependency,
  rest,
  settleDependent,
  startObstacle,
  tryNext,
} from "./evaluation.ts";
import { chooseRecovery } from "./recovery-policy.ts";
import { hastenRetries } from "./retries.ts";
import type { ServiceMessage } from "./service-messages.ts";
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
export function onOpResult(draft: TableState, message: OpResult): void {
  const name = draft.index.ofOperation(message.op);
  if (name === null) return;
  const service = draft.service(name);
  const { op } = service;
  invariant(op !== null, `operation ${message.op} of ${name}, which has none`);
  if (op.node !== message.node || op.life !== message.life) return;
  // A node that took a new life since has stopped everything; `ready` resolves what it held.
  if (draft.node(op.node).life !== op.life || draft.awaitedNode(service.name) !== null) return;
  if (op.kind === "repair") {
    onRepaired(draft, { service, op, message });
  } else if (op.kind === "start") {
    if (message.outcome !== "declined") draft.noteWork(name);
    if (message.outcome === "ok") onStarted(draft, service, op);
    else onStartFailed(draft, service, { op, text: message.text });
  } else if (message.outcome === "ok") {
    onStopped(draft, service, op);
  } else {
    onStopFailed(draft, service, { op, text: message.text });
  }
}

function onStarted(draft: TableState, service: ServiceRecord, op: StartOp): void {
  draft.put({
    ...service,
    state: "started",
    startOp: op.id,
    retryAt: null,
    retryCount: 0,
    op: null,
    desired: null,
  });
  draft.startsDone += 1;
  draft.decide(service.name, `started on ${draft.nameOf(op.node)}`);
  const returned = op.chain.returned && op.chain.cause === "relocate";
  const outcome = returned ? failed("back-on-origin", op.node) : done(op.node);
  draft.reply(op.chain.requests, outcome);
  catchUp(draft, service, op);
  // A better node that became ready while it was starting has not been considered yet.
  const { cause, tried } = op.chain;
  const better = cause === "evaluation" ? draft.candidates(service.name, tried) : [];
  for (const { node } of better) failBack(draft, node, service.name);
  followDependency(draft, service.name);
  hastenRetries(draft, op.node);
}

/** What came up while the service was busy: a user's wish, its node's end, its dependency's. */
function catchUp(draft: TableState, busy: ServiceRecord, op: Operation): void {
  const { name, desired } = busy;
  if (desired !== null) {
    beginStop(draft, name, {
      node: op.node,
      goal: { type: "rest", state: desired.end },
      chain: { ...emptyChain, requests: desired.requests },
      why: `asked for while ${op.kind} was under way`,
    });
  } else if (draft.node(op.node).phase === "leaving") {
    beginStop(draft, name, {
      node: op.node,
      goal: { type: "exit" },
      why: `${draft.nameOf(op.node)} is leaving`,
    });
  } else {
    settleDependent(draft, name);
  }
}

const repairWords: Readonly<Record<RepairOp["parts"], string>> = {
  failed: "inline recovery",
  "left-out": "convalesce",
  gone: "stop of what the next configuration has not",
  fresh: "start of what is new",
};

/** Its parts were repaired where it runs: it goes on; else it is recovered as a whole. */
function onRepaired(
  draft: TableState,
  repaired: {
    readonly service: ServiceRecord;
    readonly op: RepairOp;
    readonly message: OpResult;
  },
): void {
  const { service, op, message } = repaired;
  const { outcome, partial, text } = message;
  draft.put({ ...service, op: null, desired: null, partial });
  const good = outcome === "ok";
  const what = repairWords[op.parts];
  const end = good ? "complete" : `failed: ${text}`;
  const left = partial ? `; partial, clusvcadm-ts -c ${service.name} starts what is left out` : "";
  const warned = good && text !== "" ? `: ${text}` : "";
  const level = good && text === "" && !partial ? "notice" : "warning";
  draft.decide(service.name, `${what} on ${draft.nameOf(op.node)} ${end}${warned}${left}`, {
    level,
  });
  draft.reply(op.chain.requests, good ? done(op.node) : failed("repair-failed", op.node));
  if (op.parts === "gone" && !good) giveUp(draft, `parts of ${service.name} cannot be stopped`);
  if (draft.service(service.name).op !== null) return;
  if (op.parts === "gone" && draft.change === null && service.desired === null) {
    const why = "its parts were stopped for a configuration that is not used";
    beginStop(draft, service.name, { node: op.node, goal: { type: "restart" }, why });
    return;
  }
  const leaving = draft.node(op.node).phase !== "ready";
  if (good || op.parts === "left-out" || service.desired !== null || leaving) {
    catchUp(draft, service, op);
    return;
  }
  beginStop(draft, service.name, {
    node: op.node,
    goal: { type: "recover" },
    why: `${what} failed: ${text}`,
    level: "warning",
  });
}

function onStartFailed(
  draft: TableState,
  service: ServiceRecord,
  failure: { readonly op: StartOp; readonly text: string },
): void {
  const { op } = failure;
  const tried = op.chain.tried.includes(op.node) ? op.chain.tried : [...op.chain.tried, op.node];
  const fallback = op.chain.returned ? null : (op.chain.fallback ?? originOf(op.chain, op));
  beginStop(draft, service.name, {
    node: op.node,
    goal: { type: "next" },
    chain: { ...op.chain, tried, fallback },
    why: `start failed: ${failure.text}`,
    level: "warning",
  });
}

/** The node a chain began on, which is tried once more where no other node is legal. */
function originOf(chain: StartChain, op: StartOp): StartOp["node"] | null {
  if (chain.cause === "evaluation" || chain.cause === "failback") return null;
  return chain.tried[0] ?? op.node;
}

function onStopped(draft: TableState, service: ServiceRecord, op: StopOp): void {
  const held = service.owner;
  const stopped: ServiceRecord = {
    ...service,
    state: "stopped",
    owner: null,
    lastOwner: held ?? service.lastOwner,
    partial: false,
    transition: Math.max(1, Math.floor(draft.nowMs / 1000)),
    op: null,
    desired: null,
  };
  draft.put(stopped);
  followDependency(draft, service.name);
  if (service.desired !== null) {
    rest(draft, draft.service(service.name), service.desired.end);
    draft.decide(service.name, `${service.desired.end}, as asked while it was busy`);
    draft.reply(service.desired.requests, done());
    const overtaken = op.goal.type !== "rest";
    draft.reply(op.chain.requests, overtaken ? failed("overtaken") : done());
    return;
  }
  followGoal(draft, service.name, op);
}

function followGoal(draft: TableState, name: ServiceName, op: StopOp): void {
  switch (op.goal.type) {
    case "rest":
      rest(draft, draft.service(name), op.goal.state);
      draft.decide(name, op.goal.state);
      draft.reply(op.chain.requests, done());
      return;
    case "exit":
      draft.decide(name, `stopped, ${draft.nameOf(op.node)} is leaving`);
      evaluate(draft, name);
      return;
    case "wait":
      draft.decide(name, "stopped until the service on which it depends is started");
      evaluate(draft, name);
      return;
    case "change":
      draft.decide(name, "stopped for another configuration");
      evaluate(draft, name);
      return;
    case "next":
      tryNext(draft, name, op.chain);
      return;
    case "restart":
      if (
        draft.isReady(op.node) &&
        !draft.isHeld(name) &&
        startObstacle(draft, name, op.chain.cause) === null
      ) {
        beginStart(draft, name, { node: op.node, chain: op.chain });
      } else {
        tryNext(draft, name, op.chain);
      }
      return;
    case "recover":
      recover(draft, name, op);
      return;
    default:
      assertNever(op.goal);
  }
}

function recover(draft: TableState, name: ServiceName, op: StopOp): void {
  const conf = draft.serviceConf(name);
  const service = draft.service(name);
  const choice = chooseRecovery(conf, service.restartLog, draft.nowMs);
  const chain: StartChain = { ...op.chain, cause: "recovery" };
  if (draft.isHeld(name)) {
    tryNext(draft, name, chain);
    return;
  }
  switch (choice.type) {
    case "restart-in-place": {
      draft.put({ ...service, restartLog: choice.restartLog });
      draft.decide(name, "recovering: restart in place");
      const only = conf.recovery === "restart-disable" ? op.node : null;
      const inPlace = { ...chain, prefer: op.node, only };
      tryNext(draft, name, inPlace);
      return;
    }
    case "relocate":
      draft.put({ ...service, restartLog: [] });
      draft.decide(name, "recovering: relocate");
      tryNext(draft, name, { ...chain, tried: [op.node], fallback: op.node });
      return;
    case "disable":
      draft.put({ ...service, restartLog: [] });
      rest(draft, draft.service(name), "disabled");
      draft.decide(name, `disabled by its recovery policy (${conf.recovery})`, { level: "err" });
      return;
    default:
      assertNever(choice);
  }
}

function onStopFailed(
  draft: TableState,
  service: ServiceRecord,
  failure: { readonly op: StopOp; readonly text: string },
): void {
  const { op, text } = failure;
  const where = draft.nameOf(op.node);
  const requests = [...op.chain.requests, ...(service.desired?.requests ?? [])];
  const disabling = op.goal.type === "rest" && op.goal.state === "disabled";
  if (op.cleanup === "yes" && disabling) {
    rest(draft, service, "disabled");
    draft.decide(service.name, `disabled, but its stop on ${where} failed: ${text}`);
    draft.emit({
      type: "notice",
      level: "alert",
      text: `${service.name}: marked disabled although parts may still run on ${where} (${text})`,
    });
    draft.reply(requests, failed("disabled-unclean"));
    return;
  }
  rest(draft, { ...service, owner: service.owner ?? op.node }, "failed");
  draft.decide(service.name, `failed: stop on ${where} failed: ${text}`);
  draft.emit({
    type: "notice",
    level: "alert",
    text:
      `${service.name}: stop failed on ${where} (${text}); state failed; ` +
      "repair by hand, then clusvcadm-ts -d and -e",
  });
  draft.reply(requests, failed("stop-failed"));
  followDependency(draft, service.name);
}

/** A failed check counts only for the very start it checked. */
export function onStatusFailed(draft: TableState, message: StatusFailed): void {
  const service = draft.services.get(message.service);
  if (service === undefined || service.state !== "started" || service.op !== null) return;
  if (service.frozen) return;
  if (service.owner !== message.node || service.startOp !== message.startOp) return;
  if (draft.node(message.node).life !== message.life) return;
  // What a change has stopped must not be started again with the part that it belongs to.
  if (message.type === "part-failed" && !draft.isHeld(service.name)) {
    beginRepair(draft, service.name, {
      parts: "failed",
      chain: { ...emptyChain, cause: "recovery" },
      why: `some independent resources failed, inline recovery: ${message.text}`,
      level: "warning",
    });
    return;
  }
  beginStop(draft, service.name, {
    node: message.node,
    goal: draft.node(message.node).phase === "ready" ? { type: "recover" } : { type: "exit" },
    why: `status check failed: ${message.text}`,
    level: "warning",
  });
}
