/**
 * Which nodes may start the service that promotes a broker: the decision on brokers
 * (promotion-choice.ts) on what the replicated table knows of them. Every member computes the same.
 * Source: the Apache Qpid manual, active-passive messaging clusters; rgmanager starts blindly.
 * Tested in: test/services/broker-promotion.test.ts
 * PROMOTE5  Where no broker has ever answered its node, nothing is known: the service is placed as
 *     any other.
 * PROMOTE6  Only the node that had the service can have a broker that was promoted, so one that
 *     cannot be asked elsewhere delays no start, once a primary was seen.
 */
import type { BrokerSight, PromotionScene, SeenBroker } from "../../brokers/broker-sight.ts";
import { choosePromotion, type PromotionDecision } from "../../brokers/promotion-choice.ts";
import type { ClusterConf, FailoverDomainConf } from "../../model/conf.ts";
import type { NodeId, NodeName, ServiceName } from "../../model/ids.ts";
import type { BrokerServices } from "../tree/broker-scripts.ts";
import { type BrokerRecords, reportedSight, withoutPrimary } from "./broker-records.ts";
import type { ServiceRecord } from "./service-state.ts";
import type { NodeRecord } from "./table-snapshot.ts";

/** For so long a start waits for brokers that may still come. */
export const coldStartWaitMs = 10_000;

/** The service table, as far as it is read here. */
type Table = {
  readonly conf: ClusterConf;
  readonly nowMs: number;
  readonly brokers: BrokerRecords;
  readonly index: { readonly promoting: ReadonlyMap<ServiceName, BrokerServices> };
  node(id: NodeId): NodeRecord;
  service(name: ServiceName): ServiceRecord;
  domainOf(name: ServiceName): FailoverDomainConf | null;
};

/** What the decision depends on. */
type Ground = {
  readonly table: Table;
  readonly service: ServiceName;
  /** The node that has the service, or null. */
  readonly owner: NodeId | null;
  readonly brokerServices: BrokerServices;
  readonly brokers: BrokerRecords;
  /** An operator has permitted to promote a broker that may lack messages. */
  readonly forced: boolean;
};

export type Promotion = {
  /** The nodes whose broker may be promoted, best first. */
  readonly nodes: readonly NodeId[];
  /** Why there is none; null: there is one. */
  readonly obstacle: string | null;
  /** What may be lost, and what an operator can type. */
  readonly remedy: string;
  /** An operator must do something: nothing comes by waiting. */
  readonly stuck: boolean;
  /** How acknowledged messages may be lost if the broker of the node is promoted. */
  readonly warnings: ReadonlyMap<NodeId, string>;
  /** Why the node may promote its broker or not. */
  readonly reasons: ReadonlyMap<NodeId, string>;
};

export type BrokerConflict = Extract<PromotionDecision, { readonly type: "conflict" }>;

/**
 * What may follow when the service has stopped where it is now, or what its start may do that is
 * under way; null: the states of brokers do not decide (PROMOTE5).
 */
export function promotionOf(table: Table, service: ServiceName, forced: boolean): Promotion | null {
  const now = groundOf(table, service, forced);
  if (now === null) return null;
  const { owner } = now;
  const stops = owner !== null && table.service(service).state !== "starting";
  const brokers = stops ? withoutPrimary(now.brokers, owner) : now.brokers;
  const ground: Ground = { ...now, owner: null, brokers };
  const seen = seenBrokers(ground);
  if (!brokers.answered) return beforeFirstAnswer(ground, seen);
  const scene = sceneOf(ground, seen);
  const decision = choosePromotion(scene);
  const reasons = new Map(seen.map(({ node, sight }) => [node, sightWords(sight)]));
  if (decision.type === "promote" || decision.type === "only-stale") {
    for (const { node, reason } of decision.ranking) reasons.set(node, reason);
  }
  if (decision.type === "adopt") {
    for (const { node, sight } of seen) {
      if (node !== decision.node) reasons.set(node, `${decision.reason}, ${sightWords(sight)}`);
    }
  }
  return { ...nothing, reasons, ...consequence(ground, scene, decision) };
}

/** What is known of every broker now; empty: the states of brokers do not decide. */
export function brokersFor(
  table: Table,
  service: ServiceName,
): readonly Pick<SeenBroker, "node" | "sight">[] {
  const ground = groundOf(table, service, false);
  return ground === null ? [] : seenBrokers(ground);
}

/** More than one primary; null: there is at most one. */
export function findConflict(table: Table, service: ServiceName): BrokerConflict | null {
  const ground = groundOf(table, service, false);
  if (ground === null) return null;
  const decision = choosePromotion(sceneOf(ground, seenBrokers(ground)));
  return decision.type === "conflict" ? decision : null;
}

function groundOf(table: Table, service: ServiceName, forced: boolean): Ground | null {
  const brokerServices = table.index.promoting.get(service);
  if (brokerServices === undefined) return null;
  const { owner } = table.service(service);
  return { table, service, owner, brokerServices, brokers: table.brokers, forced };
}

const nothing = { nodes: [], remedy: "", stuck: false, warnings: new Map() };

function consequence(
  { forced, service }: Ground,
  scene: PromotionScene,
  decision: PromotionDecision,
): Partial<Promotion> & Pick<Promotion, "obstacle"> {
  switch (decision.type) {
    case "promote": {
      const able = decision.ranking.filter(({ stale }) => !stale || scene.staleAllowed);
      const cold = decision.start === "cold" ? decision.warnings.join("; ") : "";
      const warnings = able.flatMap(({ node, stale, reason }): [NodeId, string][] => {
        const why = stale ? `its broker may lack acknowledged messages: ${reason}` : cold;
        return why === "" ? [] : [[node, why]];
      });
      const nodes = able.map(({ node }) => node);
      return { obstacle: null, nodes, warnings: new Map(warnings) };
    }
    case "adopt":
      return { obstacle: null, nodes: [decision.node] };
    case "wait":
      return { obstacle: `brokers: ${decision.why}` };
    case "conflict":
      return { obstacle: `brokers: ${decision.reason}` };
    case "hang": {
      const { reason, lost, commands } = decision;
      if (forced) {
        const nodes = answering(scene);
        return { obstacle: null, nodes, warnings: new Map(nodes.map((node) => [node, lost])) };
      }
      const remedy = `this loses ${lost}: ${commands.join("; ")}`;
      return { obstacle: `brokers: ${reason}`, stuck: true, remedy };
    }
    case "only-stale": {
      const [best] = decision.ranking;
      const to = scene.brokers.find(({ node }) => node === best?.node)?.name ?? "";
      const command = `clusvcadm-ts -r ${service} -m ${to} -F`;
      const remedy = `start the broker that was connected last; or, if it is lost: ${command}`;
      return { obstacle: `brokers: ${decision.reason}`, stuck: true, remedy };
    }
  }
}

/** With an operator's permission a broker may be asked that is not ready; it may refuse. */
function answering({ brokers }: PromotionScene): readonly NodeId[] {
  const able = brokers.filter(({ sight }) => {
    return sight.type === "answers" && sight.state !== "standalone";
  });
  return able.toSorted((a, b) => a.preference - b.preference || a.node - b.node).map(nodeOf);
}

/** PROMOTE5: brokers that are about to be started are waited for, but not for ever. */
function beforeFirstAnswer(ground: Ground, seen: readonly SeenBroker[]): Promotion | null {
  const coming = seen.filter(({ node, service }) => {
    return ground.table.node(node).phase === "ready" && comes(ground, node, service);
  });
  if (coming.length === 0 || waited(ground)) return null;
  const names = coming.map(({ name }) => name).join(" and ");
  const reasons = new Map(coming.map(({ node }) => [node, "its broker is about to start"]));
  return { ...nothing, reasons, obstacle: `brokers: that of ${names} is about to start` };
}

function waited({ brokers, table }: Ground): boolean {
  return brokers.waitingSince !== null && table.nowMs - brokers.waitingSince >= coldStartWaitMs;
}

function sceneOf(ground: Ground, seen: readonly SeenBroker[]): PromotionScene {
  const { table, brokers, service, owner, forced } = ground;
  const { primary } = brokers;
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
    lastPrimary: primary?.node ?? brokers.promoted?.node ?? null,
    lastPrimaryEnded: primary?.ended ?? false,
    owner,
    primaryService: service,
    presumedOff: new Set(off.map(nodeOf)),
    coldStartWaited: waited(ground),
    staleAllowed: forced,
  };
}

function nodeOf({ node }: SeenBroker): NodeId {
  return node;
}

function seenBrokers(ground: Ground): readonly SeenBroker[] {
  const { table, brokerServices, service: promoter } = ground;
  const domain = table.domainOf(promoter);
  return [...brokerServices].map(([node, service]) => {
    const priority = domain?.nodes.find((one) => one.node === node)?.priority ?? null;
    return {
      node,
      name: nameOf(table.conf, node),
      service,
      preference: domain?.ordered === true ? (priority ?? 101) : 0,
      sight: currentSight(ground, node, service),
    };
  });
}

function nameOf({ nodes }: ClusterConf, node: NodeId): NodeName {
  const found = nodes.find(({ id }) => id === node);
  if (found === undefined) throw new Error(`no name of node ${node}`);
  return found.name;
}

/** PROMOTE6: what the phase of the node says goes before what it has said itself. */
function currentSight(ground: Ground, node: NodeId, service: ServiceName): BrokerSight {
  const { phase, knowledge, off } = ground.table.node(node);
  const gone = { type: "gone" } as const;
  if (phase === "absent") return knowledge === "known" ? gone : { type: "pending" };
  if (phase === "lost") return { type: "silent", why: "its node is lost" };
  if (phase === "joined") {
    return off.includes(service) ? gone : { type: "silent", why: "its node cleans up" };
  }
  const said = reportedSight(ground.brokers, node);
  if (said?.type === "pending") return { type: "silent", why: "it is being asked" };
  if (said !== null && said.type !== "gone") return said;
  return comes(ground, node, service) ? { type: "silent", why: "it is about to start" } : gone;
}

/** Whether the broker of the node is about to be started, or was and has not been seen yet. */
function comes(ground: Ground, node: NodeId, service: ServiceName | null): boolean {
  if (service === null) return false;
  const { state, retryAt, frozen, transition } = ground.table.service(service);
  if (state === "starting" || state === "recoverable") return true;
  if (state === "started") {
    const said = reportedSight(ground.brokers, node);
    return said === null || said.type === "pending";
  }
  const autostart = ground.table.conf.services.services.find(
    ({ name }) => name === service,
  )?.autostart;
  return (
    state === "stopped" && retryAt === null && !frozen && (transition > 0 || autostart === true)
  );
}

function sightWords(sight: BrokerSight): string {
  switch (sight.type) {
    case "answers":
      return sight.refuses
        ? `its broker is ${sight.state}, and refuses to be promoted until it is restarted`
        : `its broker is ${sight.state}`;
    case "silent":
      return `its broker does not answer: ${sight.why}`;
    case "pending":
      return "its broker was not asked yet";
    case "gone":
      return "no broker runs there";
  }
}
