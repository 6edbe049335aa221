/**
 * Which resources put an address on an interface of their node.
 * Knows the configuration only; does not judge whether the address is one.
 * Source: rgmanager's ip.sh; IPaddr2, IPaddr and IPv6addr of ClusterLabs resource-agents 4.12.
 * Tested in: test/config/host-check.test.ts, test/services/external-agent.test.ts
 */
import type { ResourceConf } from "./conf.ts";

export const addressAgents: readonly string[] = ["IPaddr2", "IPaddr", "IPv6addr"];

/** As the file has it, with or without prefix; null: the resource holds none. */
export function writtenAddress({ type, attributes, agent }: ResourceConf): string | null {
  const values = new Map(attributes);
  if (type === "ip") return values.get("address") ?? "";
  if (agent?.runs.dialect !== "ocf" || !addressAgents.includes(agent.runs.type)) return null;
  return values.get("ip") ?? values.get("ipv6addr") ?? "";
}
