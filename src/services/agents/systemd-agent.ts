/**
 * A unit of systemd as a resource: systemctl starts, stops and checks it.
 * Yields orders and reads reports; all it knows of systemd is what systemctl prints.
 * Source: systemctl(1); systemd.unit(5) for drop-ins and AssertPathExists=; sd_booted(3);
 * Pacemaker lib/services/systemd.c for the drop-in.
 * UNIT1  Only clusterd may start the unit: neither its own Restart= may, nor a job of systemd that
 *     was queued before the node lost the service. The drop-in sets Restart=no and asserts that a
 *     permit file exists, which is removed when the processes are killed.
 * UNIT2  systemd starts the unit's processes outside of the service's cgroup. The drop-in gives
 *     them the marks by which they are found, and tells daemon and guard whose unit to kill.
 */

import type { AgentCall, AgentOrder, AgentReport, AgentVerdict } from "../../model/agent-orders.ts";
import { isExhaustion, retryWhileExhausted } from "../../model/exhaustion-retry.ts";
import { searchPath } from "../../model/search-path.ts";
import { ms } from "../../model/time.ts";
import { trackingMarks } from "./agent-marks.ts";
import { printableOutput } from "./agent-output.ts";
import type { AgentAction, CallContext } from "./call-context.ts";

type Unit = { readonly unit: string; readonly context: CallContext };

const pollMs = ms(500);
const pollsMax = 240;
const defaultLimitMs = ms(100_000);
const outputShownMax = 300;
const notInstalled = 5;
const notRunning = 7;

/** Exit status of `permitScript` where systemd does not run. */
const noSystemd = 3;
/** Exit status of a shell and of env(1). */
const noSuchProgram = 127;

/** Arguments: directory of drop-ins, text of the drop-in. */
const permitScript =
  `[ -d /run/systemd/system ] || exit ${noSystemd}; ` +
  'mkdir -p "$1" && printf %s "$2" >"$1/50-clusterd.conf" && : >"$1/50-clusterd.permit" && ' +
  "systemctl daemon-reload";

/** Argument: directory of drop-ins. */
const withdrawScript =
  'rm -f "$1/50-clusterd.permit"; [ -e "$1/50-clusterd.conf" ] || exit 0; ' +
  'rm -f "$1/50-clusterd.conf" && rmdir --ignore-fail-on-non-empty "$1" && ' +
  "systemctl daemon-reload";

export function* callUnit(
  unit: string,
  call: { readonly action: AgentAction; readonly context: CallContext },
): AgentCall {
  const target = { unit, context: call.context };
  if (call.action === "start") return yield* startUnit(target);
  if (call.action === "stop") return yield* stopUnit(target);
  return call.action === "status" ? yield* checkUnit(target) : { code: 0, text: "" };
}

function* startUnit(target: Unit): AgentCall {
  const { unit } = target;
  const words = [dropInDirectory(unit), dropIn(target)];
  const permitted = yield* run(target, ["/bin/sh", "-c", permitScript, "sh", ...words]);
  if (isAbsent(permitted)) return absentSystemd(unit);
  if (!isGood(permitted)) return problem(`cannot prepare ${unit}`, permitted);
  const started = yield* run(target, systemctl("start", "--no-ask-password", "--", unit));
  for (let polls = 0; polls < pollsMax; polls += 1) {
    const state = yield* stateOf(target);
    if (state.type === "unknown") return state.verdict;
    if (state.load !== "loaded") {
      return { code: notInstalled, text: `systemd says of ${unit}: ${state.load}` };
    }
    const result = `${state.active} (${state.sub}), result ${state.result}`;
    if (!isGood(started)) return problem(`start of ${unit} failed, it is ${result}`, started);
    if (state.active === "active") return { code: 0, text: "" };
    if (!["activating", "reloading"].includes(state.active)) {
      return { code: 1, text: `${unit} is ${result} after its start` };
    }
    yield { type: "pause", pauseMs: pollMs };
  }
  return {
    code: 1,
    text: `${unit} is still activating ${(pollsMax * pollMs) / 1000} s after start`,
  };
}

function* stopUnit(target: Unit): AgentCall {
  const { unit } = target;
  const stopped = yield* run(target, systemctl("stop", "--no-ask-password", "--", unit));
  const state = yield* stateOf(target);
  if (state.type === "unknown") return state.verdict;
  if (state.load !== "loaded" && state.active === "inactive") {
    yield* withdraw(target);
    return { code: notInstalled, text: `systemd says of ${unit}: ${state.load}` };
  }
  if (state.active === "failed") {
    const reset = yield* run(target, systemctl("reset-failed", "--", unit));
    if (!isGood(reset)) return problem(`cannot reset ${unit}`, reset);
  } else if (state.active !== "inactive") {
    return problem(`${unit} is ${state.active} (${state.sub}) after its stop`, stopped);
  }
  return yield* withdraw(target);
}

function* withdraw(target: Unit): AgentCall {
  const argv = ["/bin/sh", "-c", withdrawScript, "sh", dropInDirectory(target.unit)] as const;
  const done = yield* run(target, argv);
  return isGood(done) ? { code: 0, text: "" } : problem(`cannot release ${target.unit}`, done);
}

function* checkUnit(target: Unit): AgentCall {
  const { unit } = target;
  const state = yield* stateOf(target);
  if (state.type === "unknown") return state.verdict;
  if (state.active === "active" || state.active === "reloading") return { code: 0, text: "" };
  const code = state.active === "inactive" ? notRunning : 1;
  return { code, text: `${unit} is ${state.active} (${state.sub}), result ${state.result}` };
}

type UnitState =
  | {
      readonly type: "known";
      readonly load: string;
      readonly active: string;
      readonly sub: string;
      readonly result: string;
    }
  | { readonly type: "unknown"; readonly verdict: AgentVerdict };

const properties = ["LoadState", "ActiveState", "SubState", "Result"];

function* stateOf(target: Unit): Generator<AgentOrder, UnitState, AgentReport> {
  const wanted = properties.map((name) => `--property=${name}`);
  const shown = yield* run(target, systemctl("show", ...wanted, "--", target.unit), "looks");
  const output = shown.type === "exited" ? shown.output : "";
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(output)?.[1]?.trim() ?? "";
  if (!isGood(shown) || value("ActiveState") === "") {
    if (isAbsent(shown)) {
      return { type: "unknown", verdict: absentSystemd(target.unit) };
    }
    return { type: "unknown", verdict: problem(`systemctl show ${target.unit} failed`, shown) };
  }
  return {
    type: "known",
    load: value("LoadState"),
    active: value("ActiveState"),
    sub: value("SubState"),
    result: value("Result"),
  };
}

function* run(
  { context }: Unit,
  argv: readonly [string, ...string[]],
  looks?: "looks",
): Generator<AgentOrder, AgentReport, AgentReport> {
  const order: AgentOrder = {
    type: "run-process",
    argv,
    environment: [
      ["PATH", searchPath],
      ["LC_ALL", "C"],
      ["SYSTEMD_PAGER", ""],
      ["SYSTEMD_COLORS", "0"],
      ...trackingMarks(context),
    ],
    timeoutMs: context.limitMs ?? defaultLimitMs,
    ...(looks === undefined ? {} : { looks: true }),
  };
  const what = `${argv.slice(1, 4).join(" ")}`;
  return yield* retryWhileExhausted(order, { retry: context.retry, what });
}

/** env(1) searches PATH, so an administrator's own systemctl is found first. */
function systemctl(...words: readonly string[]): readonly [string, ...string[]] {
  return ["/usr/bin/env", "systemctl", ...words];
}

function dropInDirectory(unit: string): string {
  return `/run/systemd/system/${unit}.d`;
}

/**
 * UNIT1, UNIT2. A service's name may contain blanks and "%", which begins a specifier of systemd.
 */
function dropIn({ unit, context }: Unit): string {
  const permit = `${dropInDirectory(unit)}/50-clusterd.permit`;
  const lines = [
    "# Written by clusterd while its service runs here.",
    ...trackingMarks(context).map(([name, value]) => `# ${name}=${value}`),
    "[Unit]",
    `AssertPathExists=${permit.replaceAll("%", "%%")}`,
  ];
  if (unit.endsWith(".service")) {
    const marks = trackingMarks(context).map(([name, value]) => `"${name}=${escaped(value)}"`);
    lines.push("[Service]", "Restart=no", `Environment=${marks.join(" ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
}

function isGood(report: AgentReport): boolean {
  return report.type === "exited" && report.code === 0;
}

/** Whether systemd does not run here, so that it cannot have started anything. */
function isAbsent(report: AgentReport): boolean {
  if (report.type !== "exited") return false;
  if (report.code === noSystemd || report.code === noSuchProgram) return true;
  return report.code !== 0 && /not been booted with systemd/i.test(report.output);
}

function absentSystemd(unit: string): AgentVerdict {
  return { code: notInstalled, text: `systemd does not run on this node: no unit ${unit}` };
}

function problem(what: string, report: AgentReport): AgentVerdict {
  // There are no secrets to mask: systemctl does not get the parameters of the resource.
  const shown = printableOutput([], "output" in report ? report.output : "", outputShownMax);
  const how = report.type === "exited" ? `exit ${report.code}` : outcomeWords(report);
  const text = `${what}: ${how}${shown === "" ? "" : `: ${shown}`}`;
  const untried = report.type === "not-started" && isExhaustion(report.cause);
  return untried ? { code: 1, text, untried } : { code: 1, text };
}

function outcomeWords(report: AgentReport): string {
  if (report.type === "signalled") return `killed by ${report.signal}`;
  if (report.type === "timed-out") return "timed out";
  return report.type === "not-started" ? report.cause : report.type;
}
