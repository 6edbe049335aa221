/**
 * Tables of the metadata of built-in agents: parameters and actions of `service`, `script`, `ip`,
 * `qpidd`, `qpidd-primary` and `systemd`, and what all `ocf` elements have in common.
 * Source: metadata of the resource agents service.sh, script.sh and ip.sh of rgmanager.
 * Deviations: `retry_delay` is an addition; values are checked by kind.
 * Tested in: test/config/conf-values.test.ts
 */

import { sleepSecondsDefault } from "../../model/address-holders.ts";
import { heartbeatSecondsDefault, qpiddConfDefault } from "../../model/broker-defaults.ts";
import { builtInChecks, type CheckRule } from "../../model/built-in-checks.ts";
import type { AgentActionConf, AgentConf } from "../../model/conf.ts";
import { ms } from "../../model/time.ts";
import { retryDelaySecondsDefault } from "../text/defaults.ts";
import type { ValueKind } from "../text/value-kind.ts";

export type AgentParameter = {
  readonly name: string;
  readonly kind: ValueKind;
  /** One sentence, for the manual page; agents of the machine describe themselves. */
  readonly meaning?: string;
  /** What holds without it where that is no value that the agent gets; for the manual page. */
  readonly usual?: string;
  /** The parameter that names the resource and that `ref` points to. */
  readonly primary?: true;
  readonly unique?: true;
  readonly required?: true;
  /** May change while the resource runs. */
  readonly reconfig?: true;
  readonly default?: string;
  /** If not written, it is inherited from the nearest ancestor of `type`; null: from the parent. */
  readonly inherit?: { readonly type: string | null; readonly attribute: string };
  /** The kind comes from metadata, which are often careless: another value is only a warning. */
  readonly stated?: true;
};

export type AgentRule = {
  /** Element name. */
  readonly type: string;
  /** How often one resource may be used in all services together; null: without limit. */
  readonly instancesMax: number | null;
  /** Primary first. */
  readonly parameters: readonly AgentParameter[];
  readonly actions: readonly AgentActionConf[];
  /** Absent: the agent is built in. */
  readonly agent?: AgentConf;
  /** What is done with an attribute that is no parameter; absent: it is refused. */
  readonly others?: "passed" | "passed-with-warning" | "ignored-with-warning";
};

const text: ValueKind = { type: "text" };
const flag: ValueKind = { type: "flag" };

export const service: AgentRule = {
  type: "service",
  instancesMax: 1,
  parameters: [
    {
      name: "name",
      meaning: "Its name, at most 55 bytes without a colon.",
      kind: text,
      primary: true,
      unique: true,
      required: true,
    },
    {
      name: "domain",
      meaning: "The failover domain that it prefers or is restricted to.",
      usual: "none: any node",
      kind: text,
      reconfig: true,
    },
    {
      name: "autostart",
      meaning: "Whether it starts with the cluster; if not, an operator enables it.",
      kind: flag,
      reconfig: true,
      default: "1",
    },
    {
      name: "exclusive",
      meaning: "Whether it only runs on a node without other services.",
      kind: { type: "flag-or-number" },
      reconfig: true,
      default: "0",
    },
    {
      name: "nfslock",
      meaning: "Whether its addresses let clients of NFS reclaim their locks.",
      kind: flag,
      default: "0",
    },
    {
      name: "nfs_client_cache",
      meaning: "Accepted for old files, without effect.",
      kind: flag,
      default: "0",
    },
    {
      name: "recovery",
      meaning:
        "What follows a failed check: a start on the same node, else on another one (restart); " +
        "on another one (relocate); none (disable); on the same node, else none (restart-disable).",
      kind: { type: "choice", words: ["restart", "relocate", "disable", "restart-disable"] },
      reconfig: true,
      default: "restart",
    },
    {
      name: "depend",
      meaning: "The service:NAME without which it does not run.",
      usual: "none",
      kind: text,
    },
    {
      name: "depend_mode",
      meaning:
        "Whether it needs that service at all times (hard), or only for its first start (soft).",
      kind: { type: "choice", words: ["hard", "soft"] },
      default: "hard",
    },
    {
      name: "max_restarts",
      meaning: "How many restarts within restart_expire_time stay on the node; 0: without limit.",
      kind: { type: "integer", min: 0, max: 1_000_000 },
      default: "0",
    },
    {
      name: "restart_expire_time",
      meaning: "The time for which a restart is counted; 0: none is.",
      kind: { type: "duration" },
      default: "0",
    },
    {
      name: "priority",
      meaning: "Services with lower numbers are started first.",
      kind: { type: "integer", min: 0, max: 1_000_000 },
      default: "0",
    },
    {
      name: "retry_delay",
      meaning: "After what time a service that no node could start is tried again; 0: never.",
      usual: `${retryDelaySecondsDefault}`,
      kind: { type: "duration" },
    },
  ],
  actions: ["start", "stop", "reconfig", "recover", "reload"].map((name) => action(name, 5)),
};

const script: AgentRule = {
  type: "script",
  instancesMax: null,
  parameters: [
    { name: "name", meaning: "Its name.", kind: text, primary: true, unique: true },
    {
      name: "file",
      meaning: "The init script (LSB).",
      kind: { type: "path" },
      unique: true,
      required: true,
    },
    {
      name: "service_name",
      meaning: "What the script is told in OCF_RESKEY_service_name.",
      usual: "the service's name",
      kind: text,
      inherit: { type: "service", attribute: "name" },
    },
  ],
  actions: [action("start", 0), action("stop", 0), ...checkActions("script", [0])],
};

const ip: AgentRule = {
  type: "ip",
  instancesMax: 1,
  parameters: [
    {
      name: "address",
      meaning: "The virtual address; without a prefix, that of the subnet of an interface.",
      kind: { type: "address" },
      primary: true,
      unique: true,
    },
    // rgmanager takes every other word for auto; these two stand in real files.
    {
      name: "family",
      meaning: "The family of the address; ipv4, ipv6 and auto: what the address is.",
      usual: "auto",
      kind: { type: "choice", words: ["auto", "inet", "inet6", "ipv4", "ipv6"] },
    },
    {
      name: "monitor_link",
      meaning: "Whether the check includes the link of the interface.",
      kind: flag,
      default: "1",
    },
    {
      name: "nfslock",
      meaning: "Whether clients of NFS reclaim their locks when it moves.",
      usual: "the service's",
      kind: flag,
      inherit: { type: "service", attribute: "nfslock" },
    },
    {
      name: "sleeptime",
      meaning: "How many seconds a stop waits after the removal, so that clients notice it.",
      usual: `${sleepSecondsDefault}`,
      kind: { type: "integer", min: 0, max: 3600 },
    },
    {
      name: "disable_rdisc",
      meaning: "Do not signal or start a router discovery daemon.",
      usual: "0",
      kind: flag,
    },
    {
      name: "prefer_interface",
      meaning: "The only interface that may carry it.",
      usual: "any with its subnet",
      kind: text,
    },
  ],
  actions: [action("start", 20), action("stop", 20), ...checkActions("ip", [10, 20])],
};

/** How clusterd asks the broker of a node, where its qpidd.conf does not say it. */
const brokerAccount: readonly AgentParameter[] = [
  {
    name: "config",
    meaning: "The qpidd.conf of the broker.",
    kind: { type: "path" },
    default: qpiddConfDefault,
  },
  {
    name: "address",
    meaning: "The host and port at which it is asked.",
    usual: "those of its configuration, on this node",
    kind: text,
  },
  {
    name: "user",
    meaning: "The user as which it is asked.",
    usual: "that of its configuration",
    kind: text,
  },
  {
    name: "password_file",
    meaning: "The file with the password of that user.",
    usual: "the password of its configuration",
    kind: { type: "path" },
  },
  {
    name: "mechanism",
    meaning: "How clusterd proves who it is.",
    usual: "that of its configuration",
    kind: { type: "choice", words: ["PLAIN", "ANONYMOUS"] },
  },
  // Below one second a busy broker seems frozen; with ten, a frozen primary stays for 25 seconds.
  {
    name: "heartbeat",
    meaning: "How many seconds it has for an answer before it counts as frozen.",
    kind: { type: "integer", min: 1, max: 10 },
    default: `${heartbeatSecondsDefault}`,
  },
];

/** A broker of Apache Qpid, without an init script. */
const qpidd: AgentRule = {
  type: "qpidd",
  instancesMax: null,
  parameters: [
    { name: "name", meaning: "Its name.", kind: text, primary: true, unique: true, required: true },
    {
      name: "binary",
      meaning: "The program of the broker.",
      kind: { type: "path" },
      default: "/usr/sbin/qpidd",
    },
    { name: "run_as", meaning: "The user as which it runs.", kind: text, default: "qpidd" },
    ...brokerAccount,
  ],
  actions: [action("start", 120), action("stop", 20), ...checkActions("qpidd", [10])],
};

/** The promotion of the broker of its node. */
const qpiddPrimary: AgentRule = {
  type: "qpidd-primary",
  instancesMax: 1,
  parameters: [
    { name: "name", meaning: "Its name.", kind: text, primary: true, unique: true, required: true },
    ...brokerAccount,
  ],
  actions: [action("start", 60), action("stop", 20), ...checkActions("qpidd-primary", [10])],
};

/** In the order in which messages list them. */
export const builtInAgents: readonly AgentRule[] = [service, script, ip, qpidd, qpiddPrimary];

/** An `ocf` element names its agent, whose metadata complete this rule. */
export const ocfRule: AgentRule = {
  type: "ocf",
  instancesMax: 1,
  parameters: [
    { name: "name", meaning: "Its name.", kind: text, primary: true, unique: true },
    {
      name: "agent",
      meaning: "The agent, below /usr/lib/ocf/resource.d. Other attributes are its parameters.",
      kind: { type: "ocf-agent" },
      required: true,
    },
    {
      name: "allow_promotable",
      meaning:
        "Use an agent that is promoted by Pacemaker all the same, as if it could not be promoted.",
      usual: "0",
      kind: flag,
    },
  ],
  actions: [],
};

/** The time-outs of systemd units are enforced. */
export const systemdRule: AgentRule = {
  type: "systemd",
  instancesMax: null,
  parameters: [
    { name: "name", meaning: "Its name.", kind: text, primary: true, unique: true },
    {
      name: "unit",
      meaning: "The unit, which must not be enabled.",
      kind: { type: "unit" },
      unique: true,
      required: true,
    },
    {
      name: "service_name",
      meaning: "The service, for messages.",
      usual: "the service's name",
      kind: text,
      inherit: { type: "service", attribute: "name" },
    },
  ],
  actions: [
    action("start", 100),
    action("stop", 100),
    action("status", 10, { depth: 0, intervalMs: ms(10_000) }),
  ],
};

export function primaryOf(rule: AgentRule): AgentParameter | null {
  return rule.parameters.find((parameter) => parameter.primary === true) ?? null;
}

/** The checks of a built-in type under both names, `status` and `monitor`. */
function checkActions(
  type: string,
  timeoutsSeconds: readonly number[],
): readonly AgentActionConf[] {
  return ["status", "monitor"].flatMap((name) =>
    builtInChecks(type).map((check, index) => action(name, timeoutsSeconds[index] ?? 0, check)),
  );
}

function action(name: string, timeoutSeconds: number, check?: CheckRule): AgentActionConf {
  const timeoutMs = ms(timeoutSeconds * 1000);
  const { depth, intervalMs } = check ?? { depth: 0, intervalMs: null };
  return { name, depth, intervalMs, timeoutMs };
}
