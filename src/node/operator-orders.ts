/**
 * Whom each wish of a user or operator of this node is for. Decides nothing.
 * Tested in: test/node/quorum-orders.test.ts
 */
import type { NodeId } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import type { NodeInput } from "./node-events.ts";
import type { NodeServices } from "./node-services.ts";
import type { QuorumVoting } from "./quorum-voting.ts";
import type { Replica } from "./replica.ts";

export type OperatorOrder = Extract<
  NodeInput,
  {
    readonly type:
      | "request"
      | "propose"
      | "acknowledge"
      | "kill"
      | "quorum-order"
      | "fenced-by-hand";
  }
>;

export type OrderedParts = {
  readonly own: NodeServices;
  readonly voting: QuorumVoting;
  readonly replica: Replica;
};

/** `members`: of the quorate membership; null: this node takes part in none. */
export function passOrder(
  order: OperatorOrder,
  { own, voting, replica }: OrderedParts,
  members: readonly NodeId[] | null,
): void {
  switch (order.type) {
    case "request":
    case "propose":
      own.request(order, replica.history !== null);
      return;
    case "acknowledge":
      own.acknowledge(order, members === null ? null : replica.fence);
      return;
    case "kill":
      voting.kill(order, members ?? []);
      return;
    case "quorum-order":
      voting.order(order, replica.fence.view);
      return;
    case "fenced-by-hand":
      if (replica.history !== null) own.fencedByHand(order);
      return;
    default:
      assertNever(order);
  }
}
