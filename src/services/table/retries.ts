/**
 * When a service that no node could start is tried again: after a pause that grows, and sooner when
 * another service has become started on a node that may run it, since its start may have failed for
 * want of that one.
 * Source: none in the original, where it rests until a node comes or a user asks.
 * RETRY1  What a neighbour hastens has pauses, too, which grow from a second on: one that starts
 *     and fails again and again causes no storm of attempts.
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import type { ServiceRecord, StartChain } from "./service-state.ts";
import type { TableState } from "./table-state.ts";

const retryDelayMaxMs = 600_000;
/** Pause before the first attempt that a neighbour hastens; doubled with each further one. */
const hastenedDelayMs = 1000;
/** Beyond it the pauses have their maximum anyway. */
const retryCountMax = 20;

/** The pause before the next attempt, by the configuration and the attempts so far. */
export function retryDelayMs(table: TableState, service: ServiceRecord): number {
  const { retryDelayMs: firstMs } = table.serviceConf(service.name);
  return Math.min(firstMs * 2 ** service.retryCount, retryDelayMaxMs);
}

/** Sets the time of the next attempt; returns the pause until then, or null: there is none. */
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

/** A service has become started on the node: those that wait for their time may need it no more. */
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
