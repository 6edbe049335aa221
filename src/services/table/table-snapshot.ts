/**
 * The replicated state of the services as it is sent to a joining member: the nodes, the services,
 * and a change of the conf that is under way. Shapes only; snapshot-check.ts validates how
 * they relate.
 * Tested in: test/services/service-table.test.ts
 */
import {
  count,
  flag,
  list,
  nodeId,
  nullable,
  number,
  oneOf,
  record,
  type Shaped,
  serviceName,
  text,
} from "../../model/shape.ts";
import { brokerRecords } from "./broker-records.ts";
import { requestRef, serviceRecord } from "./service-state.ts";

/**
 * `knowledge`: what a node may be running. `known`: what the table says; `unknown`: anything that
 * it is allowed to run, since it was not seen since this history began.
 */
const nodeRecord = record({
  id: nodeId,
  life: count,
  /** `clean`: it runs nothing, and may run nothing until it is unfenced. */
  phase: oneOf("absent", "joined", "clean", "ready", "leaving", "lost"),
  knowledge: oneOf("known", "unknown"),
  /** Services of which nothing is left, verified during its clean-up, whatever `knowledge` says. */
  off: list(serviceName),
  departureGranted: flag,
  /**
   * Nothing has verified that it runs nothing: it counts as off since its lease must have ended, or
   * since an operator has said so. Until it was fenced by a device, or has cleaned up.
   */
  unproven: flag,
});
export type NodeRecord = Shaped<typeof nodeRecord>;

/** A change of the conf that is under way; see conf-change.ts. */
const confChange = record({
  ref: requestRef,
  version: count,
  hash: text,
  text,
  stage: oneOf("voting", "stopping"),
  accepted: list(nodeId),
});
export type ConfChange = Shaped<typeof confChange>;

/** The table as it is sent to a joining member. */
export const tableSnapshot = record({
  nowMs: number,
  nextOp: count,
  /** How many starts have succeeded in this history. */
  startsDone: count,
  locked: flag,
  change: nullable(confChange),
  brokers: brokerRecords,
  nodes: list(nodeRecord),
  services: list(serviceRecord),
});
export type TableSnapshot = Shaped<typeof tableSnapshot>;
