/**
 * One call of a resource's agent: which agent serves the type, and with which environment.
 * Source: rgmanager restree.c: res_exec, build_env, add_ocf_stuff.
 * Deviation: PATH and LC_ALL are set, and the processes carry marks by which their descendants are
 * found again, however they detach.
 */
import type { AgentCall } from "../model/agent-orders.ts";
import type { ResourceConf } from "../model/conf.ts";
import type { NodeName, ServiceName } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { Ms } from "../model/time.ts";
import { checkAddress, ipSettings, startAddress, stopAddress } from "../vip/ip-agent.ts";
import { callScript } from "./script-agent.ts";

export type AgentAction = "start" | "stop" | "status";

export type CallPlace = {
  readonly service: ServiceName;
  readonly nodeName: NodeName;
  /** Marks every process of this node's services. */
  readonly trackingToken: string;
  /** Other running occurrences of the same resource on this node. */
  readonly otherInstances: number;
  readonly depth: number;
  /** Null: no limit, as with the original, whose time-outs are hints. */
  readonly limitMs: Ms | null;
};

export function* callAgent(
  resource: ResourceConf,
  action: AgentAction,
  place: CallPlace,
): AgentCall {
  const attributes = new Map(resource.attributes);
  if (resource.type === "service") return { code: 0, text: "" };
  if (resource.type === "ip") {
    const ip = ipSettings(attributes);
    invariant(ip !== null, `ip resource ${resource.key} was accepted without an address`);
    if (action === "start") return yield* startAddress(ip);
    if (action === "stop") return yield* stopAddress(ip);
    return yield* checkAddress(ip);
  }
  invariant(resource.type === "script", `resource type ${resource.type} was accepted`);
  return yield* callScript({
    file: attributes.get("file") ?? "",
    action,
    environment: agentEnvironment(resource, place),
    timeoutMs: place.limitMs,
  });
}

function agentEnvironment(
  resource: ResourceConf,
  place: CallPlace,
): readonly (readonly [string, string])[] {
  const parameters = resource.attributes
    .filter(([name]) => !name.startsWith("__"))
    .map(([name, value]): readonly [string, string] => [`OCF_RESKEY_${name}`, value]);
  return [
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["LC_ALL", "C"],
    ...parameters,
    ["OCF_RESOURCE_INSTANCE", `${resource.type}:${resource.key}`],
    ["OCF_RESOURCE_TYPE", resource.type],
    ["OCF_ROOT", "/usr/share/cluster"],
    ["OCF_RA_VERSION_MAJOR", "1"],
    ["OCF_RA_VERSION_MINOR", "0"],
    ["OCF_CHECK_LEVEL", String(place.depth)],
    ["OCF_RESKEY_RGMANAGER_meta_refcnt", String(place.otherInstances)],
    ["OCF_RESKEY_RGMANAGER_meta_timeout", "0"],
    ["SYSTEMCTL_SKIP_REDIRECT", "1"],
    ["CLUSTERD_SERVICE", place.service],
    ["CLUSTERD_NODE", place.nodeName],
    ["CLUSTERD_TRACK", place.trackingToken],
  ];
}
