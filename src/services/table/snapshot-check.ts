/**
 * Validates the table that another node sends: each record by itself, its references, and that the
 * numbers leave room for further operations.
 * Source: the rules S1 to S6 of service-state.ts.
 * Tested in: test/services/service-table.test.ts
 */
import type { ClusterConf } from "../../model/conf.ts";
import type { NodeId } from "../../model/ids.ts";
import type { BrokerRecords } from "./broker-records.ts";
import { brokenRule, type Operation, type ServiceRecord } from "./service-state.ts";
import type { ConfChange, NodeRecord } from "./table-snapshot.ts";

/** A history with a million operations a second would reach it after a century. */
const opMax = 2 ** 52;

export type CheckedSnapshot = {
  readonly nextOp: number;
  readonly change: ConfChange | null;
  readonly brokers: BrokerRecords;
  readonly nodes: readonly NodeRecord[];
  readonly services: readonly ServiceRecord[];
};

/** Why this cannot be the table of a cluster with this conf; null: it can. */
export function snapshotProblem(
  { nextOp, change, brokers, nodes, services }: CheckedSnapshot,
  conf: ClusterConf,
): string | null {
  const configured = new Set(conf.nodes.map(({ id }) => id));
  const names = new Set(conf.services.services.map(({ name }) => name));
  const foreign = services.find(({ name }) => !names.has(name));
  if (foreign !== undefined) return `${foreign.name} is not configured`;
  const operations = services.flatMap(({ op }) => (op === null ? [] : [op]));
  const named = [
    ...nodes.map(({ id }) => id),
    ...(change === null ? [] : [change.ref.node, ...change.accepted]),
    ...services.flatMap(nodesOf),
    ...brokers.sights.map(({ node }) => node),
    ...present(brokers.primary?.node ?? null, brokers.promoted?.node ?? null),
    ...present(brokers.freshStart?.node ?? null, brokers.freshStart?.before.node ?? null),
    ...present(brokers.standstill?.restarts?.last?.node ?? null),
  ];
  const unknown = named.find((node) => !configured.has(node));
  if (unknown !== undefined) return `it names node ${unknown}, which is not configured`;
  if (nextOp < 1 || nextOp > opMax) return `its next operation is ${nextOp}`;
  if (operations.some(({ id }) => id >= nextOp)) return "an operation is newer than the next one";
  if (new Set(operations.map(({ id }) => id)).size < operations.length) {
    return "two services have the same operation";
  }
  if (new Set(nodes.map(({ id }) => id)).size < nodes.length) return "a node is there twice";
  if (new Set(services.map(({ name }) => name)).size < services.length) {
    return "a service is there twice";
  }
  const broken = services.find((service) => brokenRule(service) !== null);
  return broken === undefined ? null : `${broken.name} breaks rule ${brokenRule(broken)}`;
}

function nodesOf(service: ServiceRecord): readonly NodeId[] {
  const { owner, lastOwner, pendingInit, op } = service;
  return [...present(owner, lastOwner), ...pendingInit, ...(op === null ? [] : nodesOfOp(op))];
}

function nodesOfOp({ node, chain }: Operation): readonly NodeId[] {
  return [node, ...chain.tried, ...present(chain.prefer, chain.fallback, chain.only)];
}

function present(...nodes: readonly (NodeId | null)[]): readonly NodeId[] {
  return nodes.filter((node) => node !== null);
}
