/**
 * What a node of the test network finds below /etc and /var, and how its view is mounted.
 */
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { realBroker } from "../broker/real-broker.ts";
import { run } from "./child.ts";

export const clientAddress = "20.0.20.100";
/** The address that the published example of a qpidd cluster gives to its service. */
export const serviceAddress = "20.0.20.200";

export function nodeAddress(node: number): string {
  return `20.0.20.${node}`;
}

export function nodeAddress6(node: number): string {
  return `fd00:20::${node.toString(16)}`;
}

export function nodeName(node: number): string {
  return `node${node}.example.com`;
}

export type NodeFilesOptions = {
  /** Number of the node; null for the client. */
  readonly node: number | null;
  readonly nodes: number;
  /** The node's private directory, as the harness sees it. */
  readonly directory: string;
  /** Top directory of the project, where conf/ and build/ are. */
  readonly project: string;
};

/** Settings of the broker, besides those that name the cluster. */
const brokerSettings = [
  "auth=no",
  "ha-cluster=yes",
  "ha-replicate=all",
  "link-maintenance-interval=0.1",
  "link-heartbeat-interval=10",
  "data-dir=/var/lib/qpidd",
  "worker-threads=4",
];

/** A real broker tells its states in its log only. */
export const brokerLogFile = "var/lib/qpidd/qpidd.log";
const realBrokerSettings = [
  `log-to-file=/${brokerLogFile}`,
  "log-enable=info+",
  "log-hires-timestamp=yes",
];

/** Directories with content of their own for each node; the rest of the tree is shared. */
const privateDirectories = ["etc", "var/lib", "var/log"];

export async function writeNodeFiles(options: NodeFilesOptions): Promise<void> {
  const { directory, node } = options;
  for (const name of privateDirectories) mkdirSync(join(directory, name), { recursive: true });
  await copyEtc(join(directory, "etc"));
  writeFileSync(join(directory, "etc/hosts"), hostsFile(options.nodes));
  writeFileSync(join(directory, "etc/hostname"), `${hostName(node)}\n`);
  if (node !== null) writeBrokerFiles(options);
}

function hostName(node: number | null): string {
  return node === null ? "client.example.com" : nodeName(node);
}

export type ViewOptions = {
  readonly directory: string;
  readonly node: number | null;
  /** The node's part of the cgroup tree, or null. */
  readonly cgroup: string | null;
};

/**
 * A shell script, to be run as root of its own mount, UTS and network namespace, that gives a node
 * its view and then waits for ever. It prints `ready` in between.
 */
export function viewScript({ directory, node, cgroup }: ViewOptions): string {
  const held = join(directory, "cgroup");
  const name = hostName(node);
  const lines = [
    "set -e",
    `hostname ${name} 2>/dev/null || echo ${name} >/proc/sys/kernel/hostname`,
    // Kept aside, since the mount of /sys covers it.
    ...(cgroup === null ? [] : [`mkdir -p ${held}`, `mount --bind ${cgroup} ${held}`]),
    "mount -t sysfs sysfs /sys",
    ...(cgroup === null ? [] : [`mount --bind ${held} /sys/fs/cgroup`]),
    ...privateDirectories.map((path) => `mount --bind ${join(directory, path)} /${path}`),
    "[ -L /var/lock ] || mount -t tmpfs tmpfs /var/lock",
    "[ -L /var/run ] || mount -t tmpfs tmpfs /var/run",
    "mount -t tmpfs -o mode=755 tmpfs /run",
    "mkdir -p /run/lock/subsys /run/clusterd",
    "[ ! -d /usr/local/sbin ] || mount -t tmpfs -o mode=755 tmpfs /usr/local/sbin",
    // Tests kill guards: the watchdog of the machine must not hear of it.
    "[ ! -e /dev/watchdog ] || mount --bind /dev/null /dev/watchdog",
    "ip link set lo up",
    "echo ready",
    "exec sleep infinity",
  ];
  return lines.join("\n");
}

/** Without what only root of the host may read: nothing here needs it. */
async function copyEtc(target: string): Promise<void> {
  const env = { PATH: process.env["PATH"] };
  await run(["cp", "-dR", "/etc/.", target], { env, timeoutMs: 20_000 });
  rmSync(join(target, "init.d"), { recursive: true, force: true });
}

function hostsFile(nodes: number): string {
  const lines = ["127.0.0.1 localhost", `${clientAddress} ${hostName(null)} client`];
  for (let node = 1; node <= nodes; node += 1) {
    lines.push(`${nodeAddress(node)} ${nodeName(node)} node${node}`);
  }
  return `${lines.join("\n")}\n`;
}

function writeBrokerFiles(options: NodeFilesOptions): void {
  const { directory, nodes, project } = options;
  const etc = (name: string) => join(directory, "etc", name);
  for (const name of ["init.d", "qpid/bin", "sysconfig", "default", "cluster"]) {
    mkdirSync(etc(name), { recursive: true });
  }
  for (const name of ["qpidd", "qpidd-primary"]) {
    copyFileSync(join(project, "conf/init.d", name), etc(`init.d/${name}`));
    chmodSync(etc(`init.d/${name}`), 0o755);
  }
  const addresses = Array.from({ length: nodes }, (_, index) => nodeAddress(index + 1));
  const more = realBroker === undefined ? [] : realBrokerSettings;
  const settings = [...brokerSettings, ...more, `ha-brokers-url=${addresses.join(",")}`];
  writeFileSync(etc("qpid/qpidd.conf"), `${settings.join("\n")}\n`);
  const ownProgram = (name: string) =>
    `${process.execPath} ${join(project, "build/test/broker", name)}`;
  writeProgram(etc("qpid/bin/qpidd"), realBroker ?? ownProgram("main.js"));
  writeProgram(etc("qpid/bin/qpid-ha"), ownProgram("qpid-ha.js"));
  // The user of the broker exists on no test host, and only root is mapped in a user namespace.
  const local = ["QPID_BIN=/etc/qpid/bin/qpidd", "QPID_HA=/etc/qpid/bin/qpid-ha", "QPID_USER="];
  writeFileSync(etc("sysconfig/qpidd"), `${local.join("\n")}\n`);
  for (const name of ["lib/clusterd", "lib/qpidd", "log/cluster"]) {
    mkdirSync(join(directory, "var", name), { recursive: true });
  }
}

function writeProgram(path: string, command: string): void {
  writeFileSync(path, `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(path, 0o755);
}
