/**
 * Tables of the metadata of built-in agents: parameters and actions of `service`, `script`, `ip`,
 * `qpidd`, `qpidd-primary` and `systemd`, and what all `ocf` elements have in common.
 * Source: metadata of the resource agents service.sh, script.sh and ip.sh of rgmanager.
 * Deviations: `retry_delay` is an addition; values are checked by kind.
 * Tested in: test/config/conf-values.test.ts
 */
import { heartbeatSecondsDefault, qpiddConfDefault } from "../../model/broker-defaults.ts";
import { builtInChecks, type CheckRule } from "../../model/built-in-checks.ts";
import type { AgentActionConf, AgentConf } from "../../model/conf.ts";
import { ms } from "../../model/time.ts";

export type ValueKind =
  | { readonly type: "text" }
  | { readonly type: "flag" }
  /** A boolean or a number; a number above zero means yes. */
  | { readonly type: "flag-or-number" }
  | { readonly type: "duration" }
  | { readonly type: "path" }
  | { readonly type: "address" }
  | { readonly type: "integer"; readonly min: number; readonly max: number }
  | { readonly type: "choice"; readonly words: readonly string[] }
  /** `provider:type`. */
  | { readonly type: "ocf-agent" }
  /** A unit of systemd, with or without the suffix `.service`. */
  | { readonly type: "unit" };

export type AgentParameter = {
  readonly name: string;
  readonly kind: ValueKind;
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

const service: AgentRule = {
  type: "service",
  instancesMax: 1,
  parameters: [
    { name: "name", kind: text, primary: true, unique: true, required: true },
    { name: "domain", kind: text, reconfig: true },
    { name: "autostart", kind: flag, reconfig: true, default: "1" },
    { name: "exclusive", kind: { type: "flag-or-number" }, reconfig: true, default: "0" },
    { name: "nfslock", kind: flag, default: "0" },
    { name: "nfs_client_cache", kind: flag, default: "0" },
    {
      name: "recovery",
      kind: { type: "choice", words: ["restart", "relocate", "disable", "restart-disable"] },
      reconfig: true,
      default: "restart",
    },
    { name: "depend", kind: text },
    {
      name: "depend_mode",
      kind: { type: "choice", words: ["hard", "soft"] },
      default: "hard",
    },
    { name: "max_restarts", kind: { type: "integer", min: 0, max: 1_000_000 }, default: "0" },
    { name: "restart_expire_time", kind: { type: "duration" }, default: "0" },
    { name: "priority", kind: { type: "integer", min: 0, max: 1_000_000 }, default: "0" },
    { name: "retry_delay", kind: { type: "duration" } },
  ],
  actions: ["start", "stop", "reconfig", "recover", "reload"].map((name) => action(name, 5)),
};

const script: AgentRule = {
  type: "script",
  instancesMax: null,
  parameters: [
    { name: "name", kind: text, primary: true, unique: true },
    { name: "file", kind: { type: "path" }, unique: true, required: true },
    { name: "service_name", kind: text, inherit: { type: "service", attribute: "name" } },
  ],
  actions: [action("start", 0), action("stop", 0), ...checkActions("script", [0])],
};

const ip: AgentRule = {
  type: "ip",
  instancesMax: 1,
  parameters: [
    { name: "address", kind: { type: "address" }, primary: true, unique: true },
    // rgmanager takes every other word for auto; these two stand in real files.
    {
      name: "family",
      kind: { type: "choice", words: ["auto", "inet", "inet6", "ipv4", "ipv6"] },
    },
    { name: "monitor_link", kind: flag, default: "1" },
    { name: "nfslock", kind: flag, inherit: { type: "service", attribute: "nfslock" } },
    { name: "sleeptime", kind: { type: "integer", min: 0, max: 3600 } },
    { name: "disable_rdisc", kind: flag },
    { name: "prefer_interface", kind: text },
  ],
  actions: [action("start", 20), action("stop", 20), ...checkActions("ip", [10, 20])],
};

/** How clusterd asks the broker of a node, where its qpidd.conf does not say it. */
const brokerAccount: readonly AgentParameter[] = [
  { name: "config", kind: { type: "path" }, default: qpiddConfDefault },
  { name: "address", kind: text },
  { name: "user", kind: text },
  { name: "password_file", kind: { type: "path" } },
  { name: "mechanism", kind: { type: "choice", words: ["PLAIN", "ANONYMOUS"] } },
  // Below one second a busy broker seems frozen; with ten, a frozen primary stays for 25 seconds.
  {
    name: "heartbeat",
    kind: { type: "integer", min: 1, max: 10 },
    default: `${heartbeatSecondsDefault}`,
  },
];

/** A broker of Apache Qpid, without an init script. */
const qpidd: AgentRule = {
  type: "qpidd",
  instancesMax: null,
  parameters: [
    { name: "name", kind: text, primary: true, unique: true, required: true },
    { name: "binary", kind: { type: "path" }, default: "/usr/sbin/qpidd" },
    { name: "run_as", kind: text, default: "qpidd" },
    ...brokerAccount,
  ],
  actions: [action("start", 120), action("stop", 20), ...checkActions("qpidd", [10])],
};

/** The promotion of the broker of its node. */
const qpiddPrimary: AgentRule = {
  type: "qpidd-primary",
  instancesMax: 1,
  parameters: [
    { name: "name", kind: text, primary: true, unique: true, required: true },
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
    { name: "name", kind: text, primary: true, unique: true },
    { name: "agent", kind: { type: "ocf-agent" }, required: true },
    { name: "allow_promotable", kind: flag },
  ],
  actions: [],
};

/** The time-outs of systemd units are enforced. */
export const systemdRule: AgentRule = {
  type: "systemd",
  instancesMax: null,
  parameters: [
    { name: "name", kind: text, primary: true, unique: true },
    { name: "unit", kind: { type: "unit" }, unique: true, required: true },
    { name: "service_name", kind: text, inherit: { type: "service", attribute: "name" } },
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
