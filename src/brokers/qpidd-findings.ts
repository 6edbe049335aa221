/**
 * What is unwise in the qpidd.conf of a broker that a cluster manager promotes: each finding says
 * what follows from it and what to write instead.
 * Source: qpid-cpp ha/StatusCheck.cpp, ha/HaPlugin.cpp, management/python/bin/qpid-ha (whose time
 * limit is the heartbeat interval); the Apache Qpid manual, active-passive messaging clusters.
 * Deviation: the manual calls a heartbeat interval of 120 s ample. A silent broker then holds up
 * senders for up to 240 s, and a cold start for as long.
 */
import { type Ms, ms } from "../model/time.ts";
import { quoted } from "../model/visible-text.ts";
import {
  formatBrokerAddress,
  type QpiddConf,
  type QpiddFinding,
  type QpiddSettings,
} from "./qpidd-conf.ts";

/** What the cluster knows that a file of one broker must agree with. */
export type QpiddContext = {
  /** Each node with every name and address by which a URL may call it. */
  readonly nodes: readonly { readonly name: string; readonly hosts: readonly string[] }[];
  /** Of the machine that the broker runs on; null: not known. */
  readonly processors: number | null;
  /** How long a node that is cut off may take to kill its broker; null: not known. */
  readonly selfKillMs: number | null;
};

/** From this on, backups need noticeably longer to find a new primary. */
const maintenanceMsMax = 500;
/** A promote and two status checks may each hold one, and one must be left for clients. */
const workerThreadsMin = 4;
/** From this on, a silent peer holds up senders and cold starts for more than a minute. */
const heartbeatMsMax = 30_000;

/** All findings of a file, those that keep the broker from starting first. */
export function qpiddFindings(conf: QpiddConf, context: QpiddContext): readonly QpiddFinding[] {
  return [
    ...conf.findings,
    ...clusterFindings(conf),
    ...urlFindings(conf.settings, context),
    ...heartbeatFindings(conf, context.selfKillMs),
    ...maintenanceFindings(conf.settings),
    ...accessFindings(conf),
    ...directoryFindings(conf.settings),
    ...threadFindings(conf.settings, context.processors),
  ];
}

/** The files that set another level than the first one. */
export function replicateDifferences(
  files: readonly { readonly path: string; readonly conf: QpiddConf }[],
): readonly (QpiddFinding & { readonly path: string })[] {
  const [first, ...others] = files;
  if (first === undefined) return [];
  const expected = first.conf.settings.replicate.value;
  return others.flatMap(({ path, conf }) => {
    const { value, line } = conf.settings.replicate;
    if (value === expected) return [];
    const cause =
      `it is ${value} here and ${expected} in ${first.path}: a backup with another level than ` +
      "its primary ends as soon as it connects, with exit code 0";
    const remedy = "set the same ha-replicate on all nodes";
    return [{ path, key: "ha-replicate", line, cause, remedy }];
  });
}

/** The interval as the broker uses it, in whole seconds; null: it notices no silent peer. */
export function heartbeatInForceMs(settings: QpiddSettings): Ms | null {
  const whole = Math.floor(settings.linkHeartbeatMs.value / 1000);
  return whole === 0 ? null : ms(whole * 1000);
}

function clusterFindings({ settings, written }: QpiddConf): readonly QpiddFinding[] {
  if (written.size === 0) {
    const cause = "the file is empty; the broker does not start";
    return [{ key: "", line: null, cause, remedy: "begin with qpidd.conf.example" }];
  }
  const { value, line } = settings.cluster;
  if (value) return [];
  const cause =
    "the broker is in no cluster: it replicates nothing, and takes a promotion without effect";
  return [{ key: "ha-cluster", line, cause, remedy: "set ha-cluster=yes" }];
}

function urlFindings(
  { brokersUrl, cluster }: QpiddSettings,
  { nodes }: QpiddContext,
): readonly QpiddFinding[] {
  if (!cluster.value) return [];
  const { value, line } = brokersUrl;
  const wanted = nodes.map(({ name }) => name).join(",");
  const remedy = `set ha-brokers-url=${wanted === "" ? "all nodes of the cluster" : wanted}`;
  if (value.length === 0) {
    const cause = "it is missing: the broker knows no other one, and stays alone in joining";
    return [{ key: "ha-brokers-url", line, cause, remedy }];
  }
  const hosts = new Set(value.map(({ host }) => host.toLowerCase()));
  const absent = nodes.filter((node) => {
    return ![node.name, ...node.hosts].some((host) => hosts.has(host.toLowerCase()));
  });
  return absent.map(({ name }) => {
    const listed = value.map(formatBrokerAddress).join(", ");
    const cause = `it does not list ${name}, only ${listed}: a primary there is not found`;
    return { key: "ha-brokers-url", line, cause, remedy };
  });
}

function heartbeatFindings(
  { settings, written }: QpiddConf,
  selfKillMs: number | null,
): readonly QpiddFinding[] {
  const key = "link-heartbeat-interval";
  const leastSeconds = Math.max(10, Math.ceil((selfKillMs ?? 0) / 1000) + 1);
  const remedy = `set ${key} to a whole number of seconds without a unit, such as ${leastSeconds}`;
  const { value, line } = settings.linkHeartbeatMs;
  const text = written.get(key)?.value;
  if (text === undefined) {
    const cause =
      "it is missing: a silent broker holds up senders and cold starts for up to 240 s, " +
      "and qpid-ha waits for it without a limit";
    return [{ key, line, cause, remedy }];
  }
  if (value < 1000) {
    const cause =
      "the broker cuts off fractions of a second, and 0 switches heartbeats off: a promotion " +
      "waits without end for a peer that is silent";
    return [{ key, line, cause, remedy }];
  }
  if (/[a-z]$/.test(text)) {
    const cause = "qpid-ha cannot read a unit: it reports a healthy broker as failed";
    return [{ key, line, cause, remedy }];
  }
  if (value % 1000 !== 0) {
    const cause = `the broker cuts off the fraction and uses ${Math.floor(value / 1000)}`;
    return [{ key, line, cause, remedy }];
  }
  if (selfKillMs !== null && value <= selfKillMs) {
    const cause =
      "a primary that is cut off gives up its backups after that time, and then accepts " +
      `messages alone, before its node kills it after up to ${selfKillMs / 1000} s`;
    return [{ key, line, cause, remedy }];
  }
  if (value < heartbeatMsMax) return [];
  const longest = (2 * value) / 1000;
  const cause = `a silent broker holds up senders and cold starts for up to ${longest} s`;
  return [{ key, line, cause, remedy }];
}

function maintenanceFindings({ linkMaintenanceMs }: QpiddSettings): readonly QpiddFinding[] {
  const key = "link-maintenance-interval";
  const { value, line } = linkMaintenanceMs;
  if (value > 0 && value <= maintenanceMsMax) return [];
  const cause =
    line === null
      ? "it is missing, and the default is 2 s: after a failover backups need that long to find " +
        "the new primary, and senders wait for them"
      : `after a failover backups need up to ${value / 1000} s to find the new primary, and ` +
        "senders wait for them";
  const zero = "it must be above 0";
  return [{ key, line, cause: value > 0 ? cause : zero, remedy: `set ${key}=0.1` }];
}

function accessFindings({ settings, written }: QpiddConf): readonly QpiddFinding[] {
  const { authenticates, username, password } = settings;
  if (!authenticates.value) return [];
  const absent = [
    ...(username.value === "" ? ["ha-username"] : []),
    ...(password.value === "" ? ["ha-password"] : []),
  ];
  const accounts = absent.map((key) => {
    const cause = "auth is not no, so brokers without it cannot connect to each other";
    const remedy = `set ${key}, and permit that account everything in the ACL; or set auth=no`;
    return { key, line: null, cause, remedy };
  });
  return written.has("acl-file") ? accounts : [...accounts, withoutRules(username.value)];
}

function withoutRules(username: string): QpiddFinding {
  const cause =
    "auth is not no, and without rules no broker lets another one replicate from it: each ends " +
    "as soon as it connects, with exit code 0";
  const rule = `acl allow ${username === "" ? "USER" : username}@QPID all all`;
  const remedy = `set acl-file to the path of a file with the line ${quoted(rule)}; or set auth=no`;
  return { key: "acl-file", line: null, cause, remedy };
}

function directoryFindings(settings: QpiddSettings): readonly QpiddFinding[] {
  const { directory, withoutDirectory } = settings;
  if (!withoutDirectory.value && directory.value !== null) return [];
  const off = withoutDirectory.value;
  const cause = off
    ? "the broker has another identity after each start"
    : "it is missing: the broker keeps its identity where its start script or its account says";
  const key = off ? "no-data-dir" : "data-dir";
  const remedy = "set data-dir=/var/lib/qpidd";
  return [{ key, line: off ? withoutDirectory.line : null, cause, remedy }];
}

function threadFindings(
  { workerThreads }: QpiddSettings,
  processors: number | null,
): readonly QpiddFinding[] {
  const { value, line } = workerThreads;
  const inForce = value ?? (processors === null ? workerThreadsMin : processors + 1);
  if (inForce >= workerThreadsMin) return [];
  const key = "worker-threads";
  const cause =
    `${line === null ? "it is missing, and the default here is" : "it is"} ${inForce}: each ` +
    "promotion that waits holds one, and a broker without a free one answers nobody";
  return [{ key, line, cause, remedy: `set ${key}=${workerThreadsMin} or more` }];
}
