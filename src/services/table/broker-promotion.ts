/**
 * Which nodes may start the service that promotes a broker: the decision on brokers
 * (promotion-choice.ts) on what the replicated table knows of them. Every member computes the same.
 * Source: the Apache Qpid manual, active-passive messaging clusters; rgmanager starts blindly.
 * Tested in: test/services/broker-promotion.test.ts
 * PROMOTE5  Where no broker has ever answered its node, nothing is known: the service is placed as
 *     any other.
 * PROMOTE13  A service is not moved from a primary that was not seen active since its promotion,
 *     unless an operator permits it: until backups have come to it, nothing shows that another
 *     broker which says it is ready still runs.
 */
import type { BrokerSight, PromotionInput, SeenBroker } from "../../brokers/broker-sight.ts";
import { choosePromotion, type PromotionDecision } from "../../brokers/promotion-choice.ts";
import { nextRestart, type RestartStep } from "../../brokers/standstill.ts";
import type { NodeId, ServiceName } from "../../model/ids.ts";
import { reportedSight, withoutPrimary } from "./broker-records.ts";
import {
  type BrokerTable,
  coldStartWaited,
  nodeOf,
  type PromotionContext,
  promotionContext,
  promotionInput,
  restartFacts,
  seenBrokers,
  standstillLasts,
  startsSoon,
} from "./promotion-input.ts";

export type Promotion = {
  /** The nodes whose broker may be promoted, best first. */
  readonly nodes: readonly NodeId[];
  /** Why there is none; null: there is one. */
  readonly obstacle: string | null;
  /** What may be lost, and what an operator can type. */
  readonly remedy: string;
  /** Nothing comes by waiting. */
  readonly stuck: boolean;
  /** The restarts by which the cluster itself would end that; null: an operator must do it. */
  readonly restartPlan: RestartPlan | null;
  /** How acknowledged messages may be lost if the broker of the node is promoted. */
  readonly warnings: ReadonlyMap<NodeId, string>;
  /** Why the node may promote its broker or not. */
  readonly reasons: ReadonlyMap<NodeId, string>;
};

/** In this order their brokers are restarted; the last one is promoted. `lost`: what that loses. */
export type RestartPlan = { readonly order: readonly NodeId[]; readonly lost: string };

export type BrokerConflict = Extract<PromotionDecision, { readonly type: "conflict" }>;

/**
 * What may follow when the service has stopped where it is now, or what its start may do that is
 * under way; null: the states of brokers do not decide (PROMOTE5).
 */
export function promotionOf(
  table: BrokerTable,
  service: ServiceName,
  forced: boolean,
): Promotion | null {
  const context = contextAfterStop(table, service, forced);
  if (context === null) return null;
  const seen = seenBrokers(context);
  if (!context.brokers.answered) return beforeFirstAnswer(context, seen);
  const input = promotionInput(context, seen);
  const reasons = new Map(seen.map(({ node, sight }) => [node, sightWords(sight)]));
  const unsettled = forced ? null : unsettledPrimary(table, service, seen);
  if (unsettled !== null) return { ...nothing, reasons, obstacle: `brokers: ${unsettled}` };
  const step = forced ? null : restartStep(context, input);
  if (step !== null && step.type !== "over" && step.type !== "promote") {
    return { ...nothing, reasons, obstacle: `brokers: ${restartWords(input, step)}` };
  }
  const decision = step?.type === "promote" ? step.decision : choosePromotion(input);
  if (decision.type === "promote" || decision.type === "only-stale") {
    for (const { node, reason } of decision.ranking) reasons.set(node, reason);
  }
  if (decision.type === "adopt") {
    for (const { node, sight } of seen) {
      if (node !== decision.node) reasons.set(node, `${decision.reason}, ${sightWords(sight)}`);
    }
  }
  return { ...nothing, reasons, ...consequence(context, input, decision) };
}

/** PROMOTE13; null: it may be moved. One that does not answer is no reason to leave it there. */
function unsettledPrimary(
  table: BrokerTable,
  service: ServiceName,
  seen: readonly SeenBroker[],
): string | null {
  const { state, owner } = table.service(service);
  if (state !== "started" || owner === null) return null;
  const sight = reportedSight(table.brokers, owner);
  if (sight === null || sight.type === "silent" || sight.type === "gone") return null;
  if (sight.type === "answers" && sight.state === "active") return null;
  const name = seen.find(({ node }) => node === owner)?.name ?? "";
  return `the primary on ${name} is not active yet, so no backup may take its place`;
}

/** The next step of the restarts that end a standstill; null: none are under way. */
export function standstillStep(table: BrokerTable, service: ServiceName): RestartStep | null {
  const context = contextAfterStop(table, service, false);
  return context === null
    ? null
    : restartStep(context, promotionInput(context, seenBrokers(context)));
}

/** As if the service had stopped where it is. */
function contextAfterStop(
  table: BrokerTable,
  service: ServiceName,
  forced: boolean,
): PromotionContext | null {
  const now = promotionContext(table, service, forced);
  if (now === null) return null;
  const { owner } = now;
  const stops = owner !== null && table.service(service).state !== "starting";
  const brokers = stops ? withoutPrimary(now.brokers, owner) : now.brokers;
  return { ...now, owner: null, brokers };
}

/** Restarts go on while the service waits, and until its start has ended. */
function restartStep(context: PromotionContext, input: PromotionInput): RestartStep | null {
  const { state, retryAt } = context.table.service(context.service);
  const goesOn = state === "starting" || (state === "stopped" && retryAt !== null);
  const restarts = goesOn ? (context.brokers.standstill?.restarts ?? null) : null;
  return restarts === null ? null : nextRestart(input, restartFacts(context), restarts);
}

/** What is known of every broker now; empty: the states of brokers do not decide. */
export function brokersFor(
  table: BrokerTable,
  service: ServiceName,
): readonly Pick<SeenBroker, "node" | "sight">[] {
  const context = promotionContext(table, service, false);
  return context === null ? [] : seenBrokers(context);
}

/** More than one primary; null: there is at most one. */
export function findConflict(table: BrokerTable, service: ServiceName): BrokerConflict | null {
  const context = promotionContext(table, service, false);
  if (context === null) return null;
  const decision = choosePromotion(promotionInput(context, seenBrokers(context)));
  return decision.type === "conflict" ? decision : null;
}

const nothing = { nodes: [], remedy: "", stuck: false, restartPlan: null, warnings: new Map() };

function consequence(
  context: PromotionContext,
  input: PromotionInput,
  decision: PromotionDecision,
): Partial<Promotion> & Pick<Promotion, "obstacle"> {
  const { forced, service } = context;
  switch (decision.type) {
    case "promote": {
      const able = decision.ranking.filter(({ stale }) => !stale || input.staleAllowed);
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
    case "standstill": {
      const { reason, lost } = decision;
      if (forced) {
        const nodes = answering(input);
        return { obstacle: null, nodes, warnings: new Map(nodes.map((node) => [node, lost])) };
      }
      return { obstacle: `brokers: ${reason}`, stuck: true, ...wayOut(context, input, decision) };
    }
    case "only-stale": {
      const [best] = decision.ranking;
      const to = input.brokers.find(({ node }) => node === best?.node)?.name ?? "";
      const command = `clusvcadm-ts -r ${service} -m ${to} -F`;
      const remedy = `start the broker that was connected last; or, if it is lost: ${command}`;
      return { obstacle: `brokers: ${decision.reason}`, stuck: true, remedy };
    }
  }
}

/** Who ends the standstill, and how. */
function wayOut(
  context: PromotionContext,
  input: PromotionInput,
  { lost, restart, last, commands }: Extract<PromotionDecision, { readonly type: "standstill" }>,
): Pick<Promotion, "remedy" | "restartPlan"> {
  const { brokers, table } = context;
  const { timeoutMs, recovery } = table.conf.services.brokerHang;
  const after = `if this lasts for ${timeoutMs / 1000} s`;
  const wanted = recovery === "restart";
  const step =
    wanted && !brokers.restartedOnce ? nextRestart(input, restartFacts(context), null) : null;
  if (step?.type === "restart" || step?.type === "restart-last") {
    const remedy = `${after}, the brokers are restarted, which loses ${lost}`;
    return { remedy, restartPlan: { order: [...restart, last], lost } };
  }
  if (!standstillLasts(context)) {
    return { remedy: `${after}, the commands that end it are named here`, restartPlan: null };
  }
  const spent = wanted && brokers.restartedOnce ? "they were restarted once for that; " : "";
  const not = step?.type === "wait" ? `they are not restarted, since ${step.why}; ` : "";
  return { remedy: `${spent}${not}this loses ${lost}: ${commands.join("; ")}`, restartPlan: null };
}

function restartWords(
  { brokers }: PromotionInput,
  step: Exclude<RestartStep, { readonly type: "over" | "promote" }>,
): string {
  const named = (nodes: readonly NodeId[]) =>
    brokers.flatMap(({ node, name }) => (nodes.includes(node) ? [name] : [])).join(" and ");
  const what = "they are restarted, since none could be promoted";
  switch (step.type) {
    case "wait":
    case "failed":
      return `${what}; ${step.why}`;
    case "restart":
      return `${what}; ${named(step.nodes)} now`;
    case "restart-last":
      return `${what}; ${named([step.node])} now, as the last one`;
  }
}

/** With an operator's permission a broker may be asked that is not ready; it may refuse. */
function answering({ brokers }: PromotionInput): readonly NodeId[] {
  const able = brokers.filter(({ sight }) => {
    return sight.type === "answers" && sight.state !== "standalone";
  });
  return able.toSorted((a, b) => a.preference - b.preference || a.node - b.node).map(nodeOf);
}

/** PROMOTE5: brokers that are about to be started are waited for, but not for ever. */
function beforeFirstAnswer(
  context: PromotionContext,
  seen: readonly SeenBroker[],
): Promotion | null {
  const coming = seen.filter(({ node, service }) => {
    return context.table.node(node).phase === "ready" && startsSoon(context, node, service);
  });
  if (coming.length === 0 || coldStartWaited(context)) return null;
  const names = coming.map(({ name }) => name).join(" and ");
  const reasons = new Map(coming.map(({ node }) => [node, "its broker is about to start"]));
  return { ...nothing, reasons, obstacle: `brokers: that of ${names} is about to start` };
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
