/**
 * Real daemons on a test network: start, stop and kill them, ask their control sockets, and sample
 * who holds the address and which brokers are primary. To be used inside `enterNamespaces` only.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { controlClient } from "../../src/control/control-client.ts";
import type { ClusterStatus, ServiceStatus } from "../../src/model/status.ts";
import { isReal } from "../broker/real-broker.ts";
import type { Child, Result } from "../netns/child.ts";
import { networkOf, TestNet } from "../netns/test-net.ts";
import { until } from "../netns/until.ts";
import { calmed } from "./calm-conf.ts";

export const project = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const primary = "service:qpidd-primary-service";
export const publishedConf = join(project, "test/golden/qpid-manual-cluster.conf");

export type RealClusterOptions = {
  readonly nodes?: number;
  /** Path of the configuration; the published one, calmed, unless given. */
  readonly conf?: string;
  /** What is different in that one. */
  readonly change?: (published: string) => string;
  readonly directory?: string;
  readonly ipv6?: boolean;
};

const statusWithinMs = 2000;
/** To answer costs a daemon time, and three of them share a machine with their brokers. */
const askEveryMs = 100;

export class RealCluster {
  readonly net: TestNet;
  /** Path of the configuration of all daemons. */
  readonly conf: string;
  readonly #ownFiles: string | null;
  readonly #change: (published: string) => string;
  readonly #daemons = new Map<number, Child>();

  constructor(options: RealClusterOptions = {}) {
    const { directory, nodes = 3, ipv6 = false } = options;
    this.net = new TestNet({ nodes, ipv6, ...(directory === undefined ? {} : { directory }) });
    // A process id is no name: each test has the same one in its namespace.
    const made = options.conf === undefined ? mkdtempSync(join(tmpdir(), "clusterd-calm-")) : null;
    this.#ownFiles = made;
    this.#change = options.change ?? ((published) => published);
    this.conf = options.conf ?? join(made ?? "", "cluster.conf");
  }

  async start(): Promise<void> {
    const published = calmed(readFileSync(publishedConf, "utf8"));
    if (this.#ownFiles !== null) writeFileSync(this.conf, this.#change(published));
    await this.net.start();
  }

  async stop(): Promise<void> {
    await this.net.stop();
    if (this.#ownFiles !== null) rmSync(this.#ownFiles, { recursive: true, force: true });
  }

  /** Starts clusterd on a node; further arguments follow `-c FILE`. */
  startDaemon(node: number, rest: readonly string[] = []): Child {
    const argv = [join(project, "bin/clusterd"), "-c", this.conf, ...rest];
    const child = this.net.spawnOnNode(node, argv);
    this.#daemons.set(node, child);
    return child;
  }

  startAll(): void {
    for (const node of this.net.nodes) this.startDaemon(node);
  }

  /** The daemon of the node is this one after all. */
  adopt(node: number, child: Child): void {
    this.#daemons.set(node, child);
  }

  daemon(node: number): Child {
    const child = this.#daemons.get(node);
    if (child === undefined) throw new Error(`no daemon was started on node ${node}`);
    return child;
  }

  /** Process id of the node's guard, 0 when there is none. */
  guard(node: number): number {
    const network = networkOf(this.net.viewPid(node));
    const found = processIds().find(
      (pid) => commandOf(pid).includes("guard/main.js") && networkOf(pid) === network,
    );
    return found ?? 0;
  }

  /** What the node's daemon says; null while it does not answer. */
  async status(node: number): Promise<ClusterStatus | null> {
    const socket = `${this.net.rootOf(node)}/run/clusterd/clusterd.sock`;
    const reply = await controlClient(socket).status(statusWithinMs);
    return reply.ok ? reply.value : null;
  }

  async service(node: number, name: string): Promise<ServiceStatus | null> {
    const status = await this.status(node);
    return status?.services?.find((one) => one.name === name) ?? null;
  }

  /** Runs one of the commands on a node. */
  command(node: number, name: string, ...rest: readonly string[]): Promise<Result> {
    return this.net.execOnNode(node, [join(project, "bin", name), ...rest]);
  }

  /** Waits until this node shows the service started, and returns its owner. */
  async started(node: number, name: string, timeoutMs = 20_000): Promise<number> {
    let owner = 0;
    await this.until(
      `${name} started`,
      async () => {
        const service = await this.service(node, name);
        owner = service?.owner ?? 0;
        return service?.state === "started";
      },
      timeoutMs,
    );
    return owner;
  }

  /** Waits until this node shows the primary started on another node than that one. */
  async takenOver(witness: number, owner: number, timeoutMs = 40_000): Promise<void> {
    await this.until(
      "takeover",
      async () => {
        const now = await this.service(witness, primary);
        return now?.state === "started" && now.owner !== owner;
      },
      timeoutMs,
    );
  }

  /** All services started, as every one of these nodes sees it. */
  async allStarted(nodes: readonly number[], timeoutMs = 20_000): Promise<void> {
    await this.until(
      "all services started",
      async () => {
        for (const node of nodes) {
          const services = (await this.status(node))?.services ?? [];
          const done = services.length > 0 && services.every((one) => one.state === "started");
          if (!done) return false;
        }
        return true;
      },
      timeoutMs,
    );
  }

  /** Waits for a condition; on time-out the logs of all daemons are part of the error. */
  async until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    timeoutMs = 20_000,
  ): Promise<void> {
    const describe = () => `${what}\n${this.logs()}`;
    await until(condition, { timeoutMs, everyMs: askEveryMs, describe });
  }

  logs(): string {
    return [...this.#daemons]
      .map(
        ([node, child]) => `--- node${node}\n${child.output().split("\n").slice(-40).join("\n")}`,
      )
      .join("\n");
  }

  /** Process ids of the brokers on a node, from its own process marks. */
  brokers(node: number): readonly number[] {
    const name = `CLUSTERD_NODE=node${node}.example.com`;
    return processIds().filter((pid) => {
      const environment = textOf(`/proc/${pid}/environ`).split("\0");
      return environment.includes(name) && isBroker(commandOf(pid));
    });
  }
}

/** Somewhere to keep logs of a run. */
export function makeDirectory(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

/** Of tests that run a real one, too; its words are those of its start. */
function isBroker(command: string): boolean {
  const program = isReal ? "/etc/qpid/qpidd.conf" : "test/broker/";
  return command.includes(program) && !command.includes("qpid-ha");
}

function processIds(): readonly number[] {
  return readdirSync("/proc")
    .filter((entry) => /^[1-9]\d*$/.test(entry))
    .map(Number);
}

function commandOf(pid: number): string {
  return textOf(`/proc/${pid}/cmdline`);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
