/**
 * The ordered messages of the service layer. The service table changes when one of them is
 * delivered, on the sender too. `at` is the sender's wall clock in ms; it only moves table time on.
 * Source: the events of rgmanager groups.c and rg_thread.c, made explicit.
 * Tested in: test/services/service-table.test.ts
 */

import { brokerSight } from "../../brokers/broker-sight.ts";
import { serviceOperations } from "../../model/service-operation.ts";
import {
  count,
  either,
  flag,
  list,
  literal,
  nodeId,
  nullable,
  oneOf,
  record,
  type Shaped,
  serviceName,
  text,
} from "../../model/shape.ts";
import { lastPromotion } from "./broker-records.ts";
import { requestRef } from "./service-state.ts";

/**
 * The node's clean-up is done: no configured service runs there, except those `kept` without
 * quorum. `hosts`: it may run services; if not yet, it sends the message again when it may.
 */
const ready = record({
  type: literal("ready"),
  node: nodeId,
  life: count,
  at: count,
  hosts: flag,
  kept: list(serviceName),
});
/** The node's clean-up is under way; it has verified that nothing of these services runs there. */
const servicesOff = record({
  type: literal("services-off"),
  node: nodeId,
  life: count,
  services: list(serviceName),
  at: count,
});
/** The node wants to leave: its services are to be stopped. */
const leaving = record({ type: literal("leaving"), node: nodeId, life: count, at: count });
/** The last message of a node that leaves in an orderly way. */
const left = record({ type: literal("left"), node: nodeId, life: count, at: count });

const opResult = record({
  type: literal("op-result"),
  node: nodeId,
  life: count,
  op: count,
  /** `declined`: a start has failed before the service did any work. */
  outcome: oneOf("ok", "failed", "declined"),
  /** The service runs without some of its non-critical parts. */
  partial: flag,
  /** For the log and `--why`. */
  text,
  at: count,
});

const statusFailed = record({
  type: literal("status-failed"),
  node: nodeId,
  life: count,
  service: serviceName,
  startOp: count,
  text,
  at: count,
});

/** Parts of the service have failed that can be repaired by themselves; the node knows which. */
const partFailed = record({
  type: literal("part-failed"),
  node: nodeId,
  life: count,
  service: serviceName,
  startOp: count,
  text,
  at: count,
});

const request = record({
  type: literal("request"),
  ref: requestRef,
  operation: oneOf(...serviceOperations),
  service: serviceName,
  target: nullable(nodeId),
  byDomain: flag,
  at: count,
});

/** A user locks or unlocks all services. */
const lock = record({ type: literal("lock"), ref: requestRef, locked: flag, at: count });

/** A user orders all members to leave; nothing must be running any more. */
const leaveAll = record({ type: literal("leave-all"), ref: requestRef, at: count });

/** A user proposes another conf; `text` is the whole file. */
const confPropose = record({
  type: literal("conf-propose"),
  ref: requestRef,
  version: count,
  /** SHA-256 of the text, hexadecimal. */
  hash: text,
  text,
  at: count,
});

/** A member's vote on it; `text` says why it refuses. */
const confVote = record({
  type: literal("conf-vote"),
  node: nodeId,
  life: count,
  hash: text,
  accepted: flag,
  text,
  at: count,
});

/** The node has stopped once all services that were new in this version of the conf. */
const initDone = record({
  type: literal("init-done"),
  node: nodeId,
  life: count,
  version: count,
  at: count,
});

/** What a node sees of its own broker has changed. */
const brokerSeen = record({
  type: literal("broker-seen"),
  node: nodeId,
  life: count,
  sight: brokerSight,
  /** Which broker became primary last, as the node has stored it. */
  remembers: nullable(lastPromotion),
  at: count,
});

/** The node has asked its broker, to which a service is to move, whether it could be promoted. */
const brokerLooked = record({
  type: literal("broker-looked"),
  node: nodeId,
  life: count,
  move: count,
  /** Null: it could. */
  problem: nullable(text),
  at: count,
});

/** Advances table time, so that retries fall due; sent by the lowest ready node. */
const tick = record({ type: literal("tick"), at: count });

export const serviceMessage = either(
  ready,
  servicesOff,
  leaving,
  left,
  opResult,
  statusFailed,
  partFailed,
  request,
  lock,
  leaveAll,
  confPropose,
  confVote,
  initDone,
  brokerSeen,
  brokerLooked,
  tick,
);
export type ServiceMessage = Shaped<typeof serviceMessage>;
export type ServicesOff = Shaped<typeof servicesOff>;
export type ServiceRequest = Shaped<typeof request>;
export type LockRequest = Shaped<typeof lock>;
export type LeaveAllRequest = Shaped<typeof leaveAll>;
export type ConfProposal = Shaped<typeof confPropose>;
export type ConfVote = Shaped<typeof confVote>;
export type BrokerSeen = Shaped<typeof brokerSeen>;
export type BrokerLooked = Shaped<typeof brokerLooked>;
export type InitDone = Shaped<typeof initDone>;
