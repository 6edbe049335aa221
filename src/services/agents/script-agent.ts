/**
 * The script resource: an LSB init script.
 * Source: resource-agents script.sh; LSB 3.1, init script actions.
 * Deviations: a message quotes the script's output, and the meaning of an LSB status code only if
 * the script printed nothing; `SYSTEMCTL_SKIP_REDIRECT` keeps init scripts on hosts with systemd
 * from handing the action to systemctl.
 */
import type { AgentCall, AgentReport, AgentVerdict, RunOrder } from "../../model/agent-orders.ts";
import { notStarted, retryWhileExhausted } from "../../model/exhaustion-retry.ts";
import type { Parameters } from "../../model/secrets.ts";
import type { Ms } from "../../model/time.ts";
import { printableOutput } from "./agent-output.ts";
import type { CallContext } from "./call-context.ts";
import { endOverdueStop } from "./overdue-stop.ts";

export type ScriptCall = {
  readonly file: string;
  readonly action: "start" | "stop" | "status";
  readonly environment: readonly (readonly [string, string])[];
  /** The resource's parameters: their secrets are masked in its output. */
  readonly parameters: Parameters;
  readonly timeoutMs: Ms;
  readonly context: Pick<CallContext, "service" | "resource" | "retry" | "overdue">;
};

const statusWords: ReadonlyMap<number, string> = new Map([
  [1, "dead, and its pid file exists"],
  [2, "dead, and its lock file exists"],
  [3, "stopped"],
  [4, "state unknown"],
  [5, "not installed"],
]);

const outputShownMax = 300;

/** LSB: the program is not running. Other codes may mean that its state is unknown. */
const notRunning = 3;

/** Exit 0 is success, a missing file 5, anything else 1. */
export function* callScript(call: ScriptCall): AgentCall {
  const { service, resource, retry, overdue } = call.context;
  const what = `${call.action} of ${call.file}`;
  const order = runOrder(call, call.action);
  const report = yield* retryWhileExhausted(order, { retry, what });
  switch (report.type) {
    case "exited":
      if (report.code === 0) return { code: 0, text: "" };
      return {
        ...failed(call, { text: `${what} returned ${report.code}`, report }),
        exitStatus: report.code,
      };
    case "signalled":
      return failed(call, { text: `${what} was killed by ${report.signal}`, report });
    case "timed-out":
      if (call.action === "stop" && overdue === "ended-here") {
        const status = runOrder(call, "status");
        const offCode = notRunning;
        return yield* endOverdueStop({ what, service, resource, stop: order, status, offCode });
      }
      return failed(call, { text: `${what} timed out after ${call.timeoutMs / 1000} s`, report });
    case "not-started":
      return notStarted(what, report);
    default:
      return { code: 1, text: `${what}: unexpected report ${report.type}` };
  }
}

function runOrder(
  { file, environment, timeoutMs }: ScriptCall,
  action: ScriptCall["action"],
): RunOrder {
  return {
    type: "run-process",
    argv: [file, action],
    environment,
    timeoutMs,
    ...(action === "status" ? { looks: true } : {}),
  };
}

type Ended = Extract<AgentReport, { readonly output: string }>;

/** Quotes the script's output, or else the meaning of its exit code. */
function failed(
  call: ScriptCall,
  { text, report }: { readonly text: string; readonly report: Ended },
): AgentVerdict {
  const shown = printableOutput(call.parameters, report.output, outputShownMax);
  if (shown !== "") return { code: 1, text: `${text}: ${shown}` };
  const words =
    call.action === "status" && report.type === "exited" ? statusWords.get(report.code) : undefined;
  return { code: 1, text: words === undefined ? text : `${text} (${words})` };
}
