/**
 * The part of the control protocol with which operators order votes and fencing: paths, bodies and
 * replies in JSON.
 *
 *   GET  /v1/fencing                     → 200, FencingStatus
 *   GET  /v1/conf                        → 200, ConfInForce
 *   POST /v1/members/leave               → 200, Acceptance; body: {"by"}; all members end as after
 *        /v1/leave; refused unless the services are locked and none runs
 *   POST /v1/fencing/check               → 200, RunReply: every device is asked for its state
 *   POST /v1/quorum/expected             → 200, Acceptance; body: {"expected": votes, "by": who,
 *        "sentence": what the operator vouches for, optional}
 *   POST /v1/quorum/cancel-wait          → 200, Acceptance; body: {"by", "sentence"}
 *   POST /v1/nodes/NAME/votes            → 200, Acceptance; body: {"votes", "by"}
 *   POST /v1/nodes/NAME/fence            → 200, RunReply: when its agents have ended
 *        body: {"confirm": NAME, "by"}
 *   POST /v1/nodes/NAME/unfence, POST /v1/nodes/NAME/device-status → 200, RunReply; body: {"by"}
 */
import type { Acceptance } from "../model/acceptance.ts";
import { clusterVotesMax } from "../model/conf.ts";
import type { DeviceListing, FencingStatus, NodeFencing } from "../model/fencing-status.ts";
import { type NodeId, type NodeName, parseNodeName } from "../model/ids.ts";
import { accept, assertNever, type Result, refuse } from "../model/outcome.ts";
import {
  closedRecord,
  flag,
  list,
  mapped,
  nullable,
  number,
  oneOf,
  optional,
  readAs,
  record,
  type Shape,
  text,
  wholeNumber,
} from "../model/shape.ts";
import { orderedBy, parseBody, requireConfirmation } from "./body-shape.ts";
import { type ControlError, percentDecoded, wrongMethod } from "./control-error.ts";

const clusterOrders = {
  "fencing/check": "check",
  "quorum/expected": "expected",
  "quorum/cancel-wait": "cancel-wait",
  "members/leave": "leave-all",
} as const;
const nodeOrders = ["votes", "fence", "unfence", "device-status"] as const;

export type ClusterOrder = (typeof clusterOrders)[keyof typeof clusterOrders];
export type NodeOrder = (typeof nodeOrders)[number];

export type OperatorRoute =
  | { readonly type: "fencing" }
  | { readonly type: "conf" }
  | { readonly type: "cluster-order"; readonly order: ClusterOrder }
  | { readonly type: "node-order"; readonly order: NodeOrder; readonly node: NodeName };

/** The new votes. */
export type VoteChange =
  | { readonly type: "expected"; readonly expected: number }
  | { readonly type: "votes"; readonly node: NodeId; readonly votes: number }
  | { readonly type: "cancel-wait" };

export type VoteOrder = {
  readonly change: VoteChange;
  readonly sentence: string | null;
  readonly who: string;
};

/** An order to run fence agents; `node` null: those of all nodes. */
export type AgentsOrder = {
  readonly type: "fence" | "unfence" | "device-status" | "check";
  readonly node: NodeId | null;
  readonly who: string;
};

/**
 * Which configuration is in force on the node; `file` is where the node keeps it. Not its text: it
 * has the passwords of fence devices, which whoever may use the socket need not see.
 */
export type ConfInForce = {
  readonly version: number;
  /** SHA-256 of the text, hexadecimal. */
  readonly hash: string;
  readonly file: string;
};

export type RunReply = {
  /**
   * `undefined`: no agents are configured; `refused`: not possible now; `busy`: already running.
   */
  readonly result: "success" | "failed" | "undefined" | "refused" | "busy";
  /** One line for each agent that was run. */
  readonly lines: readonly string[];
  readonly text: string;
};

/** The part of the daemon that carries out these orders; no promise rejects. */
export type OperatorBackend = {
  fencing(): FencingStatus;
  confInForce(): ConfInForce;
  /** Orders all members to leave; `who` is the operator. */
  leaveAll(who: string): Promise<Acceptance>;
  change(order: VoteOrder): Promise<Acceptance>;
  run(order: AgentsOrder): Promise<RunReply>;
};

/** Null: the path is not one of an operator's order. */
export function parseOperatorRoute(
  method: string,
  parts: readonly string[],
): Result<OperatorRoute, ControlError> | null {
  const path = parts.join("/");
  if (path === "fencing" || path === "conf") {
    return method === "GET"
      ? accept<OperatorRoute>({ type: path })
      : refuse(wrongMethod(method, "GET"));
  }
  const post = (route: OperatorRoute) =>
    method === "POST" ? accept(route) : refuse(wrongMethod(method, "POST"));
  for (const [known, order] of Object.entries(clusterOrders)) {
    if (known === path) return post({ type: "cluster-order", order });
  }
  const [kind, name = "", word, ...rest] = parts;
  const order = nodeOrders.find((each) => each === word);
  const node = parseNodeName(percentDecoded(name));
  if (kind !== "nodes" || order === undefined || node === null || rest.length > 0) return null;
  return post({ type: "node-order", order, node });
}

export function clusterOrderPath(order: ClusterOrder): string {
  const found = Object.entries(clusterOrders).find(([, each]) => each === order);
  return `/v1/${found?.[0] ?? ""}`;
}

export function nodeOrderPath(node: string, order: NodeOrder): string {
  return `/v1/nodes/${encodeURIComponent(node)}/${order}`;
}

/** The fields of all bodies of orders; a field that the order does not take is refused. */
export type OrderBody = {
  readonly who: string;
  readonly sentence: string | null;
  /** The number in `expected` and `votes`, else 0. */
  readonly votes: number;
};

export function parseOrderBody(value: unknown, order: OrderKind): Result<OrderBody, ControlError> {
  return parseBody(orderBody(order), value);
}

type OrderKind = { readonly order: ClusterOrder | NodeOrder; readonly node: NodeName | null };

const sentence = optional(nullable(text), null);

function orderBody({ order, node }: OrderKind): Shape<OrderBody> {
  const none = { sentence: null, votes: 0 };
  switch (order) {
    case "expected": {
      const shape = closedRecord({
        expected: wholeNumber(1, clusterVotesMax),
        sentence,
        by: orderedBy,
      });
      return mapped(shape, ({ expected, by, ...rest }) => ({ ...rest, who: by, votes: expected }));
    }
    case "cancel-wait": {
      const shape = closedRecord({ sentence, by: orderedBy });
      return mapped(shape, ({ by, ...rest }) => ({ ...none, ...rest, who: by }));
    }
    case "votes": {
      const shape = closedRecord({ votes: wholeNumber(0, clusterVotesMax), by: orderedBy });
      return mapped(shape, ({ votes, by }) => ({ ...none, who: by, votes }));
    }
    case "fence": {
      const shape = requireConfirmation(closedRecord({ confirm: text, by: orderedBy }), node ?? "");
      return mapped(shape, ({ by }) => ({ ...none, who: by }));
    }
    case "check":
    case "leave-all":
    case "unfence":
    case "device-status":
      return mapped(closedRecord({ by: orderedBy }), ({ by }) => ({ ...none, who: by }));
    default:
      return assertNever(order);
  }
}

export function parseRunReply(value: unknown): Result<RunReply, string> {
  return readAs(runReply, value, "reply");
}

const runReply: Shape<RunReply> = record({
  result: oneOf("success", "failed", "undefined", "refused", "busy"),
  lines: list(text),
  text,
});

export function parseConfInForce(value: unknown): Result<ConfInForce, string> {
  return readAs(record({ version: number, hash: text, file: text }), value, "conf");
}

export function parseFencingStatus(value: unknown): Result<FencingStatus, string> {
  return readAs(fencingStatus, value, "fencing");
}

const device: Shape<DeviceListing> = record({ device: text, agent: text, action: text });

const nodeFencing: Shape<NodeFencing> = record({
  id: number,
  name: text,
  member: flag,
  victim: flag,
  lastMaster: number,
  how: oneOf("none", "agent", "self", "override", "external", "certificate"),
  at: number,
  state: text,
  methods: list(record({ name: text, devices: list(device) })),
  unfence: list(device),
});

const fencingStatus: Shape<FencingStatus> = record({
  joined: flag,
  localNode: number,
  master: number,
  waitState: oneOf("none", "quorum", "messages", "fencing"),
  victimNow: number,
  nodes: list(nodeFencing),
});
