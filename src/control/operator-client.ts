/**
 * The client for orders of operators: one call sends one request and parses one reply.
 * Tested in: test/control/operator-protocol.test.ts
 */
import type { Acceptance } from "../model/acceptance.ts";
import type { FencingStatus } from "../model/fencing-status.ts";
import type { Result } from "../model/outcome.ts";
import { askControl, type ControlProblem } from "./control-client.ts";
import {
  type ConfInForce,
  clusterOrderPath,
  type NodeOrder,
  nodeOrderPath,
  parseConfInForce,
  parseFencingStatus,
  parseRunReply,
  type RunReply,
} from "./operator-protocol.ts";
import { parseAcceptance } from "./protocol.ts";

/** `by` names the operator; `sentence` is the statement that the operator vouches for. */
export type OperatorClient = {
  fencing(afterMs: number): Promise<Result<FencingStatus, ControlProblem>>;
  conf(afterMs: number): Promise<Result<ConfInForce, ControlProblem>>;
  /** Orders all members to leave; does not wait for their end. */
  leaveAll(by: string): Promise<Result<Acceptance, ControlProblem>>;
  /** Sets the expected votes. */
  expected(
    votes: number,
    by: string,
    sentence: string | null,
  ): Promise<Result<Acceptance, ControlProblem>>;
  cancelWait(by: string, sentence: string | null): Promise<Result<Acceptance, ControlProblem>>;
  votes(node: string, votes: number, by: string): Promise<Result<Acceptance, ControlProblem>>;
  /** Runs the node's fence agents; waits for their end, without limit. */
  run(
    order: Exclude<NodeOrder, "votes">,
    node: string,
    by: string,
  ): Promise<Result<RunReply, ControlProblem>>;
  /** Asks every fence device; waits for the last answer. */
  check(by: string): Promise<Result<RunReply, ControlProblem>>;
};

/** The limit of orders that need only an ordered message, and no agents. */
const orderMs = 20_000;

export function operatorClient(socketPath: string): OperatorClient {
  const post = { socketPath, method: "POST" } as const;
  const said = (sentence: string | null) => (sentence === null ? {} : { sentence });
  const vote = (path: string, body: object) =>
    askControl({ ...post, path, body: JSON.stringify(body), afterMs: orderMs }, parseAcceptance);
  return {
    fencing: (afterMs) =>
      askControl({ socketPath, method: "GET", path: "/v1/fencing", afterMs }, parseFencingStatus),
    conf: (afterMs) =>
      askControl({ socketPath, method: "GET", path: "/v1/conf", afterMs }, parseConfInForce),
    leaveAll: (by) => vote(clusterOrderPath("leave-all"), { by }),
    expected: (expected, by, sentence) =>
      vote(clusterOrderPath("expected"), { expected, by, ...said(sentence) }),
    cancelWait: (by, sentence) => vote(clusterOrderPath("cancel-wait"), { by, ...said(sentence) }),
    votes: (node, votes, by) => vote(nodeOrderPath(node, "votes"), { votes, by }),
    run: (order, node, by) => {
      const body = JSON.stringify(order === "fence" ? { confirm: node, by } : { by });
      return askControl({ ...post, path: nodeOrderPath(node, order), body }, parseRunReply);
    },
    check: (by) => {
      const body = JSON.stringify({ by });
      return askControl({ ...post, path: clusterOrderPath("check"), body }, parseRunReply);
    },
  };
}
