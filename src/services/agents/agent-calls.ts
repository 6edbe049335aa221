/**
 * One call of a resource's agent: chooses the agent of the resource's type and its environment.
 * Source: rgmanager restree.c: res_exec, build_env, add_ocf_stuff.
 * Deviation: PATH and LC_ALL are set, and so are marks by which clusterd finds the processes of the
 * service again, however they detach.
 * Tested in: test/services/external-agent.test.ts, test/services/service-worker.test.ts
 */

import type { AgentCall, AgentOrder, AgentReport, AgentVerdict } from "../../model/agent-orders.ts";
import type { AgentConf, ResourceConf } from "../../model/conf.ts";
import { assertNever, invariant } from "../../model/outcome.ts";
import { searchPath } from "../../model/search-path.ts";
import { ms } from "../../model/time.ts";
import {
  checkAddress,
  claimForAgent,
  ipSettings,
  permitForAgent,
  startAddress,
  stopAddress,
} from "../../vip/ip-agent.ts";
import { heldAddress } from "../tree/held-resources.ts";
import { lastLimitMs } from "../tree/status-checks.ts";
import { nodesOffVariable, trackingMarks } from "./agent-marks.ts";
import { callBroker, callPrimary } from "./broker-agent.ts";
import type { AgentAction, CallContext } from "./call-context.ts";
import { callExternal } from "./external-agent.ts";
import { callScript } from "./script-agent.ts";
import { callUnit } from "./systemd-agent.ts";

export function* callAgent(
  resource: ResourceConf,
  action: AgentAction,
  context: CallContext,
): AgentCall {
  const { agent } = resource;
  if (agent !== undefined) return yield* callForeign(resource, { agent, action, context });
  const attributes = new Map(resource.attributes);
  if (resource.type === "service") return yield* callService(attributes, action);
  if (action === "recover" || action === "reconfig") return { code: 0, text: "" };
  if (resource.type === "ip") {
    const ip = ipSettings(attributes);
    invariant(ip !== null, `ip resource ${resource.key} has no address that can be parsed`);
    if (action === "start") return yield* startAddress(ip, context.unproven);
    if (action === "stop") return yield* stopAddress(ip, context.retry);
    return yield* checkAddress(ip, context.depth);
  }
  const last = { name: action, depth: context.depth, leastMs: scriptLimitMs };
  const timeoutMs = context.limitMs ?? lastLimitMs(resource, last);
  if (resource.type === "qpidd") {
    const environment = agentEnvironment(resource, context);
    return yield* callBroker({ attributes, action, environment, timeoutMs, context });
  }
  if (resource.type === "qpidd-primary") return yield* callPrimary(action);
  invariant(resource.type === "script", `resource type ${resource.type} has no agent`);
  return yield* callScript({
    file: attributes.get("file") ?? "",
    action,
    environment: agentEnvironment(resource, context),
    parameters: resource.attributes,
    timeoutMs,
    context,
  });
}

/**
 * The least limit of an init script: longer than any sensible one takes. There must be a limit: a
 * script that waits for ever would keep its service from every other node.
 */
const scriptLimitMs = ms(300_000);

/** lockd is a kernel thread: SIGKILL makes it release its locks and ask clients to reclaim them. */
const unlockScript = "pkill -KILL -x lockd";

/** The service itself runs nothing. */
function* callService(attributes: ReadonlyMap<string, string>, action: AgentAction): AgentCall {
  const locks = ["yes", "1", "true", "on"].includes(attributes.get("nfslock") ?? "");
  if (action === "start" && locks) {
    yield { type: "run-aside", argv: ["/bin/sh", "-c", unlockScript] };
  }
  return { code: 0, text: "" };
}

function* callForeign(
  resource: ResourceConf,
  call: {
    readonly agent: AgentConf;
    readonly action: AgentAction;
    readonly context: CallContext;
  },
): AgentCall {
  const { runs } = call.agent;
  switch (runs.dialect) {
    case "rgmanager":
    case "ocf":
      return (
        (yield* addressProblem(resource, call.action)) ??
        (yield* callExternal(resource, { ...call, runs }))
      );
    case "systemd":
      return yield* callUnit(runs.unit, call);
    case "none":
      return { code: 5, text: `${call.action} of ${resource.type} "${resource.key}": ${runs.why}` };
    default:
      return assertNever(runs);
  }
}

/** Why an agent that puts an address up by itself must not be called now; null: it may be. */
function* addressProblem(
  resource: ResourceConf,
  action: AgentAction,
): Generator<AgentOrder, AgentVerdict | null, AgentReport> {
  const ip = action === "start" || action === "stop" ? heldAddress(resource) : null;
  if (ip === null) return null;
  if (action === "start") {
    const claimed = yield* claimForAgent(ip);
    return claimed.code === 0 ? null : claimed;
  }
  const permitted = yield* permitForAgent(ip);
  if (permitted.code === 0) return null;
  return permitted.code === 5 ? { code: 0, text: "" } : permitted;
}

function agentEnvironment(
  resource: ResourceConf,
  context: CallContext,
): readonly (readonly [string, string])[] {
  const parameters = resource.attributes
    .filter(([name]) => !name.startsWith("__"))
    .map(([name, value]): readonly [string, string] => [`OCF_RESKEY_${name}`, value]);
  return [
    ["PATH", searchPath],
    ["LC_ALL", "C"],
    ...parameters,
    ["OCF_RESOURCE_INSTANCE", `${resource.type}:${resource.key}`],
    ["OCF_RESOURCE_TYPE", resource.type],
    ["OCF_ROOT", "/usr/share/cluster"],
    ["OCF_RA_VERSION_MAJOR", "1"],
    ["OCF_RA_VERSION_MINOR", "0"],
    ["OCF_CHECK_LEVEL", String(context.depth)],
    ["OCF_RESKEY_RGMANAGER_meta_refcnt", String(context.otherInstances)],
    ["OCF_RESKEY_RGMANAGER_meta_timeout", "0"],
    ["SYSTEMCTL_SKIP_REDIRECT", "1"],
    ...nodesOffVariable(context),
    ...trackingMarks(context),
  ];
}
