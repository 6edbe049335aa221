/**
 * The Totem single-ring protocol: total order and membership, as one machine.
 * Source: Amir et al. 1995; corosync exec/totemsrp.c.
 * Deviations: messages ordered as safe are delivered as safe; nodes of other rings can dissolve
 * this one only through the merge gate; a deaf node leaves by itself; the state of an interface
 * never changes addresses.
 * RING1  Whenever the ring leaves operational, it puts out `suspended`.
 * RING2  There are at most two rings: the installed one, and the one in recovery.
 *
 *   stopped ──start──► gather ──consensus, commit token──► commit ──second rotation──► recovery
 *                        ▲                                    │ token loss, join          │
 *                        ├────────────────────────────────────┴───────────────────────────┤
 *                        └──token loss, join, merge, stall, deaf── operational ◄─installed─┘
 */
import { type NodeId, type RingId, sameRing } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { type Ms, ms } from "../model/time.ts";
import {
  type Agreement,
  addConsidered,
  addFailed,
  agreementOf,
  restartConsent,
} from "./consensus.ts";
import { keepOutDeaf } from "./deaf-nodes.ts";
import { Delivery } from "./delivery.ts";
import { Formation } from "./formation.ts";
import { FrameScreen } from "./frame-screen.ts";
import { MergeGate } from "./merge-gate.ts";
import { Operational, type OperationalParts } from "./operational.ts";
import { Assembler } from "./packing.ts";
import { RingEffects } from "./ring-effects.ts";
import type { RingInput, RingOptions, RingOutput, RingSnapshot, RingTimer } from "./ring-events.ts";
import type { InstalledRing, Recovery } from "./ring-recovery.ts";
import { RingSequence } from "./ring-sequence.ts";
import { snapshotOf } from "./ring-snapshot.ts";
import type { Rotation } from "./rotation.ts";
import { SendQueues } from "./send-queues.ts";
import type {
  HoldCancelMessage,
  JoinMessage,
  McastMessage,
  MergeDetectMessage,
  TokenMessage,
} from "./wire.ts";

type Phase =
  | { readonly type: "stopped" }
  | { readonly type: "forming" }
  | { readonly type: "operational"; readonly operational: Operational };

type Input<Type extends RingInput["type"]> = Extract<RingInput, { readonly type: Type }>;

export class Ring {
  readonly #options: RingOptions;
  readonly #effects = new RingEffects();
  readonly #gate: MergeGate;
  readonly #sendQueues: SendQueues;
  readonly #formation: Formation;
  readonly #screen: FrameScreen;
  readonly #parts: OperationalParts;
  #phase: Phase = { type: "stopped" };
  #installed: InstalledRing | null = null;
  /** This node did not run, and the others may take it for lost; the next token clears it. */
  #stalled = false;

  constructor(options: RingOptions) {
    const { self } = options;
    const effects = this.#effects;
    const sequence = new RingSequence(self, options.ringSeqStart, options.ringSeqDurable);
    this.#options = options;
    this.#gate = new MergeGate(self);
    this.#sendQueues = new SendQueues(options.chunkRoomBytes);
    sequence.clock(options.wallMs);
    const shared = { options, effects, sequence, gate: this.#gate };
    this.#screen = new FrameScreen(shared);
    this.#formation = new Formation(shared);
    const delivery = new Delivery(new Assembler(), effects);
    this.#parts = { ...shared, queues: this.#sendQueues, delivery };
  }

  /** Handles one input. The outputs must be performed in order before the next input. */
  step(input: RingInput): readonly RingOutput[] {
    if (input.type === "start") this.#onStart();
    else if (this.#phase.type !== "stopped") this.#onInput(input);
    return this.#effects.take();
  }

  snapshot(): RingSnapshot {
    const state = this.#phase.type === "stopped" ? "stopped" : this.#formation.state;
    return snapshotOf(state, this.#installed?.rotation ?? null, this.#parts);
  }

  #onInput(input: Exclude<RingInput, { readonly type: "start" }>): void {
    switch (input.type) {
      case "frame":
        this.#onFrame(input);
        break;
      case "timer":
        this.#onTimer(input.timer);
        break;
      case "submit":
        this.#onSubmit(input);
        break;
      case "sync-done":
        this.#onSyncDone(input.ring);
        break;
      case "persisted":
        this.#parts.sequence.persisted(input.ringSeq);
        this.#formation.tryCommit();
        break;
      case "wall-clock":
        this.#parts.sequence.clock(input.wallMs);
        break;
      case "stall":
        this.#onStall(input.lateMs);
        break;
      case "link":
        this.#onLink(input.up);
        break;
      case "forget-life":
        this.#gate.forgetLife(input.node);
        break;
      case "ended":
        this.#onEnded(input);
        break;
      case "leave":
        this.#onLeave();
        break;
      default:
        assertNever(input);
    }
  }

  #onFrame({ from, incarnation, message }: Input<"frame">): void {
    const known = this.#options.nodes.includes(from);
    if (!known || !this.#gate.admitsLife(from, incarnation)) {
      this.#effects.count("dropped stranger");
      return;
    }
    this.#effects.countReceived(message);
    if (!this.#screen.admits(message, from)) return;
    if ("heard" in message) this.#gate.hear(from, message.heard);
    switch (message.type) {
      case "mcast":
        this.#onMcast(message, from);
        break;
      case "token":
        this.#onToken(message, from);
        break;
      case "join":
        this.#onJoin(message, from);
        break;
      case "commit":
        this.#formation.onCommit(message);
        break;
      case "merge-detect":
        this.#onMergeDetect(message, from);
        break;
      case "hold-cancel":
        this.#onHoldCancel(message);
        break;
      default:
        assertNever(message);
    }
  }

  #onTimer(timer: RingTimer): void {
    switch (timer) {
      case "token":
        this.#onTokenLoss();
        break;
      case "retransmit":
        this.#onRetransmit();
        break;
      case "hold":
        this.#rotating()?.releaseHold();
        break;
      case "join":
        this.#formation.onJoinTimer();
        break;
      case "consensus":
        this.#formation.onConsensusExpired();
        break;
      case "merge":
        this.#onMergeTimer();
        break;
      case "listen":
        this.#formation.endListening();
        break;
      case "heard":
        this.#gate.age();
        this.#effects.age();
        this.#effects.arm("heard", this.#heardMs());
        break;
      default:
        assertNever(timer);
    }
  }

  #onStart(): void {
    if (this.#phase.type !== "stopped" || this.#installed !== null) return;
    this.#phase = { type: "forming" };
    this.#effects.arm("heard", this.#heardMs());
    this.#formation.listen();
    this.#formation.begin("start", restartConsent(agreementOf([]), this.#options.self));
    this.#formation.observe(this.#options.ringSeqStart);
  }

  /**
   * The length of an age of the gate; two ages forget a silent node within five merge intervals.
   */
  #heardMs(): Ms {
    return ms(2.5 * this.#options.mergeMs);
  }

  /** The ring whose token this node accepts: the installed one, or the one in recovery. */
  #rotating(): Rotation | null {
    const phase = this.#phase;
    return phase.type === "operational"
      ? phase.operational.installed.rotation
      : this.#formation.rotation;
  }

  #onMcast(message: McastMessage, from: NodeId): void {
    const phase = this.#phase;
    if (phase.type === "operational") phase.operational.onMcast(message, from);
    else this.#formation.onMcast(message, from);
  }

  #onToken(token: TokenMessage, from: NodeId): void {
    const phase = this.#phase;
    const rotation = this.#rotating();
    if (rotation === null || !sameRing(token.ring, rotation.id)) return;
    if (token.aruNode !== null && !rotation.members.includes(token.aruNode)) {
      this.#effects.refuse("token", { from, text: `node ${token.aruNode} is not in the ring` });
      return;
    }
    if (rotation.isDuplicate(token)) {
      this.#effects.count("duplicate token");
      return;
    }
    this.#stalled = false;
    const { id: ring, members, operational } = rotation;
    this.#effects.emit({ type: "token-accepted", ring, members, operational });
    this.#effects.arm("token", this.#options.tokenMs);
    if (phase.type === "operational") {
      phase.operational.onToken(token);
    } else {
      const ended = this.#formation.onToken(token);
      if (ended?.complete === true && ended.whole) this.#install(ended);
      else if (ended !== null)
        this.#contradict("its recovery cannot end, or ended with a message missing");
    }
    if (rotation.contradiction !== null) this.#contradict(rotation.contradiction);
  }

  /** A member has sent impossible values: a new ring is formed. */
  #contradict(text: string): void {
    this.#effects.count("contradictions");
    this.#effects.notice("err", `the ring contradicts itself: ${text}; forming a new one`);
    const { agreement } = this.#formation;
    if (this.#phase.type === "operational") this.#regather("contradiction", agreement);
    else this.#formation.begin("contradiction", restartConsent(agreement, this.#options.self));
  }

  #install(recovery: Recovery): void {
    const { rotation } = recovery;
    this.#parts.delivery.install(this.#installed?.rotation ?? null, recovery);
    rotation.install();
    const installed = { rotation, frozen: false, obliged: new Set([this.#options.self]) };
    this.#installed = installed;
    this.#formation.settle(installed);
    this.#sendQueues.beginConfiguration();
    this.#phase = { type: "operational", operational: new Operational(installed, this.#parts) };
    this.#effects.arm("merge", this.#options.mergeMs);
  }

  #onHoldCancel(message: HoldCancelMessage): void {
    const rotation = this.#rotating();
    if (rotation !== null && sameRing(message.ring, rotation.id)) rotation.wake();
  }

  #onRetransmit(): void {
    if (this.#phase.type === "operational") this.#phase.operational.installed.rotation.resend();
    else this.#formation.onRetransmit();
  }

  #onSubmit({ lane, payload, safe }: Input<"submit">): void {
    if (!this.#sendQueues.submit(lane, payload, safe)) {
      this.#effects.emit({ type: "queue", lane, state: "full" });
    } else if (this.#phase.type === "operational") {
      this.#phase.operational.hurry(lane);
    }
  }

  #onSyncDone(ring: RingId): void {
    if (this.#phase.type !== "operational") return;
    const { operational } = this.#phase;
    if (!sameRing(ring, operational.installed.rotation.id)) return;
    this.#sendQueues.endSync();
    if (this.#sendQueues.messages > 0) operational.hurry("app");
  }

  #onJoin(join: JoinMessage, from: NodeId): void {
    this.#formation.observe(join.ringSeq);
    const echo = join.leave && from === this.#options.self;
    if (echo || !this.#screen.sharesConfiguration(from, join.configHash)) return;
    if (join.leave) this.#parts.delivery.leavers.add(from);
    if (this.#phase.type !== "operational") {
      this.#formation.onJoin(join, from);
      return;
    }
    const verdict = this.#phase.operational.judgeJoin(join, from);
    if (verdict === "left-behind") this.#stalled = true;
    if (verdict !== "admit") return;
    this.#suspend(join.leave ? `node ${from} leaves` : `node ${from} forms a new ring`);
    this.#formation.beginWithJoin(join, from);
  }

  #onEnded({ node, incarnation }: Input<"ended">): void {
    if (!this.#gate.admitsLife(node, incarnation)) return;
    const reason = `the process of node ${node} has ended`;
    if (this.#phase.type === "operational") {
      if (!this.#phase.operational.installed.rotation.members.includes(node)) return;
      this.#suspend(reason);
    }
    this.#formation.exclude(node, reason);
  }

  #onMergeDetect(message: MergeDetectMessage, from: NodeId): void {
    const own = this.#installed !== null && sameRing(message.ring, this.#installed.rotation.id);
    if (own || from === this.#options.self) return;
    if (!this.#screen.sharesConfiguration(from, message.configHash)) return;
    if (this.#phase.type !== "operational") {
      this.#formation.consider(from, "merge detect");
      return;
    }
    const { operational } = this.#phase;
    if (operational.isLeftBehind(message)) this.#stalled = true;
    if (operational.judgeMergeDetect(message, from) !== "admit") return;
    this.#regather("merge detect", addConsidered(this.#formation.agreement, from));
  }

  #onTokenLoss(): void {
    if (this.#phase.type === "operational") this.#regather("token lost", this.#formation.agreement);
    else this.#formation.onTokenLoss();
  }

  #onMergeTimer(): void {
    if (this.#phase.type !== "operational") return;
    const deafness = this.#phase.operational.onMergeTimer();
    if (deafness.type === "hearing") return;
    const { self } = this.#options;
    const parts = { gate: this.#gate, effects: this.#effects, ageMs: this.#heardMs() };
    const reason = keepOutDeaf(deafness, self, parts);
    if (deafness.type !== "other-deaf") {
      this.#formation.sendLeave();
      this.#regather(reason, agreementOf([self]));
    } else {
      this.#regather(reason, addFailed(this.#formation.agreement, [deafness.node]));
    }
  }

  #onStall(lateMs: Ms): void {
    const { tokenMs, consensusMs } = this.#options;
    this.#effects.notice("warning", `did not run for ${Math.round(lateMs)} ms`);
    if (lateMs > tokenMs) this.#stalled = true;
    // After this time the others may have formed a ring without us, whatever the next token says.
    const gone = lateMs > tokenMs + consensusMs;
    if (gone && this.#phase.type === "operational") {
      this.#regather("stall", this.#formation.agreement);
    }
  }

  #onLink(up: boolean): void {
    this.#effects.notice(up ? "notice" : "warning", `link is ${up ? "up" : "down"}`);
    if (up && this.#phase.type === "operational") this.#phase.operational.announce();
  }

  #onLeave(): void {
    this.#formation.sendLeave();
    if (this.#phase.type === "operational") this.#suspend("leave");
    this.#phase = { type: "stopped" };
    this.#effects.disarm("token", "retransmit", "hold", "join");
    this.#effects.disarm("consensus", "merge", "listen", "heard");
  }

  /** Ends the installed ring and begins to agree on these sets. */
  #regather(reason: string, agreement: Agreement): void {
    this.#suspend(reason);
    this.#formation.begin(reason, restartConsent(agreement, this.#options.self));
  }

  #suspend(reason: string): void {
    this.#phase = { type: "forming" };
    this.#effects.emit({ type: "suspended", reason: this.#stalled ? "stall" : reason });
  }
}
