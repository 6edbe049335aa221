/**
 * The script resource: an LSB init script.
 * Source: resource-agents script.sh; LSB 3.1, init script actions.
 * Deviations: the meaning of an LSB status code is logged where the script says nothing itself,
 * since what it says is nearer to the truth; `SYSTEMCTL_SKIP_REDIRECT` keeps scripts of hosts with
 * systemd from handing the action to systemctl.
 */
import type { AgentCall, AgentVerdict } from "../model/agent-orders.ts";
import type { Ms } from "../model/time.ts";

export type ScriptCall = {
  readonly file: string;
  readonly action: "start" | "stop" | "status";
  readonly environment: readonly (readonly [string, string])[];
  readonly timeoutMs: Ms | null;
};

const statusWords: ReadonlyMap<number, string> = new Map([
  [1, "dead, and its pid file exists"],
  [2, "dead, and its lock file exists"],
  [3, "stopped"],
  [4, "state unknown"],
  [5, "not installed"],
]);

const outputShownMax = 300;

/** Exit 0 is success, a missing file 5, anything else 1. */
export function* callScript(call: ScriptCall): AgentCall {
  const report = yield {
    type: "run-process",
    argv: [call.file, call.action],
    environment: call.environment,
    timeoutMs: call.timeoutMs,
    ...(call.action === "status" ? { looks: true } : {}),
  };
  const what = `${call.action} of ${call.file}`;
  switch (report.type) {
    case "exited":
      if (report.code === 0) return { code: 0, text: "" };
      return failed(`${what} returned ${report.code}`, report.output, meaning(call, report.code));
    case "signalled":
      return failed(`${what} was killed by ${report.signal}`, report.output);
    case "timed-out":
      return failed(`${what} timed out`, report.output);
    case "not-started":
      return { code: report.absent ? 5 : 1, text: `${what} impossible: ${report.cause}` };
    default:
      return { code: 1, text: `${what}: unexpected report ${report.type}` };
  }
}

function meaning(call: ScriptCall, code: number): string {
  const words = call.action === "status" ? statusWords.get(code) : undefined;
  return words === undefined ? "" : ` (${words})`;
}

function failed(text: string, output: string, silent = ""): AgentVerdict {
  const shown = output.trim().slice(-outputShownMax).replaceAll(/\s+/g, " ");
  return { code: 1, text: shown === "" ? `${text}${silent}` : `${text}: ${shown}` };
}
