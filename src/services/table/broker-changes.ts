/**
 * A node sees another state of its broker: the service that promotes one may start now, or fail
 * back to a better node, and of two primaries one is killed.
 * Source: the Apache Qpid manual, active-passive messaging clusters; qpid-cpp ha/HaBroker.cpp.
 * Tested in: test/services/broker-promotion.test.ts
 * PROMOTE7  Of two primaries the one is killed whose node does not own the service: its owner is
 *     the only one that was asked to promote its broker.
 */
import type { ServiceName } from "../../model/ids.ts";
import { findConflict } from "./broker-promotion.ts";
import { withMemory, withSight } from "./broker-records.ts";
import { evaluate } from "./evaluation.ts";
import type { BrokerSeen } from "./service-messages.ts";
import { failBackToBroker } from "./service-moves.ts";
import type { TableState, TableWork } from "./table-state.ts";

export function* onBrokerSeen(table: TableState, message: BrokerSeen): TableWork {
  const node = table.nodes.get(message.node);
  // A message of an earlier life of the node is void.
  if (node === undefined || node.life !== message.life) return;
  if (!["clean", "ready", "leaving"].includes(node.phase)) return;
  const { remembers } = message;
  const known = remembers !== null && table.nodes.has(remembers.node);
  table.brokers = withMemory(table.brokers, known ? remembers : null);
  table.brokers = withSight(table.brokers, message.node, message);
  for (const name of table.index.promoting.keys()) {
    endConflict(table, name);
    const { retryAt } = table.service(name);
    if (retryAt !== null) evaluate(table, name);
    else failBackToBroker(table, name);
    yield;
  }
}

/** PROMOTE7 */
function endConflict(table: TableState, name: ServiceName): void {
  const conflict = findConflict(table, name);
  if (conflict === null) return;
  const { kill, reason, lost } = conflict;
  for (const node of kill) table.emit({ type: "kill-broker", node, why: reason });
  const names = kill.map((node) => table.nameOf(node)).join(" and ");
  const text = `${name}: ${reason}; the broker of ${names} is killed, and with it ${lost}`;
  table.emit({ type: "notice", level: "crit", text });
}
