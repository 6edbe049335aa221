/**
 * A service that promotes a broker waits until one may be promoted: said once for each reason, and
 * as an alert when nothing comes of waiting. What the cluster does about that itself, such as
 * restarts, is in broker-restarts.ts.
 * Tested in: test/services/broker-promotion.test.ts
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { coldStartWaitMs, standstillLasts } from "./promotion-input.ts";
import type { StartChain } from "./service-state.ts";
import type { TableState } from "./table-state.ts";

/** What changes sooner, as while brokers start, is not said. */
const unsaidMs = 2000;

/** Why no broker may be promoted for the service now; null: one may, or brokers do not decide. */
export function brokerObstacle(
  table: TableState,
  name: ServiceName,
  forced = false,
): string | null {
  return table.promotion(name, forced)?.obstacle ?? null;
}

/**
 * Whether the stopped service waits for brokers. It is evaluated again when a node sees another
 * state of its broker, and after some time, when those that have not come are not waited for.
 */
export function awaitsBrokers(table: TableState, name: ServiceName): boolean {
  const promotion = table.promotion(name);
  const obstacle = promotion === null ? null : (promotion.obstacle ?? withoutNode(table, name));
  if (promotion === null || obstacle === null) return false;
  const waitingSince = table.brokers.waitingSince ?? table.nowMs;
  table.brokers = { ...table.brokers, waitingSince };
  const waitedMs = table.nowMs - waitingSince;
  const looks = [unsaidMs, coldStartWaitMs, waitedMs + coldStartWaitMs];
  const nextMs = Math.min(...looks.filter((afterMs) => afterMs > waitedMs));
  table.put({ ...table.service(name), retryAt: waitingSince + nextMs });
  const restarts = table.brokers.standstill?.restarts ?? null;
  if (waitedMs < unsaidMs || restarts !== null) return true;
  const alone = promotion.stuck && promotion.restartPlan === null;
  const lasts = alone && standstillLasts({ table, brokers: table.brokers });
  const text = `not started: ${obstacle}${lasts ? `; ${promotion.remedy}` : ""}`;
  if (table.decisionsOf(name).at(-1)?.text === text) return true;
  table.decide(name, text, { level: lasts ? "alert" : "notice" });
  return true;
}

/** A broker may be promoted, but its node may not run the service, or is leaving; null: it may. */
function withoutNode(table: TableState, name: ServiceName): string | null {
  const able = table.candidates(name, []).length + table.crowdedNodes(name).length > 0;
  return able ? null : "brokers: none that may be promoted is on a node that may run the service";
}

/** A request was refused because of brokers: why, for who has asked and for `--why`. */
export function noteBrokerRefusal(
  table: TableState,
  name: ServiceName,
  target: NodeId | null,
): void {
  const promotion = table.promotion(name);
  if (promotion === null) return;
  const own = target === null ? undefined : promotion.reasons.get(target);
  const why = promotion.obstacle ?? (own === undefined ? "" : `${table.nameOf(target)}: ${own}`);
  const nodes = table.verdicts(name, []);
  table.decide(name, `refused, since no other broker may be promoted: ${why}`, { nodes });
}

/** The service starts now: what may be lost by that is said. */
export function notePromotion(
  table: TableState,
  name: ServiceName,
  { node, chain }: { readonly node: NodeId; readonly chain: StartChain },
): void {
  if (table.index.promoting.has(name)) notePlacement(table, name, chain);
  const warning = table.promotion(name, chain.forced)?.warnings.get(node);
  if (warning === undefined) return;
  const text = `promoted on ${table.nameOf(node)}, and messages may be lost: ${warning}`;
  table.decide(name, text, { level: "warning" });
}

/** Whether a user has placed it, so that it does not fail back at once. */
function notePlacement(table: TableState, name: ServiceName, { cause }: StartChain): void {
  const others = table.brokers.placed.filter((one) => one !== name);
  const byUser = cause === "enable" || cause === "relocate";
  table.brokers = { ...table.brokers, placed: byUser ? [...others, name] : others };
}
