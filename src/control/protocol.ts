/**
 * The control protocol, version 1: what may be asked on the control socket and what is answered.
 * Knows requests, replies and their JSON; does not know sockets, nor who answers.
 * HTTP/1.1 over a UNIX stream socket, one request per connection, JSON in UTF-8 both ways:
 *
 *   GET  /v1/status                      → 200, ClusterStatus
 *   GET  /v1/metrics                     → 200, the status as Prometheus text (metrics.ts)
 *   GET  /v1/events                      → 200, one ControlEvent per line, until either side ends
 *   POST /v1/leave                       → 200, LeaveReply; the daemon then stops its services,
 *        leaves the ring and ends; body: empty, or {"remove": true, "force": true or false}
 *   POST /v1/reload                      → 200, AcknowledgeReply: its file is in force everywhere
 *   POST /v1/lock, POST /v1/unlock       → 200, ServiceReply, when every member knows it
 *   POST /v1/services/NAME/OPERATION     → 200, ServiceReply, when the operation has ended
 *        body: empty, or {"target": node name, "byDomain": true or false}
 *   POST /v1/nodes/NAME/acknowledge      → 200, AcknowledgeReply: the operator says it is off
 *        body: {"confirm": NAME, "by": who says so}
 *   POST /v1/nodes/NAME/kill             → 200, AcknowledgeReply: it ends; body: {"by": who}
 *   /v1/groups and below: see group-protocol.ts; votes and fencing: operator-protocol.ts
 *
 * NAME is percent-encoded; without a colon it means `service:NAME`. OPERATION is enable, disable,
 * stop, restart, relocate, freeze, unfreeze, convalesce or migrate. Anything else is answered with
 * {"error": {"type", "text"}} and the HTTP status of the type. Fields may be added within a
 * version, never removed or changed: readers ignore fields they do not know, except in the
 * request's body, where a misspelt field is refused.
 */

import { type NodeName, parseNodeName, parseServiceName, type ServiceName } from "../model/ids.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import type { RequestOutcome } from "../model/request-outcome.ts";
import { type ServiceOperation, serviceOperations } from "../model/service-operation.ts";
import type {
  ClusterStatus,
  NodeStatus,
  NodeVerdictStatus,
  QuorumStatus,
  RingStatus,
  ServiceState,
  ServiceStatus,
  ServiceWaitStatus,
  TokenRotation,
  WatchdogStatus,
} from "../model/status.ts";
import { serviceStateNumbers } from "../model/status.ts";
import { readAgents } from "./agents-status.ts";
import { type ControlError, echoed, percentDecoded, wrongMethod } from "./control-error.ts";
import { type GroupRoute, parseGroupRoute } from "./group-protocol.ts";
import { type JsonFields, readJson } from "./json-fields.ts";
import { type OperatorRoute, parseOperatorRoute, parseOrderReply } from "./operator-protocol.ts";
import { parseRequestCode, type RequestCode, requestCode, requestCodes } from "./request-codes.ts";

export const socketPathDefault = "/run/clusterd/clusterd.sock";

/** Holds all services as they are, and lets go of them. */
export type LockOperation = "lock" | "unlock";

const plainOrders = ["leave", "reload", "lock", "unlock"] as const;
const nodeOrders = ["acknowledge", "kill"] as const;

export type ControlRoute =
  | GroupRoute
  | OperatorRoute
  | { readonly type: "status" }
  | { readonly type: "metrics" }
  | { readonly type: "events" }
  | { readonly type: "leave" | "reload" }
  | { readonly type: "acknowledge" | "kill"; readonly node: NodeName }
  | { readonly type: LockOperation }
  | {
      readonly type: "service";
      readonly service: ServiceName;
      readonly operation: ServiceOperation;
    };

/** What the body of a service request may say. */
export type ServiceRequestBody = {
  /** Preferred node; only enable, relocate and migrate use it. */
  readonly target: NodeName | null;
  /** Enable only: choose the node by the failover domain, not the one that was asked. */
  readonly byDomain: boolean;
};

export type ServiceReply = {
  readonly code: RequestCode;
  /** Node id where the service runs now; 0 when nowhere. */
  readonly owner: number;
  /** The text of the code, or a whole sentence that says more. */
  readonly text: string;
};

/** A line of `/v1/events`. The first one is always `status`; `at` is seconds since 1970. */
export type ControlEvent =
  | { readonly type: "status"; readonly status: ClusterStatus }
  | { readonly type: "quorum"; readonly at: number; readonly quorum: QuorumStatus }
  | { readonly type: "nodes"; readonly at: number; readonly nodes: readonly NodeStatus[] }
  | { readonly type: "service"; readonly at: number; readonly service: ServiceStatus };

/** The first two parts of an HTTP request → what is asked. */
export function parseRoute(method: string, url: string): Result<ControlRoute, ControlError> {
  const [, version, kind, name, operation, ...rest] = url.split("/");
  if (version !== "v1") {
    const text = `this daemon speaks version 1: paths begin with /v1/, not ${echoed(url)}`;
    return refuse({ type: "unknown-version", text });
  }
  if ((kind === "status" || kind === "metrics" || kind === "events") && name === undefined) {
    return method === "GET" ? accept({ type: kind }) : refuse(wrongMethod(method, "GET"));
  }
  const plain = plainOrders.find((each) => each === kind);
  if (plain !== undefined && name === undefined) {
    return method === "POST" ? accept({ type: plain }) : refuse(wrongMethod(method, "POST"));
  }
  const order = nodeOrders.find((each) => each === operation);
  if (kind === "nodes" && name !== undefined && order !== undefined && rest.length === 0) {
    if (method !== "POST") return refuse(wrongMethod(method, "POST"));
    const node = parseNodeName(percentDecoded(name));
    if (node !== null) return accept({ type: order, node });
  }
  const operators = parseOperatorRoute(method, url.split("/").slice(2));
  if (operators !== null) return operators;
  if (kind === "groups") return parseGroupRoute(method, url.split("/").slice(3));
  const known = serviceOperations.find((each) => each === operation);
  if (kind !== "services" || name === undefined || known === undefined || rest.length > 0) {
    return refuse({ type: "not-found", text: `nothing is served at ${echoed(url)}` });
  }
  if (method !== "POST") return refuse(wrongMethod(method, "POST"));
  const service = parseServiceName(percentDecoded(name));
  if (service === null) {
    return refuse({ type: "bad-request", text: `${echoed(name)} is not a service name` });
  }
  return accept({ type: "service", service, operation: known });
}

export function servicePath(service: ServiceName, operation: ServiceOperation): string {
  return `/v1/services/${encodeURIComponent(service)}/${operation}`;
}

/** The body of a service request; `value` is its parsed JSON, an empty body counts as `{}`. */
export function parseServiceBody(
  value: unknown,
  operation: ServiceOperation,
): Result<ServiceRequestBody, ControlError> {
  const body = readJson(value, "body", (fields) => {
    for (const name of fields.names()) {
      if (name !== "target" && name !== "byDomain") fields.reject(`has no field ${echoed(name)}`);
    }
    const target = fields.has("target") ? fields.textOrNull("target") : null;
    const byDomain = fields.has("byDomain") ? fields.flag("byDomain") : false;
    if (byDomain && target !== null) fields.reject("has both target and byDomain");
    if (byDomain && operation !== "enable") fields.reject("has byDomain, which only enable takes");
    const node = target === null ? null : parseNodeName(target);
    if (target !== null && node === null) fields.reject("has a target that is not a node name");
    return { target: node, byDomain };
  });
  return body.ok ? body : refuse({ type: "bad-request", text: body.problem });
}

/** An operator's word that a node is off; `confirm` must repeat the name in the path. */
export type AcknowledgeBody = { readonly confirm: string; readonly by: string };
export type AcknowledgeReply = { readonly accepted: boolean; readonly text: string };

export function nodePath(node: string, order: (typeof nodeOrders)[number]): string {
  return `/v1/nodes/${encodeURIComponent(node)}/${order}`;
}

/** How to leave: `remove` for good, `force` although that may make a second quorate part. */
export type LeaveBody = { readonly remove: boolean; readonly force: boolean };
/** `text` says why it was not accepted. */
export type LeaveReply = { readonly accepted: boolean; readonly text: string };

export function parseLeaveBody(value: unknown): Result<LeaveBody, ControlError> {
  const body = readJson(value, "body", (fields) => {
    for (const name of fields.names()) {
      if (name !== "remove" && name !== "force") fields.reject(`has no field ${echoed(name)}`);
    }
    const remove = fields.has("remove") && fields.flag("remove");
    const force = fields.has("force") && fields.flag("force");
    if (force && !remove) fields.reject("has force, which only remove takes");
    return { remove, force };
  });
  return body.ok ? body : refuse({ type: "bad-request", text: body.problem });
}

export function parseKillBody(value: unknown): Result<{ readonly by: string }, ControlError> {
  const body = readJson(value, "body", (fields) => ({ by: fields.text("by").slice(0, 64) }));
  return body.ok ? body : refuse({ type: "bad-request", text: body.problem });
}

export function parseAcknowledgeBody(
  value: unknown,
  node: NodeName,
): Result<AcknowledgeBody, ControlError> {
  const body = readJson(value, "body", (fields) => {
    const confirm = fields.text("confirm");
    if (confirm !== node) fields.reject(`confirms ${echoed(confirm)}, not ${echoed(node)}`);
    return { confirm, by: fields.text("by").slice(0, 64) };
  });
  return body.ok ? body : refuse({ type: "bad-request", text: body.problem });
}

export function parseAcknowledgeReply(value: unknown): Result<AcknowledgeReply, string> {
  return parseOrderReply(value);
}

export function serviceReply(outcome: RequestOutcome, text: string): ServiceReply {
  return { code: requestCode(outcome), owner: outcome.owner ?? 0, text };
}

/** The reply of a service request; the problem says which field does not fit. */
export function parseServiceReply(value: unknown): Result<ServiceReply, string> {
  return readJson(value, "reply", (fields) => ({
    code: fields.parsed("code", parseRequestCode, requestCodes.failure),
    owner: fields.number("owner"),
    text: fields.text("text"),
  }));
}

/** The reply of `/v1/leave`. */
export function parseLeaveReply(value: unknown): Result<LeaveReply, string> {
  return readJson(value, "reply", (fields) => ({
    accepted: fields.flag("accepted"),
    text: fields.has("text") ? fields.text("text") : "",
  }));
}

/** The text of an error reply, or null when it is not one. */
export function parseErrorText(value: unknown): string | null {
  const error = readJson(value, "reply", (fields) => fields.object("error").text("text"));
  return error.ok ? error.value : null;
}

/** The reply of `/v1/status`; the problem says which field does not fit. */
export function parseClusterStatus(value: unknown): Result<ClusterStatus, string> {
  return readJson(value, "status", (fields) => {
    const cluster = fields.object("cluster");
    const lease = fields.object("lease");
    return {
      cluster: {
        name: cluster.text("name"),
        id: cluster.number("id"),
        configVersion: cluster.number("configVersion"),
        configHash: cluster.text("configHash"),
        configChange: cluster.textOrNull("configChange"),
      },
      now: fields.number("now"),
      localNode: fields.number("localNode"),
      generation: fields.number("generation"),
      ring: readRing(fields.object("ring")),
      quorum: readQuorum(fields.object("quorum")),
      nodes: fields.objects("nodes").map(readNode),
      services: fields.isNull("services") ? null : fields.objects("services").map(readService),
      locked: fields.flag("locked"),
      lease: { held: lease.flag("held"), remainingMs: lease.number("remainingMs") },
      tracking: fields.parsed("tracking", parseTracking, "marks"),
      watchdog: readWatchdog(fields.object("watchdog")),
      agents: readAgents(fields.object("agents")),
    };
  });
}

function readWatchdog(fields: JsonFields): WatchdogStatus {
  return { state: fields.parsed("state", parseWatchdogState, "unused"), text: fields.text("text") };
}

function parseWatchdogState(value: unknown): WatchdogStatus["state"] | null {
  const known = ["unused", "waiting", "armed", "refused"] as const;
  return known.find((state) => state === value) ?? null;
}

function readRing(fields: JsonFields): RingStatus {
  return {
    state: fields.parsed("state", parseRingState, "stopped"),
    id: fields.text("id"),
    transport: fields.parsed("transport", parseTransport, "udp"),
    multicast: fields.textOrNull("multicast"),
    rotation: fields.isNull("rotation") ? null : readRotation(fields.object("rotation")),
    counters: fields.numbers("counters"),
  };
}

function parseTransport(value: unknown): RingStatus["transport"] | null {
  return value === "udp" || value === "udpu" ? value : null;
}

function readRotation(fields: JsonFields): TokenRotation {
  return {
    minMs: fields.number("minMs"),
    meanMs: fields.number("meanMs"),
    maxMs: fields.number("maxMs"),
    p99Ms: fields.number("p99Ms"),
  };
}

function readQuorum(fields: JsonFields): QuorumStatus {
  return {
    quorate: fields.flag("quorate"),
    votes: fields.number("votes"),
    expectedVotes: fields.number("expectedVotes"),
    quorum: fields.number("quorum"),
    twoNode: fields.flag("twoNode"),
    reason: fields.text("reason"),
  };
}

function readNode(fields: JsonFields): NodeStatus {
  return {
    id: fields.number("id"),
    name: fields.text("name"),
    votes: fields.number("votes"),
    address: fields.text("address"),
    incarnation: fields.number("incarnation"),
    joinedGeneration: fields.number("joinedGeneration"),
    joinedAt: fields.number("joinedAt"),
    online: fields.flag("online"),
    local: fields.flag("local"),
    estranged: fields.flag("estranged"),
    ready: fields.flag("ready"),
    fence: fields.text("fence"),
  };
}

function readService(fields: JsonFields): ServiceStatus {
  return {
    name: fields.text("name"),
    state: fields.parsed("state", parseServiceState, "uninitialized"),
    frozen: fields.flag("frozen"),
    partial: fields.flag("partial"),
    owner: fields.number("owner"),
    lastOwner: fields.number("lastOwner"),
    restarts: fields.number("restarts"),
    transition: fields.number("transition"),
    waitingFor: fields.textOrNull("waitingFor"),
    wait: fields.isNull("wait") ? null : readWait(fields.object("wait")),
    candidates: fields.objects("candidates").map(readVerdict),
    decisions: fields.objects("decisions").map((each) => ({
      at: each.number("at"),
      text: each.text("text"),
      nodes: each.objects("nodes").map(readVerdict),
    })),
  };
}

function readWait(fields: JsonFields): ServiceWaitStatus {
  return {
    kind: fields.text("kind"),
    nodes: fields.parsed("nodes", parseNumbers, []),
    at: fields.isNull("at") ? null : fields.number("at"),
    remedy: fields.text("remedy"),
  };
}

function parseNumbers(value: unknown): readonly number[] | null {
  return Array.isArray(value) && value.every((each) => typeof each === "number") ? value : null;
}

function readVerdict(fields: JsonFields): NodeVerdictStatus {
  return {
    node: fields.number("node"),
    fit: fields.flag("fit"),
    reason: fields.text("reason"),
  };
}

const ringStates: readonly RingStatus["state"][] = [
  "operational",
  "gather",
  "commit",
  "recovery",
  "stopped",
];

function parseRingState(value: unknown): RingStatus["state"] | null {
  return ringStates.find((state) => state === value) ?? null;
}

function parseTracking(value: unknown): ClusterStatus["tracking"] | null {
  return value === "cgroups" || value === "marks" ? value : null;
}

function parseServiceState(value: unknown): ServiceState | null {
  return isServiceState(value) ? value : null;
}

function isServiceState(value: unknown): value is ServiceState {
  return typeof value === "string" && Object.hasOwn(serviceStateNumbers, value);
}
