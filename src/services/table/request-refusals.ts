/**
 * Which requests of users are refused, and for which reason. Pure functions; they change nothing.
 * Source: rgmanager rg_state.c, rg_thread.c; the deviations are listed with the requests.
 * Tested in: test/services/request-table.test.ts
 */
import type { NodeId } from "../../model/ids.ts";
import type { Refusal } from "../../model/request-outcome.ts";
import type { ServiceOperation } from "../../model/service-operation.ts";
import { brokerObstacle } from "./broker-waits.ts";
import { startObstacle } from "./evaluation.ts";
import type { ServiceRequest } from "./service-messages.ts";
import type { Operation, ServiceRecord } from "./service-state.ts";
import type { TableState } from "./table-state.ts";

/** The most requests that may wait for one operation: a snapshot carries them all. */
const waitingMax = 256;

/** The refusal of any operation, whether the service is busy or not; null: none. */
export function generalRefusal(
  table: TableState,
  service: ServiceRecord,
  operation: ServiceOperation,
): Refusal | null {
  const aboutFreezing = operation === "freeze" || operation === "unfreeze";
  // clusterd moves nothing while it runs.
  if (operation === "migrate") return "not-migratable";
  if (service.frozen && !aboutFreezing) return "frozen";
  const awaited = table.awaitedNode(service.name) !== null;
  if (awaited && operation !== "freeze") return "fencing-awaited";
  return waitersOf(service) >= waitingMax ? "too-many-waiting" : null;
}

/** The refusal of a start or relocation while the service has an operation. */
export function busyRefusal({ chain, kind }: Operation): Refusal {
  if (chain.cause === "relocate") return "being-relocated";
  return kind === "start" ? "being-started" : "busy";
}

/** The refusal of a start on any node; null: none. */
export function startRefusal(
  table: TableState,
  { name, pendingInit }: ServiceRecord,
): Refusal | null {
  if (table.locked) return "locked";
  if (table.unknownHolders(name).length > 0) return "holder-unseen";
  if (table.isHeld(name)) return "held-by-change";
  if (pendingInit.length > 0) return "start-before-first-stop";
  if (startObstacle(table, name) !== null) return "dependency-not-started";
  return brokerObstacle(table, name) === null ? null : "no-promotable-broker";
}

/** The refusal of a stop whose following start could not begin at once; null: none. */
export function standstillRefusal(
  table: TableState,
  { name }: ServiceRecord,
  forced: boolean,
): Refusal | null {
  if (table.locked) return "locked";
  if (table.isHeld(name)) return "held-by-change";
  return brokerObstacle(table, name, forced) === null ? null : "no-promotable-broker";
}

/**
 * The refusal of a relocation; null: none. `target`: the ready node that was asked for, or null.
 */
export function relocateRefusal(
  table: TableState,
  service: ServiceRecord,
  { target, forced }: { readonly target: NodeId | null; readonly forced: boolean },
): Refusal | null {
  if (service.state === "disabled") return "disabled";
  if (service.state === "failed") return "start-of-failed";
  const refusal = standstillRefusal(table, service, forced);
  if (refusal !== null || target === null) return refusal;
  if (table.score(service.name, target) === 0) return "target-not-legal";
  if (target === service.owner) return null;
  if (table.exclusivityConflict(service.name, target) !== null) return "target-occupied";
  const promotable = table.promotion(service.name, forced)?.nodes.includes(target) !== false;
  return promotable ? null : "broker-not-promotable";
}

/** The refusal of a relocation of a service that has no owner; null: none. */
export function relocateStoppedRefusal(
  table: TableState,
  { name, pendingInit }: ServiceRecord,
): Refusal | null {
  if (table.unknownHolders(name).length > 0) return "holder-unseen";
  if (pendingInit.length > 0) return "relocate-before-first-stop";
  return startObstacle(table, name) === null ? null : "dependency-not-started";
}

/** An operator permits to promote a broker that may lack messages. */
export function isForced({ operation, byDomain }: ServiceRequest): boolean {
  return byDomain && operation === "relocate";
}

function waitersOf({ op, desired }: ServiceRecord): number {
  return (op?.chain.requests.length ?? 0) + (desired?.requests.length ?? 0);
}
