/**
 * What a resource holds that does not end with its processes: addresses, which are taken away
 * without its agent, and things that only its agent can release.
 * Runs nothing.
 * Source: the agents of rgmanager and of ClusterLabs resource-agents 4.12.
 */
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

const addressAgents: readonly string[] = ["IPaddr2", "IPaddr", "IPv6addr"];

const holdingTypes: readonly string[] = [
  ..."fs clusterfs netfs lvm nfsexport nfsclient nfsserver drbd oralistener vm".split(" "),
];

const holdingAgents: readonly string[] = [
  ..."Filesystem LVM LVM-activate CTDB ManageVE Raid1 mdraid ZFS crypt exportfs nfsserver".split(
    " ",
  ),
  ..."iSCSITarget iSCSILogicalUnit iscsi nvmet-namespace nvmet-port nvmet-subsystem".split(" "),
  ..."IPsrcaddr Route iface-bridge iface-macvlan iface-vlan portblock vdo-vol".split(" "),
  ..."docker docker-compose podman rkt lxc Xen VirtualDomain ManageRAID ServeRAID".split(" "),
];

/** True when killing every process leaves something of the resource behind. */
export function outlivesProcesses({ type, agent }: ResourceConf): boolean {
  if (agent === undefined) return false;
  const { runs } = agent;
  if (runs.dialect === "ocf") {
    return runs.provider === "heartbeat" && holdingAgents.includes(runs.type);
  }
  if (runs.dialect === "systemd") return !runs.unit.endsWith(".service");
  return runs.dialect === "rgmanager" && holdingTypes.includes(type);
}
