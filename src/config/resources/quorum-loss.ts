/**
 * Whether a service is stopped when its node loses quorum. It must be if another node could start
 * it or hold something of it. Uses only what the file says, since all nodes must come to the same
 * answer, whatever agents they have.
 * Source: the agents of rgmanager and of ClusterLabs resource-agents 4.12, for what they hold.
 * Deviation: rgmanager stops every service (`quorum_loss="stop-all"`). If no other node may start a
 * service, a stop protects nothing, and it destroys what a server has only in memory.
 */
import { addressAgents } from "../../model/address-holders.ts";
import type { FailoverDomainConf, ResourceConf } from "../../model/conf.ts";
import type { NodeId } from "../../model/ids.ts";
import { holdsAfterKill } from "../agents/ocf-lists.ts";
import { ocfAgentName, unitName } from "../text/unit-and-agent-names.ts";

/** The only node that may run the tree, if the tree holds nothing exclusive; null: it floats. */
export function boundNode(domain: FailoverDomainConf | null, tree: ResourceConf): NodeId | null {
  if (domain === null || !domain.restricted) return null;
  const [only, ...others] = domain.nodes;
  if (only === undefined || others.length > 0) return null;
  return tree.children.every(holdsNothing) ? only.node : null;
}

function holdsNothing(resource: ResourceConf): boolean {
  return endsWithItsProcesses(resource) && resource.children.every(holdsNothing);
}

function endsWithItsProcesses({ type, written }: ResourceConf): boolean {
  const values = new Map(written);
  switch (type) {
    case "script":
    case "qpidd":
      return true;
    case "systemd": {
      const unit = unitName(values.get("unit") ?? "");
      return unit !== null && !holdsAfterKill({ dialect: "systemd", unit });
    }
    case "ocf": {
      const name = ocfAgentName(values.get("agent") ?? "");
      if (name === null || holdsAfterKill({ dialect: "ocf", name })) return false;
      return !addressAgents.some((agent) => name === `heartbeat:${agent}`);
    }
    default:
      return false;
  }
}
