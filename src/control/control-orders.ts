/**
 * The orders of operators over HTTP: requests → calls of the backend → replies.
 * Tested in: test/control/operator-protocol.test.ts
 * CONTROL4  Only a few runs of fence agents are awaited at once: each keeps a connection for
 *     minutes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { NodeId } from "../model/ids.ts";
import { assertNever, type Result } from "../model/outcome.ts";
import type { ControlError } from "./control-error.ts";
import type { ControlLimits } from "./control-limits.ts";
import {
  type ClusterOrder,
  type NodeOrder,
  type OperatorBackend,
  type OperatorRoute,
  type OrderBody,
  parseOrderBody,
} from "./operator-protocol.ts";
import { readJsonBody } from "./request-body.ts";

/** What the server offers to its orders. */
export type ServerForOrders = {
  readonly reply: (response: ServerResponse, content: object) => void;
  readonly error: (response: ServerResponse, error: ControlError) => void;
  /** Reserves the socket for this response: the server writes nothing else to it. */
  readonly reserve: (response: ServerResponse) => void;
  readonly findNode: (name: string) => Result<NodeId, ControlError>;
};

export class OrderRequests {
  readonly #backend: OperatorBackend;
  readonly #limits: ControlLimits;
  readonly #server: ServerForOrders;
  #running = 0;

  constructor(backend: OperatorBackend, limits: ControlLimits, server: ServerForOrders) {
    this.#backend = backend;
    this.#limits = limits;
    this.#server = server;
  }

  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    route: OperatorRoute,
  ): Promise<void> {
    if (route.type === "conf") {
      this.#server.reply(response, this.#backend.confInForce());
      return;
    }
    if (route.type === "fencing") {
      this.#server.reply(response, this.#backend.fencing());
      return;
    }
    const json = await readJsonBody(request, this.#limits.bodyBytesMax);
    const named = route.type === "node-order" ? route.node : null;
    const body = json.ok ? parseOrderBody(json.value, { order: route.order, node: named }) : json;
    if (!body.ok) {
      this.#server.error(response, body.problem);
    } else if (route.type === "cluster-order") {
      await this.#answer(response, () => this.#ofCluster(route.order, body.value));
    } else {
      const node = this.#server.findNode(route.node);
      if (!node.ok) this.#server.error(response, node.problem);
      else await this.#answer(response, () => this.#ofNode(route.order, node.value, body.value));
    }
  }

  async #answer(response: ServerResponse, carryOut: () => Promise<object>): Promise<void> {
    if (this.#running >= this.#limits.ordersPendingMax) {
      const text = `${this.#running} orders are being carried out already`;
      this.#server.error(response, { type: "busy", text });
      return;
    }
    this.#running += 1;
    this.#server.reserve(response);
    const reply = await carryOut();
    this.#running -= 1;
    this.#server.reply(response, reply);
  }

  #ofCluster(order: ClusterOrder, { who, sentence, votes }: OrderBody): Promise<object> {
    switch (order) {
      case "expected":
        return this.#backend.change({ change: { type: order, expected: votes }, sentence, who });
      case "cancel-wait":
        return this.#backend.change({ change: { type: order }, sentence, who });
      case "check":
        return this.#backend.run({ type: order, node: null, who });
      case "leave-all":
        return this.#backend.leaveAll(who);
      default:
        return assertNever(order);
    }
  }

  #ofNode(order: NodeOrder, node: NodeId, { who, votes }: OrderBody): Promise<object> {
    if (order !== "votes") return this.#backend.run({ type: order, node, who });
    return this.#backend.change({ change: { type: order, node, votes }, sentence: null, who });
  }
}
