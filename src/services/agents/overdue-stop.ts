/**
 * A stop that has not ended within its limit: the processes of its resource are killed, then its
 * agent is asked once more, since the kill may have ended what it waited for.
 * Does not know which agent it is.
 * Source: LSB 3.1, exit status of `status`; the OCF resource agent API 1.1, 7 = not running.
 * Tested in: test/services/external-agent.test.ts, test/services/script-agent.test.ts
 * OVERDUE1  The kill is no verdict. What the resource does may be done by a process of another one,
 *     as with a broker that one service starts and another promotes: an empty cgroup proves
 *     nothing. The resource is off when its stop then succeeds, or its status says so in a word
 *     that means nothing else.
 */
import type {
  AgentCall,
  AgentOrder,
  AgentReport,
  AgentVerdict,
  RunOrder,
} from "../../model/agent-orders.ts";
import type { ServiceName } from "../../model/ids.ts";
import { performPatiently } from "../../model/patient-order.ts";
import { type Ms, ms } from "../../model/time.ts";

export type OverdueStop = {
  /** Which stop, in words. */
  readonly what: string;
  readonly service: ServiceName;
  readonly resource: string;
  /** The one that has timed out. */
  readonly stop: RunOrder;
  /** Asks whether it runs. */
  readonly status: RunOrder;
  /** The exit status of `status` that means: it does not run, and nothing else. */
  readonly offCode: number;
};

/** For the second stop and the status, which have nothing left to wait for. */
const againLimitMs = ms(60_000);

export function* endOverdueStop(overdue: OverdueStop): AgentCall {
  const { what, service, resource } = overdue;
  const killed = yield { type: "kill-processes", service, resource };
  if (killed.type !== "killed") return bad(`${what} timed out, its processes cannot be listed`);
  if (killed.unseen.length > 0) {
    return bad(`${what} timed out, and nobody can look: ${killed.unseen.join(", ")}`);
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
  return performPatiently({ ...order, timeoutMs }, { patience: "lasting", what });
}

function bad(text: string): AgentVerdict {
  return { code: 1, text };
}
