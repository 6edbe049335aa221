/**
 * Reads a qpidd.conf: the settings of a broker that matter to a cluster of brokers, and the lines
 * that the broker would refuse. What is unwise in them is in qpidd-findings.ts.
 * Source: qpid-cpp qpid/Options.cpp, qpid/sys/Time.cpp: operator>>, qpid/Url.cpp,
 * broker/BrokerOptions.h, ha/HaPlugin.cpp; boost::program_options: parse_config_file.
 * QPIDD1  No message repeats the value of a setting that is a secret.
 */
import { brokerPortDefault } from "../model/broker-defaults.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { isSecret } from "../model/secrets.ts";
import { quoted } from "../model/visible-text.ts";
import { parseReplicateLevel, type ReplicateLevel } from "./broker-status.ts";

/** Where a broker listens, as a brokers URL names it. */
export type BrokerAddress = { readonly host: string; readonly port: number };

/** A value with the line that sets it; null: it is the broker's default. */
export type QpiddSetting<Value> = { readonly value: Value; readonly line: number | null };

export type QpiddSettings = {
  readonly port: QpiddSetting<number>;
  readonly cluster: QpiddSetting<boolean>;
  readonly brokersUrl: QpiddSetting<readonly BrokerAddress[]>;
  readonly replicate: QpiddSetting<ReplicateLevel>;
  readonly username: QpiddSetting<string>;
  readonly password: QpiddSetting<string>;
  readonly mechanism: QpiddSetting<string>;
  readonly backupTimeoutMs: QpiddSetting<number>;
  readonly linkMaintenanceMs: QpiddSetting<number>;
  /** Before the broker cuts off the fraction of a second. */
  readonly linkHeartbeatMs: QpiddSetting<number>;
  readonly authenticates: QpiddSetting<boolean>;
  /** Null: what the start script passes, or a directory of the broker's account. */
  readonly directory: QpiddSetting<string | null>;
  readonly withoutDirectory: QpiddSetting<boolean>;
  /** Null: one more than the machine has processors. */
  readonly workerThreads: QpiddSetting<number | null>;
};

/** Something in the file that an operator should change. `line` is null for what is missing. */
export type QpiddFinding = {
  readonly key: string;
  readonly line: number | null;
  readonly cause: string;
  readonly remedy: string;
};

export type QpiddConf = {
  readonly settings: QpiddSettings;
  /** Each setting as it is written; of a list the first element. */
  readonly written: ReadonlyMap<string, QpiddSetting<string>>;
  /** What the broker would not start with. */
  readonly findings: readonly QpiddFinding[];
};

/** Lists of the broker, an element each line. */
const repeatable: ReadonlySet<string> = new Set([
  ...["interface", "listen-disable", "protocols", "load-module"],
  ...["log-enable", "log-disable", "queue-patterns", "topic-patterns"],
]);

/** Never fails: what cannot be read is a finding, and the broker's default stands for it. */
export function parseQpiddConf(text: string): QpiddConf {
  const findings: QpiddFinding[] = [];
  const written = readLines(text, findings);
  return { settings: settingsOf(written, findings), written, findings };
}

/** In milliseconds: a number of seconds, or one with the unit s, ms, us or ns. */
export function parseQpiddInterval(text: string): number | null {
  const [, digits, unit = "s"] = /^(\d+\.?\d*|\.\d+)(s|ms|us|ns)?$/.exec(text) ?? [];
  const factor = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 }[unit];
  return digits === undefined || factor === undefined ? null : Number(digits) * factor;
}

/** `[amqp:][user/password@][tcp:]host[:port],…`; an IPv6 address stands in brackets. */
export function parseBrokersUrl(text: string): Result<readonly BrokerAddress[], string> {
  const addresses: BrokerAddress[] = [];
  const parts = text.replace(/^amqp:/, "").split(",");
  for (const [index, part] of parts.entries()) {
    const bare = part.trim().replace(/^.*@/, "").replace(/^tcp:/, "");
    if (bare === "" && parts.length === 1) continue;
    const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d+))?$/.exec(bare);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3] ?? brokerPortDefault);
    if (host === undefined || !isPort(port)) return refuse(`address ${index + 1} of the URL`);
    addresses.push({ host, port });
  }
  return accept(addresses);
}

export function formatBrokerAddress({ host, port }: BrokerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

function readLines(
  text: string,
  findings: QpiddFinding[],
): ReadonlyMap<string, QpiddSetting<string>> {
  const written = new Map<string, QpiddSetting<string>>();
  for (const [index, whole] of text.split("\n").entries()) {
    const line = index + 1;
    const content = whole.replace(/#.*$/, "").trim();
    if (content === "") continue;
    const at = content.indexOf("=");
    const key = at < 0 ? content : content.slice(0, at).trim();
    const earlier = written.get(key);
    if (at <= 0 || key === "") {
      const cause = "the line is not a setting; the broker does not start";
      findings.push({ key: "", line, cause, remedy: "write name=value, or # before a comment" });
    } else if (earlier === undefined) {
      written.set(key, { value: content.slice(at + 1).trim(), line });
    } else if (!repeatable.has(key)) {
      const cause = `line ${earlier.line} sets it, too; the broker does not start`;
      findings.push({ key, line, cause, remedy: "remove one of the lines" });
    }
  }
  return written;
}

function settingsOf(
  written: ReadonlyMap<string, QpiddSetting<string>>,
  findings: QpiddFinding[],
): QpiddSettings {
  const read = <Value>(
    key: string,
    otherwise: Value,
    parse: (text: string) => Value | null,
  ): QpiddSetting<Value> => {
    const found = written.get(key);
    if (found === undefined) return { value: otherwise, line: null };
    const parsed = parse(found.value);
    if (parsed !== null) return { value: parsed, line: found.line };
    findings.push(unreadable(key, found));
    return { value: otherwise, line: found.line };
  };
  const text = (key: string) => read(key, "", (value) => value);
  const flag = (key: string, otherwise: boolean) => read(key, otherwise, parseQpiddFlag);
  const interval = (key: string, otherwise: number) => read(key, otherwise, parseQpiddInterval);
  return {
    port: read("port", brokerPortDefault, parsePort),
    cluster: flag("ha-cluster", false),
    brokersUrl: read("ha-brokers-url", [], (value) => {
      const url = parseBrokersUrl(value);
      return url.ok ? url.value : null;
    }),
    replicate: read("ha-replicate", "none", parseReplicateLevel),
    username: text("ha-username"),
    password: text("ha-password"),
    mechanism: text("ha-mechanism"),
    backupTimeoutMs: interval("ha-backup-timeout", 10_000),
    linkMaintenanceMs: interval("link-maintenance-interval", 2000),
    linkHeartbeatMs: interval("link-heartbeat-interval", 120_000),
    authenticates: flag("auth", true),
    directory: read<string | null>("data-dir", null, (value) => value),
    withoutDirectory: flag("no-data-dir", false),
    workerThreads: read<number | null>("worker-threads", null, parseThreads),
  };
}

function unreadable(key: string, { value, line }: QpiddSetting<string>): QpiddFinding {
  // A brokers URL may hold a password.
  const secret = isSecret(key) || value.includes("@");
  const cause = `the value ${secret ? "" : `${quoted(value)} `}cannot be read`;
  return { key, line, cause, remedy: "see qpidd --help for its form" };
}

function parseQpiddFlag(text: string): boolean | null {
  if (/^(?:1|on|true|yes)$/i.test(text)) return true;
  return /^(?:0|off|false|no)$/i.test(text) ? false : null;
}

function parsePort(text: string): number | null {
  return /^\d+$/.test(text) && isPort(Number(text)) ? Number(text) : null;
}

function parseThreads(text: string): number | null {
  return /^\d{1,6}$/.test(text) ? Number(text) : null;
}
