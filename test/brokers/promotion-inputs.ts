/** Scenes of three nodes for the choice of a promotion, written shortly. */
import type { BrokerSight, PromotionInput, SeenBroker } from "../../src/brokers/broker-sight.ts";
import type { BrokerState } from "../../src/brokers/broker-state.ts";
import { choosePromotion, type PromotionDecision } from "../../src/brokers/promotion-choice.ts";
import { parseNodeId, parseNodeName, parseServiceName } from "../../src/model/ids.ts";
import { member, systemId } from "./statuses.ts";

export type Answers = Extract<BrokerSight, { type: "answers" }>;

function known<Value>(value: Value | null): Value {
  if (value === null) throw new Error("not a name");
  return value;
}

export const nodeId = (number: number) => known(parseNodeId(number));
export const primaryService = known(parseServiceName("service:qpidd-primary-service"));

/** A broker that answers; `lists`: its member list. */
export function answering(
  node: number,
  state: BrokerState,
  fields: Partial<Answers> = {},
): SeenBroker {
  const sight: Answers = {
    type: "answers",
    state,
    systemId: systemId(node),
    members: [member(1, "ready"), member(2, "ready"), member(3, "ready")],
    depth: 0,
    refuses: false,
    ...fields,
  };
  return seen(node, sight);
}

export function seen(node: number, sight: BrokerSight): SeenBroker {
  return {
    node: nodeId(node),
    name: known(parseNodeName(`node${node}`)),
    service: parseServiceName(`service:node${node}-qpidd-service`),
    preference: node,
    sight,
  };
}

export const silent = (node: number) => seen(node, { type: "silent", why: "frozen" });
export const gone = (node: number) => seen(node, { type: "gone" });
export const pending = (node: number) => seen(node, { type: "pending" });

export function input(
  brokers: readonly SeenBroker[],
  fields: Partial<PromotionInput> = {},
): PromotionInput {
  return {
    brokers,
    record: null,
    recordAlone: false,
    lastPrimary: null,
    lastPrimaryAt: null,
    lastPrimaryEnded: false,
    owner: null,
    primaryService,
    presumedOff: new Set(),
    coldStartWaited: false,
    staleAllowed: false,
    ...fields,
  };
}

export function decide(
  brokers: readonly SeenBroker[],
  fields: Partial<PromotionInput> = {},
): PromotionDecision {
  return choosePromotion(input(brokers, fields));
}

/** As `promote 2`, `wait 1,3`, `only-stale`. */
export function inShort(decision: PromotionDecision): string {
  switch (decision.type) {
    case "promote":
      return `promote ${decision.node} ${decision.start}`;
    case "adopt":
      return `adopt ${decision.node}`;
    case "wait":
      return `wait ${decision.for.join(",")}`;
    case "conflict":
      return `keep ${decision.keep}, kill ${decision.kill.join(",")}`;
    case "standstill":
      return `hang: restart ${[...decision.restart, decision.last].join(",")}`;
    case "only-stale":
      return "only-stale";
    default:
      return decision;
  }
}
