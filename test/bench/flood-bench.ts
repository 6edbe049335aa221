/**
 * The ring under a flood: three nodes order messages as fast as they can, or have nothing to do,
 * and a fourth machine on their network, which has no key, sends one of them all it can.
 */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TestNet } from "../netns/test-net.ts";
import { until } from "../netns/until.ts";
import { ask } from "./bench-socket.ts";
import type { Flood } from "./flood-sender.ts";
import { benchTag, ringNodeOptions, ringPort } from "./ring-node-options.ts";

export type FloodBenchOptions = {
  readonly transport: "udp" | "udpu";
  readonly realtime: boolean;
  readonly runMs: number;
};

const here = dirname(fileURLToPath(import.meta.url));
const members = [1, 2, 3];
const attacker = 4;
const target = 1;
const messageBytes = 1024;
const outstandingMax = 1 << 20;
const settleMs = 2000;
const usualRate = 6000;

type Kind = Pick<Flood, "sender" | "source" | "frames"> & { readonly name: string };
const kinds: readonly Kind[] = [
  { name: "in the target's name", sender: target, source: `20.0.20.${attacker}`, frames: 1 },
  { name: "31 in a datagram", sender: target, source: `20.0.20.${attacker}`, frames: 31 },
  { name: "in a member's name and address", sender: 3, source: "20.0.20.3", frames: 1 },
];

type Counts = { readonly atMs: number; readonly messages: number };
type Status = {
  readonly drops: Readonly<Record<string, number>>;
  readonly ring: { readonly members: readonly number[] };
  readonly rotation: { readonly meanMs: number };
  readonly transport: Readonly<Record<string, number>>;
};

export async function runFloodBench(options: FloodBenchOptions): Promise<void> {
  const net = new TestNet({ nodes: attacker });
  await net.start();
  try {
    const bench = new FloodBench(net, options);
    await bench.start();
    await bench.run();
  } finally {
    await net.stop();
  }
}

class FloodBench {
  readonly #net: TestNet;
  readonly #options: FloodBenchOptions;

  constructor(net: TestNet, options: FloodBenchOptions) {
    this.#net = net;
    this.#options = options;
  }

  async start(): Promise<void> {
    for (const node of members) {
      await mkdir(`${this.#net.rootOf(node)}/run/ring`, { recursive: true });
      const options = JSON.stringify(ringNodeOptions(node, members, this.#options));
      const program = join(here, "ring-node.js");
      this.#net.spawnOnNode(node, [process.execPath, "--single-threaded-gc", program, options]);
    }
    // The attacker may send from a member's address, and does not answer for it.
    const forge = "sysctl -qw net.ipv4.conf.all.arp_ignore=1; ip addr add 20.0.20.3/32 dev lo";
    await this.#net.execOnNode(attacker, ["sh", "-c", forge]);
    await until(async () => (await this.#configurations()).every(({ last }) => last === 3), {
      timeoutMs: 20_000,
      describe: () => "the ring is not formed",
    });
    await this.#load(true);
    await pause(settleMs);
    await this.#load(false);
  }

  async run(): Promise<void> {
    say("flood of node 1             sent/s   read/s  ordered/s  rotation  changes of the ring");
    for (const loaded of [false, true]) {
      say(loaded ? "all nodes send 1024 B" : "an idle ring");
      await this.#act("none", loaded, null);
      for (const kind of kinds) {
        for (const rate of [usualRate, 0]) await this.#act(kind.name, loaded, { ...kind, rate });
      }
    }
  }

  async #act(
    name: string,
    loaded: boolean,
    kind: (Omit<Kind, "name"> & { readonly rate: number }) | null,
  ): Promise<void> {
    const { runMs: ms } = this.#options;
    if (loaded) await this.#load(true);
    await pause(settleMs / 4);
    const before = await this.#configurations();
    const from = await this.#counts();
    const readFrom = await this.#status();
    const flood = kind === null ? pause(ms).then(() => 0) : this.#flood({ ...kind, ms });
    const sent = await flood;
    const to = await this.#counts();
    const status = await this.#status();
    const after = await this.#configurations();
    if (loaded) await this.#load(false);
    const changes = after.map(({ count }, index) => count - (before[index]?.count ?? 0));
    const ordered = ((to.messages - from.messages) / (to.atMs - from.atMs)) * 1000;
    const read = received(status) - received(readFrom);
    const rate = kind === null || kind.rate > 0 ? "" : " max";
    say(
      `  ${(name + rate).padEnd(36)}${count((sent / ms) * 1000)}${count((read / ms) * 1000)}` +
        `${count(ordered)}  ${status.rotation.meanMs.toFixed(2).padStart(6)} ms  ${changes.join(" ")}`,
    );
  }

  async #flood(kind: Omit<Flood, "target" | "port" | "tag">): Promise<number> {
    const { sender, source, frames, rate, ms } = kind;
    const to = { target: `20.0.20.${target}`, port: ringPort, tag: benchTag() };
    const flood: Flood = { ...to, sender, source, frames, rate, ms };
    const argv = [process.execPath, join(here, "flood-sender.js"), JSON.stringify(flood)];
    const done = await this.#net.execOnNode(attacker, argv);
    if (done.code !== 0) throw new Error(done.stderr);
    return Number(done.stdout);
  }

  async #load(on: boolean): Promise<void> {
    const load = { type: "load", bytes: messageBytes, outstandingMax };
    for (const node of members) await this.#ask(node, on ? load : { type: "rest" });
  }

  async #configurations(): Promise<readonly { readonly count: number; readonly last: number }[]> {
    const all = await Promise.all(
      members.map((node) =>
        this.#ask<{ readonly members: number }[]>(node, { type: "configurations" }),
      ),
    );
    return all.map((each) => ({ count: each?.length ?? 0, last: each?.at(-1)?.members ?? 0 }));
  }

  async #counts(): Promise<Counts> {
    return (await this.#ask<Counts>(2, { type: "counts" })) ?? { atMs: 0, messages: 0 };
  }

  async #status(): Promise<Status> {
    const status = await this.#ask<Status>(target, { type: "status" });
    if (status === null) throw new Error(`node ${target} is gone`);
    return status;
  }

  #ask<Reply>(node: number, question: object): Promise<Reply | null> {
    return ask<Reply>(this.#net.rootOf(node), question);
  }
}

function received({ transport }: Status): number {
  return transport["frames-received"] ?? 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en").padStart(9);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
