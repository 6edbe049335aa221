/**
 * Which broker is promoted, if any. A broker obeys every order to become primary, so this is what
 * prevents a second primary beside the first, and the loss of messages to a stale backup. The
 * ranking of ready brokers is in ready-ranking.ts.
 * Source: qpid-cpp ha/HaBroker.cpp, ha/Primary.cpp, ha/StatusCheck.cpp.
 * PROMOTE1  A broker is promoted only while no other one answers as primary, and none that may be
 *     the primary is silent.
 * PROMOTE2  No broker is promoted that is known to lack messages, unless an operator permits it.
 * PROMOTE3  A joining broker is promoted only when a majority of the configured ones is joining, or
 *     every other node is off: a broker that has not come yet may hold all messages.
 * PROMOTE4  Of equal facts every node makes the same choice.
 */
import type { NodeId } from "../model/ids.ts";
import { formatUtc } from "../model/utc-time.ts";
import type { BrokerSight, PromotionInput, SeenBroker } from "./broker-sight.ts";
import { isPrimaryState } from "./broker-state.ts";
import { type RankedBroker, rankReady } from "./ready-ranking.ts";

export type PromotionDecision =
  | {
      readonly type: "promote";
      readonly node: NodeId;
      /** A cold start begins with what the broker's store holds, which may be nothing. */
      readonly start: "ready" | "cold";
      readonly reason: string;
      /** What may have been lost, for the log; empty when nothing was. */
      readonly warnings: readonly string[];
      readonly ranking: readonly RankedBroker[];
    }
  | { readonly type: "wait"; readonly for: readonly NodeId[]; readonly why: string }
  /** There is a primary: the service belongs to its node. */
  | { readonly type: "adopt"; readonly node: NodeId; readonly reason: string }
  | {
      readonly type: "conflict";
      readonly keep: NodeId;
      readonly kill: readonly NodeId[];
      readonly reason: string;
      /** The messages that may be lost with each broker that is killed. */
      readonly lost: string;
    }
  /** No broker can be promoted, and none will become able to without a restart. */
  | {
      readonly type: "standstill";
      readonly reason: string;
      readonly lost: string;
      /** Restarted first, all of them; then `last`, once all are joining; then it is promoted. */
      readonly restart: readonly NodeId[];
      readonly last: NodeId;
      readonly commands: readonly string[];
    }
  | {
      readonly type: "only-stale";
      readonly reason: string;
      readonly ranking: readonly RankedBroker[];
    };

type Answering = SeenBroker & { readonly sight: Extract<BrokerSight, { type: "answers" }> };

/** The decision for what is seen now; it is made anew with everything that changes. */
export function choosePromotion(input: PromotionInput): PromotionDecision {
  const answering = input.brokers.filter(answers);
  const primaries = answering.filter(({ sight }) => isPrimaryState(sight.state));
  const [primary, ...more] = primaries;
  if (primary !== undefined && more.length > 0) return conflict(input, [primary, ...more]);
  if (primary !== undefined) {
    const reason = `the broker of ${primary.name} is ${primary.sight.state} already`;
    return { type: "adopt", node: primary.node, reason };
  }
  const doubtful = possiblePrimaries(input);
  if (doubtful !== null) return doubtful;
  const ready = answering.filter(({ sight }) => sight.state === "ready");
  if (ready.length > 0) return chooseReady(input, ready);
  const catching = answering.filter(({ sight }) => sight.state === "catchup");
  if (catching.length > 0) return standstill(input, answering);
  return coldStart(input, answering);
}

function answers(broker: SeenBroker): broker is Answering {
  return broker.sight.type === "answers";
}

/** PROMOTE1: who must be asked, or proven to be gone, before anybody is promoted. */
function possiblePrimaries(input: PromotionInput): PromotionDecision | null {
  const { brokers, lastPrimary, lastPrimaryEnded, owner, presumedOff } = input;
  const present = brokers.filter(({ node }) => !presumedOff.has(node));
  // Where all are joining, a cold start has its own rules for those that have not come.
  const hadPrimary = present.some(({ sight }) => {
    return sight.type === "answers" && (sight.state === "ready" || sight.state === "catchup");
  });
  const named = ({ node }: SeenBroker): boolean =>
    node === owner || (node === lastPrimary && !lastPrimaryEnded);
  const unasked = present.filter((broker) => {
    return broker.sight.type === "pending" && (hadPrimary || named(broker));
  });
  if (unasked.length > 0) {
    return wait(unasked, `${names(unasked)} may be primary, and nobody has heard of it yet`);
  }
  const suspect = present.filter((broker) => {
    const unknown = lastPrimary === null && hadPrimary;
    return broker.sight.type === "silent" && (unknown || named(broker));
  });
  if (suspect.length === 0) return null;
  const why =
    `the broker of ${names(suspect)} may still be the primary: it does not answer ` +
    `(${suspect.map(silence).join("; ")}) and is not proven to have ended`;
  return wait(suspect, why);
}

function silence({ sight }: SeenBroker): string {
  return sight.type === "silent" ? sight.why : sight.type;
}

function chooseReady(input: PromotionInput, ready: readonly Answering[]): PromotionDecision {
  const ranking = rankReady(input, ready);
  const [best] = ranking;
  if (best === undefined || (best.stale && !input.staleAllowed)) {
    const reason = `only stale backups: ${ranking.map(explain(input)).join("; ")}`;
    return { type: "only-stale", reason, ranking };
  }
  const warnings = best.stale
    ? [`${nameOf(input, best.node)} may lack acknowledged messages: ${best.reason}`]
    : [];
  const reason = `${nameOf(input, best.node)} is ready: ${best.reason}`;
  return { type: "promote", node: best.node, start: "ready", reason, warnings, ranking };
}

/** PROMOTE3 */
function coldStart(input: PromotionInput, answering: readonly Answering[]): PromotionDecision {
  const { brokers, presumedOff, coldStartWaited } = input;
  const joining = answering.filter(({ sight }) => sight.state === "joining");
  const missing = brokers.filter(({ sight, node }) => {
    return sight.type !== "answers" && !presumedOff.has(node);
  });
  const wrong = answering.filter(({ sight }) => sight.state === "standalone");
  if (joining.length === 0) {
    const why = missing.length === 0 ? "no broker runs" : `no broker of ${names(missing)} answers`;
    return wait([...missing, ...wrong], `${why}${misconfigured(wrong)}`);
  }
  const majority = joining.length * 2 > brokers.length;
  if (missing.length + wrong.length > 0 && !majority) {
    const unknown =
      missing.length > 0
        ? `, and ${names(missing)} may hold messages: it is not known to be off`
        : "";
    const why = `only ${joining.length} of ${brokers.length} brokers are joining${unknown}`;
    return wait([...missing, ...wrong], `${why}${misconfigured(wrong)}`);
  }
  if (missing.length > 0 && !coldStartWaited) {
    return wait(missing, `the broker of ${names(missing)} may still come, and be ready`);
  }
  const able = joining.filter(({ sight }) => !sight.refuses).sort(inColdOrder(input));
  const [chosen] = able;
  if (chosen === undefined) return standstill(input, answering);
  return promoteCold(input, { chosen, able, missing, wrong });
}

type ColdChoice = {
  readonly chosen: Answering;
  readonly able: readonly Answering[];
  readonly missing: readonly SeenBroker[];
  readonly wrong: readonly Answering[];
};

function promoteCold(input: PromotionInput, choice: ColdChoice): PromotionDecision {
  const { chosen, able, missing, wrong } = choice;
  const { lastPrimary } = input;
  const isLast = chosen.node === lastPrimary;
  const reason =
    `all brokers that answer are joining, and ${chosen.name} ` +
    (isLast ? "was the last primary" : "comes first by failover domain and node id") +
    (missing.length > 0 ? `; ${names(missing)} did not come` : "") +
    misconfigured(wrong);
  const begins =
    `there was a primary on ${lastPrimaryWords(input)}, and no broker holds in memory what it ` +
    "and its backups had";
  const store = isLast ? "" : `; its store, if it has one, will be discarded`;
  const ranking = able.map(({ node }, index) => {
    const why = node === lastPrimary ? "was the last primary" : "joining";
    return { node, stale: false, reason: index === 0 ? `chosen: ${why}` : why };
  });
  const warnings = lastPrimary === null ? [] : [`${begins}${store}`];
  return { type: "promote", node: chosen.node, start: "cold", reason, warnings, ranking };
}

/** As `node2 (promoted at …)`. */
function lastPrimaryWords(input: PromotionInput): string {
  const { lastPrimary, lastPrimaryAt } = input;
  const name = lastPrimary === null ? "a node that is not known" : nameOf(input, lastPrimary);
  return lastPrimaryAt === null ? name : `${name} (promoted at ${formatUtc(lastPrimaryAt)})`;
}

function misconfigured(wrong: readonly SeenBroker[]): string {
  if (wrong.length === 0) return "";
  return `; ${names(wrong)} is standalone: set ha-cluster=yes in its qpidd.conf`;
}

/** The one that owns the service stays; else the last primary, the fuller, the preferred one. */
function conflict(
  { owner, lastPrimary }: PromotionInput,
  primaries: readonly [Answering, ...Answering[]],
): PromotionDecision {
  const kept = primaries.reduce((best, one) => {
    const order =
      preferring(owner, best, one) ||
      preferring(lastPrimary, best, one) ||
      one.sight.depth - best.sight.depth ||
      inDomainOrder(best, one);
    return order <= 0 ? best : one;
  });
  const others = primaries.filter(({ node }) => node !== kept.node);
  const why =
    kept.node === owner ? "owns the primary service" : "is the last known primary, or the fuller";
  const states = primaries.map(({ name, sight }) => `${name} ${sight.state}`).join(", ");
  return {
    type: "conflict",
    keep: kept.node,
    kill: others.map(({ node }) => node),
    reason: `more than one primary: ${states}; ${kept.name} ${why}`,
    lost: others.map(({ name, sight }) => `${sight.depth} messages of ${name}`).join(", "),
  };
}

function standstill(input: PromotionInput, answering: readonly Answering[]): PromotionDecision {
  const able = answering.filter(({ sight }) => sight.state !== "standalone");
  const [last, ...others] = [...able].sort(inColdOrder(input));
  if (last === undefined) return wait([], "no broker answers");
  const catching = others.filter(({ sight }) => sight.state === "catchup");
  const depths = able.map(({ name, sight }) => `${sight.depth} on ${name}`).join(", ");
  const order = catching.length > 0 ? [...catching, last] : [last];
  const promote = `clusvcadm-ts -e ${input.primaryService} -m ${last.name}`;
  return {
    type: "standstill",
    reason: `no promotable broker (${tally(able)})`,
    lost:
      `the messages of the primary on ${lastPrimaryWords(input)} that no broker has copied; ` +
      `those that are copied ` +
      `(${depths}) are lost with the restarts, unless a store holds them`,
    restart: catching.map(({ node }) => node),
    last: last.node,
    commands: [...order.map(restartCommand), promote],
  };
}

function restartCommand({ service, name }: SeenBroker): string {
  return service === null ? `ssh ${name} service qpidd restart` : `clusvcadm-ts -R ${service}`;
}

/** As `1 joining, 2 catchup`; those that have refused a promotion are told apart. */
function tally(brokers: readonly Answering[]): string {
  const counts = new Map<string, number>();
  for (const { sight } of brokers) {
    const word = sight.refuses ? `${sight.state} that refuses promotion` : sight.state;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, number]) => `${number} ${word}`).join(", ");
}

/** The last primary first: its store is the newest. */
export function inColdOrder({
  lastPrimary,
}: PromotionInput): (a: SeenBroker, b: SeenBroker) => number {
  return (a, b) => preferring(lastPrimary, a, b) || inDomainOrder(a, b);
}

function preferring(node: NodeId | null, a: SeenBroker, b: SeenBroker): number {
  return Number(b.node === node) - Number(a.node === node);
}

function inDomainOrder(a: SeenBroker, b: SeenBroker): number {
  return a.preference - b.preference || a.node - b.node;
}

function wait(brokers: readonly SeenBroker[], why: string): PromotionDecision {
  return { type: "wait", for: brokers.map(({ node }) => node), why };
}

function explain(input: PromotionInput): (ranked: RankedBroker) => string {
  return ({ node, reason }) => `${nameOf(input, node)} ${reason}`;
}

function nameOf({ brokers }: PromotionInput, node: NodeId): string {
  return brokers.find((broker) => broker.node === node)?.name ?? `node ${node}`;
}

function names(brokers: readonly SeenBroker[]): string {
  return brokers.map(({ name }) => name).join(" and ");
}
