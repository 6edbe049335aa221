/**
 * A small network on one machine: N nodes and a client on one bridge, each with its own network,
 * host name, /etc, /run, /var/lib and /var/log. To be used inside `enterNamespaces` only.
 * Where root may, each has a cgroup v2 tree at /sys/fs/cgroup too.
 *
 * Node i is 20.0.20.i and, if asked for, fd00:20::i; the client 20.0.20.100, each on eth0.
 * Partitions move the ports of nodes to other bridges, so that carriers stay up; `cut` takes the
 * carrier away.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child, isAlive, type Result, run } from "./child.ts";
import { cleanEnvironment } from "./enter.ts";
import { createCgroupTree, removeCgroupTree } from "./node-cgroups.ts";
import {
  clientAddress,
  nodeAddress,
  nodeAddress6,
  viewScript,
  writeNodeFiles,
} from "./node-files.ts";
import { narrow, silence, silenceSource, unsilence } from "./one-way-cut.ts";

export type TestNetOptions = {
  readonly nodes: number;
  /** Where logs and the nodes' private directories stay; otherwise in memory, gone at the end. */
  readonly directory?: string;
  /** Nodes have IPv6 addresses, too. */
  readonly ipv6?: boolean;
};

/** A host of the network: the number of a node, or the client. */
type Host = number | "client";

type Station = {
  readonly host: Host;
  readonly directory: string;
  readonly view: Child;
};

/** Top of the project, seen from build/test/netns. */
const project = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** Commands that a test runs to their end get this long unless it says otherwise. */
const commandTimeoutMs = 120_000;
const startTimeoutMs = 10_000;
const killPasses = 3;

export class TestNet {
  readonly #nodes: number;
  readonly #directory: string;
  readonly #ipv6: boolean;
  readonly #stations = new Map<Host, Station>();
  readonly #children = new Set<Child>();
  #spawned = 0;
  #cgroups: string | null = null;

  constructor(options: TestNetOptions) {
    this.#nodes = options.nodes;
    this.#directory = options.directory ?? "/run/clusterd-net";
    this.#ipv6 = options.ipv6 ?? false;
  }

  /** All node numbers, from 1. */
  get nodes(): readonly number[] {
    return Array.from({ length: this.#nodes }, (_, index) => index + 1);
  }

  async start(): Promise<void> {
    await this.#mustRun(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]);
    await mkdir(this.#directory, { recursive: true });
    await this.#mustRun(["ip", "link", "set", "lo", "up"]);
    await this.#ensureBridge(0);
    this.#cgroups = createCgroupTree();
    const hosts: readonly Host[] = [...this.nodes, "client"];
    const stations = await Promise.all(hosts.map((host) => this.#openStation(host)));
    for (const station of stations) this.#stations.set(station.host, station);
    await this.#connect();
  }

  /** Ends every process of the network, daemons too; the rest goes with the namespaces. */
  async stop(): Promise<void> {
    for (const host of this.#stations.keys()) this.#killAll(host);
    const children = [...this.#children, ...[...this.#stations.values()].map(({ view }) => view)];
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.exited));
    if (this.#cgroups !== null) removeCgroupTree(this.#cgroups);
    this.#cgroups = null;
    for (const host of this.#stations.keys()) {
      await this.#command(["ip", "link", "del", portName(host)]);
    }
    this.#stations.clear();
    this.#children.clear();
  }

  /** Starts a program on a node; its output is in a file, its pid is the program's own. */
  spawnOnNode(node: number, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
    return this.#spawnOn(node, argv, env);
  }

  spawnClient(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
    return this.#spawnOn("client", argv, env);
  }

  /** Runs a program on a node to its end. */
  execOnNode(
    node: number,
    argv: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {},
  ): Promise<Result> {
    return this.#execOn(node, argv, options);
  }

  execClient(
    argv: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {},
  ): Promise<Result> {
    return this.#execOn("client", argv, options);
  }

  /** A file below /etc, /var/lib or /var/log of a node, as the harness can read and write it. */
  path(node: number, name: string): string {
    return join(this.#station(node).directory, name);
  }

  /** The node's root directory as the harness sees it, mounts included; fits a socket path. */
  rootOf(node: number): string {
    return `/proc/${this.#station(node).view.pid}/root`;
  }

  /** A process that lives in the node's namespaces as long as the network does. */
  viewPid(node: number): number {
    return this.#station(node).view.pid;
  }

  /** Takes the carrier of the node's eth0 away, as an unplugged cable does. */
  async cut(node: number): Promise<void> {
    await this.#mustRun(["ip", "link", "set", portName(node), "down"]);
  }

  /** The node's eth0 is removed; `replug` brings another one with the same addresses. */
  async unplug(node: number): Promise<void> {
    await this.#mustRun(["ip", "link", "del", portName(node)]);
  }

  async replug(node: number): Promise<void> {
    await this.#mustRun(["ip", "-batch", "-"], this.#cable(this.#station(node)).join("\n"));
    await this.#configure(node);
  }

  /** Every process of the node is gone at once, and nobody on the network hears of it. */
  async powerOff(node: number): Promise<void> {
    await this.cut(node);
    this.#killAll(node);
    // A kernel without power forgets every address; its own one is there after the next start.
    await this.#execOn(node, ["ip", "addr", "flush", "dev", "eth0"], {});
    await this.#configure(node);
  }

  /** The node hears nobody, or not this one node, by its address; it is heard as before. */
  async deafen(node: number, to: string | "all" = "all"): Promise<void> {
    const port = portName(node);
    for (const command of to === "all" ? silence(port) : silenceSource(port, to)) {
      await this.#mustRun(command);
    }
  }

  /** Packets of more than so many bytes do not reach the node any more. */
  async narrow(node: number, bytesMax: number): Promise<void> {
    for (const command of narrow(portName(node), bytesMax)) await this.#mustRun(command);
  }

  /** Nobody hears the node; it hears as before. */
  async mute(node: number): Promise<void> {
    for (const command of silence("eth0")) {
      const done = await this.#execOn(node, command, {});
      if (done.code !== 0) throw new Error(`${command.join(" ")}: ${done.stderr}`);
    }
  }

  /** Why one direction of a link cannot be cut here, or null. */
  async oneWayProblem(): Promise<string | null> {
    for (const command of silenceSource("lo", "192.0.2.1")) {
      const done = await this.#command(command);
      if (done.code !== 0) return `${command.join(" ")}: ${done.stderr.trim()}`;
    }
    await this.#command(unsilence("lo"));
    return null;
  }

  /** Undoes `cut`, `partition`, `deafen`, `narrow` and `mute` for one node. */
  async heal(node: number): Promise<void> {
    await this.#command(unsilence(portName(node)));
    await this.#execOn(node, unsilence("eth0"), {});
    await this.#mustRun(["ip", "link", "set", portName(node), "master", bridgeName(0), "up"]);
  }

  /** Hosts of one group hear each other only; whoever is not named stays with the first group. */
  async partition(groups: readonly (readonly Host[])[]): Promise<void> {
    for (const [index, group] of groups.entries()) {
      await this.#ensureBridge(index);
      for (const host of group) {
        await this.#mustRun(["ip", "link", "set", portName(host), "master", bridgeName(index)]);
      }
    }
  }

  async healAll(): Promise<void> {
    for (const host of this.#stations.keys()) {
      const port = portName(host);
      await this.#mustRun(["ip", "link", "set", port, "master", bridgeName(0), "up"]);
    }
  }

  /**
   * The IPv4 addresses that each node holds at this moment, loopback left out. Takes well under a
   * millisecond, so that tests can sample it in a tight rhythm.
   */
  sampleAddresses(): ReadonlyMap<number, readonly string[]> {
    const sample = new Map<number, readonly string[]>();
    for (const node of this.nodes) {
      const view = this.#stations.get(node)?.view;
      if (view !== undefined) sample.set(node, localAddresses(view.pid));
    }
    return sample;
  }

  /** The nodes that hold an address. */
  holders(address: string): readonly number[] {
    const sample = this.sampleAddresses();
    return this.nodes.filter((node) => sample.get(node)?.includes(address) === true);
  }

  #spawnOn(host: Host, argv: readonly string[], env: NodeJS.ProcessEnv): Child {
    const station = this.#station(host);
    this.#spawned += 1;
    const child = new Child([...enterView(station), ...argv], {
      env: { ...cleanEnvironment(), ...env },
      logFile: join(station.directory, `process-${this.#spawned}.log`),
    });
    this.#children.add(child);
    return child;
  }

  #execOn(
    host: Host,
    argv: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number },
  ): Promise<Result> {
    return run([...enterView(this.#station(host)), ...argv], {
      env: { ...cleanEnvironment(), ...options.env },
      timeoutMs: options.timeoutMs ?? commandTimeoutMs,
    });
  }

  /** All that runs in the host's network, besides the process that holds its view. */
  #killAll(host: Host): void {
    const { view } = this.#station(host);
    const network = networkOf(view.pid);
    // More than once: a process may start another one while the first pass looks elsewhere.
    for (let pass = 0; pass < killPasses; pass += 1) {
      for (const pid of processIds()) {
        if (pid !== view.pid && networkOf(pid) === network) kill(pid);
      }
    }
  }

  #station(host: Host): Station {
    const station = this.#stations.get(host);
    if (station === undefined) throw new Error(`host ${host} is not part of a started network`);
    return station;
  }

  async #openStation(host: Host): Promise<Station> {
    const directory = join(this.#directory, hostDirectory(host));
    const node = host === "client" ? null : host;
    await writeNodeFiles({ node, nodes: this.#nodes, directory, project });
    const cgroup = this.#cgroups === null ? null : join(this.#cgroups, hostDirectory(host));
    if (cgroup !== null) await mkdir(cgroup);
    const argv = ["unshare", "-nmu", "sh", "-c", viewScript({ directory, node, cgroup })];
    const logFile = join(directory, "view.log");
    const view = new Child(argv, { env: cleanEnvironment(), logFile });
    const deadline = performance.now() + startTimeoutMs;
    while (!view.output().includes("ready\n")) {
      if (!view.running || performance.now() > deadline) {
        throw new Error(`the view of ${host} cannot be mounted: ${view.output()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return { host, directory, view };
  }

  async #connect(): Promise<void> {
    const stations = [...this.#stations.values()];
    const lines = stations.flatMap((station) => this.#cable(station));
    await this.#mustRun(["ip", "-batch", "-"], lines.join("\n"));
    for (const { host } of stations) await this.#configure(host);
  }

  #cable({ host, view }: Station): readonly string[] {
    const port = portName(host);
    return [
      `link add ${port} type veth peer name eth0 netns ${view.pid}`,
      `link set ${port} master ${bridgeName(0)} up`,
    ];
  }

  async #configure(host: Host): Promise<void> {
    const address = host === "client" ? clientAddress : nodeAddress(host);
    const six = this.#ipv6 && host !== "client" ? addressSix(host) : "";
    const up = `ip addr add ${address}/24 brd + dev eth0 ${six} && ip link set eth0 up`;
    const done = await this.#execOn(host, ["sh", "-c", up], {});
    if (done.code !== 0) throw new Error(`${host}: ${done.stderr}`);
  }

  async #ensureBridge(index: number): Promise<void> {
    const name = bridgeName(index);
    const known = await this.#command(["ip", "link", "show", name]);
    if (known.code === 0) return;
    // Without snooping: nobody here asks the groups who is in them.
    const settings = ["mcast_snooping", "0", "stp_state", "0", "forward_delay", "0"];
    await this.#mustRun(["ip", "link", "add", name, "type", "bridge", ...settings]);
    await this.#mustRun(["ip", "link", "set", name, "up"]);
  }

  #command(argv: readonly string[], input = ""): Promise<Result> {
    return run(argv, { env: cleanEnvironment(), timeoutMs: commandTimeoutMs, input });
  }

  async #mustRun(argv: readonly string[], input = ""): Promise<void> {
    const result = await this.#command(argv, input);
    if (result.code === 0) return;
    throw new Error(`${argv.join(" ")}: exit ${result.code}: ${result.stderr}`);
  }
}

function hostDirectory(host: Host): string {
  return host === "client" ? "client" : `node${host}`;
}

function addressSix(node: number): string {
  return `&& ip -6 addr add ${nodeAddress6(node)}/64 dev eth0 nodad`;
}

function bridgeName(index: number): string {
  return `net${index}`;
}

function portName(host: Host): string {
  return host === "client" ? "port-client" : `port${host}`;
}

function enterView(station: Station): readonly string[] {
  return ["nsenter", "-t", String(station.view.pid), "-n", "-m", "-u", "--"];
}

function processIds(): readonly number[] {
  return readdirSync("/proc")
    .filter((entry) => /^[0-9]+$/.test(entry))
    .map(Number);
}

/** A process that has just ended by itself is as good as killed. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isAlive(pid)) return;
    throw error;
  }
}

/** Identity of a process's network; empty when the process has gone. */
export function networkOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return "";
  }
}

/** From the kernel's routing table of the process's network: no program needs to be started. */
function localAddresses(pid: number): readonly string[] {
  const addresses = new Set<string>();
  let last = "";
  for (const line of readFileSync(`/proc/${pid}/net/fib_trie`, "utf8").split("\n")) {
    last = /\|-- ([0-9.]+)$/.exec(line)?.[1] ?? last;
    if (line.includes("/32 host LOCAL") && !last.startsWith("127.")) addresses.add(last);
  }
  return [...addresses];
}
