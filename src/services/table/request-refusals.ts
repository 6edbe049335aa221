/**
 * Why requests of users are refused: what must not be begun, and the reason that is answered.
 * Changes nothing.
 * Source: rgmanager rg_state.c, rg_thread.c; the deviations are listed with the requests.
 * Tested in: test/services/request-table.test.ts
 */
import type { NodeId } from "../../model/ids.ts";
import type { Refusal } from "../../model/request-outcome.ts";
import type { ServiceOperation } from "../../model/service-operation.ts";
import { startObstacle } from "./evaluation.ts";
import type { Operation, ServiceRecord } from "./service-state.ts";
import type { TableState } from "./table-state.ts";

/** Users who wait for one operation; more would make the state too large to travel. */
const waitingMax = 256;

/** Of any operation, whether the service is busy or not. */
export function generalRefusal(
  table: TableState,
  service: ServiceRecord,
  operation: ServiceOperation,
): Refusal | null {
  const aboutFreezing = operation === "freeze" || operation === "unfreeze";
  // No resource that clusterd runs can move while it is up, in whatever state it is.
  if (operation === "migrate") return "not-migratable";
  if (service.frozen && !aboutFreezing) return "frozen";
  const awaited = table.awaitedNode(service.name) !== null;
  if (awaited && operation !== "freeze") return "fencing-awaited";
  return waitersOf(service) >= waitingMax ? "too-many-waiting" : null;
}

/** Of a start, or a start elsewhere, while the service is worked on. */
export function busyRefusal({ chain, kind }: Operation): Refusal {
  if (chain.cause === "relocate") return "being-relocated";
  return kind === "start" ? "being-started" : "busy";
}

/** Of a start on whatever node. */
export function startRefusal(
  table: TableState,
  { name, pendingInit }: ServiceRecord,
): Refusal | null {
  if (table.locked) return "locked";
  if (table.unknownHolders(name).length > 0) return "holder-unseen";
  if (table.isHeld(name)) return "held-by-change";
  if (pendingInit.length > 0) return "start-before-first-stop";
  return startObstacle(table, name) === null ? null : "dependency-not-started";
}

/** Of a stop that is to be followed by a start, which would have to wait. */
export function standstillRefusal(table: TableState, { name }: ServiceRecord): Refusal | null {
  if (table.locked) return "locked";
  return table.isHeld(name) ? "held-by-change" : null;
}

/** Of a relocation; `target`: a ready node that was asked for. */
export function relocateRefusal(
  table: TableState,
  service: ServiceRecord,
  target: NodeId | null,
): Refusal | null {
  if (service.state === "disabled") return "disabled";
  if (service.state === "failed") return "start-of-failed";
  const refusal = standstillRefusal(table, service);
  if (refusal !== null || target === null) return refusal;
  if (table.score(service.name, target) === 0) return "target-not-legal";
  if (target === service.owner) return null;
  const occupied = table.exclusivityConflict(service.name, target) !== null;
  return occupied ? "target-occupied" : null;
}

/** Of the relocation of what runs nowhere. */
export function relocateStoppedRefusal(
  table: TableState,
  { name, pendingInit }: ServiceRecord,
): Refusal | null {
  if (table.unknownHolders(name).length > 0) return "holder-unseen";
  if (pendingInit.length > 0) return "relocate-before-first-stop";
  return startObstacle(table, name) === null ? null : "dependency-not-started";
}

function waitersOf({ op, desired }: ServiceRecord): number {
  return (op?.chain.requests.length ?? 0) + (desired?.requests.length ?? 0);
}
