/**
 * Freezing one service, and locking them all: what users hold back, and what follows when they let
 * go. Knows the two flags; everything else asks for them where it decides.
 * Source: rgmanager rg_state.c: svc_freeze; main.c: do_lockreq, lock_commit_cb; clusvcadm(8).
 * Deviations: unfreezing and unlocking evaluate, so that nothing that happened meanwhile is lost;
 * a member that joins learns both flags with the table; a node that leaves stops its frozen
 * services, since it leaves nobody behind to look after them.
 * Tested in: test/services/request-table.test.ts
 */

import { done, refused } from "../../model/request-outcome.ts";
import { evaluateAll, failBack, failBackAll, settleDependent } from "./evaluation.ts";
import type { LockRequest } from "./service-messages.ts";
import type { RequestRef, ServiceRecord } from "./service-state.ts";
import type { TableState, TableWork } from "./table-state.ts";

/** Of a service at rest: it stays as it is until it is unfrozen. */
export function freeze(table: TableState, service: ServiceRecord, ref: RequestRef): void {
  if (service.state === "failed") {
    table.reply([ref], refused("freeze-of-failed"));
    return;
  }
  // A change of the configuration may have to start or stop it again.
  if (table.isHeld(service.name)) {
    table.reply([ref], refused("held-by-change"));
    return;
  }
  table.put({ ...service, frozen: true, retryAt: null });
  table.decide(service.name, "frozen");
  table.reply([ref], done());
}

/** A service that is not frozen is evaluated all the same. */
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
  // A request of an earlier life was already answered there when that life ended.
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
