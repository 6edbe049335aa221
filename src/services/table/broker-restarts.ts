/**
 * A standstill of brokers: since when it lasts, and the restarts that end it where the
 * conf permits them. Looked at after every input, on what is known then, so that whatever
 * happens in between is taken into account.
 * Source: the Apache Qpid manual has an operator do it.
 * Tested in: test/services/broker-standstill.test.ts
 * HANG4  Between two primaries brokers are restarted for a standstill once; what does not end in
 *     two minutes is given up, and an operator is told.
 *
 *   none ──stuck──► standing ──lasts, restarts are permitted──► restarting ──over──► none
 *     ▲                │                                            └─failed, overdue─► standing
 *     └───not stuck────┘   `restartedOnce` once restarts have begun, until there is a primary.
 */
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { assertNever } from "../../model/outcome.ts";
import { type RestartPlan, standstillStep } from "./broker-promotion.ts";
import type { BrokerRecords } from "./broker-records.ts";
import { beginStop, evaluate } from "./evaluation.ts";
import { standstillLasts } from "./promotion-input.ts";
import { emptyChain } from "./service-state.ts";
import type { TableState } from "./table-state.ts";

type Standstill = NonNullable<BrokerRecords["standstill"]>;

/** Of each broker: five seconds of its stop, its start, and the checks of its services. */
const restartsMaxMs = 120_000;
/** What waits for something that no message tells is looked at so often. */
const lookMs = 2000;

export function stepStandstill(table: TableState): void {
  const { standstill } = table.brokers;
  const promoting = [...table.index.promoting.keys()].map((name) => table.service(name));
  const waiting = promoting.find(({ state, retryAt }) => state === "stopped" && retryAt !== null);
  if (waiting === undefined) {
    const starts = promoting.some(({ state }) => state === "starting");
    if (standstill !== null && !starts) put(table, null);
    return;
  }
  const { name, frozen } = waiting;
  if (table.locked || frozen || table.isHeld(name)) return;
  if (standstill !== null && standstill.restarts !== null) goOn(table, name);
  else watch(table, name, standstill);
}

function watch(table: TableState, name: ServiceName, standstill: Standstill | null): void {
  const promotion = table.promotion(name);
  if (promotion?.stuck !== true) {
    if (standstill !== null) put(table, null);
    return;
  }
  const since = standstill?.since ?? table.nowMs;
  put(table, { since, restarts: null });
  const { timeoutMs } = table.conf.services.brokerHang;
  if (!standstillLasts({ table, brokers: table.brokers })) {
    lookAgain(table, name, since + timeoutMs);
  } else if (promotion.restartPlan !== null) {
    begin(table, name, { since, restartPlan: promotion.restartPlan });
  }
}

function begin(
  table: TableState,
  name: ServiceName,
  { since, restartPlan }: { readonly since: number; readonly restartPlan: RestartPlan },
): void {
  const restarts = { at: table.nowMs, fromOp: table.nextOp, last: null };
  table.brokers = { ...table.brokers, standstill: { since, restarts }, restartedOnce: true };
  const names = restartPlan.order.map((node) => table.nameOf(node)).join(", then that of ");
  const lastedS = Math.round((table.nowMs - since) / 1000);
  const text =
    `no broker could be promoted for ${lastedS} s: restarting that of ${names}, which is ` +
    `promoted; this loses ${restartPlan.lost}`;
  table.decide(name, text, { level: "warning" });
  goOn(table, name);
}

function goOn(table: TableState, name: ServiceName): void {
  const { standstill } = table.brokers;
  if (standstill === null || standstill.restarts === null) return;
  const { restarts } = standstill;
  const step = standstillStep(table, name);
  lookAgain(table, name, table.nowMs + lookMs);
  switch (step?.type) {
    case undefined:
    case "over":
      put(table, { ...standstill, restarts: null });
      return;
    case "promote":
      return;
    case "wait":
      if (table.nowMs - restarts.at >= restartsMaxMs) giveUp(table, name, step.why);
      return;
    case "restart":
      for (const node of step.nodes) restart(table, name, node);
      return;
    case "restart-last": {
      const last = { node: step.node, fromOp: table.nextOp };
      put(table, { ...standstill, restarts: { ...restarts, last } });
      restart(table, name, step.node);
      return;
    }
    case "failed":
      giveUp(table, name, step.why);
      return;
    default:
      assertNever(step);
  }
}

function giveUp(table: TableState, name: ServiceName, why: string): void {
  const { standstill } = table.brokers;
  if (standstill !== null) put(table, { ...standstill, restarts: null });
  table.decide(name, `the restarts of brokers have led to nothing: ${why}`, { level: "alert" });
  evaluate(table, name);
}

function restart(table: TableState, promoter: ServiceName, node: NodeId): void {
  const service = table.index.promoting.get(promoter)?.get(node);
  if (service === undefined) return;
  const why = `no broker can be promoted, and ${promoter} waits for one`;
  const chain = { ...emptyChain, cause: "restart" } as const;
  beginStop(table, service, { node, goal: { type: "restart" }, chain, why });
}

function put(table: TableState, standstill: Standstill | null): void {
  table.brokers = { ...table.brokers, standstill };
}

/** The next evaluation of the service is not later than that. */
function lookAgain(table: TableState, name: ServiceName, atMs: number): void {
  const service = table.service(name);
  const { retryAt } = service;
  if (retryAt !== null && retryAt > atMs) table.put({ ...service, retryAt: atMs });
}
