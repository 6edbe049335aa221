/**
 * The ring's event loop: one FIFO of inputs; steps the ring, performs its outputs in order.
 * Source: Amir et al. 1995 for the ring; corosync exec/totemsrp.c and main.c for pauses.
 * DRIVER1  Outputs are performed in order; an own multicast becomes an input behind all queued
 *     ones.
 * DRIVER2  A firing is dropped if its timer was armed again or disarmed before it is stepped.
 * DRIVER3  After the end nothing is posted and nothing is sent.
 * DRIVER4  After a pause longer than the token and consensus timeouts together the ring is told
 *     before anything else, since the others may already have formed a ring without this node.
 */
import { certificateKind } from "../io/frames/frame-header.ts";
import type { SealVerdict, Stop, Timers } from "../io/ports.ts";
import { NamedTimers } from "../io/timers.ts";
import { StepLoop } from "../loop/step-loop.ts";
import type { RingInput, RingNotice, RingOutput, RingTimer } from "../membership/ring-events.ts";
import type { RingMessage } from "../membership/wire.ts";
import { frameKinds } from "../membership/wire.ts";
import type { Incarnation, NodeId } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { type Ms, ms } from "../model/time.ts";
import { DeathCertificates } from "./death-certificates.ts";
import { FrameDropLog } from "./frame-drop-log.ts";
import { MainHeartbeat } from "./main-heartbeat.ts";
import { PathProber } from "./path-prober.ts";
import type { RingDriverOptions, RingDriverPorts } from "./ring-driver-parts.ts";
import { type DatagramSource, RingInbox } from "./ring-inbox.ts";
import { RingOutputBatch } from "./ring-output-batch.ts";
import type { RingThreadInput, RingThreadOutput, RingThreadProblem } from "./ring-port.ts";
import { RingSequenceStore } from "./ring-sequence-store.ts";
import { StallWatch } from "./stall-watch.ts";
import { TokenEvidence } from "./token-evidence.ts";
import { TransportWatch } from "./transport-watch.ts";

type Entry =
  | { readonly type: "input"; readonly input: RingInput }
  | { readonly type: "firing"; readonly timer: RingTimer; readonly generation: number };

/** How often in a token timeout `#turn` is called, so that the stall watch works. */
const turnsPerToken = 8;
/** A busy main thread may miss two heartbeats and is still far from the limit. */
const beatsPerLease = 8;
const watchMs = 1000;

export class RingDriver {
  readonly #options: RingDriverOptions;
  readonly #ports: RingDriverPorts;
  readonly #addresses: ReadonlyMap<NodeId, string>;
  readonly #timers: Timers<RingTimer>;
  readonly #outbox: RingOutputBatch;
  readonly #inbox: RingInbox;
  readonly #evidence: TokenEvidence;
  readonly #sequenceStore: RingSequenceStore;
  readonly #stalls: StallWatch;
  readonly #heartbeats: MainHeartbeat;
  readonly #verdicts: FrameDropLog;
  readonly #watch: TransportWatch;
  readonly #prober: PathProber;
  readonly #certificates = new DeathCertificates();
  readonly #loop: StepLoop<Entry, RingOutput>;
  #intervals: readonly Stop[] = [];
  #ended = false;
  #contested: readonly NodeId[] = [];
  /** A firing of the token timer that came due while `staleOnly` was set; stepped afterwards. */
  #heldFiring: Entry | null = null;

  constructor(options: RingDriverOptions, ports: RingDriverPorts) {
    const { clock } = ports;
    const { tokenMs, leaseMs, nodes } = options;
    this.#options = options;
    this.#ports = ports;
    this.#addresses = new Map(nodes.map(({ id, address }) => [id, address]));
    const ids = nodes.map(({ id }) => id);
    this.#evidence = new TokenEvidence(clock, ids, (lease) => this.#say({ type: "lease", lease }));
    this.#stalls = new StallWatch(ms(tokenMs / 2), clock.monotonicMs());
    const beat = { intervalMs: ms(leaseMs / beatsPerLease), limitMs: leaseMs };
    this.#heartbeats = new MainHeartbeat(beat, clock.monotonicMs());
    const others = ids.filter((id) => id !== options.self);
    this.#watch = new TransportWatch({ group: options.group, others });
    this.#outbox = new RingOutputBatch(ports.post);
    this.#loop = new StepLoop({
      step: (entry) => this.#step(entry),
      perform: (output) => this.#perform(output),
      onIdle: () => {
        ports.transport.flush();
        this.#outbox.flush();
      },
    });
    this.#verdicts = new FrameDropLog((notice) => this.#notice(notice));
    this.#timers = new NamedTimers({
      clock,
      tentative: ["token"],
      onDue: (firing) => this.#onDue({ type: "firing", ...firing }),
    });
    this.#sequenceStore = new RingSequenceStore({
      clock,
      store: ports.store,
      onDurable: (ringSeq) => this.#enqueue({ type: "persisted", ringSeq }),
      onFailure: ({ path, cause }) =>
        this.#notice({ level: "err", text: `${path} not written: ${cause}; trying again` }),
    });
    const { packetBytesMax, ipBytes } = options;
    const notice = (said: RingNotice): void => this.#notice(said);
    this.#prober = new PathProber({ ...ports, packetBytesMax, ipBytes, notice });
    this.#inbox = new RingInbox({
      clock,
      seal: ports.seal,
      codec: ports.codec,
      currentRing: () => ports.ring.snapshot().ring,
      onFrame: (frame) => this.#enqueue(frame),
      onReply: ({ address, frame }) => ports.transport.unicast(address, frame),
      onProbe: (from, probe) => this.#prober.heard(from, probe),
      onAlive: (node, incarnation) => {
        if (!this.#certificates.refute(node, incarnation)) return;
        this.#say({ type: "certified", node, incarnation, stands: false });
      },
      onCertificate: (from, incarnation) => this.#onCertificate(from, incarnation),
      onHeard: (from, source) => this.#watch.heard(from, source),
      onVerdict: (verdict, source) => this.#onVerdict(verdict, source),
    });
  }

  /** Must be called when the transport is open; its datagrams go to `datagram`. */
  start(scheduling: "round-robin" | "default"): void {
    const { incarnation, tokenMs, leaseMs } = this.#options;
    const { startedAtMs } = this.#evidence;
    const certificate = Buffer.concat(this.#ports.seal.seal(certificateKind, new Uint8Array(0)));
    this.#say({ type: "started", incarnation, startedAtMs, scheduling, certificate });
    const { clock } = this.#ports;
    this.#intervals = [
      clock.every(tokenMs / turnsPerToken, () => this.#turn()),
      clock.every(leaseMs / beatsPerLease, () => this.#beat()),
      clock.every(watchMs, () => this.#watchTransport()),
    ];
    this.#enqueue({ type: "start" });
  }

  datagram(bytes: Uint8Array, address: string, byGroup: boolean): void {
    if (this.#ended) return;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#turn(nowMs);
    // The frames that have come together are stepped together.
    this.#loop.pushTogether(() => this.#inbox.datagram(bytes, { address, byGroup, nowMs }));
  }

  /** Takes an input of the main thread, except `start`. */
  input(input: Exclude<RingThreadInput, { readonly type: "start" }>): void {
    if (this.#ended) return;
    switch (input.type) {
      case "submit":
      case "sync-done":
        this.#enqueue(input);
        return;
      case "link":
        if (input.up) this.#ports.transport.rejoin();
        this.#enqueue(input);
        return;
      case "heartbeat-answer":
        this.#heartbeats.answered(input.beat);
        return;
      case "snapshot":
        this.#say({ type: "snapshot", request: input.request, status: this.#status() });
        return;
      case "leave":
        this.#enqueue({ type: "leave" });
        this.#end({ type: "stopped" });
        return;
      default:
        assertNever(input);
    }
  }

  #onCertificate(node: NodeId, incarnation: Incarnation): void {
    const nowMs = this.#ports.clock.monotonicMs();
    const news = this.#certificates.hear(node, incarnation, nowMs);
    if (news === "first") this.#enqueue({ type: "ended", node, incarnation });
    if (news === "stands") this.#say({ type: "certified", node, incarnation, stands: true });
  }

  #enqueue(input: RingInput): void {
    this.#loop.push({ type: "input", input });
  }

  #step(entry: Entry): readonly RingOutput[] {
    if (entry.type === "firing" && !this.#timers.claim(entry)) return [];
    const input: RingInput =
      entry.type === "input" ? entry.input : { type: "timer", timer: entry.timer };
    this.#evidence.beginStep();
    return this.#ports.ring.step(input);
  }

  #perform(output: RingOutput): void {
    switch (output.type) {
      case "multicast":
        this.#multicast(output.message, output.full);
        return;
      case "unicast":
        this.#unicast(output.to, output.message);
        return;
      case "arm":
        this.#timers.arm(output.timer, output.afterMs);
        return;
      case "disarm":
        this.#timers.disarm(output.timer);
        return;
      case "persist":
        this.#sequenceStore.raise(output.ringSeq);
        return;
      case "token-accepted":
        this.#evidence.accepted(output);
        return;
      case "token-passed":
        this.#evidence.passed(output);
        return;
      case "configuration":
        this.#outbox.add({
          ...output,
          heardAt: this.#evidence.heardAt(output.configuration.ring, this.#ports.seal),
          incarnations: this.#ports.seal.incarnations(),
        });
        return;
      case "suspended":
        this.#evidence.release();
        this.#outbox.add(output);
        return;
      case "deliver":
      case "queue":
      case "notice":
        this.#outbox.add(output);
        return;
      default:
        assertNever(output);
    }
  }

  #multicast(message: RingMessage, full: boolean): void {
    this.#inbox.note(message);
    this.#watch.sent();
    const frame = this.#sealed(message);
    this.#ports.transport.multicast(full ? this.#prober.filled(frame) : frame);
    this.#takeBack(message);
  }

  #unicast(to: NodeId, message: RingMessage): void {
    if (to === this.#options.self) {
      this.#takeBack(message);
      return;
    }
    const address = this.#addresses.get(to);
    if (address !== undefined) this.#ports.transport.unicast(address, this.#sealed(message));
  }

  #sealed(message: RingMessage): readonly Uint8Array[] {
    return this.#ports.seal.seal(frameKinds[message.type], this.#ports.codec.encode(message));
  }

  /** DRIVER1. A lone node's token returns a turn later, so that other events are handled before. */
  #takeBack(message: RingMessage): void {
    const { self: from, incarnation } = this.#options;
    const input: RingInput = { type: "frame", from, incarnation, message };
    if (message.type === "token") this.#ports.clock.soon(() => this.#enqueue(input));
    else this.#enqueue(input);
  }

  #onDue(firing: Extract<Entry, { readonly type: "firing" }>): void {
    this.#turn();
    if (firing.timer === "token") {
      this.#inbox.release();
      if (this.#inbox.staleOnly) {
        this.#heldFiring = firing;
        return;
      }
    }
    this.#loop.push(firing);
  }

  /** Called at every turn of the event loop that this class notices; see StallWatch. */
  #turn(nowMs: Ms = this.#ports.clock.monotonicMs()): void {
    const lateMs = this.#stalls.turn(nowMs);
    if (lateMs === null || this.#ended) return;
    const text = `not scheduled for ${Math.round(lateMs)} ms; token is ${this.#options.tokenMs} ms`;
    this.#notice({ level: "warning", text });
    const replaced = lateMs > this.#options.tokenMs + this.#options.consensusMs;
    if (replaced) this.#enqueue({ type: "stall", lateMs });
    if (this.#inbox.staleOnly) return;
    this.#inbox.staleOnly = true;
    const { tokens } = this.#evidence;
    const { clock } = this.#ports;
    clock.soon(() => clock.soon(() => this.#caughtUp({ lateMs, told: replaced, tokens })));
  }

  /** Called one poll pass after a stall, when everything that had arrived meanwhile was read. */
  #caughtUp(stall: { readonly lateMs: Ms; readonly told: boolean; readonly tokens: number }): void {
    this.#inbox.release();
    this.#inbox.staleOnly = false;
    const held = this.#heldFiring;
    this.#heldFiring = null;
    if (this.#ended) return;
    const silent = this.#evidence.tokens === stall.tokens && this.#timers.overdue("token");
    if (silent && !stall.told) this.#enqueue({ type: "stall", lateMs: stall.lateMs });
    if (held !== null) this.#loop.push(held);
  }

  #beat(): void {
    const beat = this.#heartbeats.step(this.#ports.clock.monotonicMs());
    if (beat !== null) {
      this.#say({ type: "heartbeat", beat });
      return;
    }
    const silentMs = Math.round(this.#heartbeats.silentMs());
    this.#enqueue({ type: "leave" });
    this.#fail({
      type: "main-thread-silent",
      text: `the main thread has not answered for ${silentMs} ms; this node leaves the ring`,
    });
  }

  #watchTransport(): void {
    const { transport, seal, clock } = this.#ports;
    this.#prober.announce();
    this.#enqueue({ type: "wall-clock", wallMs: clock.wallMs() });
    const { notices, probe } = this.#watch.step(clock.monotonicMs(), transport.counters());
    for (const notice of notices) this.#notice(notice);
    const nodes = seal.contested(clock.monotonicMs());
    if (nodes.join() !== this.#contested.join()) this.#say({ type: "contested", nodes });
    this.#contested = nodes;
    for (const node of probe) {
      const frame = seal.probe(node);
      if (frame !== null) transport.unicast(frame.address, frame.frame);
    }
  }

  #onVerdict(
    verdict: Exclude<SealVerdict, { readonly type: "opened" }>,
    source: DatagramSource,
  ): void {
    if (verdict.type === "dropped" && verdict.cause === "own-copy") {
      this.#watch.returned();
      this.#ports.transport.endOwnCopies();
    }
    if (verdict.type === "duplicate-node" && verdict.later) {
      this.#fail({
        type: "duplicate-node",
        text:
          `another process with node id ${this.#options.self} is alive at ${verdict.address} ` +
          "and was there first; give one of the two another id",
      });
      return;
    }
    // After a contest the remaining life may be an earlier one than the ring knows.
    if (verdict.type === "hello" && verdict.proven !== null) {
      this.#enqueue({ type: "forget-life", node: verdict.from });
    }
    this.#verdicts.note(verdict, source);
  }

  /** How many frames were dropped, by cause. */
  drops(): Readonly<Record<string, number>> {
    return this.#inbox.drops();
  }

  #status(): Extract<RingThreadOutput, { readonly type: "snapshot" }>["status"] {
    return {
      ring: this.#ports.ring.snapshot(),
      drops: this.drops(),
      transport: this.#ports.transport.counters(),
      stalls: this.#stalls.record(),
      rotation: this.#evidence.rotation(),
    };
  }

  #notice(notice: RingNotice): void {
    this.#say({ type: "notice", notice });
  }

  #say(output: RingThreadOutput): void {
    if (this.#ended) return;
    this.#outbox.add(output);
    if (!this.#loop.running) this.#outbox.flush();
  }

  #fail(problem: RingThreadProblem): void {
    this.#end({ type: "fatal", problem });
  }

  #end(last: RingThreadOutput): void {
    if (this.#ended) return;
    this.#say(last);
    this.#ended = true;
    this.#outbox.flush();
    this.#loop.end();
    for (const stop of this.#intervals) stop();
    this.#timers.disarmAll();
    this.#evidence.stop();
    this.#sequenceStore.stop();
    void this.#ports.transport.close().then(() => this.#ports.onEnd());
  }
}
