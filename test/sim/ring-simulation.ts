/**
 * Whole rings on virtual time: every node runs the real machine and the real codec.
 * Crashes lose what was not durable; a paused node finds its packets and its late timers again.
 */
import { StepLoop } from "../../src/loop/step-loop.ts";
import { Ring } from "../../src/membership/ring.ts";
import type { Lane, RingInput, RingOutput, RingTimer } from "../../src/membership/ring-events.ts";
import type { CommitMessage, RingMessage } from "../../src/membership/wire.ts";
import { decodeMessage, encodeMessage, frameKinds } from "../../src/membership/wire.ts";
import type { Incarnation, NodeId, RingId } from "../../src/model/ids.ts";
import { formatRing, sameRing } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { node as nodeId } from "../membership/frames.ts";
import { incarnation as incarnationOf } from "../membership/ring-driver.ts";
import { EventHeap } from "./event-heap.ts";
import { Random } from "./random.ts";
import { RingNetwork } from "./ring-network.ts";
import { RingObserver } from "./ring-observer.ts";
import { idOf, payloadOf } from "./ring-payload.ts";
import { isInstallation, type Life, type RingHistory, type Sent } from "./ring-trace.ts";
import { type Tuning, tuningDefaults } from "./ring-tuning.ts";
import { isOfRing, type SealedFrame } from "./sealed-frame.ts";

/** A socket buffer holds about this many frames while its reader does not run. */
const socketFramesMax = 400;
/** Wall clocks begin here: one that is set back stays above zero. */
const wallStartMs = 1_000_000_000;

type Event =
  | { readonly type: "frame"; readonly to: SimulatedNode; readonly frame: SealedFrame }
  | {
      readonly type: "timer";
      readonly on: SimulatedNode;
      readonly timer: RingTimer;
      readonly generation: number;
    }
  | { readonly type: "persisted"; readonly on: SimulatedNode; readonly ringSeq: number }
  | { readonly type: "resume"; readonly on: SimulatedNode; readonly pausedAt: number }
  | { readonly type: "call"; readonly call: () => void };

type Durable = { readonly ringSeq: number; readonly incarnation: number };

/** One process life. */
type SimulatedNode = {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  readonly ring: Ring;
  readonly life: Life;
  readonly notices: string[];
  readonly timers: Map<RingTimer, number>;
  readonly loop: StepLoop<RingInput, RingOutput>;
  /** The last one that was stepped, and whether it was refused. */
  input: RingInput | null;
  refused: boolean;
  paused: boolean;
  readonly arrived: SealedFrame[];
  readonly due: { readonly timer: RingTimer; readonly generation: number }[];
  /** Tokens accepted in this life. */
  tokens: number;
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
  /** Every packet put on the wire, for counting. */
  packets = 0;
  /** Events handled so far: the step in which something happened. */
  steps = 0;
  /** A run that is longer than this goes round in circles. */
  stepsMax = Number.POSITIVE_INFINITY;
  /** How long making a bound durable takes at most. */
  persistMsMax = 15;
  now = 0;
  readonly #tuning: Tuning;
  readonly #events = new EventHeap<Event>();
  readonly #alive = new Map<NodeId, SimulatedNode>();
  /** What each node's state directory holds. */
  readonly #durable = new Map<NodeId, Durable>();
  /** By how much the wall clock of a node is wrong. */
  readonly #clocks = new Map<NodeId, number>();
  /** Greetings sent on behalf of the layer above, and the ring they are for. */
  readonly #greetings = new Map<string, RingId>();
  #generation = 0;
  #messages = 0;

  constructor(options: {
    readonly seed: number;
    readonly nodes: number;
    readonly tuning?: Tuning;
  }) {
    this.random = new Random(options.seed);
    this.network = new RingNetwork(this.random);
    this.nodeIds = Array.from({ length: options.nodes }, (_, index) => nodeId(index + 1));
    this.#tuning = options.tuning ?? {};
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
    if (options.wiped === true) this.#durable.delete(self);
    const wiped = !this.#durable.has(self);
    const last = this.#durable.get(self) ?? { ringSeq: this.#firstSeq(id), incarnation: 0 };
    const incarnation = incarnationOf(Math.max(last.incarnation + 1, this.wallMs(id)));
    const durable = last.ringSeq;
    this.#durable.set(self, { ringSeq: durable, incarnation });
    const number = this.lives.length + 1;
    const startedAt = this.now;
    const life: Life = { number, node: id, incarnation, startedAt, wiped, events: [], end: null };
    this.lives.push(life);
    const ring = new Ring({
      ...tuningDefaults,
      ...this.#tuning,
      configHash: options.configHash ?? tuningDefaults.configHash,
      self,
      incarnation,
      nodes: this.nodeIds,
      ringSeqStart: durable + 1,
      ringSeqDurable: durable,
      wallMs: ms(this.wallMs(id)),
    });
    const node: SimulatedNode = {
      notices: [],
      id: self,
      incarnation,
      ring,
      life,
      timers: new Map(),
      loop: new StepLoop({
        step: (input) => this.#step(node, input),
        perform: (output) => this.#carryOut(node, output),
      }),
      input: null,
      refused: false,
      paused: false,
      arrived: [],
      due: [],
      tokens: 0,
      current: null,
      greeted: new Set(),
    };
    this.#alive.set(self, node);
    this.#feed(node, { type: "start" });
  }

  /** As the store does without a file: microseconds run faster than any ring sequence. */
  #firstSeq(id: number): number {
    return this.wallMs(id) * 1000;
  }

  /** What the node's wall clock shows, in whole milliseconds. */
  wallMs(id: number): number {
    return Math.floor(wallStartMs + this.now + (this.#clocks.get(nodeId(id)) ?? 0));
  }

  /** False when the clock is so wrong that only the state directory keeps the lives apart. */
  mayWipe(id: number): boolean {
    const used = [...this.#durable.values()];
    return used.every(({ ringSeq, incarnation }) => {
      return ringSeq < this.#firstSeq(id) && incarnation < this.wallMs(id);
    });
  }

  /** Somebody sets the node's wall clock. */
  stepClock(id: number, byMs: number): void {
    this.#clocks.set(nodeId(id), (this.#clocks.get(nodeId(id)) ?? 0) + byMs);
  }

  /** The node's interface goes down or comes back, as its driver tells. */
  link(id: number, up: boolean): void {
    this.#feed(this.#node(id), { type: "link", up });
  }

  startAll(): void {
    for (const id of this.nodeIds) this.start(id);
  }

  crash(id: number): void {
    this.#end(id, "crash");
  }

  leave(id: number): void {
    const node = this.#node(id);
    this.#feed(node, { type: "leave" });
    this.#end(id, "leave");
  }

  #end(id: number, type: "crash" | "leave"): void {
    const node = this.#node(id);
    node.life.end = { type, at: this.now };
    node.loop.end();
    this.#alive.delete(node.id);
  }

  /** The node's process does not run for a while; its socket keeps receiving. */
  pause(id: number, forMs: number): void {
    const node = this.#node(id);
    if (node.paused) return;
    node.paused = true;
    this.#events.add(this.now + forMs, { type: "resume", on: node, pausedAt: this.now });
  }

  isAlive(id: number): boolean {
    return this.#alive.has(nodeId(id));
  }

  isPaused(id: number): boolean {
    return this.#node(id).paused;
  }

  snapshot(id: number): ReturnType<Ring["snapshot"]> {
    return this.#node(id).ring.snapshot();
  }

  /** Counter of the node's ring, 0 when it never moved. */
  counter(id: number, name: string): number {
    return this.snapshot(id).counters[name] ?? 0;
  }

  life(id: number): Life {
    return this.#node(id).life;
  }

  /** What the node tells its log, growing as it does. */
  watchNotices(id: number): readonly string[] {
    return this.#node(id).notices;
  }

  /** Hands the node a packet of another node's earlier life. */
  replay(to: number, packet: { readonly from: number; readonly incarnation: number }): void {
    const ring = { rep: nodeId(packet.from), seq: 1 };
    this.#feed(this.#node(to), {
      type: "frame",
      from: nodeId(packet.from),
      incarnation: incarnationOf(packet.incarnation),
      message: { type: "hold-cancel", ring },
    });
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
    const refused = this.#feed(node, { type: "submit", lane, payload, safe });
    if (!refused) return id;
    node.life.events.splice(place, 1);
    this.sent.delete(id);
    return null;
  }

  schedule(afterMs: number, call: () => void): void {
    this.#events.add(this.now + afterMs, { type: "call", call });
  }

  run(options: { readonly forMs: number }): void {
    const end = this.now + options.forMs;
    while (this.#events.nextAt <= end && this.steps < this.stepsMax) this.#advance();
    this.now = end;
  }

  /** Runs until the condition holds; false when it does not within the time. */
  runUntil(condition: () => boolean, options: { readonly withinMs: number }): boolean {
    const end = this.now + options.withinMs;
    while (!condition()) {
      if (this.#events.nextAt > end || this.steps >= this.stepsMax) return false;
      this.#advance();
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
      if (node.paused || view.state !== "operational" || view.ring === null) return false;
      ring ||= formatRing(view.ring);
      if (formatRing(view.ring) !== ring || view.members.join(" ") !== members) return false;
      const { counters } = view;
      if (counters["queued messages"] !== 0) return false;
      if (counters["delivered seq"] !== counters["high seq"]) return false;
      if (node.greeted.size < ids.length) return false;
    }
    return true;
  }

  #advance(): void {
    const next = this.#events.take();
    if (next === null) return;
    this.now = next.at;
    this.#perform(next.event);
    this.steps += 1;
    if (this.steps % 64 === 0) this.#observe();
  }

  #perform(event: Event): void {
    switch (event.type) {
      case "frame":
        if (this.#isLiving(event.to)) this.#receive(event.to, event.frame);
        break;
      case "timer":
        if (this.#isLiving(event.on)) this.#expire(event.on, event);
        break;
      case "persisted":
        this.#persisted(event.on, event.ringSeq);
        break;
      case "resume":
        if (this.#isLiving(event.on)) this.#resume(event.on, this.now - event.pausedAt);
        break;
      case "call":
        event.call();
        break;
    }
  }

  #isLiving(node: SimulatedNode): boolean {
    return this.#alive.get(node.id) === node;
  }

  #persisted(node: SimulatedNode, ringSeq: number): void {
    if (!this.#isLiving(node)) return;
    if (node.paused) {
      this.#events.add(this.now + 10, { type: "persisted", on: node, ringSeq });
      return;
    }
    const last = this.#durable.get(node.id) ?? { ringSeq, incarnation: node.incarnation };
    this.#durable.set(node.id, { ...last, ringSeq: Math.max(ringSeq, last.ringSeq) });
    this.#feed(node, { type: "persisted", ringSeq });
  }

  #receive(node: SimulatedNode, frame: SealedFrame): void {
    if (node.paused) {
      if (node.arrived.length < socketFramesMax) node.arrived.push(frame);
      return;
    }
    const opened = decodeMessage(frame.kind, frame.bytes);
    if (!opened.ok) {
      this.observer.note(`wire: node ${frame.from} sends what is refused: ${opened.problem.type}`);
      return;
    }
    this.#feed(node, { type: "frame", ...frame, message: opened.value });
  }

  #expire(
    node: SimulatedNode,
    expiry: { readonly timer: RingTimer; readonly generation: number },
  ): void {
    if (node.timers.get(expiry.timer) !== expiry.generation) return;
    if (node.paused) {
      node.due.push(expiry);
      return;
    }
    node.timers.delete(expiry.timer);
    this.#feed(node, { type: "timer", timer: expiry.timer });
  }

  /**
   * As the daemon does: a stall that outlasts every timeout first, then what the socket holds,
   * then a stall that no token has ended, then the late timers.
   */
  #resume(node: SimulatedNode, lateMs: number): void {
    node.paused = false;
    const { tokenMs, consensusMs } = { ...tuningDefaults, ...this.#tuning };
    const replaced = lateMs > tokenMs + consensusMs;
    if (replaced) this.#feed(node, { type: "stall", lateMs: ms(lateMs) });
    const stalled = lateMs > tokenMs / 2;
    const { tokens } = node;
    for (const frame of node.arrived.splice(0)) {
      if (!stalled || isOfRing(frame, node.current?.ring ?? null)) this.#receive(node, frame);
    }
    const overdue = node.due.some(
      ({ timer, generation }) => timer === "token" && node.timers.get(timer) === generation,
    );
    if (stalled && !replaced && overdue && node.tokens === tokens) {
      this.#feed(node, { type: "stall", lateMs: ms(lateMs) });
    }
    for (const expiry of node.due.splice(0)) this.#expire(node, expiry);
  }

  /** True when the machine refused a message. */
  #feed(node: SimulatedNode, input: RingInput): boolean {
    const first = !node.loop.running;
    if (first) node.refused = false;
    node.loop.push(input);
    return first && node.refused;
  }

  /** A broken invariant ends the life, as it ends the daemon, and is a breach by itself. */
  #step(node: SimulatedNode, input: RingInput): readonly RingOutput[] {
    node.input = input;
    try {
      const outputs = node.ring.step(input);
      if (outputs.some(isInstallation)) this.#spring(node.id);
      return outputs;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.observer.note(`invariant: node ${node.id} life ${node.life.number} ends: ${text}`);
      if (this.#isLiving(node)) this.#end(node.id, "crash");
      return [];
    }
  }

  #tokenAccepted(node: SimulatedNode): void {
    const { input } = node;
    node.tokens += 1;
    if (input?.type !== "frame" || input.message.type !== "token") return;
    this.observer.tokenAccepted(node.id, input.message);
  }

  #carryOut(node: SimulatedNode, output: RingOutput): void {
    node.refused ||= output.type === "queue" && output.state === "full";
    if (output.type === "token-accepted") this.#tokenAccepted(node);
    switch (output.type) {
      case "multicast":
        this.#multicast(node, output.message, output.full);
        break;
      case "unicast":
        this.#unicast(node, output.to, output.message);
        break;
      case "arm":
        this.#arm(node, output.timer, output.afterMs);
        break;
      case "disarm":
        node.timers.delete(output.timer);
        break;
      case "persist": {
        const { ringSeq } = output;
        const at = this.now + this.random.between(1, this.persistMsMax);
        this.#events.add(at, { type: "persisted", on: node, ringSeq });
        break;
      }
      default:
        this.#record(node, output);
    }
  }

  #record(node: SimulatedNode, output: RingOutput): void {
    const { events } = node.life;
    const at = this.now;
    if (output.type === "suspended") {
      events.push({ type: "suspended", at, reason: output.reason });
    } else if (output.type === "configuration") {
      const { configuration } = output;
      events.push({ type: "configuration", at, configuration });
      if (configuration.kind === "regular") {
        this.observer.installed(node.id, node.ring.snapshot());
        this.#greet(node, configuration);
      }
    } else if (output.type === "deliver") {
      const id = idOf(output.payload);
      const ring = formatRing(output.ring);
      events.push({ type: "deliver", at, id, ring, seq: output.seq, from: output.from });
      this.#compare(id, output.payload);
      const greets = this.#greetings.get(id);
      if (greets !== undefined) this.#greeted(node, greets, output.from);
    } else if (output.type === "notice") {
      const { text } = output.notice;
      node.notices.push(text);
      if (text.startsWith("entering gather")) events.push({ type: "gather", at, reason: text });
    }
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
    if (node.greeted.size === current.members.length) this.#feed(node, { type: "sync-done", ring });
  }

  #arm(node: SimulatedNode, timer: RingTimer, afterMs: number): void {
    this.#generation += 1;
    const generation = this.#generation;
    node.timers.set(timer, generation);
    this.#events.add(this.now + afterMs, { type: "timer", on: node, timer, generation });
  }

  #multicast(node: SimulatedNode, message: RingMessage, full: boolean): void {
    if (message.type === "join") node.life.events.push({ type: "join-sent", at: this.now });
    const frame = this.#seal(node, message);
    for (const other of this.#alive.values()) {
      if (other !== node) this.#carry(node, other, { frame, message, full });
    }
    this.#echo(node, frame);
  }

  #unicast(node: SimulatedNode, to: NodeId, message: RingMessage): void {
    if (message.type === "token") this.observer.tokenSent(message.rtr.length);
    if (message.type === "commit") this.#recordObligations(node, message);
    const frame = this.#seal(node, message);
    const other = this.#alive.get(to);
    if (other === node) this.#echo(node, frame);
    else if (other !== undefined) this.#carry(node, other, { frame, message, full: false });
  }

  #recordObligations(node: SimulatedNode, commit: CommitMessage): void {
    const state = commit.members.find((entry) => entry.node === node.id)?.state ?? null;
    if (state === null || state.oldRing === null) return;
    const ring = formatRing(state.oldRing);
    node.life.events.push({ type: "obliged", at: this.now, ring, nodes: state.obliged });
  }

  #echo(node: SimulatedNode, frame: SealedFrame): void {
    this.#receive(node, frame);
  }

  #seal(node: SimulatedNode, message: RingMessage): SealedFrame {
    const { id: from, incarnation } = node;
    const bytes = encodeMessage(message);
    this.observer.frameSent(bytes.length);
    return { from, incarnation, kind: frameKinds[message.type], bytes };
  }

  #carry(
    from: SimulatedNode,
    to: SimulatedNode,
    packet: { readonly frame: SealedFrame; readonly message: RingMessage; readonly full: boolean },
  ): void {
    this.packets += 1;
    const bytes = packet.full ? 1500 - 28 : packet.frame.bytes.length + 46;
    for (const delay of this.network.arrivals(from.id, to.id, { ...packet, bytes })) {
      this.#events.add(this.now + delay, { type: "frame", to, frame: packet.frame });
    }
  }

  #observe(): void {
    this.observer.look([...this.#alive.values()].map((node) => node.ring.snapshot()));
  }

  #node(id: number): SimulatedNode {
    const node = this.#alive.get(nodeId(id));
    if (node === undefined) throw new Error(`node ${id} is not alive`);
    return node;
  }
}
