/**
 * What is known of single OCF agents beyond their metadata.
 * Source: the agents of ClusterLabs resource-agents 4.12.
 */
import { attributeOf, type Section } from "./section.ts";

/** Hold nothing, so that several services may use the same one. */
export const shareableAgents: readonly string[] = [
  "heartbeat:AudibleAlarm",
  "heartbeat:Delay",
  "heartbeat:MailTo",
  "heartbeat:WinPopup",
];

/** They call crm_attribute, crm_node, crm_mon or cibadmin in every case. */
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
