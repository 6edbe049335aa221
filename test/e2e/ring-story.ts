/**
 * What an operator does to a ring and what goes wrong with it, as one story for a number of real
 * daemons: every chapter ends with one ring again, on all nodes that it should have. To be used
 * inside `enterNamespaces` only.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterStatus } from "../../src/model/status.ts";
import { nodeAddress, nodeAddress6 } from "../netns/node-files.ts";
import { RealCluster } from "./real-cluster.ts";

export type StoryOptions = {
  readonly nodes: number;
  readonly transport: "udp" | "udpu";
  readonly family: "IPv4" | "IPv6";
};

/** From what was done to the ring that every one of these nodes shows, in milliseconds. */
export type StepTime = { readonly step: string; readonly tookMs: number };

export type Chapter = {
  readonly title: string;
  readonly play: () => Promise<readonly StepTime[]>;
};

const withinMs = 40_000;
/** As many as a lone node sends in two seconds: a ring that is about to form has formed then. */
const detectsOfCalm = 10;
/** Of a node after a cut: one, and two more for a node that leaves while the others gather. */
const changesMax = 3;
/** A machine that stands still for a second breaks rings up too, but not each time. */
const triesOfCalm = 3;

/** More configurations than a cut explains. */
class RingsFlapped extends Error {}

export class RingStory {
  readonly options: StoryOptions;
  readonly cluster: RealCluster;
  readonly #directory: string;

  constructor(options: StoryOptions) {
    this.options = options;
    this.#directory = mkdtempSync(join(tmpdir(), "ring-story-"));
    const conf = join(this.#directory, "cluster.conf");
    writeFileSync(conf, confText(options));
    const ipv6 = options.family === "IPv6";
    this.cluster = new RealCluster({ nodes: options.nodes, conf, ipv6 });
  }

  get label(): string {
    const { nodes, transport, family } = this.options;
    return `${nodes} nodes, ${transport === "udp" ? "multicast" : "udpu"}, ${family}`;
  }

  /** Null, or why cuts of one direction cannot be played here. */
  oneWayProblem(): Promise<string | null> {
    return this.cluster.net.oneWayProblem();
  }

  async start(): Promise<void> {
    await this.cluster.start();
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  readonly chapters: readonly Chapter[] = [
    { title: "all daemons start at once", play: () => this.#startAll() },
    { title: "all end, and start one by one", play: () => this.#startOneByOne() },
    { title: "a daemon is killed and started again", play: () => this.#kill() },
    { title: "a daemon stands still and goes on", play: () => this.#pause() },
    { title: "the network splits and heals", play: () => this.#split() },
    { title: "an interface goes down and up", play: () => this.#interfaceDown() },
    {
      title: "an interface is replaced by another one",
      play: () => this.#withoutFlapping(() => this.#replaced()),
    },
  ];

  readonly #detours: readonly Chapter[] = [
    { title: "a node does not hear one far away", play: () => this.#detour() },
  ];

  /** Cuts of one direction; whoever is not cut off does not get another configuration again. */
  get oneWayChapters(): readonly Chapter[] {
    // With three nodes, whoever could help is one of the two that the cut is between.
    const chapters = this.options.nodes > 3 ? [...this.#oneWays, ...this.#detours] : this.#oneWays;
    return chapters.map(({ title, play }) => ({ title, play: () => this.#withoutFlapping(play) }));
  }

  /** Plays it again while the rings flapped: what clusterd itself does wrong, it does each time. */
  async #withoutFlapping(play: Chapter["play"]): Promise<readonly StepTime[]> {
    for (let triesLeft = triesOfCalm - 1; ; triesLeft -= 1) {
      try {
        return await play();
      } catch (error) {
        if (!(error instanceof RingsFlapped) || triesLeft === 0) throw error;
        await this.cluster.net.healAll();
        await this.#ring("healed after it flapped", this.#all);
        await this.#lock("-u");
      }
    }
  }

  readonly #oneWays: readonly Chapter[] = [
    {
      title: "a node hears nobody",
      play: () => this.#oneWay("deaf", (node) => this.cluster.net.deafen(node)),
    },
    {
      title: "nobody hears a node",
      play: () => this.#oneWay("mute", (node) => this.cluster.net.mute(node)),
    },
    {
      title: "the last node does not hear the first",
      play: () => this.#brokenLink(this.#last, 1),
    },
    {
      title: "the first node does not hear the last",
      play: () => this.#brokenLink(1, this.#last),
    },
  ];

  async #startAll(): Promise<readonly StepTime[]> {
    this.cluster.startAll();
    return [await this.#ring("start of all", this.#all)];
  }

  async #startOneByOne(): Promise<readonly StepTime[]> {
    const { cluster } = this;
    for (const node of this.#all) cluster.daemon(node).kill("SIGTERM");
    for (const node of this.#all) await cluster.daemon(node).exited;
    const times: StepTime[] = [];
    for (const node of this.#all) {
      cluster.startDaemon(node);
      times.push(await this.#ring("start of one more", this.#all.slice(0, node)));
    }
    return [times.reduce((a, b) => (a.tookMs >= b.tookMs ? a : b))];
  }

  async #kill(): Promise<readonly StepTime[]> {
    this.cluster.daemon(this.#last).kill("SIGKILL");
    const lost = await this.#ring("kill -9", this.#rest);
    this.cluster.startDaemon(this.#last);
    return [lost, await this.#ring("start again", this.#all)];
  }

  async #pause(): Promise<readonly StepTime[]> {
    const paused = this.cluster.daemon(this.#last);
    const before = await this.#life(this.#last);
    paused.kill("SIGSTOP");
    const lost = await this.#ring("SIGSTOP", this.#rest);
    paused.kill("SIGCONT");
    const back = await this.#ring("SIGCONT", this.#all);
    // If the pause outlasts the lease, a new life may begin before the ring's thread can tell.
    await this.cluster.until("the pause is told", () =>
      /not scheduled for \d{4,} ms|the lease ended although/.test(paused.output()),
    );
    if ((await this.#life(this.#last)) < before) throw new Error("its life went backwards");
    return [lost, back];
  }

  async #split(): Promise<readonly StepTime[]> {
    const { net } = this.cluster;
    const few = this.#all.slice(0, Math.floor((this.#all.length - 1) / 2));
    const many = this.#all.slice(few.length);
    await net.partition([many, few]);
    const began = performance.now();
    const step = `split ${few.length} / ${many.length}`;
    const larger = await this.#ring(`${step}, larger side`, many, began);
    const smaller = await this.#ring(`${step}, smaller side`, few, began);
    await net.healAll();
    return [larger, smaller, await this.#ring("heal", this.#all)];
  }

  async #interfaceDown(): Promise<readonly StepTime[]> {
    await this.#onNode(this.#last, "ip link set eth0 down");
    const began = performance.now();
    const lost = await this.#ring("interface down", this.#rest, began);
    await this.#ring("interface down, alone", [this.#last], began);
    // The kernel forgets IPv6 addresses of an interface that goes down; whoever configures it
    // sets them anew.
    const address = `ip -6 addr replace ${nodeAddress6(this.#last)}/64 dev eth0 nodad`;
    const { family } = this.options;
    await this.#onNode(
      this.#last,
      `ip link set eth0 up${family === "IPv6" ? ` && ${address}` : ""}`,
    );
    return [lost, await this.#ring("interface up", this.#all)];
  }

  /** The same address on another card: neighbours that still know the old one break rings up. */
  async #replaced(): Promise<readonly StepTime[]> {
    await this.cluster.net.unplug(this.#last);
    const lost = await this.#ring("interface removed", this.#rest);
    const before = this.#configurations();
    await this.cluster.net.replug(this.#last);
    const back = await this.#ring("another one", this.#all);
    await this.#calm("another interface", before);
    return [lost, back];
  }

  async #oneWay(name: string, cut: (node: number) => Promise<void>): Promise<readonly StepTime[]> {
    const before = this.#configurations();
    await cut(this.#last);
    const began = performance.now();
    const lost = await this.#ring(`${name} node`, this.#rest, began);
    await this.#ring(`${name} node, alone`, [this.#last], began);
    await this.#calm(`a ${name} node`, before);
    await this.cluster.net.heal(this.#last);
    return [lost, await this.#ring("heal", this.#all)];
  }

  /** Node 3 does not hear node 1: node 4 tells it what it misses, and the ring stays. */
  async #detour(): Promise<readonly StepTime[]> {
    const { cluster } = this;
    const before = this.#configurations();
    await cluster.net.deafen(3, this.#address(1));
    await this.#lock("-l");
    await cluster.until(
      `${this.label}: node3 is told`,
      async () => (await cluster.status(3))?.locked === true,
    );
    await this.#lock("-u");
    await this.#calm("a link that works one way", before);
    const after = this.#configurations();
    if (after.join() !== before.join()) throw new Error(`it did not stay\n${cluster.logs()}`);
    await cluster.net.heal(3);
    return [await this.#ring("healed", this.#all)];
  }

  /**
   * The last node does not hear the first, or the other way round. Either the token goes nowhere,
   * or whoever could say again what is missed is the one who is not heard.
   */
  async #brokenLink(hears: number, speaks: number): Promise<readonly StepTime[]> {
    const { cluster } = this;
    const generation = (await cluster.status(1))?.generation ?? 0;
    const before = this.#configurations();
    await cluster.net.deafen(hears, this.#address(speaks));
    const began = performance.now();
    const locked = this.#lock("-l");
    await cluster.until(
      `${this.label}: a quorate ring without one of the two`,
      async () => {
        const states = await Promise.all(this.#all.map((node) => cluster.status(node)));
        return states.some((one) => {
          const members = one?.nodes.filter(({ online }) => online).length ?? 0;
          const fresh = one !== null && one.generation > generation && one.quorum.quorate;
          return fresh && members === this.#all.length - 1;
        });
      },
      withinMs,
    );
    const apart = { step: "link cut one way", tookMs: performance.now() - began };
    await locked;
    await this.#calm("a link that works one way", before);
    await cluster.net.heal(hears);
    const healed = await this.#ring("healed", this.#all);
    await this.#lock("-u");
    return [apart, healed];
  }

  /** Something to be ordered. The answer may be a refusal when the ring breaks meanwhile. */
  async #lock(option: "-l" | "-u"): Promise<void> {
    await this.cluster.command(1, "clusvcadm-ts", option);
  }

  #address(node: number): string {
    return this.options.family === "IPv6" ? nodeAddress6(node) : nodeAddress(node);
  }

  get #all(): readonly number[] {
    return this.cluster.net.nodes;
  }

  get #last(): number {
    return this.#all.length;
  }

  get #rest(): readonly number[] {
    return this.#all.slice(0, -1);
  }

  /** Waits until these nodes, and no others, are one ring, as each of them shows. */
  async #ring(
    step: string,
    members: readonly number[],
    began = performance.now(),
  ): Promise<StepTime> {
    const majority = members.length > this.#all.length / 2;
    await this.cluster.until(
      `${this.label}: ${step}: one ring of ${members.join(" ")}`,
      async () => {
        const states = await Promise.all(members.map((node) => this.cluster.status(node)));
        return isOneRing(states, members, majority);
      },
      withinMs,
    );
    return { step, tookMs: performance.now() - began };
  }

  /** Waits until no node gets another configuration during a few seconds' merge detects. */
  async #calm(what: string, before: readonly number[]): Promise<void> {
    let counts = this.#configurations();
    let sent = await this.#mergeDetects();
    await this.cluster.until(
      `${this.label}: calm with ${what}`,
      async () => {
        const now = this.#configurations();
        const detects = await this.#mergeDetects();
        if (now.join() === counts.join()) return detects - sent >= detectsOfCalm;
        counts = now;
        sent = detects;
        return false;
      },
      withinMs,
    );
    const changes = counts.map((count, index) => count - (before[index] ?? 0));
    if (Math.max(...changes) <= changesMax) return;
    const text = `${what}: the rings flapped, ${changes.join(" ")} configurations`;
    throw new RingsFlapped(`${this.label}: ${text}\n${this.cluster.logs()}`);
  }

  /** How many configurations each node has had. */
  #configurations(): readonly number[] {
    return this.#all.map(
      (node) => this.cluster.daemon(node).output().split("a new membership").length - 1,
    );
  }

  async #mergeDetects(): Promise<number> {
    const states = await Promise.all(this.#all.map((node) => this.cluster.status(node)));
    const sent = states.map((one) => one?.ring.counters["sent merge-detect"] ?? 0);
    return sent.reduce((sum, count) => sum + count, 0);
  }

  async #life(node: number): Promise<number> {
    const status = await this.cluster.status(node);
    return status?.nodes.find(({ id }) => id === node)?.incarnation ?? 0;
  }

  async #onNode(node: number, script: string): Promise<void> {
    const done = await this.cluster.net.execOnNode(node, ["sh", "-c", script]);
    if (done.code !== 0) throw new Error(`node${node}: ${script}: ${done.stderr}`);
  }
}

function isOneRing(
  states: readonly (ClusterStatus | null)[],
  members: readonly number[],
  quorate: boolean,
): boolean {
  const [first] = states;
  return states.every(
    (one) =>
      one !== null &&
      one.ring.state === "operational" &&
      one.ring.id === first?.ring.id &&
      one.quorum.quorate === quorate &&
      one.nodes.every(({ id, online }) => online === members.includes(id)),
  );
}

/** No services: what is measured is the ring. */
function confText({ nodes, transport, family }: StoryOptions): string {
  const ids = Array.from({ length: nodes }, (_, index) => index + 1);
  const name = (node: number) =>
    family === "IPv6" ? nodeAddress6(node) : `node${node}.example.com`;
  const lines = ids.map((node) => `    <clusternode name="${name(node)}" nodeid="${node}"/>`);
  return `<?xml version="1.0"?>
<cluster name="story" config_version="1">
  <cman transport="${transport}"/>
  <clusternodes>
${lines.join("\n")}
  </clusternodes>
  <rm/>
</cluster>
`;
}
