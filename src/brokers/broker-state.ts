/**
 * The states of a broker in a cluster of brokers, and their numbers in a member list.
 * Source: qpid-cpp ha/types.h: BrokerStatus, ha/types.cpp: NAMES.
 * Tested in: test/brokers/broker-status.test.ts
 */

/** In the order of their numbers on the wire. */
export const brokerStates = [
  "joining",
  "catchup",
  "ready",
  "recovering",
  "active",
  "standalone",
] as const;

export type BrokerState = (typeof brokerStates)[number];

/** From the name that the `status` property carries. */
export function parseBrokerState(name: unknown): BrokerState | null {
  return brokerStates.find((state) => state === name) ?? null;
}

/** From the number that a member list carries. */
export function parseStateNumber(value: unknown): BrokerState | null {
  return typeof value === "number" ? (brokerStates[value] ?? null) : null;
}

/** It was promoted: it accepts clients and decides what the backups hold. */
export function isPrimaryState(state: BrokerState): boolean {
  return state === "recovering" || state === "active";
}
