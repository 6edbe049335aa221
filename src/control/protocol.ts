/**
 * The control protocol, version 1: the requests on the control socket and their replies.
 * HTTP/1.1 over a UNIX stream socket, one request per connection, JSON in UTF-8 both ways:
 *
 *   GET  /v1/status                      → 200, ClusterStatus
 *   GET  /v1/metrics                     → 200, the status as Prometheus text (metrics.ts)
 *   GET  /v1/events                      → 200, one ControlEvent per line, until either side ends
 *   POST /v1/leave                       → 200, Acceptance; the daemon then stops its services,
 *        leaves the ring and ends; body: empty, or {"remove": true, "force": true or false}
 *   POST /v1/reload                      → 200, Acceptance: its file is in force everywhere
 *   POST /v1/lock, POST /v1/unlock       → 200, ServiceReply, when every member knows it
 *   POST /v1/services/NAME/OPERATION     → 200, ServiceReply, when the operation has ended
 *        body: empty, or {"target": node name, "byDomain": true or false}; of a relocation,
 *        byDomain permits to promote a broker that may lack messages
 *   POST /v1/nodes/NAME/acknowledge      → 200, Acceptance: the operator says that the node is off
 *        body: {"confirm": NAME, "by": name of the operator}
 *   POST /v1/nodes/NAME/kill             → 200, Acceptance: it ends; body: {"by": who}
 *   /v1/groups and below: see group-protocol.ts; votes and fencing: operator-protocol.ts
 *
 * NAME is percent-encoded; without a colon it means `service:NAME`. OPERATION is enable, disable,
 * stop, restart, relocate, freeze, unfreeze, convalesce or migrate. Anything else is answered with
 * {"error": {"type", "text"}} and the HTTP status of the type. Fields may be added within a
 * version, never removed or changed: readers ignore fields they do not know, except in the
 * request's body, where a misspelt field is refused.
 */
import { type Acceptance, acceptance } from "../model/acceptance.ts";
import { type NodeName, parseNodeName, parseServiceName, type ServiceName } from "../model/ids.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import type { RequestOutcome } from "../model/request-outcome.ts";
import { type ServiceOperation, serviceOperations } from "../model/service-operation.ts";
import {
  checked,
  closedRecord,
  flag,
  nodeName,
  nullable,
  number,
  optional,
  parsedBy,
  readAs,
  readOrNull,
  record,
  type Shape,
  text,
} from "../model/shape.ts";
import type { ClusterStatus, NodeStatus, QuorumStatus, ServiceStatus } from "../model/status.ts";
import { quoted } from "../model/visible-text.ts";
import { orderedBy, parseBody, requireConfirmation } from "./body-shape.ts";
import { type ControlError, percentDecoded, wrongMethod } from "./control-error.ts";
import { type GroupRoute, parseGroupRoute } from "./group-protocol.ts";
import { type OperatorRoute, parseOperatorRoute } from "./operator-protocol.ts";
import { parseRequestCode, type RequestCode, requestCode } from "./request-codes.ts";

export const socketPathDefault = "/run/clusterd/clusterd.sock";

/** Locks all services, so that none is started or relocated, or unlocks them. */
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

/** The body of a service request. */
export type ServiceRequestBody = {
  /** The preferred node, for enable, relocate and migrate. */
  readonly target: NodeName | null;
  /** For enable: choose the node by the failover domain, not the node that was asked. */
  readonly byDomain: boolean;
};

export type ServiceReply = {
  readonly code: RequestCode;
  /** Node id where the service runs now; 0 when nowhere. */
  readonly owner: number;
  /** The text of the code, or a sentence that says more. */
  readonly text: string;
};

/** A line of `/v1/events`. The first one is always `status`; `at` is seconds since 1970. */
export type ControlEvent =
  | { readonly type: "status"; readonly status: ClusterStatus }
  | { readonly type: "quorum"; readonly at: number; readonly quorum: QuorumStatus }
  | { readonly type: "nodes"; readonly at: number; readonly nodes: readonly NodeStatus[] }
  | { readonly type: "service"; readonly at: number; readonly service: ServiceStatus };

/** Method and path of an HTTP request → the request. */
export function parseRoute(method: string, url: string): Result<ControlRoute, ControlError> {
  const [, version, kind, name, operation, ...rest] = url.split("/");
  if (version !== "v1") {
    const text = `this daemon speaks version 1: paths begin with /v1/, not ${quoted(url)}`;
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
    return refuse({ type: "not-found", text: `nothing is served at ${quoted(url)}` });
  }
  if (method !== "POST") return refuse(wrongMethod(method, "POST"));
  const service = parseServiceName(percentDecoded(name));
  if (service === null) {
    return refuse({ type: "bad-request", text: `${quoted(name)} is not a service name` });
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
  return parseBody(
    checked(serviceBody, ({ target, byDomain }) => {
      if (!byDomain || operation === "relocate") return null;
      if (target !== null) return "has both target and byDomain";
      return operation === "enable" ? null : "has byDomain, which only enable and relocate take";
    }),
    value,
  );
}

const serviceBody: Shape<ServiceRequestBody> = closedRecord({
  target: optional(nullable(nodeName), null),
  byDomain: optional(flag, false),
});

/** An operator's acknowledgement that a node is off; `confirm` must repeat the name in the path. */
export type AcknowledgeBody = { readonly confirm: string; readonly by: string };

export function nodePath(node: string, order: (typeof nodeOrders)[number]): string {
  return `/v1/nodes/${encodeURIComponent(node)}/${order}`;
}

/** `remove`: leave for good. `force`: even if the rest could then become quorate twice. */
export type LeaveBody = { readonly remove: boolean; readonly force: boolean };

export function parseLeaveBody(value: unknown): Result<LeaveBody, ControlError> {
  return parseBody(leaveBody, value);
}

const leaveBody: Shape<LeaveBody> = checked(
  closedRecord({ remove: optional(flag, false), force: optional(flag, false) }),
  ({ remove, force }) => (force && !remove ? "has force, which only remove takes" : null),
);

export function parseKillBody(value: unknown): Result<{ readonly by: string }, ControlError> {
  return parseBody(record({ by: orderedBy }), value);
}

export function parseAcknowledgeBody(
  value: unknown,
  node: NodeName,
): Result<AcknowledgeBody, ControlError> {
  return parseBody(requireConfirmation(record({ confirm: text, by: orderedBy }), node), value);
}

/** The reply to an order that is accepted or refused with a text. */
export function parseAcceptance(value: unknown): Result<Acceptance, string> {
  return readAs(acceptance, value, "reply");
}

export function serviceReply(outcome: RequestOutcome, text: string): ServiceReply {
  return { code: requestCode(outcome), owner: outcome.owner ?? 0, text };
}

/** The reply to a service request; the problem names the field that does not fit. */
export function parseServiceReply(value: unknown): Result<ServiceReply, string> {
  return readAs(serviceReplyShape, value, "reply");
}

const serviceReplyShape: Shape<ServiceReply> = record({
  code: parsedBy(parseRequestCode),
  owner: number,
  text,
});

/** The text of an error reply, or null when it is not one. */
export function parseErrorText(value: unknown): string | null {
  return readOrNull(errorReply, value)?.error.text ?? null;
}

const errorReply = record({ error: record({ text }) });
