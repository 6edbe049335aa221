/**
 * Which resources put an address on an interface of their node.
 * Reads the conf only; does not check the syntax of the address.
 * Source: rgmanager's ip.sh; IPaddr2, IPaddr and IPv6addr of ClusterLabs resource-agents 4.12.
 * Tested in: test/config/host-check.test.ts, test/services/external-agent.test.ts
 */
import type { ResourceConf } from "./conf.ts";

/** How long the stop of an `<ip>` waits after the removal; rgmanager's ip.sh: 10. */
export const sleepSecondsDefault = 10;

export const addressAgents: readonly string[] = ["IPaddr2", "IPaddr", "IPv6addr"];

/** The address as written in the file, with or without prefix; null: the resource has none. */
export function writtenAddress({ type, attributes, agent }: ResourceConf): string | null {
  const values = new Map(attributes);
  if (type === "ip") return values.get("address") ?? "";
  if (agent?.runs.dialect !== "ocf" || !addressAgents.includes(agent.runs.type)) return null;
  return values.get("ip") ?? values.get("ipv6addr") ?? "";
}
