/**
 * What a resource holds that does not end with its processes: addresses, which clusterd can remove
 * itself, and things that only the resource's agent can release.
 * Source: the agents of rgmanager and of ClusterLabs resource-agents 4.12.
 * Tested in: test/services/external-agent.test.ts, test/services/leftovers.test.ts
 */
import { writtenAddress } from "../../model/address-holders.ts";
import type { ClusterConf, ResourceConf } from "../../model/conf.ts";
import { type IpSettings, ipSettings } from "../../vip/ip-agent.ts";

/** The address that a resource puts on an interface of this node; null: none. */
export function heldAddress(resource: ResourceConf): IpSettings | null {
  const written = writtenAddress(resource);
  if (written === null) return null;
  if (resource.type === "ip") return ipSettings(new Map(resource.attributes));
  return ipSettings(new Map([["address", written.split("/")[0] ?? ""]]));
}

/** The addresses that the services of this conf put on interfaces. */
export function serviceAddresses({ services }: ClusterConf): readonly string[] {
  const below = (resource: ResourceConf): readonly string[] => {
    const held = heldAddress(resource);
    return [...(held === null ? [] : [held.address]), ...resource.children.flatMap(below)];
  };
  return [...new Set(services.services.flatMap(({ tree }) => below(tree)))];
}

/** The name under which an agent of the dialect `ocf` keeps the state of the resource. */
export function ocfInstance({ type, key, agent }: ResourceConf): string {
  const replaces = agent?.runs.dialect === "ocf" && agent.runs.replaces !== undefined;
  // Agents take what follows a colon for the number of a clone.
  return replaces ? `${type}-${key}` : key;
}

/** True when killing every process leaves something of the resource behind. */
export function outlivesProcesses({ agent }: ResourceConf): boolean {
  return agent?.holds === true;
}
