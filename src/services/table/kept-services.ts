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
export function adoptKept(draft: TableState, name: ServiceName, node: NodeId): void {
  const service = draft.services.get(name);
  if (service === undefined || service.op !== null || service.owner !== null) return;
  const { boundTo } = draft.serviceConf(name);
  const { state, pendingInit } = service;
  if (state !== "stopped" || boundTo !== node || pendingInit.includes(node)) {
    const goal = { type: "rest", state: state === "disabled" ? state : "stopped" } as const;
    beginStop(draft, name, { node, goal, why: `${draft.nameOf(node)} went on with it` });
    return;
  }
  const startOp = draft.nextOp++;
  draft.put({
    ...service,
    state: "started",
    owner: node,
    startOp,
    transition: Math.max(1, Math.floor(draft.nowMs / 1000)),
    retryAt: null,
    retryCount: 0,
    crowdedOut: false,
  });
  draft.decide(name, `started on ${draft.nameOf(node)}, where it went on without quorum`);
  const { life } = draft.node(node);
  draft.emit({ type: "adopt", service: name, node, life, startOp });
  followDependency(draft, name);
}
