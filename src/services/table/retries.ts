/**
 * When a service that no node could start is tried again: after a pause that grows, and sooner when
 * another service has started on a node that may run it, since the start may have failed for lack
 * of that other service.
 * Source: none in rgmanager, where it stays stopped until a node joins or a user asks.
 * RETRY1  Attempts that the start of another service hastens have growing pauses, too, from one
 *     second on: a service that starts and fails again and again causes no storm of attempts.
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import type { ServiceRecord, StartChain } from "./service-state.ts";
import type { TableState } from "./table-state.ts";

const retryDelayMaxMs = 600_000;
/** Pause before the first attempt that another service hastens; doubled with each further one. */
const hastenedDelayMs = 1000;
/** By then the pauses have reached their maximum. */
const retryCountMax = 20;

/** The pause before the next attempt, from the service's conf and its attempts so far. */
export function retryDelayMs(table: TableState, service: ServiceRecord): number {
  const { retryDelayMs: firstMs } = table.serviceConf(service.name);
  return Math.min(firstMs * 2 ** service.retryCount, retryDelayMaxMs);
}

/** Sets the time of the next attempt. Returns the pause until then; null: there is no retry. */
export function postponeStart(
  table: TableState,
  name: ServiceName,
  chain: StartChain,
): number | null {
  const service = table.service(name);
  if (table.serviceConf(name).retryDelayMs === 0) return null;
  const usualMs = retryDelayMs(table, service);
  const missed = chain.since !== null && table.startsDone > chain.since;
  const delayMs = missed ? Math.min(usualMs, hastenedMs(service.retryCount)) : usualMs;
  const retryCount = Math.min(service.retryCount + 1, retryCountMax);
  table.put({ ...service, retryAt: table.nowMs + delayMs, retryCount });
  return delayMs;
}

/** A service has started on the node: services that wait for a retry may be able to start now. */
export function hastenRetries(table: TableState, node: NodeId): void {
  for (const name of [...table.index.waiting]) {
    const service = table.service(name);
    const { retryAt, retryCount, transition } = service;
    if (retryAt === null || retryAt <= table.nowMs || !table.isLegal(name, node)) continue;
    const soonMs = transition * 1000 + hastenedMs(Math.max(0, retryCount - 1));
    const sooner = Math.min(retryAt, Math.max(table.nowMs, soonMs));
    if (sooner < retryAt) table.put({ ...service, retryAt: sooner });
  }
}

function hastenedMs(retryCount: number): number {
  return hastenedDelayMs * 2 ** retryCount;
}
