/**
 * What is known of the brokers of a cluster at one moment, as far as a promotion depends on it.
 * Tested in: test/brokers/promotion-choice.test.ts
 */
import type { NodeId, NodeName, ServiceName } from "../model/ids.ts";
import { count, either, flag, literal, oneOf, record, type Shaped, text } from "../model/shape.ts";
import { brokerStates } from "./broker-state.ts";
import { type BrokerMember, memberList } from "./broker-status.ts";

const answers = record({
  type: literal("answers"),
  state: oneOf(...brokerStates),
  systemId: text,
  /** As the broker itself lists them. */
  members: memberList,
  /** Messages in replicated queues. */
  depth: count,
  /** It was joining, and has refused to be promoted: it will until it is restarted. */
  refuses: flag,
});

export const brokerSight = either(
  answers,
  /** Nobody knows yet: it was not asked, or has time left to answer. */
  record({ type: literal("pending") }),
  /** It does not answer and may be alive; why, in words. */
  record({ type: literal("silent"), why: text }),
  /** Its process is proven to have ended. */
  record({ type: literal("gone") }),
);
export type BrokerSight = Shaped<typeof brokerSight>;

export type SeenBroker = {
  readonly node: NodeId;
  readonly name: NodeName;
  /** The service that runs the broker of this node, for what an operator would type. */
  readonly service: ServiceName | null;
  /** The place of the node in the failover domain of the primary; smaller is preferred. */
  readonly preference: number;
  readonly sight: BrokerSight;
};

export type PromotionInput = {
  /** One for each configured broker. */
  readonly brokers: readonly SeenBroker[];
  /** The last member list that a primary has sent; null: none was recorded. */
  readonly record: readonly BrokerMember[] | null;
  /** No list of that primary has shown a backup as ready, and it has answered ever since. */
  readonly recordAlone: boolean;
  /** The node whose broker was the last primary; null: none was recorded. */
  readonly lastPrimary: NodeId | null;
  /** When that one was promoted; milliseconds since 1970, by the clock of its node. */
  readonly lastPrimaryAt: number | null;
  /** That broker is known to have ended since: what its node runs now was not promoted. */
  readonly lastPrimaryEnded: boolean;
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
};
