/**
 * Options of the stand-in broker: qpidd.conf keys and the command line, which wins.
 * Knows no broker state. Source: qpidd(1), qpid-cpp ha/HaPlugin.cpp and broker/Broker.cpp.
 */
import { availableParallelism } from "node:os";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";

export type ReplicateLevel = "none" | "configuration" | "all";
export type Address = { readonly host: string; readonly port: number };

export type BrokerOptions = {
  readonly port: number;
  /** Empty: all interfaces. */
  readonly host: string;
  readonly auth: boolean;
  readonly cluster: boolean;
  /** Whether queues can be replicated one by one, outside of any cluster. */
  readonly queueReplication: boolean;
  readonly brokersUrl: readonly Address[];
  readonly replicateDefault: ReplicateLevel;
  /** With which a broker introduces itself to another one. */
  readonly username: string;
  readonly password: string;
  readonly mechanism: string;
  /** Folder of the accounts; null: only the broker's own credentials are known. */
  readonly accounts: string | null;
  readonly aclFile: string | null;
  readonly backupTimeoutMs: number;
  readonly linkMaintenanceMs: number;
  /** Whole seconds, fractions cut off; 0: no heartbeats and no limit of status checks. */
  readonly linkHeartbeatMs: number;
  readonly directory: string | null;
  readonly daemon: boolean;
  readonly pidFile: string | null;
  /** Of the daemon's own pid file; null: below the home folder. */
  readonly pidDirectory: string | null;
  readonly closeFd: number | null;
  readonly logFile: string | null;
  readonly version: boolean;
  /** Messages per second that a backup copies while catching up; null: no limit. */
  readonly catchupRate: number | null;
  /** Requests that may wait at a time before the whole broker stands still. */
  readonly workerThreads: number;
  /** File of durable queues and messages; null: everything is lost with the process. */
  readonly store: string | null;
  /** Socket on which tests give orders; null: there is none. */
  readonly control: string | null;
  /** Whether a message that came over replication has changed as in the original. */
  readonly lossyTranslation: boolean;
  /** Options of the real broker that have no meaning here; named in the log. */
  readonly disregarded: readonly string[];
};

const optionNames = new Set(
  [
    "port interface auth ha-cluster ha-brokers-url ha-replicate ha-username ha-password",
    "ha-mechanism ha-backup-timeout link-maintenance-interval link-heartbeat-interval data-dir",
    "no-data-dir daemon pidfile pid-dir close-fd log-to-file version config catchup-rate",
    "worker-threads sasl-config acl-file mgmt-enable store control lossy-translation",
    "ha-queue-replication",
  ].flatMap((line) => line.split(" ")),
);

/** Written without a value on the command line; `name=yes` or `name=no` in the file. */
const flagNames = new Set(["daemon", "version", "no-data-dir"]);

/** Lists, an element each line; only the last one counts here. */
const listNames = new Set(["interface", "log-enable", "log-disable", "load-module"]);

const disregardedNames = new Set(
  [
    "max-negotiate-time wait log-enable log-to-stderr log-to-stdout log-to-syslog",
    "log-time log-level max-connections tcp-nodelay transport realm",
    "ha-public-url ha-flow-messages ha-flow-bytes module-dir load-module",
    "socket-fd",
  ].flatMap((line) => line.split(" ")),
);

/** The file's `name=value` lines, each name once; `#` begins a comment. An empty file is damage. */
export function parseConfigFile(
  text: string,
  path: string,
): Result<ReadonlyMap<string, string>, string> {
  if (text === "") return refuse(unreadable(path));
  const settings = new Map<string, string>();
  for (const line of text.split("\n")) {
    const content = line.replace(/#.*/, "").trim();
    if (content === "") continue;
    const [name = "", ...rest] = content.split("=");
    if (settings.has(name.trim()) && !listNames.has(name.trim())) {
      return refuse(repeated(name.trim()));
    }
    settings.set(name.trim(), rest.join("=").trim());
  }
  return accept(settings);
}

/** Of a file that is empty, too. */
export function unreadable(path: string): string {
  return `cannot read configuration file ${path}`;
}

/** What the real broker says, and does not start. */
function repeated(name: string): string {
  return `option '--${name}' cannot be specified more than once`;
}

/** `--name value`, `--name=value`, `-p value`, `-d`. */
export function parseCommandLine(
  argv: readonly string[],
): Result<ReadonlyMap<string, string>, string> {
  const settings = new Map<string, string>();
  const pending = [...argv];
  for (let word = pending.shift(); word !== undefined; word = pending.shift()) {
    const long = word === "-p" ? "--port" : word === "-d" ? "--daemon" : word;
    const match = /^--([a-z-]+)(?:=(.*))?$/.exec(long);
    const name = match?.[1] ?? "";
    if (!optionNames.has(name) && !disregardedNames.has(name)) {
      return refuse(`unrecognised option '${word}'`);
    }
    if (settings.has(name)) return refuse(repeated(name));
    if (flagNames.has(name)) {
      settings.set(name, "yes");
      continue;
    }
    const value = match?.[2] ?? pending.shift();
    if (value === undefined) return refuse(`the required argument for option '${word}' is missing`);
    settings.set(name, value);
  }
  return accept(settings);
}

/** `[amqp:][user/password@][tcp:]host[:port],…`, each address with its own optional parts. */
export function parseBrokersUrl(text: string): readonly Address[] {
  const addresses: Address[] = [];
  for (const part of text.replace(/^amqp:/, "").split(",")) {
    const bare = part.trim().replace(/^.*@/, "").replace(/^tcp:/, "");
    if (bare === "") continue;
    const [host = "", port = ""] = bare.split(":");
    addresses.push({ host, port: port === "" ? 5672 : Number(port) });
  }
  return addresses;
}

/** As the broker shows it: `amqp:tcp:host:port,tcp:host:port`. */
export function formatBrokersUrl(addresses: readonly Address[]): string {
  if (addresses.length === 0) return "";
  return `amqp:${addresses.map((at) => `tcp:${at.host}:${at.port}`).join(",")}`;
}

/** A number of seconds with an optional unit s, ms, us or ns. */
export function parseIntervalMs(text: string): number | null {
  const match = /^([0-9]*\.?[0-9]+)(s|ms|us|ns)?$/.exec(text);
  if (match === null) return null;
  const factor = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 }[match[2] ?? "s"];
  return factor === undefined ? null : Number(match[1]) * factor;
}

export function parseLevel(text: string): ReplicateLevel | null {
  return text === "none" || text === "configuration" || text === "all" ? text : null;
}

/** All settings together; the answer names the first one that cannot be read. */
export function parseBrokerOptions(
  settings: ReadonlyMap<string, string>,
): Result<BrokerOptions, string> {
  const problems: string[] = [];
  const text = (name: string, absent = "") => settings.get(name) ?? absent;
  const optional = (name: string) => settings.get(name) ?? null;
  const flag = (name: string, absent: string) => /^(1|on|true|yes)$/i.test(text(name, absent));
  const known = <Value>(name: string, value: Value | null, absent: Value): Value => {
    if (value === null) problems.push(unread(name, text(name)));
    return value ?? absent;
  };
  const interval = (name: string, absent: string) =>
    known(name, parseIntervalMs(text(name, absent)), 0);
  const count = (name: string, absent: number, range: readonly [number, number]) =>
    known(name, parseCount(text(name, String(absent)), range), absent);
  const options: BrokerOptions = {
    port: count("port", 5672, [0, 65_535]),
    host: text("interface"),
    auth: flag("auth", "yes"),
    cluster: flag("ha-cluster", "no"),
    queueReplication: flag("ha-queue-replication", "no"),
    brokersUrl: parseBrokersUrl(text("ha-brokers-url")),
    replicateDefault: known("ha-replicate", parseLevel(text("ha-replicate", "none")), "none"),
    username: text("ha-username"),
    password: text("ha-password"),
    mechanism: text("ha-mechanism"),
    accounts: optional("sasl-config"),
    aclFile: optional("acl-file"),
    backupTimeoutMs: interval("ha-backup-timeout", "10"),
    linkMaintenanceMs: Math.max(1, interval("link-maintenance-interval", "2")),
    linkHeartbeatMs: Math.floor(interval("link-heartbeat-interval", "120") / 1000) * 1000,
    directory: flag("no-data-dir", "no") ? null : optional("data-dir"),
    daemon: flag("daemon", "no"),
    pidFile: optional("pidfile"),
    pidDirectory: optional("pid-dir"),
    closeFd: settings.has("close-fd") ? Number(text("close-fd")) : null,
    logFile: optional("log-to-file"),
    version: flag("version", "no"),
    catchupRate: settings.has("catchup-rate") ? Number(text("catchup-rate")) : null,
    workerThreads: count("worker-threads", availableParallelism() + 1, [1, 10_000]),
    store: optional("store"),
    control: optional("control"),
    lossyTranslation: flag("lossy-translation", "yes"),
    disregarded: [...settings.keys()].filter((name) => !optionNames.has(name)),
  };
  if (options.cluster && !flag("mgmt-enable", "yes")) {
    problems.push("HA requires management to be enabled");
  }
  const [first] = problems;
  return first === undefined ? accept(options) : refuse(first);
}

function unread(name: string, value: string): string {
  if (name === "ha-replicate") return `Invalid replication value: ${value}`;
  if (name === "worker-threads") return `Invalid value for worker-threads: ${value}`;
  return `the argument ('${value}') for option '--${name}' is invalid`;
}

function parseCount(text: string, [least, most]: readonly [number, number]): number | null {
  const value = Number(text);
  return Number.isInteger(value) && value >= least && value <= most ? value : null;
}
