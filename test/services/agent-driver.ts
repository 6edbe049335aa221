/** Drives one call of an agent: its orders are compared, its reports come from a list. */
import type {
  AgentCall,
  AgentOrder,
  AgentReport,
  AgentVerdict,
} from "../../src/model/agent-orders.ts";
import { type NodeName, parseNodeName } from "../../src/model/ids.ts";

/** The node on which agents are called. */
export function nodeName(): NodeName {
  const name = parseNodeName("node1");
  if (name === null) throw new Error("node1 is no name");
  return name;
}

/** An order in few words: `add 10.0.0.5/24 on eth0`. */
export function orderWords(order: AgentOrder): string {
  switch (order.type) {
    case "run-process":
      return `run ${order.argv.join(" ")}`;
    case "list-interfaces":
      return "list";
    case "add-address":
    case "remove-address":
    case "probe-address":
    case "probe-aside":
    case "ask-address":
    case "announce": {
      const { address, prefix, interface: name } = order.address;
      return `${order.type.replace("-address", "")} ${address}/${prefix} on ${name}`;
    }
    case "claim-address":
    case "release-address":
      return `${order.type.replace("-address", "")} ${order.address}`;
    case "run-aside":
      return `aside ${order.argv.at(-1)}`;
    case "pause":
      return `pause ${order.pauseMs} ms`;
    case "kill-processes":
      return order.resource === undefined
        ? `kill ${order.service}`
        : `kill ${order.resource} of ${order.service}`;
    case "list-processes":
      return `processes of ${order.service}`;
    case "end-processes":
      return order.resource === undefined
        ? `end ${order.service}`
        : `end ${order.resource} of ${order.service}`;
    case "ask-broker":
      return order.primary ? "ask whether primary" : "ask whether it runs";
    case "promote-broker":
    case "end-primary":
      return order.type;
  }
}

/** Of what is left, or whether there is anything. */
export function looksAtProcesses({ type }: AgentOrder): boolean {
  return type === "list-processes" || type === "end-processes";
}

/**
 * Walks the call; `reports` answers the orders in turn, and must be just enough. A look at the
 * processes that none of them answers finds none, and is not listed.
 */
export function walkCall(
  call: AgentCall,
  reports: readonly AgentReport[],
): { readonly orders: readonly string[]; readonly verdict: AgentVerdict } {
  const orders: string[] = [];
  const left = [...reports];
  let next = call.next();
  while (next.done !== true) {
    if (looksAtProcesses(next.value) && left[0]?.type !== "processes") {
      next = call.next(nothingLeft);
      continue;
    }
    orders.push(orderWords(next.value));
    const report = left.shift();
    if (report === undefined) throw new Error(`no report for ${orders.join("; ")}`);
    next = call.next(report);
  }
  if (left.length > 0) throw new Error(`${left.length} reports were not asked for`);
  return { orders, verdict: next.value };
}

export const exited = (code: number, output = ""): AgentReport => ({
  type: "exited",
  code,
  output,
});
export const done: AgentReport = { type: "done" };
export const nothingLeft: AgentReport = { type: "processes", ended: [], left: [], unseen: [] };
