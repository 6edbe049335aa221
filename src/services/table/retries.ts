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
export function retryDelayMs(draft: TableState, service: ServiceRecord): number {
  const { retryDelayMs: firstMs } = draft.serviceConf(service.name);
  return Math.min(firstMs * 2 ** service.retryCount, retryDelayMaxMs);
}

/** Sets the time of the next attempt; returns the pause until then, or null: there is none. */
export function postponeStart(
  draft: TableState,
  name: ServiceName,
  chain: StartChain,
): number | null {
  const service = draft.service(name);
  if (draft.serviceConf(name).retryDelayMs === 0) return null;
  const usualMs = retryDelayMs(draft, service);
  const missed = chain.since !== null && draft.startsDone > chain.since;
  const delayMs = missed ? Math.min(usualMs, hastenedMs(service.retryCount)) : usualMs;
  const retryCount = Math.min(service.retryCount + 1, retryCountMax);
  draft.put({ ...service, retryAt: draft.nowMs + delayMs, retryCount });
  return delayMs;
}

/** A service has become started on the node: those that wait for their time may need it no more. */
export function hastenRetries(draft: TableState, node: NodeId): void {
  for (const name of [...draft.index.waiting]) {
    const service = draft.service(name);
    const { retryAt, retryCount, transition } = service;
    if (retryAt === null || retryAt <= draft.nowMs || !draft.isLegal(name, node)) continue;
    const soonMs = transition * 1000 + hastenedMs(Math.max(0, retryCount - 1));
    const sooner = Math.min(retryAt, Math.max(draft.nowMs, soonMs));
    if (sooner < retryAt) draft.put({ ...service, retryAt: sooner });
  }
}

function hastenedMs(retryCount: number): number {
  return hastenedDelayMs * 2 ** retryCount;
}
