/**
 * What a node has kept without quorum, in the table to which it comes back.
 * Does not know why it was kept, nor whether it is current: the node says what may go on.
 * Tested in: test/services/loss-of-quorum.test.ts
 * T5  What a node has kept without quorum is started there at its `ready`, or stopped.
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { beginStop, followDependency } from "./evaluation.ts";
import type { TableState } from "./table-state.ts";

/**
 * The node has kept a service without quorum that only it may run: it is started, unless it was to
 * rest or is new; then it is stopped now.
 */
export function adoptKept(table: TableState, name: ServiceName, node: NodeId): void {
  const service = table.services.get(name);
  if (service === undefined || service.op !== null || service.owner !== null) return;
  const { boundTo } = table.serviceConf(name);
  const { state, pendingInit } = service;
  if (state !== "stopped" || boundTo !== node || pendingInit.includes(node)) {
    const goal = { type: "rest", state: state === "disabled" ? state : "stopped" } as const;
    beginStop(table, name, { node, goal, why: `${table.nameOf(node)} went on with it` });
    return;
  }
  const startOp = table.nextOp++;
  table.put({
    ...service,
    state: "started",
    owner: node,
    startOp,
    transition: Math.max(1, Math.floor(table.nowMs / 1000)),
    retryAt: null,
    retryCount: 0,
    crowdedOut: false,
  });
  table.decide(name, `started on ${table.nameOf(node)}, where it went on without quorum`);
  const { life } = table.node(node);
  table.emit({ type: "adopt", service: name, node, life, startOp });
  followDependency(table, name);
}
