/**
 * A resource with an external agent: how the agent is called in the two dialects of OCF, with which
 * environment, and what its exit code means.
 * Yields orders and reads reports; runs nothing itself.
 * Source: rgmanager restree.c: res_exec, build_env, add_ocf_stuff; the OCF resource agent API 1.1;
 * Pacemaker lib/services for the variables of the dialect `ocf`.
 * Deviations: PATH is set; the exit code is kept apart from the result; every call has a time
 * limit, after which its whole process group is ended; messages of the agent are read from its
 * standard error, not from a log of its own.
 */

import type { AgentCall, AgentVerdict, RunOrder } from "../../model/agent-orders.ts";
import type { AgentConf, AgentRun, ResourceConf } from "../../model/conf.ts";
import { notStarted, retryWhileExhausted } from "../../model/exhaustion-retry.ts";
import { equivalentParameters, staysAtStop } from "../../model/ocf-equivalents.ts";
import { searchPath } from "../../model/search-path.ts";
import { type Ms, ms } from "../../model/time.ts";
import { ocfInstance } from "../tree/held-resources.ts";
import { effectiveIntervalMs, lastLimitMs, timeoutOf } from "../tree/status-checks.ts";
import { nodesOffVariable, trackingMarks } from "./agent-marks.ts";
import { printableOutput } from "./agent-output.ts";
import type { AgentAction, CallContext } from "./call-context.ts";
import { endOverdueStop } from "./overdue-stop.ts";

export type ExternalRun = AgentRun & { readonly dialect: "rgmanager" | "ocf" };

export type ExternalCall = {
  readonly agent: AgentConf;
  readonly runs: ExternalRun;
  readonly action: AgentAction;
  readonly context: CallContext;
};

/** The least limits where time-outs are only hints: longer than any sensible call takes. */
const lastActionLimitMs = ms(1_800_000);
const lastCheckLimitMs = ms(300_000);
const outputShownMax = 500;
const notRunning = 7;
const runningPromoted = 8;

/** The names of OCF's exit codes, from 0. */
const codeWords: readonly string[] = [
  "success",
  "generic error",
  "invalid argument(s)",
  "function not implemented",
  "insufficient privileges",
  "program not installed",
  "program not configured",
  "not running",
  "running as promoted",
  "failed as promoted",
];

/** Attributes of an `ocf` element that are not parameters of the agent. */
const elementAttributes: readonly string[] = ["name", "agent", "allow_promotable"];

export function* callExternal(resource: ResourceConf, call: ExternalCall): AgentCall {
  const { agent, runs, action, context } = call;
  // An action that the agent's metadata do not list has nothing to do.
  if (!agent.actions.some(({ name }) => name === action)) return { code: 0, text: "" };
  const replaced = runs.dialect === "ocf" ? runs.replaces : undefined;
  const others = context.otherInstances;
  const stays = replaced !== undefined && staysAtStop(replaced.type, resource.attributes, others);
  if (action === "stop" && stays) return { code: 0, text: "" };
  const leastMs = action === "status" ? lastCheckLimitMs : lastActionLimitMs;
  const limitMs =
    context.limitMs ?? lastLimitMs(resource, { name: action, depth: context.depth, leastMs });
  const what = `${action} on ${resource.type} "${resource.key}"`;
  const order = runOrder(resource, { ...call, limitMs });
  const report = yield* retryWhileExhausted(order, { retry: context.retry, what });
  switch (report.type) {
    case "exited":
      if (isGood(runs, action, report.code)) return { code: 0, text: "" };
      return failed(what, { code: report.code, output: printable(resource, report.output) });
    case "signalled":
      return quoted(`${what} was killed by ${report.signal}`, printable(resource, report.output));
    case "timed-out": {
      if (action === "stop" && context.overdue === "ended-here") {
        const status = runOrder(resource, { ...call, action: "status", limitMs });
        const scope = { service: context.service, resource: context.resource };
        const offCode = notRunning;
        return yield* endOverdueStop({ what, ...scope, stop: order, status, offCode });
      }
      const late = `${what} timed out after ${limitMs / 1000} seconds`;
      return quoted(late, printable(resource, report.output));
    }
    case "not-started":
      return notStarted(what, { ...report, cause: `${runs.file}: ${report.cause}` });
    default:
      return { code: 1, text: `${what}: unexpected report ${report.type}` };
  }
}

function runOrder(resource: ResourceConf, call: ExternalCall & { readonly limitMs: Ms }): RunOrder {
  const { runs, action, limitMs } = call;
  return {
    type: "run-process",
    argv: [runs.file, wordFor(runs, action)],
    environment: environmentOf(resource, call),
    timeoutMs: limitMs,
    ...(action === "status" ? { looks: true } : {}),
  };
}

function wordFor(runs: ExternalRun, action: AgentAction): string {
  return runs.dialect === "ocf" && action === "status" ? "monitor" : action;
}

/** In the dialect `ocf`, a stop succeeds if nothing runs (7); in rgmanager's, only 0 is success. */
function isGood({ dialect }: ExternalRun, action: AgentAction, code: number): boolean {
  if (code === 0) return true;
  if (dialect === "rgmanager") return false;
  return action === "status" ? code === runningPromoted : action === "stop" && code === notRunning;
}

function failed(
  what: string,
  exit: { readonly code: number; readonly output: string },
): AgentVerdict {
  const words = codeWords[exit.code] ?? "unspecified";
  return { ...quoted(`${what} returned ${exit.code} (${words})`, exit.output), code: exit.code };
}

function printable({ attributes }: ResourceConf, output: string): string {
  return printableOutput(attributes, output, outputShownMax);
}

function quoted(text: string, shown: string): AgentVerdict {
  return { code: 1, text: shown === "" ? text : `${text}: ${shown}` };
}

type Variables = readonly (readonly [string, string])[];

function environmentOf(
  resource: ResourceConf,
  call: ExternalCall & { readonly limitMs: Ms },
): Variables {
  const { runs, context } = call;
  const variables =
    runs.dialect === "ocf"
      ? ocfVariables(resource, runs, call)
      : rgmanagerVariables(resource, runs, call);
  return [
    ["PATH", searchPath],
    ...variables,
    ["OCF_CHECK_LEVEL", String(context.depth)],
    ...nodesOffVariable(context),
    ...trackingMarks(context),
  ];
}

function rgmanagerVariables(
  resource: ResourceConf,
  runs: ExternalRun & { readonly dialect: "rgmanager" },
  { action, context }: ExternalCall,
): Variables {
  const hintMs = timeoutOf(resource, action, context.depth) ?? 0;
  // rgmanager passes 0 when it enforces the time-out itself.
  const timeout = resource.enforceTimeouts === true ? 0 : Math.ceil(hintMs / 1000);
  return [
    ...resource.attributes
      .filter(([name]) => !name.startsWith("__"))
      .map(([name, value]) => [`OCF_RESKEY_${name}`, value] as const),
    ["OCF_RESOURCE_INSTANCE", `${resource.type}:${resource.key}`],
    ["OCF_RESOURCE_TYPE", resource.type],
    ["OCF_ROOT", runs.directory],
    ["OCF_RA_VERSION_MAJOR", "1"],
    ["OCF_RA_VERSION_MINOR", "0"],
    ["OCF_RESKEY_RGMANAGER_meta_refcnt", String(context.otherInstances)],
    ["OCF_RESKEY_RGMANAGER_meta_timeout", String(timeout)],
  ];
}

function ocfVariables(
  resource: ResourceConf,
  runs: ExternalRun & { readonly dialect: "ocf" },
  { action, context, limitMs }: ExternalCall & { readonly limitMs: Ms },
): Variables {
  // Agents take a check without an interval for a probe, and then ignore some failures.
  const interval = action === "status" ? effectiveIntervalMs(resource, context.depth) : 0;
  const { replaces } = runs;
  const written = resource.attributes.filter(([name]) => !name.startsWith("__"));
  const parameters =
    replaces === undefined
      ? written.filter(([name]) => !elementAttributes.includes(name))
      : equivalentParameters(replaces, written);
  return [
    ...parameters.map(
      ([name, value]) => [`OCF_RESKEY_${name.replace(/^param\./, "")}`, value] as const,
    ),
    ["OCF_ROOT", runs.root],
    ["OCF_RESOURCE_INSTANCE", ocfInstance(resource)],
    ["OCF_RESOURCE_TYPE", runs.type],
    ["OCF_RESOURCE_PROVIDER", runs.provider],
    ["OCF_RA_VERSION_MAJOR", "1"],
    ["OCF_RA_VERSION_MINOR", "1"],
    ["OCF_RESKEY_CRM_meta_timeout", String(limitMs)],
    ["OCF_RESKEY_CRM_meta_interval", String(interval)],
    ["OCF_RESKEY_CRM_meta_name", wordFor(runs, action)],
    ["OCF_RESKEY_CRM_meta_on_node", context.nodeName],
  ];
}
