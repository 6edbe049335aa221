/**
 * What operators order of votes and fencing, as a part of the control protocol: paths, bodies,
 * replies. Knows their JSON; does not know who carries them out.
 *
 *   GET  /v1/fencing                     → 200, FencingStatus
 *   POST /v1/fencing/check               → 200, RunReply: every device is asked for its state
 *   POST /v1/quorum/expected             → 200, OrderReply; body: {"expected": votes, "by": who,
 *        "sentence": what the operator vouches for, optional}
 *   POST /v1/quorum/cancel-wait          → 200, OrderReply; body: {"by", "sentence"}
 *   POST /v1/nodes/NAME/votes            → 200, OrderReply; body: {"votes", "by"}
 *   POST /v1/nodes/NAME/fence            → 200, RunReply: when its agents have ended
 *        body: {"confirm": NAME, "by"}
 *   POST /v1/nodes/NAME/unfence, POST /v1/nodes/NAME/device-status → 200, RunReply; body: {"by"}
 */
import type { DeviceListing, FencingStatus, NodeFencing } from "../model/fencing-status.ts";
import { type NodeId, type NodeName, parseNodeName } from "../model/ids.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { type ControlError, echoed, percentDecoded, wrongMethod } from "./control-error.ts";
import { type JsonFields, readJson } from "./json-fields.ts";

const clusterOrders = {
  "fencing/check": "check",
  "quorum/expected": "expected",
  "quorum/cancel-wait": "cancel-wait",
} as const;
const nodeOrders = ["votes", "fence", "unfence", "device-status"] as const;

export type ClusterOrder = (typeof clusterOrders)[keyof typeof clusterOrders];
export type NodeOrder = (typeof nodeOrders)[number];

export type OperatorRoute =
  | { readonly type: "fencing" }
  | { readonly type: "cluster-order"; readonly order: ClusterOrder }
  | { readonly type: "node-order"; readonly order: NodeOrder; readonly node: NodeName };

/** Votes as they are to be from now on. */
export type VoteChange =
  | { readonly type: "expected"; readonly expected: number }
  | { readonly type: "votes"; readonly node: NodeId; readonly votes: number }
  | { readonly type: "cancel-wait" };

export type VoteOrder = {
  readonly change: VoteChange;
  readonly sentence: string | null;
  readonly who: string;
};

/** Agents to be run; `node` null: against all of them. */
export type AgentsOrder = {
  readonly type: "fence" | "unfence" | "device-status" | "check";
  readonly node: NodeId | null;
  readonly who: string;
};

/** `text` says why it was not accepted. */
export type OrderReply = { readonly accepted: boolean; readonly text: string };

export type RunReply = {
  /** `undefined`: there is nothing to be run; `refused`: it cannot be, for now; `busy`: it is. */
  readonly result: "success" | "failed" | "undefined" | "refused" | "busy";
  /** One for each agent that was run. */
  readonly lines: readonly string[];
  readonly text: string;
};

/** The daemon, as operators order it. Nothing rejects. */
export type OperatorBackend = {
  fencing(): FencingStatus;
  change(order: VoteOrder): Promise<OrderReply>;
  run(order: AgentsOrder): Promise<RunReply>;
};

/** Null: the path is none of these. */
export function parseOperatorRoute(
  method: string,
  parts: readonly string[],
): Result<OperatorRoute, ControlError> | null {
  const path = parts.join("/");
  if (path === "fencing") {
    return method === "GET" ? accept({ type: "fencing" }) : refuse(wrongMethod(method, "GET"));
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

/** What the bodies of orders say; fields that the order does not take are refused. */
export type OrderBody = {
  readonly who: string;
  readonly sentence: string | null;
  /** Of `expected` and `votes`, else 0. */
  readonly votes: number;
};

const fieldsOf: Readonly<Record<ClusterOrder | NodeOrder, readonly string[]>> = {
  check: [],
  expected: ["expected", "sentence"],
  "cancel-wait": ["sentence"],
  votes: ["votes"],
  fence: ["confirm"],
  unfence: [],
  "device-status": [],
};

const votesMax = 16_320;

export function parseOrderBody(
  value: unknown,
  { order, node }: { readonly order: ClusterOrder | NodeOrder; readonly node: NodeName | null },
): Result<OrderBody, ControlError> {
  const body = readJson(value, "body", (fields) => {
    const taken = fieldsOf[order];
    for (const name of fields.names()) {
      if (name !== "by" && !taken.includes(name)) fields.reject(`has no field ${echoed(name)}`);
    }
    if (order === "fence" && fields.text("confirm") !== node) {
      fields.reject(`confirms ${echoed(fields.text("confirm"))}, not ${echoed(node ?? "")}`);
    }
    const given = taken.includes("sentence") && fields.has("sentence");
    return {
      who: fields.text("by").slice(0, 64),
      sentence: given ? fields.textOrNull("sentence") : null,
      votes: order === "expected" || order === "votes" ? readVotes(fields, order) : 0,
    };
  });
  return body.ok ? body : refuse({ type: "bad-request", text: body.problem });
}

function readVotes(fields: JsonFields, name: string): number {
  const votes = fields.number(name);
  const least = name === "votes" ? 0 : 1;
  if (Number.isInteger(votes) && votes >= least && votes <= votesMax) return votes;
  fields.reject(`has ${name} that is not a whole number from ${least} to ${votesMax}`);
  return least;
}

export function parseOrderReply(value: unknown): Result<OrderReply, string> {
  return readJson(value, "reply", (fields) => ({
    accepted: fields.flag("accepted"),
    text: fields.text("text"),
  }));
}

export function parseRunReply(value: unknown): Result<RunReply, string> {
  return readJson(value, "reply", (fields) => ({
    result: fields.parsed("result", parseResult, "refused"),
    lines: fields.texts("lines"),
    text: fields.text("text"),
  }));
}

export function parseFencingStatus(value: unknown): Result<FencingStatus, string> {
  return readJson(value, "fencing", (fields) => ({
    joined: fields.flag("joined"),
    localNode: fields.number("localNode"),
    master: fields.number("master"),
    waitState: fields.parsed("waitState", parseWaitState, "none"),
    victimNow: fields.number("victimNow"),
    nodes: fields.objects("nodes").map(readNodeFencing),
  }));
}

function readNodeFencing(fields: JsonFields): NodeFencing {
  return {
    id: fields.number("id"),
    name: fields.text("name"),
    member: fields.flag("member"),
    victim: fields.flag("victim"),
    lastMaster: fields.number("lastMaster"),
    how: fields.parsed("how", parseHow, "none"),
    at: fields.number("at"),
    state: fields.text("state"),
    methods: fields.objects("methods").map((method) => ({
      name: method.text("name"),
      devices: method.objects("devices").map(readDevice),
    })),
    unfence: fields.objects("unfence").map(readDevice),
  };
}

function readDevice(fields: JsonFields): DeviceListing {
  return {
    device: fields.text("device"),
    agent: fields.text("agent"),
    action: fields.text("action"),
  };
}

function oneOf<Word extends string>(...words: readonly Word[]) {
  return (value: unknown): Word | null => words.find((word) => word === value) ?? null;
}

const parseResult = oneOf("success", "failed", "undefined", "refused", "busy");
const parseWaitState = oneOf("none", "quorum", "messages", "fencing");
const parseHow = oneOf("none", "agent", "self", "override", "external");
