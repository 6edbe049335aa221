/**
 * The order of a user that all members leave.
 * LEAVEALL1  Members only leave together while the services are locked and none of them has an
 *     owner or an operation. So no service is handed from node to node while they leave one after
 *     the other, and the loss of quorum on the way stops nothing.
 * Rejected: that the table stops the services itself. It would have to remember in its snapshots
 * that it does, and how far it has come; the user's command stops them by ordinary requests.
 * Tested in: test/node/leave-all.test.ts
 */
import { done, refused } from "../../model/request-outcome.ts";
import type { LeaveAllRequest } from "./service-messages.ts";
import type { TableState } from "./table-state.ts";

export function onLeaveAll(table: TableState, { ref }: LeaveAllRequest): void {
  // A request of an earlier life was answered when that life ended.
  if (table.nodes.get(ref.node)?.life !== ref.life) return;
  const running = [...table.services.values()].some(
    ({ owner, op }) => owner !== null || op !== null,
  );
  if (!table.locked || running) {
    table.reply([ref], refused(table.locked ? "services-running" : "not-locked"));
    return;
  }
  const text = `all members leave, as a user on ${table.nameOf(ref.node)} orders it`;
  table.emit({ type: "notice", level: "notice", text });
  table.reply([ref], done());
  table.emit({ type: "leave-all" });
}
