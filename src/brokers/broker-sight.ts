/**
 * What is known of the brokers of a cluster at one moment, as far as a promotion depends on it.
 * Tested in: test/brokers/promotion-choice.test.ts
 */
import type { NodeId, NodeName, ServiceName } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { BrokerState } from "./broker-state.ts";
import type { BrokerMember, BrokerSystemId } from "./broker-status.ts";

/** The link of a backup to its primary. */
export type LinkSight =
  | { readonly type: "operational" }
  /** By the clock of `PromotionScene.nowMs`. */
  | { readonly type: "lost"; readonly atMs: Ms }
  /** It had none, or nobody knows since when. */
  | { readonly type: "unknown" };

export type BrokerSight =
  | {
      readonly type: "answers";
      readonly state: BrokerState;
      readonly systemId: BrokerSystemId;
      /** As the broker itself lists them. */
      readonly members: readonly BrokerMember[];
      readonly link: LinkSight;
      /** Messages in replicated queues. */
      readonly depth: number;
      /** It was joining, and has refused to be promoted: it will until it is restarted. */
      readonly refuses: boolean;
    }
  /** Nobody knows yet: it was not asked, or has time left to answer. */
  | { readonly type: "pending" }
  /** It does not answer and may be alive; why, in words. */
  | { readonly type: "silent"; readonly why: string }
  /** Its process is proven to have ended. */
  | { readonly type: "gone" };

export type SeenBroker = {
  readonly node: NodeId;
  readonly name: NodeName;
  /** The service that runs the broker of this node, for what an operator would type. */
  readonly service: ServiceName | null;
  /** The place of the node in the failover domain of the primary; smaller is preferred. */
  readonly preference: number;
  readonly sight: BrokerSight;
};

export type PromotionScene = {
  /** One for each configured broker. */
  readonly brokers: readonly SeenBroker[];
  /** The last member list that a primary has sent; null: none was recorded. */
  readonly record: readonly BrokerMember[] | null;
  /** The node whose broker was the last primary; null: none was recorded. */
  readonly lastPrimary: NodeId | null;
  /** The node that the service of the primary belongs to. */
  readonly owner: NodeId | null;
  /** The service that promotes. */
  readonly primaryService: ServiceName;
  /** Nodes that are fenced, or whose broker an operator has disabled. */
  readonly presumedOff: ReadonlySet<NodeId>;
  /** Brokers that have not come by now are not waited for at a cold start. */
  readonly coldStartWaited: boolean;
  /** An operator permits to promote a broker that may lack messages. */
  readonly staleAllowed: boolean;
  readonly nowMs: Ms;
};
