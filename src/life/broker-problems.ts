/**
 * What the problems of a broker's port mean for the care for that broker.
 * Tested in: test/life/broker-observer.test.ts
 */
import type { CareInput } from "../brokers/care-events.ts";
import type { BrokerAskProblem, BrokerConnectProblem } from "../io/broker-port.ts";
import { assertNever } from "../model/outcome.ts";

/** Nothing has the port of the broker: it does not run. */
export function nobodyListens(problem: BrokerConnectProblem): boolean {
  return problem.type === "unreachable" && problem.code === "ECONNREFUSED";
}

export function unopened(connection: number, problem: BrokerConnectProblem): CareInput {
  const type = problem.type === "refused" ? "refused" : "disconnected";
  return { type, connection, words: problem.words };
}

/** For users and the log. */
export function wordsOf(problem: BrokerAskProblem): string {
  switch (problem.type) {
    case "refused":
      return problem.refusal.words;
    case "misfit":
      return "what it says is not understood";
    default:
      return problem.words;
  }
}

export function unanswered(connection: number, problem: BrokerAskProblem): CareInput {
  switch (problem.type) {
    case "refused":
      return { type: "refused", connection, words: problem.refusal.words };
    case "absent":
      return { type: "refused", connection, words: problem.words };
    case "misfit":
      return { type: "misfit", connection, misfit: problem.misfit };
    case "timed-out":
    case "disconnected":
      return { type: "disconnected", connection, words: problem.words };
    default:
      return assertNever(problem);
  }
}
