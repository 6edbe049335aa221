/**
 * Whole rings on virtual time: every node runs the real ring thread over a hostile network.
 * Crashes lose what was not durable; a paused node finds its packets and its late timers again.
 */
import { instancesMax } from "../../src/io/frames/peer-lives.ts";
import { Ring } from "../../src/membership/ring.ts";
import type {
  Lane,
  RingConfiguration,
  RingInput,
  RingOptions,
  RingOutput,
} from "../../src/membership/ring-events.ts";
import type { CommitMessage, RingMessage } from "../../src/membership/wire.ts";
import type { NodeId, RingId } from "../../src/model/ids.ts";
import { formatRing, ringSeqsPerMs, sameRing } from "../../src/model/ids.ts";
import type { RingThreadOptions, RingThreadOutput } from "../../src/ring-thread/ring-port.ts";
import { node as nodeId } from "../membership/frames.ts";
import { Random } from "./random.ts";
import { RingNetwork } from "./ring-network.ts";
import { RingObserver } from "./ring-observer.ts";
import { idOf, payloadOf } from "./ring-payload.ts";
import { isInstallation, type Life, type RingHistory, type Sent } from "./ring-trace.ts";
import { ringOptionsOf, type Tuning } from "./ring-tuning.ts";
import { VirtualLan } from "./virtual-lan.ts";
import { VirtualProcess } from "./virtual-process.ts";
import { assembleVirtualRing, type VirtualRing, VirtualStore } from "./virtual-ring-thread.ts";
import { VirtualTime } from "./virtual-time.ts";

/** Wall clocks begin here; a clock that is set back stays above zero. */
const wallStartMs = 1_000_000_000;
/** The observer looks at all nodes after so many steps of any of them. */
const stepsPerLook = 64;

/** One process life. */
type SimulatedNode = {
  readonly id: NodeId;
  readonly process: VirtualProcess;
  readonly ring: Ring;
  readonly driver: VirtualRing["driver"];
  readonly life: Life;
  readonly notices: string[];
  /** The machine has refused a message since this was last set. */
  refused: boolean;
  current: { readonly ring: RingId; readonly members: readonly NodeId[] } | null;
  /** Members whose greeting in the current ring was delivered. */
  readonly greeted: Set<number>;
};

export class RingSimulation {
  readonly random: Random;
  readonly network: RingNetwork;
  readonly nodeIds: readonly NodeId[];
  readonly lives: Life[] = [];
  readonly sent = new Map<string, Sent>();
  readonly observer = new RingObserver();
  /** What happens once to a node, or to the first, before others hear that it installed a ring. */
  readonly ambushes = new Map<number | "first", (node: number) => void>();
  /** Events handled so far: the step in which something happened. */
  steps = 0;
  /** A run that is longer than this goes round in circles. */
  stepsMax = Number.POSITIVE_INFINITY;
  /** How long making a bound durable takes at most. */
  persistMsMax = 15;
  readonly #time = new VirtualTime();
  readonly #lan: VirtualLan;
  readonly #tuning: Tuning;
  readonly #alive = new Map<NodeId, SimulatedNode>();
  /** What each node's state directory holds. */
  readonly #stores = new Map<NodeId, VirtualStore>();
  /** By how much the wall clock of a node is wrong. */
  readonly #clocks = new Map<NodeId, number>();
  /** Greetings sent on behalf of the layer above, and the ring they are for. */
  readonly #greetings = new Map<string, RingId>();
  #messages = 0;
  #ringSteps = 0;

  constructor(options: {
    readonly seed: number;
    readonly nodes: number;
    readonly tuning?: Tuning;
  }) {
    this.random = new Random(options.seed);
    this.network = new RingNetwork(this.random);
    this.nodeIds = Array.from({ length: options.nodes }, (_, index) => nodeId(index + 1));
    this.#tuning = options.tuning ?? {};
    this.#lan = new VirtualLan(this.#time, this.network);
    this.#lan.onMessage = (from, message, bytes) => this.#onWire(from, message, bytes);
  }

  get now(): number {
    return this.#time.nowMs;
  }

  /** Every datagram put on the wire, for counting. */
  get packets(): number {
    return this.#lan.datagrams;
  }

  get history(): RingHistory {
    return { lives: this.lives, sent: this.sent, observed: this.observer.found };
  }

  /** Begins a life of the node; `wiped` forgets its state directory. */
  start(
    id: number,
    options: { readonly wiped?: boolean; readonly configHash?: number } = {},
  ): void {
    const self = nodeId(id);
    const store = this.#storeOf(self);
    if (options.wiped === true) store.record = null;
    const wiped = store.record === null;
    const process = new VirtualProcess({
      time: this.#time,
      wallOffsetMs: () => this.wallMs(id) - this.now,
      passMs: 0,
      onTurn: () => undefined,
    });
    const number = this.lives.length + 1;
    const ringOptions = ringOptionsOf(self, this.nodeIds, this.#tuning);
    const { configHash = ringOptions.configHash } = options;
    const assembled = this.#assemble(process, store, { ...ringOptions, configHash });
    const { incarnation } = assembled.life;
    const startedAt = this.now;
    const life: Life = { number, node: id, incarnation, startedAt, wiped, events: [], end: null };
    this.lives.push(life);
    const node: SimulatedNode = {
      ...{ id: self, process, ring: assembled.ring, driver: assembled.driver, life },
      ...{ notices: [], refused: false, current: null, greeted: new Set() },
    };
    assembled.become(node);
    this.#alive.set(self, node);
    node.driver.start("default");
  }

  /** The driver, the ring that it drives, and how both learn whose they are. */
  #assemble(process: VirtualProcess, store: VirtualStore, options: RingThreadOptions) {
    const { self } = options;
    const of: { node: SimulatedNode | null } = { node: null };
    const made: { ring: Ring | null } = { ring: null };
    const makeRing = (given: RingOptions) => {
      const ring = new Ring(given);
      made.ring = ring;
      const step = (input: RingInput) =>
        of.node === null ? ring.step(input) : this.#step(of.node, input);
      return { step, snapshot: () => ring.snapshot() };
    };
    const instance = (this.lives.length + 1) % instancesMax;
    const parts = { options, place: self, time: this.#time, process, store, makeRing, instance };
    const { driver, life } = assembleVirtualRing({ ...parts, lan: this.#lan }, (batch) => {
      for (const output of batch) if (of.node !== null) this.#onOutput(of.node, output);
    });
    if (made.ring === null) throw new Error("no ring was made");
    const become = (node: SimulatedNode): void => {
      of.node = node;
    };
    return { driver, life, ring: made.ring, become };
  }

  #storeOf(node: NodeId): VirtualStore {
    const known = this.#stores.get(node);
    if (known !== undefined) return known;
    const writeMs = () => this.random.between(1, this.persistMsMax);
    const store = new VirtualStore(this.#time, { writeMs, record: null });
    this.#stores.set(node, store);
    return store;
  }

  /** What the node's wall clock shows, in whole milliseconds. */
  wallMs(id: number): number {
    return Math.floor(wallStartMs + this.now + (this.#clocks.get(nodeId(id)) ?? 0));
  }

  /** False when the clock is so wrong that only the state directory keeps the lives apart. */
  mayWipe(id: number): boolean {
    // As the store does without a file: microseconds run faster than any ring sequence.
    const firstSeq = this.wallMs(id) * ringSeqsPerMs;
    return [...this.#stores.values()].every(({ record }) => {
      if (record === null) return true;
      return record.ringSeq < firstSeq && record.incarnation < this.wallMs(id);
    });
  }

  /** Somebody sets the node's wall clock. */
  stepClock(id: number, byMs: number): void {
    this.#clocks.set(nodeId(id), (this.#clocks.get(nodeId(id)) ?? 0) + byMs);
  }

  /** The node's interface goes down or comes back, as its driver tells. */
  link(id: number, up: boolean): void {
    this.#node(id).driver.input({ type: "link", up });
  }

  startAll(): void {
    for (const id of this.nodeIds) this.start(id);
  }

  crash(id: number): void {
    this.#end(id, "crash");
  }

  leave(id: number): void {
    this.#node(id).driver.input({ type: "leave" });
    this.#end(id, "leave");
  }

  #end(id: number, type: "crash" | "leave"): void {
    const node = this.#node(id);
    this.#judgeWire(node);
    node.life.end = { type, at: this.now };
    node.process.end();
    this.#lan.detach(node.id);
    this.#alive.delete(node.id);
  }

  /** No node has sent what another one cannot read. */
  #judgeWire(node: SimulatedNode): void {
    const unread = this.drops(node.id)["undecodable"] ?? 0;
    if (unread > 0) this.observer.note(`wire: node ${node.id} refuses ${unread} frames`);
  }

  /** The node's process does not run for a while; its socket keeps receiving. */
  pause(id: number, forMs: number): void {
    const { process } = this.#node(id);
    if (process.stopped) return;
    process.stop();
    this.schedule(forMs, () => process.goOn());
  }

  isAlive(id: number): boolean {
    return this.#alive.has(nodeId(id));
  }

  isPaused(id: number): boolean {
    return this.#node(id).process.stopped;
  }

  snapshot(id: number): ReturnType<Ring["snapshot"]> {
    return this.#node(id).ring.snapshot();
  }

  /** Counter of the node's ring, 0 when it never moved. */
  counter(id: number, name: string): number {
    return this.snapshot(id).counters[name] ?? 0;
  }

  /** Frames that the node has not let in, by cause. */
  drops(id: number): Readonly<Record<string, number>> {
    return this.#node(id).driver.drops();
  }

  life(id: number): Life {
    return this.#node(id).life;
  }

  /** What the node tells its log, growing as it does. */
  watchNotices(id: number): readonly string[] {
    return this.#node(id).notices;
  }

  /** The datagrams that the node sends from now on: somebody records them. */
  record(id: number): readonly Uint8Array[] {
    return this.#lan.record(nodeId(id));
  }

  /** The node receives the datagram, as if the other node had sent it. */
  replay(to: number, packet: { readonly from: number; readonly datagram: Uint8Array }): void {
    this.#lan.inject(nodeId(to), `20.0.20.${packet.from}`, packet.datagram);
  }

  /** Submits a message of about this many bytes; its id, or null when the queue refused it. */
  submit(
    id: number,
    options: { readonly bytes?: number; readonly safe?: boolean; readonly lane?: Lane } = {},
  ): string | null {
    const node = this.#node(id);
    return this.#submit(node, { bytes: 64, safe: true, lane: "app", ...options });
  }

  #submit(
    node: SimulatedNode,
    options: {
      readonly bytes: number;
      readonly safe: boolean;
      readonly lane: Lane;
      readonly greets?: RingId;
    },
  ): string | null {
    const { lane, safe } = options;
    this.#messages += 1;
    const id = `${node.id}.${node.life.number}.${this.#messages}`;
    const payload = payloadOf(id, options.bytes);
    this.sent.set(id, { node: node.id, life: node.life.number, lane, safe, payload });
    if (options.greets !== undefined) this.#greetings.set(id, options.greets);
    // The machine may deliver at once, and a message is not delivered before it was sent.
    const place = node.life.events.length;
    node.life.events.push({ type: "submit", at: this.now, id });
    node.refused = false;
    node.driver.input({ type: "submit", lane, payload, safe });
    if (!node.refused) return id;
    node.life.events.splice(place, 1);
    this.sent.delete(id);
    return null;
  }

  schedule(afterMs: number, call: () => void): void {
    this.#time.after(afterMs, call);
  }

  run(options: { readonly forMs: number }): void {
    this.steps += this.#time.runUntil(this.now + options.forMs, this.stepsMax - this.steps);
  }

  /** Runs until the condition holds; false when it does not within the time. */
  runUntil(condition: () => boolean, options: { readonly withinMs: number }): boolean {
    const end = this.now + options.withinMs;
    while (!condition()) {
      const calls = this.steps >= this.stepsMax ? 0 : this.#time.runUntil(end, 1);
      if (calls === 0) return condition();
      this.steps += calls;
    }
    return true;
  }

  /** All living nodes, or these, work in one ring of exactly themselves, and nothing waits. */
  isSettled(group: readonly number[] = [...this.#alive.keys()]): boolean {
    const ids = [...group].sort((a, b) => a - b);
    const members = ids.join(" ");
    let ring = "";
    for (const id of ids) {
      const node = this.#node(id);
      const view = node.ring.snapshot();
      if (node.process.stopped || view.state !== "operational" || view.ring === null) return false;
      ring ||= formatRing(view.ring);
      if (formatRing(view.ring) !== ring || view.members.join(" ") !== members) return false;
      const { counters } = view;
      if (counters["queued messages"] !== 0) return false;
      if (counters["delivered seq"] !== counters["high seq"]) return false;
      if (node.greeted.size < ids.length) return false;
    }
    return true;
  }

  #onWire(from: number, message: RingMessage, bytes: number): void {
    this.observer.datagramSent(bytes);
    const node = this.#alive.get(nodeId(from));
    if (node === undefined) return;
    if (message.type === "join") node.life.events.push({ type: "join-sent", at: this.now });
    if (message.type === "token") this.observer.tokenSent(message.rtr.length);
  }

  /** A broken invariant ends the life, as it ends the daemon, and is a breach by itself. */
  #step(node: SimulatedNode, input: RingInput): readonly RingOutput[] {
    this.#ringSteps += 1;
    if (this.#ringSteps % stepsPerLook === 0) this.#look();
    try {
      const outputs = node.ring.step(input);
      for (const output of outputs) this.#see(node, input, output);
      if (outputs.some(isInstallation)) this.#spring(node.id);
      return outputs;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.observer.note(`invariant: node ${node.id} life ${node.life.number} ends: ${text}`);
      if (this.#alive.get(node.id) === node) this.#end(node.id, "crash");
      return [];
    }
  }

  /** What shows at once, and not only when the main thread hears of it. */
  #see(node: SimulatedNode, input: RingInput, output: RingOutput): void {
    if (output.type === "queue" && output.state === "full") node.refused = true;
    // Also when it is alone and sends the commit token to itself.
    if (output.type === "unicast" && output.message.type === "commit") {
      this.#recordObligations(node, output.message);
    }
    if (output.type === "token-accepted" && input.type === "frame") {
      const { message } = input;
      if (message.type === "token") this.observer.tokenAccepted(node.id, message);
    }
    if (output.type === "configuration" && output.configuration.kind === "regular") {
      this.observer.installed(node.id, node.ring.snapshot());
    }
  }

  /** What the main thread hears. */
  #onOutput(node: SimulatedNode, output: RingThreadOutput): void {
    const { events } = node.life;
    const at = this.now;
    switch (output.type) {
      case "suspended":
        events.push({ type: "suspended", at, reason: output.reason });
        return;
      case "configuration":
        this.#onConfiguration(node, output.configuration);
        return;
      case "deliver":
        this.#onDelivery(node, output);
        return;
      case "notice": {
        const { text } = output.notice;
        node.notices.push(text);
        if (text.startsWith("entering gather")) events.push({ type: "gather", at, reason: text });
        return;
      }
      case "heartbeat":
        node.driver.input({ type: "heartbeat-answer", beat: output.beat });
        return;
      case "fatal":
        this.observer.note(`fatal: node ${node.id} life ${node.life.number}`);
        return;
      default:
        return;
    }
  }

  #onConfiguration(node: SimulatedNode, configuration: RingConfiguration): void {
    node.life.events.push({ type: "configuration", at: this.now, configuration });
    if (configuration.kind === "regular") this.#greet(node, configuration);
  }

  #onDelivery(
    node: SimulatedNode,
    delivery: Extract<RingThreadOutput, { readonly type: "deliver" }>,
  ): void {
    const id = idOf(delivery.payload);
    const ring = formatRing(delivery.ring);
    const { seq, from } = delivery;
    node.life.events.push({ type: "deliver", at: this.now, id, ring, seq, from });
    this.#compare(id, delivery.payload);
    const greets = this.#greetings.get(id);
    if (greets !== undefined) this.#greeted(node, greets, from);
  }

  #spring(id: number): void {
    for (const victim of [id, "first"] as const) {
      const ambush = this.ambushes.get(victim);
      this.ambushes.delete(victim);
      ambush?.(id);
    }
  }

  #compare(id: string, payload: Uint8Array): void {
    const sent = this.sent.get(id);
    if (sent === undefined || Buffer.compare(sent.payload, payload) !== 0) {
      this.observer.note(`I9: ${id} was delivered damaged`);
    }
  }

  /** Stands for the layer above: everybody greets, and app messages flow when all were heard. */
  #greet(
    node: SimulatedNode,
    next: { readonly ring: RingId; readonly members: readonly NodeId[] },
  ) {
    node.current = next;
    node.greeted.clear();
    this.#submit(node, { bytes: 40, safe: false, lane: "sync", greets: next.ring });
  }

  #greeted(node: SimulatedNode, ring: RingId, from: NodeId): void {
    const { current } = node;
    if (current === null || !sameRing(current.ring, ring)) return;
    node.greeted.add(from);
    if (node.greeted.size === current.members.length)
      node.driver.input({ type: "sync-done", ring });
  }

  #recordObligations(node: SimulatedNode, commit: CommitMessage): void {
    const state = commit.members.find((entry) => entry.node === node.id)?.state ?? null;
    if (state === null || state.oldRing === null) return;
    const ring = formatRing(state.oldRing);
    node.life.events.push({ type: "obliged", at: this.now, ring, nodes: state.obliged });
  }

  #look(): void {
    this.observer.look([...this.#alive.values()].map((node) => node.ring.snapshot()));
  }

  #node(id: number): SimulatedNode {
    const node = this.#alive.get(nodeId(id));
    if (node === undefined) throw new Error(`node ${id} is not alive`);
    return node;
  }
}
