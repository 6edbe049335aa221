/**
 * Lists of agents with properties that their metadata do not state.
 * Source: the agents of rgmanager and of ClusterLabs resource-agents 4.12.
 * Tested in: test/config/agent-elements.test.ts
 */
import { assertNever } from "../../model/outcome.ts";
import { attributeOf, type Section } from "../text/section.ts";
import { parseFlag } from "../text/value-text.ts";

/** Agents that hold nothing, so that several services may use the same resource. */
export const shareableAgents: readonly string[] = [
  "heartbeat:AudibleAlarm",
  "heartbeat:Delay",
  "heartbeat:MailTo",
  "heartbeat:WinPopup",
];

/** Agents that always call crm_attribute, crm_node, crm_mon or cibadmin. */
const always: readonly string[] = [
  "heartbeat:ClusterMon",
  "heartbeat:conntrackd",
  "heartbeat:db2",
  "heartbeat:galera",
  "heartbeat:mariadb",
  "heartbeat:redis",
  "heartbeat:sg_persist",
];

/** Agents that find their peers by Pacemaker's tools only, and else delete their data. */
const destructive: readonly string[] = [
  "heartbeat:rabbitmq-cluster",
  "heartbeat:rabbitmq-server-ha",
];

/** Agents with the action `promote` that also run a single instance without it. */
const single: readonly string[] = ["heartbeat:mysql", "heartbeat:pgsql", "heartbeat:SAPInstance"];

export type MissingPacemaker = { readonly what: string; readonly remedy: string };

const allSame = 'allow_promotable="1" runs it all the same';

/** Why an agent cannot work without Pacemaker; null: it can, or `permitted` and nothing is lost. */
export function needsPacemaker(
  agent: { readonly name: string; readonly actions: readonly string[] },
  section: Section,
): MissingPacemaker | null {
  if (destructive.includes(agent.name)) {
    const what = "finds no peers without Pacemaker, and deletes its data at each start then";
    return { what, remedy: "use <systemd> or <script> instead; nothing permits this agent" };
  }
  if (parseFlag(attributeOf(section, "allow_promotable") ?? "") === true) return null;
  const what = toolsMissing(agent.name, section) ?? roleMissing(agent);
  return what === null ? null : { what, remedy: allSame };
}

function roleMissing({
  name,
  actions,
}: {
  readonly name: string;
  readonly actions: readonly string[];
}): string | null {
  if (!actions.includes("promote") || single.includes(name)) return null;
  return "is promoted by Pacemaker, and is never promoted here";
}

function toolsMissing(agent: string, section: Section): string | null {
  if (always.includes(agent)) {
    return "works with Pacemaker's tools only: use <script> or <systemd> instead";
  }
  const replicated =
    (agent === "heartbeat:mysql" && attributeOf(section, "replication_user") !== null) ||
    (agent === "heartbeat:pgsql" && !["", "none"].includes(attributeOf(section, "rep_mode") ?? ""));
  return replicated
    ? "replicates with Pacemaker's tools only: use it for a single instance, without replication"
    : null;
}

/** Agents of rgmanager that hold something after a kill of their processes. */
const holdingTypes: readonly string[] = [
  ..."fs clusterfs netfs bind-mount lvm nfsexport nfsclient nfsserver drbd vm".split(" "),
];

/** The same for the provider heartbeat. */
const holdingAgents: readonly string[] = [
  ..."Filesystem LVM LVM-activate CTDB ManageVE ManageRAID Raid1 ServeRAID mdraid ZFS".split(" "),
  ..."crypt exportfs nfsserver iSCSITarget iSCSILogicalUnit iscsi nvmet-namespace".split(" "),
  ..."nvmet-port nvmet-subsystem IPsrcaddr Route iface-bridge iface-macvlan".split(" "),
  ..."iface-vlan portblock vdo-vol docker docker-compose podman rkt lxc Xen".split(" "),
  ..."VirtualDomain".split(" "),
];

/** Whether the resource still holds something when all its processes have been killed. */
export function holdsAfterKill(
  of:
    | { readonly dialect: "rgmanager"; readonly type: string }
    | { readonly dialect: "ocf"; readonly name: string }
    | { readonly dialect: "systemd"; readonly unit: string },
): boolean {
  switch (of.dialect) {
    case "rgmanager":
      return holdingTypes.includes(of.type);
    case "ocf":
      return holdingAgents.some((type) => of.name === `heartbeat:${type}`);
    case "systemd":
      return !of.unit.endsWith(".service");
    default:
      return assertNever(of);
  }
}
