/**
 * The client's side of the orders of operators: one call, one request, one parsed reply.
 * Knows the operator protocol; does not know what the commands print.
 * Tested in: test/control/operator-protocol.test.ts
 */
import type { Acceptance } from "../model/acceptance.ts";
import type { FencingStatus } from "../model/fencing-status.ts";
import type { Result } from "../model/outcome.ts";
import { askControl, type ControlProblem } from "./control-client.ts";
import {
  clusterOrderPath,
  type NodeOrder,
  nodeOrderPath,
  parseFencingStatus,
  parseRunReply,
  type RunReply,
} from "./operator-protocol.ts";
import { parseAcceptance } from "./protocol.ts";

/** `by` is who orders it; a sentence is what the operator vouches for. */
export type OperatorClient = {
  fencing(afterMs: number): Promise<Result<FencingStatus, ControlProblem>>;
  /** Expects so many votes from now on. */
  expected(
    votes: number,
    by: string,
    sentence: string | null,
  ): Promise<Result<Acceptance, ControlProblem>>;
  cancelWait(by: string, sentence: string | null): Promise<Result<Acceptance, ControlProblem>>;
  votes(node: string, votes: number, by: string): Promise<Result<Acceptance, ControlProblem>>;
  /** Runs agents against the node; waits for their end, without limit. */
  run(
    order: Exclude<NodeOrder, "votes">,
    node: string,
    by: string,
  ): Promise<Result<RunReply, ControlProblem>>;
  /** Asks every fence device; waits for the last answer. */
  check(by: string): Promise<Result<RunReply, ControlProblem>>;
};

/** Of orders that take a turn of the ring, not an agent's time. */
const answerMs = 20_000;

export function operatorClient(socketPath: string): OperatorClient {
  const post = { socketPath, method: "POST" } as const;
  const said = (sentence: string | null) => (sentence === null ? {} : { sentence });
  const vote = (path: string, body: object) =>
    askControl({ ...post, path, body: JSON.stringify(body), afterMs: answerMs }, parseAcceptance);
  return {
    fencing: (afterMs) =>
      askControl({ socketPath, method: "GET", path: "/v1/fencing", afterMs }, parseFencingStatus),
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
