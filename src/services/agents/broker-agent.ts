/**
 * The resources `qpidd` and `qpidd-primary`: a broker of Apache Qpid, and its promotion, without
 * init scripts. What the broker says is asked over its management; see life/native-brokers.ts.
 * Source: qpid-cpp etc/fedora/qpidd.in, qpidd-primary.in; qpidd(1).
 * Deviations: the stop of a broker sends SIGTERM and waits five seconds before SIGKILL; that of the
 * primary sends SIGKILL at once, since what it has acknowledged is at the backups or in its store,
 * and every moment of waiting is an outage.
 * Tested in: test/services/broker-agent.test.ts
 */
import type { AgentCall, AgentReport, AgentVerdict, RunOrder } from "../../model/agent-orders.ts";
import { notStarted, retryWhileExhausted } from "../../model/exhaustion-retry.ts";
import { type Ms, ms } from "../../model/time.ts";
import type { CallContext } from "./call-context.ts";

type Action = "start" | "stop" | "status";

export type BrokerCall = {
  readonly attributes: ReadonlyMap<string, string>;
  readonly action: Action;
  readonly environment: readonly (readonly [string, string])[];
  readonly timeoutMs: Ms;
  readonly context: Pick<CallContext, "service" | "resource" | "retry">;
};

const graceMs = ms(5000);
const forceMs = ms(1000);
const outputShownMax = 300;

export function* callBroker(call: BrokerCall): AgentCall {
  switch (call.action) {
    case "start":
      return yield* startBroker(call);
    case "stop":
      return yield* stopBroker(call);
    case "status":
      return answered("status of the broker", yield { type: "ask-broker", primary: false });
  }
}

/** `stop` has succeeded when no primary is left. */
export function* callPrimary(action: Action): AgentCall {
  switch (action) {
    case "start":
      return answered("promotion of the broker", yield { type: "promote-broker" });
    case "stop":
      return answered("stop of the primary", yield { type: "end-primary" });
    case "status":
      return answered("status of the primary", yield { type: "ask-broker", primary: true });
  }
}

/** A broker that runs already is as good as one that was started. */
function* startBroker({ attributes, environment, timeoutMs, context }: BrokerCall): AgentCall {
  const { service, resource, retry } = context;
  const found = yield { type: "list-processes", service, enough: "any" };
  if (found.type === "processes" && found.left.length > 0) return { code: 0, text: "" };
  const binary = attributes.get("binary") ?? "";
  const user = attributes.get("run_as") ?? "";
  const words = [binary, "--config", attributes.get("config") ?? "", "--daemon"];
  const as = user === "root" ? [] : ["runuser", "-u", user, "--"];
  const order: RunOrder = {
    type: "run-process",
    argv: ["/usr/bin/env", ...as, ...words],
    environment,
    timeoutMs,
  };
  const what = `start of ${binary}`;
  const report = yield* retryWhileExhausted(order, { retry, what });
  if (report.type === "not-started") return notStarted(what, report);
  if (report.type !== "timed-out") return answered(what, report);
  yield { type: "kill-processes", service, resource };
  return { code: 1, text: `${what} timed out after ${timeoutMs / 1000} s` };
}

function* stopBroker({ context: { service, resource } }: BrokerCall): AgentCall {
  const limits = { settleMs: ms(0), graceMs, forceMs };
  const spared = { units: [], instances: [] };
  const report = yield { type: "end-processes", service, resource, ...limits, spared };
  if (report.type !== "processes") return answered("stop of the broker", report);
  const left = [...report.left, ...report.unseen].join(", ");
  return left === "" ? { code: 0, text: "" } : { code: 1, text: `the broker is left: ${left}` };
}

function answered(what: string, report: AgentReport): AgentVerdict {
  switch (report.type) {
    case "exited": {
      if (report.code === 0) return { code: 0, text: "" };
      const shown = report.output.trim().slice(0, outputShownMax);
      return { code: 1, text: `${what} failed${shown === "" ? "" : `: ${shown}`}` };
    }
    case "signalled":
      return { code: 1, text: `${what} was killed by ${report.signal}` };
    case "failed":
      return { code: 1, text: `${what} failed: ${report.cause}` };
    default:
      return { code: 1, text: `${what}: unexpected report ${report.type}` };
  }
}
