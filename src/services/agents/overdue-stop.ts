/**
 * A stop that has not ended within its limit: the processes of its resource are killed, then its
 * agent is called once more, since the kill may have ended what the stop was waiting for.
 * Serves agents of every dialect.
 * Source: LSB 3.1, exit status of `status`; the OCF resource agent API 1.1, 7 = not running.
 * Tested in: test/services/external-agent.test.ts, test/services/script-agent.test.ts
 * OVERDUE1  The kill alone does not prove that the resource is off: a process of another resource
 *     may do its work, as when one service starts a broker and another promotes it. The resource is
 *     off when the second stop succeeds, or when its status exits with the one code that means
 *     "not running".
 */
import type {
  AgentCall,
  AgentOrder,
  AgentReport,
  AgentVerdict,
  RunOrder,
} from "../../model/agent-orders.ts";
import { retryWhileExhausted } from "../../model/exhaustion-retry.ts";
import type { ServiceName } from "../../model/ids.ts";
import { type Ms, ms } from "../../model/time.ts";

export type OverdueStop = {
  /** The stop in words, for messages. */
  readonly what: string;
  readonly service: ServiceName;
  readonly resource: string;
  /** The order that has timed out. */
  readonly stop: RunOrder;
  /** The order that asks whether the resource runs. */
  readonly status: RunOrder;
  /** The exit status of `status` that means only one thing: the resource does not run. */
  readonly offCode: number;
};

/** The limit of the second stop and of the status: after the kill they have nothing to wait for. */
const againLimitMs = ms(60_000);

export function* endOverdueStop(overdue: OverdueStop): AgentCall {
  const { what, service, resource } = overdue;
  const killed = yield { type: "kill-processes", service, resource };
  if (killed.type !== "killed") return bad(`${what} timed out, its processes cannot be listed`);
  if (killed.unseen.length > 0) {
    return bad(`${what} timed out, and could not look at ${killed.unseen.join(", ")}`);
  }
  if (killed.survivors > 0) {
    return bad(`${what} timed out, and ${killed.survivors} of its processes survive SIGKILL`);
  }
  const again = yield* runAgain(overdue.stop, what);
  if (again.type === "exited" && again.code === 0) {
    return { code: 0, text: `${what} timed out, and succeeded once its processes were killed` };
  }
  const status = yield* runAgain(overdue.status, `the status after ${what}`);
  if (status.type === "exited" && status.code === overdue.offCode) {
    return { code: 0, text: `${what} timed out; its processes were killed, and it does not run` };
  }
  const said = status.type === "exited" ? `its status is ${status.code}` : `no status is known`;
  return bad(`${what} timed out, failed again once its processes were killed, and ${said}`);
}

function runAgain(order: RunOrder, what: string): Generator<AgentOrder, AgentReport, AgentReport> {
  const timeoutMs: Ms = ms(Math.min(order.timeoutMs ?? againLimitMs, againLimitMs));
  return retryWhileExhausted({ ...order, timeoutMs }, { retry: "unlimited", what });
}

function bad(text: string): AgentVerdict {
  return { code: 1, text };
}
