/**
 * Services that a node has kept running without quorum: how they enter the table when it rejoins.
 * Does not decide which may go on: the node says so in its `ready`.
 * Tested in: test/services/loss-of-quorum.test.ts
 * T5  At the node's `ready`, a service that it has kept is either started there by the table, or
 *     stopped.
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { beginStop, followDependency } from "./evaluation.ts";
import type { TableState } from "./table-state.ts";

/**
 * Adopts a service that the node has kept and that only it may run: it is started in the table. If
 * the table has it disabled or failed, or as new on this node, it is stopped instead.
 */
export function adoptKept(table: TableState, name: ServiceName, node: NodeId): void {
  const service = table.services.get(name);
  if (service === undefined || service.op !== null || service.owner !== null) return;
  const { boundTo } = table.serviceConf(name);
  const { state, pendingInit } = service;
  if (state !== "stopped" || boundTo !== node || pendingInit.includes(node)) {
    const goal = { type: "rest", state: state === "disabled" ? state : "stopped" } as const;
    beginStop(table, name, { node, goal, why: `${table.nameOf(node)} kept it without quorum` });
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
