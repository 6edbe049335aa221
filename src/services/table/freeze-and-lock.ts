/**
 * Requests of users to freeze one service or to lock all, and to undo that. This file sets the two
 * flags; the rules that respect them are where the decisions are.
 * Source: rgmanager rg_state.c: svc_freeze; main.c: do_lockreq, lock_commit_cb; clusvcadm(8).
 * Deviations: unfreezing and unlocking evaluate, so that events in the meantime have their effect;
 * a member that joins gets both flags with the table; a node that leaves stops its frozen services,
 * since nothing would check them after it has left.
 * Tested in: test/services/request-table.test.ts
 */

import { done, refused } from "../../model/request-outcome.ts";
import { evaluateAll, settleDependent } from "./evaluation.ts";
import type { LockRequest } from "./service-messages.ts";
import { failBack, failBackAll } from "./service-moves.ts";
import type { RequestRef, ServiceRecord } from "./service-state.ts";
import type { TableState, TableWork } from "./table-state.ts";

/** Freezes a service without an operation: it stays as it is until it is unfrozen. */
export function freeze(table: TableState, service: ServiceRecord, ref: RequestRef): void {
  if (service.state === "failed") {
    table.reply([ref], refused("freeze-of-failed"));
    return;
  }
  // A change of the conf under way may have to start or stop it.
  if (table.isHeld(service.name)) {
    table.reply([ref], refused("held-by-change"));
    return;
  }
  table.put({ ...service, frozen: true, retryAt: null });
  table.decide(service.name, "frozen");
  table.reply([ref], done());
}

/** Also evaluates a service that was not frozen. */
export function unfreeze(table: TableState, service: ServiceRecord, ref: RequestRef): void {
  const { name } = service;
  if (service.state === "failed" && !service.frozen) {
    table.reply([ref], refused("freeze-of-failed"));
    return;
  }
  table.put({ ...service, frozen: false });
  table.decide(name, "unfrozen");
  table.reply([ref], done());
  settleDependent(table, name);
  for (const node of table.readyNodes()) failBack(table, node, name);
}

export function* onLock(table: TableState, request: LockRequest): TableWork {
  const { ref, locked } = request;
  // A request of an earlier life was answered when that life ended.
  if (table.nodes.get(ref.node)?.life !== ref.life) return;
  if (locked !== table.locked) {
    table.locked = locked;
    const done = locked ? "locked" : "unlocked";
    const text = `services ${done} by a user on ${table.nameOf(ref.node)}`;
    table.emit({ type: "notice", level: "notice", text });
    if (!locked) {
      for (const node of table.readyNodes()) yield* failBackAll(table, node);
      yield* evaluateAll(table, new Set());
    }
  }
  table.reply([ref], done());
}
