/**
 * What a resource holds that does not end with its processes: addresses, which are taken away
 * without its agent, and things that only its agent can release.
 * Runs nothing.
 * Source: the agents of rgmanager and of ClusterLabs resource-agents 4.12.
 */
import { addressAgents } from "../model/address-agents.ts";
import type { ResourceConf } from "../model/conf.ts";
import { type IpSettings, ipSettings } from "../vip/ip-agent.ts";

/** The address that a resource puts on an interface of this node; null: none. */
export function heldAddress({ type, attributes, agent }: ResourceConf): IpSettings | null {
  const values = new Map(attributes);
  if (type === "ip") return ipSettings(values);
  if (agent?.runs.dialect !== "ocf" || !addressAgents.includes(agent.runs.type)) return null;
  const address = values.get("ip") ?? values.get("ipv6addr") ?? "";
  return ipSettings(new Map([["address", address.split("/")[0] ?? ""]]));
}

/** True when killing every process leaves something of the resource behind. */
export function outlivesProcesses({ agent }: ResourceConf): boolean {
  return agent?.holds === true;
}
