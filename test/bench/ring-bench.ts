/**
 * The ring's figures: three ring threads in namespaces, and beside them what this machine can do
 * without a protocol. Medians of several short runs.
 */
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Child } from "../netns/child.ts";
import { TestNet } from "../netns/test-net.ts";
import { until } from "../netns/until.ts";
import { ask } from "./bench-socket.ts";
import { corosyncRates, cpgbenchSizes, findCorosync } from "./corosync-bench.ts";
import { ringNodeOptions } from "./ring-node-options.ts";

export type RingBenchOptions = {
  readonly transport: "udp" | "udpu";
  readonly runMs: number;
  readonly sizes: readonly number[];
  readonly realtime: boolean;
};

const here = dirname(fileURLToPath(import.meta.url));
export const sizesDefault: readonly number[] = [64, 256, 1024, 8192, 65_536];
const rawSizes = [100, 1024, 1400] as const;
const runs = 3;
const outstandingMax = 1 << 20;
const warmUpMs = 300;
const compileMs = 3000;
const idleMs = 5000;

type Counts = {
  readonly atMs: number;
  readonly messages: number;
  readonly bytes: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
};
type Load = {
  readonly rate: number;
  readonly cpuUs: number;
  readonly rotationMs: number;
  readonly resent: number;
};
type Configuration = { readonly atMs: number; readonly members: number };
type Status = {
  readonly ring: { readonly counters: Readonly<Record<string, number>> };
  readonly rotation: { readonly meanMs: number; readonly minMs: number; readonly maxMs: number };
};

export async function runRingBench(options: RingBenchOptions): Promise<void> {
  const net = new TestNet({ nodes: 3 });
  await net.start();
  say(`${cpus().length} processors, Node ${process.version}, ${options.transport}, load ${load()}`);
  try {
    const raw = await new RawBench(net, options.runMs).run();
    const ring = new RingBench(net, options);
    const own = await ring.run();
    const share = percent((own.rates.get(1024) ?? Number.NaN) / (raw.rates.get(1024) ?? 1));
    const hops = own.rotationUs / (raw.hopUs * net.nodes.length);
    say(
      `1024 B ordered: ${share} of the raw one-way rate; a token hop: ${hops.toFixed(1)} raw hops`,
    );
    await compare(net, ring);
  } finally {
    await net.stop();
  }
  say(`load at the end ${load()}`);
}

/** Ours and corosync's, one after the other, with the sizes of its own benchmark. */
async function compare(net: TestNet, ring: RingBench): Promise<void> {
  say("");
  const programs = await findCorosync();
  if (typeof programs === "string") {
    say(programs);
    return;
  }
  say("1 of 3 nodes sends      clusterd/s  corosync/s       ratio   (knet, aes256, sha256)");
  const own = await ring.rates([1], cpgbenchSizes);
  await ring.stop();
  const theirs = await corosyncRates(net, programs);
  for (const bytes of cpgbenchSizes) {
    const [ours, rate] = [own.get(bytes) ?? 0, theirs.get(bytes) ?? Number.NaN];
    say(row(`${bytes} B`, [count(ours), count(rate), (ours / rate).toFixed(2)]));
  }
}

class RawBench {
  readonly #net: TestNet;
  readonly #runMs: number;

  constructor(net: TestNet, runMs: number) {
    this.#net = net;
    this.#runMs = runMs;
  }

  async run(): Promise<{ readonly rates: ReadonlyMap<number, number>; readonly hopUs: number }> {
    const medians = new Map<number, number>();
    const children = [1, 2].map((node) => {
      const argv = [process.execPath, join(here, "raw-node.js"), `20.0.20.${node}`];
      return this.#net.spawnOnNode(node, argv);
    });
    const root = this.#net.rootOf(1);
    const peer = "20.0.20.2";
    await until(async () => (await this.#ask(2, { type: "received" })) !== null);
    await until(async () => (await this.#ask(1, { type: "received" })) !== null);
    say("");
    say("raw node:dgram           one way, datagrams/s     MB/s      lost");
    for (const bytes of rawSizes) {
      const rates: number[] = [];
      const losses: number[] = [];
      for (let run = 0; run < runs; run += 1) {
        await this.#ask(2, { type: "received" });
        const flood = { type: "flood", peer, bytes, ms: this.#runMs };
        const sent = (await ask<number>(root, flood)) ?? 0;
        await pause(warmUpMs);
        const { received, ms } = (await this.#ask(2, { type: "received" })) ?? {
          received: 0,
          ms: 1,
        };
        rates.push((received / ms) * 1000);
        losses.push(1 - received / sent);
      }
      const rate = median(rates);
      medians.set(bytes, rate);
      say(row(`${bytes} B`, [count(rate), megabytes(rate * bytes), percent(median(losses))]));
    }
    await this.#ask(2, { type: "echo" });
    const pings = (await ask<number[]>(root, { type: "ping", peer, bytes: 100, ms: 1000 })) ?? [];
    say(`ping-pong of 100 B: ${times(pings)}; a hop is half of that`);
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(({ exited }) => exited));
    return { rates: medians, hopUs: median(pings) / 2 };
  }

  #ask(
    node: number,
    question: object,
  ): Promise<{ readonly received: number; readonly ms: number } | null> {
    return ask(this.#net.rootOf(node), question);
  }
}

class RingBench {
  readonly #net: TestNet;
  readonly #options: RingBenchOptions;
  readonly #children = new Map<number, Child>();
  #started = 0;

  constructor(net: TestNet, options: RingBenchOptions) {
    this.#net = net;
    this.#options = options;
  }

  async run(): Promise<{
    readonly rates: ReadonlyMap<number, number>;
    readonly rotationUs: number;
  }> {
    for (const node of this.#net.nodes) await this.#start(node);
    await this.#untilMembers(3);
    await this.#warmUp();
    const rates = await this.#throughput([1, 2, 3]);
    await this.#throughput([1]);
    const rotationUs = await this.#latency();
    await this.#idle();
    await this.#changes();
    return { rates, rotationUs };
  }

  async stop(): Promise<void> {
    for (const child of this.#children.values()) child.kill("SIGKILL");
    await Promise.all([...this.#children.values()].map(({ exited }) => exited));
  }

  /** The median rate for each size. */
  async rates(
    senders: readonly number[],
    sizes: readonly number[],
  ): Promise<ReadonlyMap<number, number>> {
    const found = new Map<number, number>();
    for (const bytes of sizes) found.set(bytes, (await this.#load(senders, bytes)).rate);
    return found;
  }

  async #start(node: number): Promise<void> {
    this.#started += 1;
    const stateDirectory = `${this.#net.rootOf(node)}/run/ring`;
    await mkdir(stateDirectory, { recursive: true });
    const options = JSON.stringify(ringNodeOptions(node, this.#net.nodes, this.#options));
    // As bin/clusterd starts it.
    const argv = [process.execPath, "--single-threaded-gc", join(here, "ring-node.js"), options];
    this.#children.set(node, this.#net.spawnOnNode(node, argv));
  }

  /** Until the compiler has done its work; a daemon runs for weeks. */
  async #warmUp(): Promise<void> {
    for (const bytes of [64, 1024]) {
      for (const node of this.#net.nodes) {
        await this.#ask(node, { type: "load", bytes, outstandingMax });
      }
      await pause(compileMs);
      for (const node of this.#net.nodes) await this.#ask(node, { type: "rest" });
    }
  }

  async #throughput(senders: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const rates = new Map<number, number>();
    say("");
    say(
      `${senders.length} of 3 nodes send    ordered, messages/s     MB/s    CPU  rotation  resent`,
    );
    for (const bytes of this.#options.sizes) {
      const { rate, cpuUs, rotationMs, resent } = await this.#load(senders, bytes);
      const times = [`${cpuUs.toFixed(1)} us`, `${rotationMs.toFixed(2)} ms`];
      say(row(`${bytes} B`, [count(rate), megabytes(rate * bytes), ...times, String(resent)]));
      rates.set(bytes, rate);
    }
    return rates;
  }

  /** Medians while these nodes send messages of this size as fast as they may. */
  async #load(senders: readonly number[], bytes: number): Promise<Load> {
    for (const node of senders) await this.#ask(node, { type: "load", bytes, outstandingMax });
    await pause(warmUpMs);
    const found: { readonly rate: number; readonly cpuUs: number }[] = [];
    const before = await this.#status(1);
    for (let run = 0; run < runs; run += 1) found.push(await this.#rate());
    const after = await this.#status(1);
    for (const node of senders) await this.#ask(node, { type: "rest" });
    return {
      rate: median(found.map(({ rate }) => rate)),
      cpuUs: median(found.map(({ cpuUs }) => cpuUs)),
      rotationMs: after.rotation.meanMs,
      resent: countOf(after, "retransmitted") - countOf(before, "retransmitted"),
    };
  }

  /** Messages delivered per second, at node 2, and what each costs all nodes together. */
  async #rate(): Promise<{ readonly rate: number; readonly cpuUs: number }> {
    const from = await Promise.all(this.#net.nodes.map((node) => this.#counts(node)));
    await pause(this.#options.runMs);
    const to = await Promise.all(this.#net.nodes.map((node) => this.#counts(node)));
    const cpuMs = total(to, ({ cpuMs }) => cpuMs) - total(from, ({ cpuMs }) => cpuMs);
    const messages = (to[1]?.messages ?? 0) - (from[1]?.messages ?? 0);
    const ms = (to[1]?.atMs ?? 0) - (from[1]?.atMs ?? 0);
    return { rate: (messages / ms) * 1000, cpuUs: (cpuMs / messages) * 1000 };
  }

  /** Returns the mean rotation while there is always one message under way, in microseconds. */
  async #latency(): Promise<number> {
    say("");
    const idle = await this.#probe(40, 50);
    say(`safe message, idle ring:             ${times(idle)}`);
    const busy = await this.#probe(1000, 0);
    say(`safe messages, one after the other:  ${times(busy)}`);
    const status = await this.#status(1);
    say(
      `token rotation then:                 mean ${(status.rotation.meanMs * 1000).toFixed(0)} us`,
    );
    for (const node of [2, 3]) {
      await this.#ask(node, { type: "load", bytes: 1024, outstandingMax: 32 * 1024 });
    }
    await pause(warmUpMs);
    const loaded = await this.#probe(500, 0);
    for (const node of [2, 3]) await this.#ask(node, { type: "rest" });
    say(`safe messages, two others sending:   ${times(loaded)}`);
    return status.rotation.meanMs * 1000;
  }

  async #probe(messages: number, pauseMs: number): Promise<readonly number[]> {
    const question = { type: "latency", count: messages, pauseMs };
    return (await ask<number[]>(this.#net.rootOf(1), question)) ?? [];
  }

  async #idle(): Promise<void> {
    await pause(500);
    const from = await Promise.all(this.#net.nodes.map((node) => this.#counts(node)));
    await pause(idleMs);
    const to = await Promise.all(this.#net.nodes.map((node) => this.#counts(node)));
    const shares = to.map((each, index) => {
      const before = from[index];
      return before === undefined ? 0 : (each.cpuMs - before.cpuMs) / (each.atMs - before.atMs);
    });
    const rss = median(to.map(({ rssBytes }) => rssBytes));
    say("");
    say(
      `idle: ${shares.map(percent).join(", ")} of a processor; ${megabytes(rss)} MB resident each`,
    );
  }

  async #changes(): Promise<void> {
    const losses: number[] = [];
    const joins: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const killedMs = performance.timeOrigin + performance.now();
      const child = this.#children.get(3);
      child?.kill("SIGKILL");
      await child?.exited;
      losses.push((await this.#untilMembers(2)) - killedMs);
      const startedMs = performance.timeOrigin + performance.now();
      await this.#start(3);
      joins.push((await this.#untilMembers(3)) - startedMs);
    }
    say(`SIGKILL of a node → new configuration: ${milliseconds(losses)} (token 1000 ms)`);
    say(`start of a node → configuration of three: ${milliseconds(joins)}`);
  }

  /** When the last of the nodes installed the configuration. */
  async #untilMembers(members: number): Promise<number> {
    let atMs = 0;
    await until(
      async () => {
        const nodes = this.#net.nodes.slice(0, members);
        const all = await Promise.all(nodes.map((node) => this.#configurations(node)));
        const last = all.map((each) => each.at(-1));
        atMs = Math.max(...last.map((each) => each?.atMs ?? 0));
        return last.every((each) => each?.members === members);
      },
      { timeoutMs: 20_000, describe: () => this.#children.get(1)?.output() ?? "" },
    );
    return atMs;
  }

  async #configurations(node: number): Promise<readonly Configuration[]> {
    return (await this.#ask<Configuration[]>(node, { type: "configurations" })) ?? [];
  }

  async #counts(node: number): Promise<Counts> {
    const counts = await this.#ask<Counts>(node, { type: "counts" });
    if (counts === null)
      throw new Error(`node ${node} is gone: ${this.#children.get(node)?.output()}`);
    return counts;
  }

  async #status(node: number): Promise<Status> {
    const status = await this.#ask<Status>(node, { type: "status" });
    if (status === null) throw new Error(`node ${node} is gone`);
    return status;
  }

  #ask<Reply>(node: number, question: object): Promise<Reply | null> {
    return ask<Reply>(this.#net.rootOf(node), question);
  }
}

function countOf(status: Status, name: string): number {
  return status.ring.counters[name] ?? 0;
}

function total<One>(all: readonly One[], figure: (one: One) => number): number {
  return all.reduce((sum, one) => sum + figure(one), 0);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function times(us: readonly number[]): string {
  const sorted = [...us].sort((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(0);
  return `median ${at(0.5)} us, p99 ${at(0.99)} us (${sorted.length})`;
}

function milliseconds(values: readonly number[]): string {
  return `median ${median(values).toFixed(0)} ms of ${values.length}`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

function row(name: string, cells: readonly string[]): string {
  return `${name.padStart(9)}${cells.map((cell) => cell.padStart(12)).join("")}`;
}

function load(): string {
  return readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
