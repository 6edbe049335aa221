/**
 * The restarts that end a standstill of brokers. Backups that had not copied everything when their
 * primary ended wait for it for ever, and brokers that have started beside them refuse to be
 * promoted. Once all are joining, the one that starts last accepts. What is next follows from what
 * the brokers are now; remembered is only when the restarts began, and which broker is the last.
 * Source: qpid-cpp ha/StatusCheck.cpp, ha/Backup.cpp, ha/HaBroker.cpp: promote.
 * HANG1  Nothing is restarted while a broker may hold messages that nobody sees: each one answers,
 *     has ended, or is on a node that is off for certain.
 * HANG2  Until a broker is ready or primary, only the one that was restarted last is promoted.
 * HANG3  Each broker is restarted at most once, and once more if it is the last one.
 */
import type { NodeId } from "../model/ids.ts";
import type { BrokerSight, PromotionInput, SeenBroker } from "./broker-sight.ts";
import { isPrimaryState } from "./broker-state.ts";
import { choosePromotion, inColdOrder, type PromotionDecision } from "./promotion-choice.ts";

/** Of one broker, what is known beside what it says. */
export type RestartFacts = {
  /** Why its service cannot be restarted now; null: it can. */
  readonly hindrance: string | null;
  /** Why it may run although it seems to have ended; null: it cannot. */
  readonly doubt: string | null;
  /** The operation that has started its service last. */
  readonly startOp: number;
};

/** Operations with these numbers or higher ones belong to the restarts. */
export type Restarts = {
  readonly fromOp: number;
  /** Null: it is not the turn of the last one yet. */
  readonly last: { readonly node: NodeId; readonly fromOp: number } | null;
};

export type RestartStep =
  /** A broker is ready or primary. */
  | { readonly type: "over" }
  | { readonly type: "wait"; readonly why: string }
  | { readonly type: "restart"; readonly nodes: readonly NodeId[] }
  | { readonly type: "restart-last"; readonly node: NodeId }
  | { readonly type: "promote"; readonly decision: PromotionDecision }
  | { readonly type: "failed"; readonly why: string };

type Answering = SeenBroker & { readonly sight: Extract<BrokerSight, { type: "answers" }> };

/** `restarts` null: they have not begun, and are wanted. */
export function nextRestart(
  input: PromotionInput,
  facts: (broker: SeenBroker) => RestartFacts,
  restarts: Restarts | null,
): RestartStep {
  const answering = input.brokers.filter(answers);
  if (answering.some(serves)) return { type: "over" };
  const doubt = input.brokers.map((broker) => doubtOf(broker, facts(broker))).find(isSaid);
  if (doubt !== undefined) return wait(doubt);
  const able = answering.filter(({ sight }) => sight.state !== "standalone");
  const last = lastOf(input, able, restarts);
  if (last === undefined) return wait("no broker answers");
  const decision = choosePromotion(afterRestarts(input, last.node));
  if (decision.type !== "promote") return wait(unpromotable(decision));
  const catching = able.filter(({ node, sight }) => {
    return sight.state === "catchup" && node !== last.node;
  });
  const again = catching.find((broker) => restarts !== null && done(facts(broker), restarts));
  if (again !== undefined) return wait(`the broker of ${again.name} catches up again`);
  const lastDone = restarts?.last?.node === last.node && done(facts(last), restarts.last);
  const due = lastDone ? catching : [...catching, last];
  const hindrance = due.map((broker) => facts(broker).hindrance).find(isSaid);
  if (hindrance !== undefined) return wait(hindrance);
  if (catching.length > 0) return { type: "restart", nodes: catching.map(({ node }) => node) };
  if (!lastDone) return { type: "restart-last", node: last.node };
  if (last.sight.state === "joining" && !last.sight.refuses) return { type: "promote", decision };
  const what = last.sight.refuses ? "refuses to be promoted" : `is ${last.sight.state}`;
  return { type: "failed", why: `the broker of ${last.name}, which was restarted last, ${what}` };
}

function answers(broker: SeenBroker): broker is Answering {
  return broker.sight.type === "answers";
}

function serves({ sight: { state } }: Answering): boolean {
  return state === "ready" || isPrimaryState(state);
}

/** HANG1 */
function doubtOf({ name, sight }: SeenBroker, { doubt }: RestartFacts): string | null {
  switch (sight.type) {
    case "answers":
      return null;
    case "silent":
      return `the broker of ${name} does not answer: ${sight.why}`;
    case "pending":
      return `nobody has heard of the broker of ${name} yet`;
    case "gone":
      return doubt;
  }
}

function isSaid(words: string | null): words is string {
  return words !== null;
}

/** The one that was chosen stays it as long as it answers. */
function lastOf(
  input: PromotionInput,
  able: readonly Answering[],
  restarts: Restarts | null,
): Answering | undefined {
  const chosen = able.find(({ node }) => node === restarts?.last?.node);
  return chosen ?? able.toSorted(inColdOrder(input))[0];
}

function done({ startOp }: RestartFacts, { fromOp }: { readonly fromOp: number }): boolean {
  return startOp >= fromOp;
}

/** HANG2: all are joining then, and all but the last one refuse. */
function afterRestarts(input: PromotionInput, last: NodeId): PromotionInput {
  const brokers = input.brokers.map((broker) => {
    const { node, sight } = broker;
    if (sight.type !== "answers" || sight.state === "standalone") return broker;
    const joining = { ...sight, state: "joining", refuses: node !== last } as const;
    return { ...broker, sight: joining };
  });
  return { ...input, brokers, coldStartWaited: true };
}

function unpromotable(decision: Exclude<PromotionDecision, { type: "promote" }>): string {
  const why = decision.type === "wait" ? decision.why : decision.type;
  return `none could be promoted after a restart: ${why}`;
}

function wait(why: string): RestartStep {
  return { type: "wait", why };
}
