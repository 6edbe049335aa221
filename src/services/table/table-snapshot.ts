/**
 * The replicated state of the services, as every member has it and as it travels to a joiner: the
 * nodes, the services, and a configuration that is under way. Shapes only; what is true of them
 * together is checked in snapshot-check.ts.
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
import { requestRef, serviceRecord } from "./service-state.ts";

/**
 * What a node may be running: what the table says (`known`), or anything it is allowed to run
 * (`unknown`: not seen since this history began).
 */
const nodeRecord = record({
  id: nodeId,
  life: count,
  /** `clean`: it runs nothing, and may not yet. */
  phase: oneOf("absent", "joined", "clean", "ready", "leaving", "lost"),
  knowledge: oneOf("known", "unknown"),
  /** While it cleans up: services of which nothing is left there, whatever `knowledge` says. */
  off: list(serviceName),
  departureGranted: flag,
});
export type NodeRecord = Shaped<typeof nodeRecord>;

/** A configuration on its way; see conf-change.ts. */
const confChange = record({
  ref: requestRef,
  version: count,
  hash: text,
  text,
  stage: oneOf("voting", "stopping"),
  accepted: list(nodeId),
});
export type ConfChange = Shaped<typeof confChange>;

/** The table as it travels to a joiner. */
export const tableSnapshot = record({
  nowMs: number,
  nextOp: count,
  /** Starts that have ended well in this history. */
  startsDone: count,
  locked: flag,
  change: nullable(confChange),
  nodes: list(nodeRecord),
  services: list(serviceRecord),
});
export type TableSnapshot = Shaped<typeof tableSnapshot>;
