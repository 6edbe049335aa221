/**
 * What the replicated table knows of the brokers that a promoting service chooses from, as the
 * input of a choice (promotion-choice.ts).
 * Tested in: test/services/broker-promotion.test.ts
 * PROMOTE6  Only the node that had the service can have a broker that was promoted, so one that
 *     cannot be asked elsewhere delays no start, once a primary was seen.
 */
import type { BrokerSight, PromotionInput, SeenBroker } from "../../brokers/broker-sight.ts";
import type { RestartFacts } from "../../brokers/standstill.ts";
import type { ClusterConf, FailoverDomainConf } from "../../model/conf.ts";
import type { NodeId, NodeName, ServiceName } from "../../model/ids.ts";
import { invariant } from "../../model/outcome.ts";
import type { BrokerServices } from "../tree/broker-scripts.ts";
import { type BrokerRecords, reportedSight } from "./broker-records.ts";
import { priorityLast } from "./placement.ts";
import type { ServiceRecord } from "./service-state.ts";
import type { NodeRecord } from "./table-snapshot.ts";

/** For so long a start waits for brokers that may still come. */
export const coldStartWaitMs = 10_000;

/** The service table, as far as it is read here. */
export type BrokerTable = {
  readonly conf: ClusterConf;
  readonly nowMs: number;
  readonly brokers: BrokerRecords;
  readonly index: { readonly promoting: ReadonlyMap<ServiceName, BrokerServices> };
  node(id: NodeId): NodeRecord;
  service(name: ServiceName): ServiceRecord;
  domainOf(name: ServiceName): FailoverDomainConf | null;
  isHeld(name: ServiceName): boolean;
};

/** What the decision depends on. */
export type PromotionContext = {
  readonly table: BrokerTable;
  readonly service: ServiceName;
  /** The node that has the service, or null. */
  readonly owner: NodeId | null;
  readonly brokerServices: BrokerServices;
  readonly brokers: BrokerRecords;
  /** An operator has permitted to promote a broker that may lack messages. */
  readonly forced: boolean;
};

export function promotionContext(
  table: BrokerTable,
  service: ServiceName,
  forced: boolean,
): PromotionContext | null {
  const brokerServices = table.index.promoting.get(service);
  if (brokerServices === undefined) return null;
  const { owner } = table.service(service);
  return { table, service, owner, brokerServices, brokers: table.brokers, forced };
}

export function coldStartWaited({ brokers, table }: PromotionContext): boolean {
  return brokers.waitingSince !== null && table.nowMs - brokers.waitingSince >= coldStartWaitMs;
}

export function promotionInput(
  context: PromotionContext,
  seen: readonly SeenBroker[],
): PromotionInput {
  const { table, brokers, service, owner, forced } = context;
  const { primary, promoted } = brokers;
  const lastPrimary = primary?.node ?? promoted?.node ?? null;
  const off = seen.filter(({ node, service: runs }) => {
    const { phase, knowledge } = table.node(node);
    // A primary outlives the stop of its broker's own service.
    const mayBePrimary = primary?.node === node && !primary.ended;
    const disabled = runs !== null && table.service(runs).state === "disabled";
    return (disabled && !mayBePrimary) || (phase === "absent" && knowledge === "known");
  });
  return {
    brokers: seen,
    record: primary?.members ?? null,
    recordAlone: primary?.alone ?? false,
    lastPrimary,
    lastPrimaryAt: promoted?.node === lastPrimary ? (promoted?.at ?? null) : null,
    lastPrimaryEnded: primary?.ended ?? false,
    owner,
    primaryService: service,
    presumedOff: new Set(off.map(nodeOf)),
    coldStartWaited: coldStartWaited(context),
    staleAllowed: forced,
  };
}

export function nodeOf({ node }: SeenBroker): NodeId {
  return node;
}

export function seenBrokers(context: PromotionContext): readonly SeenBroker[] {
  const { table, brokerServices, service: promoter } = context;
  const domain = table.domainOf(promoter);
  return [...brokerServices].map(([node, service]) => {
    const priority = domain?.nodes.find((one) => one.node === node)?.priority ?? null;
    return {
      node,
      name: nameOf(table.conf, node),
      service,
      preference: domain?.ordered === true ? (priority ?? priorityLast) : 0,
      sight: currentSight(context, node, service),
    };
  });
}

function nameOf({ nodes }: ClusterConf, node: NodeId): NodeName {
  const found = nodes.find(({ id }) => id === node);
  invariant(found !== undefined, `no name of node ${node}`);
  return found.name;
}

/** PROMOTE6: what the phase of the node says goes before what it has said itself. */
function currentSight(context: PromotionContext, node: NodeId, service: ServiceName): BrokerSight {
  const { phase, knowledge, off } = context.table.node(node);
  const gone = { type: "gone" } as const;
  if (phase === "absent") return knowledge === "known" ? gone : { type: "pending" };
  if (phase === "lost") return { type: "silent", why: "its node is lost" };
  if (phase === "joined") {
    return off.includes(service) ? gone : { type: "silent", why: "its node cleans up" };
  }
  const said = reportedSight(context.brokers, node);
  if (said?.type === "pending") return { type: "silent", why: "it is being asked" };
  if (said !== null && said.type !== "gone") return said;
  return startsSoon(context, node, service)
    ? { type: "silent", why: "it is about to start" }
    : gone;
}

/** Whether the broker of the node is about to be started, or was and has not been seen yet. */
export function startsSoon(
  context: PromotionContext,
  node: NodeId,
  service: ServiceName | null,
): boolean {
  if (service === null) return false;
  const { state, retryAt, frozen, transition } = context.table.service(service);
  if (state === "starting" || state === "recoverable") return true;
  if (state === "started") {
    const said = reportedSight(context.brokers, node);
    return said === null || said.type === "pending";
  }
  const autostart = context.table.conf.services.services.find(
    ({ name }) => name === service,
  )?.autostart;
  return (
    state === "stopped" && retryAt === null && !frozen && (transition > 0 || autostart === true)
  );
}

/** Whether the standstill has lasted for so long that something is to be done about it. */
export function standstillLasts({
  brokers,
  table,
}: Pick<PromotionContext, "brokers" | "table">): boolean {
  const { standstill } = brokers;
  if (standstill === null) return false;
  return table.nowMs - standstill.since >= table.conf.services.brokerHang.timeoutMs;
}

/** What restarts depend on beside what the brokers say. */
export function restartFacts({
  table,
  brokers,
}: PromotionContext): (broker: SeenBroker) => RestartFacts {
  return ({ node, name, service }) => {
    if (service === null) {
      const hindrance = `the broker of ${name} has no service of its own`;
      return { hindrance, doubt: null, startOp: 0 };
    }
    const mayGoOn = node !== brokers.primary?.node;
    const { startOp } = table.service(service);
    const doubt = doubtOf(table, { node, name, service, mayGoOn });
    return { hindrance: hindranceOf(table, { node, name, service }), doubt, startOp };
  };
}

type OwnService = { readonly node: NodeId; readonly name: NodeName; readonly service: ServiceName };

/**
 * `mayGoOn`: its broker was a backup, which goes on without quorum; a primary ends with its lease.
 */
function doubtOf(
  table: BrokerTable,
  { node, name, service, mayGoOn }: OwnService & { readonly mayGoOn: boolean },
): string | null {
  const { phase, unproven } = table.node(node);
  const { state, op } = table.service(service);
  if (op !== null) return `${service} is ${state}`;
  // It has been started and not been seen yet, or has ended, which its check will show.
  if (state === "started") return `the broker of ${name} is not there yet`;
  if (state === "failed") return `${service} has failed, so that its broker may still run`;
  if (phase !== "absent" || !unproven || !mayGoOn || state === "disabled") return null;
  return `nothing has proven that ${name} is off, and its broker may hold messages`;
}

function hindranceOf(table: BrokerTable, { node, name, service }: OwnService): string | null {
  const { state, op, frozen } = table.service(service);
  const { phase } = table.node(node);
  if (frozen) return `${service} is frozen`;
  if (table.isHeld(service)) return `${service} waits for another configuration`;
  if (state !== "started") return `${service} is ${state}`;
  if (op !== null) return `${service} is being repaired`;
  return phase === "ready" ? null : `${name} is ${phase}`;
}
