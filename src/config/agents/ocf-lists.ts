/**
 * Lists of agents with properties that their metadata do not state.
 * Source: the agents of rgmanager and of ClusterLabs resource-agents 4.12.
 * Tested in: test/config/agent-elements.test.ts
 */
import { assertNever } from "../../model/outcome.ts";
import { attributeOf, type Section } from "../text/section.ts";

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
  "heartbeat:rabbitmq-cluster",
  "heartbeat:rabbitmq-server-ha",
  "heartbeat:redis",
  "heartbeat:sg_persist",
];

/** Why an agent cannot work without Pacemaker, or null. */
export function needsPacemaker(agent: string, section: Section): string | null {
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
  ..."fs clusterfs netfs lvm nfsexport nfsclient nfsserver drbd".split(" "),
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
