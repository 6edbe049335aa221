/**
 * The fence domain: decides which lost nodes must be fenced, by whom and when, and says when they
 * are known to be off. Does not know services, processes, clocks.
 * Source: fenced(8); cluster fence/fenced/recover.c, cpg.c.
 * Deviations: victims and results are agreed by ordered message; victims are fenced in parallel;
 * nodes without devices fence themselves by their lease, and count as off after the safe wait.
 * F1  At most one member runs agents against a given victim at a time.
 * F2  While inquorate no victim is fenced or released.
 * F3  A node that fences itself is released no earlier than D after any member last heard it, and
 *     never while it is a member, unless from another machine than the one that is released.
 * F4  The clean-up of a node proves nothing about another machine, or another kernel, that had its
 *     id before: whatever ran there is released like that of a lost node.
 *
 *   member ──lost──► victim ──delay──► agents run ──success──► off
 *     ▲                │  ▲                └─failure─► pause, next round
 *     │                │  └────────── lost again
 *     └── ready, clean ┴──safe wait over──► off
 */
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { type Ms, ms } from "../model/time.ts";
import { FenceCapability } from "./fence-capability.ts";
import type { FenceInput, FenceOutput, ReadyNotice } from "./fence-events.ts";
import type { FenceMessage, FenceSnapshot, Victim } from "./fence-messages.ts";
import { FenceRound } from "./fence-round.ts";
import { contestText, describeFencing, type FenceView, movedText } from "./fence-view.ts";
import { SafeWaits } from "./safe-waits.ts";
import { VictimRegister } from "./victim-register.ts";

const pauseMaxMs = 60_000;

type Message<Type extends FenceMessage["type"]> = Extract<FenceMessage, { readonly type: Type }>;
type Input<Type extends FenceInput["type"]> = Extract<FenceInput, { readonly type: Type }>;

export class FenceDomain {
  readonly #conf: ClusterConf;
  readonly #ways: FenceCapability;
  readonly #register = new VictimRegister();
  readonly #self: NodeId;
  #quorate = false;
  #delayMs: Ms | null = ms(0);
  readonly #waits: SafeWaits;
  readonly #rounds = new Map<NodeId, FenceRound>();
  /** Of each victim, the number of the agent run whose verdict is awaited. */
  readonly #runs = new Map<NodeId, number>();
  #lastRun = 0;
  /** Who acts on victims that nobody has begun with: chosen once for each view. */
  #executor: NodeId | null = null;
  #out: FenceOutput[] = [];

  constructor(conf: ClusterConf, self: NodeId) {
    this.#conf = conf;
    this.#ways = new FenceCapability(conf);
    this.#waits = new SafeWaits(conf.fencing.safeWaitMs);
    this.#self = self;
  }

  /** The first domain of a history: everybody is unseen until seen. */
  begin(ringSeq: number): void {
    this.#rounds.clear();
    this.#register.begin(this.#ways.unseen(), ringSeq);
  }

  adopt(snapshot: FenceSnapshot): void {
    this.#rounds.clear();
    this.#register.adopt(snapshot);
  }

  snapshot(): FenceSnapshot {
    return this.#register.snapshot();
  }

  step(input: FenceInput): readonly FenceOutput[] {
    this.#out = [];
    switch (input.type) {
      case "view":
        this.#onView(input);
        break;
      case "inquorate":
        this.#quorate = false;
        for (const node of this.#register.victims.keys()) this.#out.push({ type: "disarm", node });
        this.#rounds.clear();
        break;
      case "message":
        this.#onMessage(input.message);
        break;
      case "ready":
        this.#onReady(input.ready);
        break;
      case "left":
        this.#register.left(input.node);
        break;
      case "timer":
        this.#onTimer(input.node, input.wallSeconds);
        break;
      case "verdict":
        this.#onVerdict(input);
        break;
      default:
        assertNever(input);
    }
    return this.#out;
  }

  get view(): FenceView {
    const { begun } = this.#register;
    return { ...this.snapshot(), quorate: this.#quorate, begun, executor: this.#executor };
  }

  /** In words. */
  describe(node: NodeId): string {
    return describeFencing(this.view, this.#ways, node);
  }

  /** What is known of the node, for agents that an operator is about to run. */
  mark(node: NodeId): { readonly since: number; readonly life: number } {
    return this.#register.mark(node);
  }

  #onView(view: Input<"view">): void {
    const { fencing } = this.#conf;
    this.#waits.view(view.silentMs, view.movedMs);
    const moved = this.#waits.moved();
    for (const node of moved) this.#say("warning", movedText(this.#ways, this.#waits, node));
    for (const node of this.#register.view(view.members, view.ringSeq, moved)) {
      this.#rounds.delete(node);
      this.#say("warning", `${this.#ways.name(node)} is lost and must be fenced`);
    }
    this.#executor = this.#register.executor();
    this.#quorate = true;
    this.#delayMs = view.grown ? fencing.postJoinDelayMs : fencing.postFailDelayMs;
    for (const node of this.#register.victims.keys()) this.#schedule(node, this.#delayMs);
  }

  /** Arms the victim's timer here when this node is the one to act. */
  #schedule(node: NodeId, delayMs: Ms | null): void {
    const victim = this.#register.victims.get(node);
    if (victim === undefined) return;
    const round = this.#rounds.get(node);
    if (round !== undefined) {
      // Somebody new may have heard the victim later: its safe wait is counted anew.
      if (round.order().type === "self") this.#perform(node, round);
      return;
    }
    this.#out.push({ type: "disarm", node });
    if (!this.#quorate) return;
    this.#giveUp(victim);
    if (!this.#actsOn(victim)) return;
    if (victim.byHand?.outcome === "success") {
      this.#out.push({ type: "arm", node, afterMs: ms(0) });
      return;
    }
    if (this.#hasMoved(victim)) {
      this.#out.push({ type: "arm", node, afterMs: ms(this.#waits.leftElsewhereMs(node)) });
      return;
    }
    if (delayMs === null) return;
    if (this.#ways.hasDevices(node)) {
      // A victim that is back needs time for its clean-up before it is shot for not being clean;
      // one that is fenced by hand need not be shot twice.
      const { members } = this.#register;
      const patient = members.includes(node) || members.includes(victim.byHand?.by ?? node);
      const afterMs = patient ? Math.max(delayMs, this.#conf.fencing.agentTimeoutMs) : delayMs;
      this.#out.push({ type: "arm", node, afterMs: ms(afterMs) });
    } else if (this.#ways.fencesItself(node)) {
      if (this.#register.members.includes(node)) return;
      const afterMs = Math.max(delayMs, this.#waits.leftMs(node));
      this.#out.push({ type: "arm", node, afterMs: ms(afterMs) });
      const text = `${this.#ways.name(node)} counts as off in ${Math.ceil(afterMs / 100) / 10} s`;
      this.#say("notice", `${text}, when its lease must have ended (self-fencing)`);
    } else {
      this.#say("err", `${this.#ways.name(node)} ${this.#ways.inWords(node)}`);
    }
  }

  /** A lease is all that the machine before can have: it does not hear that it was replaced. */
  #hasMoved({ node, moved }: Victim): boolean {
    return moved && this.#register.members.includes(node);
  }

  #actsOn(victim: Victim): boolean {
    return (victim.by ?? this.#executor) === this.#self;
  }

  #onTimer(node: NodeId, wallSeconds: number): void {
    const victim = this.#register.victims.get(node);
    if (victim === undefined || !this.#quorate || !this.#actsOn(victim)) return;
    const round = this.#rounds.get(node);
    if (round !== undefined) {
      // The safe wait of a `self` step inside a method is over.
      this.#advance(node, { outcome: "success", text: "lease ended", wallSeconds });
      return;
    }
    if (victim.byHand?.outcome === "success") {
      this.#submitDone(node, { how: "external", text: victim.byHand.text, wallSeconds });
      return;
    }
    if (this.#hasMoved(victim)) {
      this.#submitDone(node, { how: "self", text: "the other lease has ended", wallSeconds });
      return;
    }
    if (this.#ways.hasDevices(node)) {
      this.#submit({ type: "fence-begin", victim: node, since: victim.since, by: this.#self });
      return;
    }
    // F3; what an operator's agents had done was taken back since the timer was armed.
    if (!this.#ways.fencesItself(node)) return;
    this.#submitDone(node, { how: "self", text: "its lease has ended", wallSeconds });
  }

  #onVerdict(verdict: Input<"verdict">): void {
    // The verdict of a run for an earlier loss says nothing about the present one.
    if (this.#runs.get(verdict.node) !== verdict.run) return;
    this.#runs.delete(verdict.node);
    this.#advance(verdict.node, verdict);
  }

  #advance(
    node: NodeId,
    verdict: Pick<Input<"verdict">, "outcome" | "text" | "wallSeconds">,
  ): void {
    const round = this.#rounds.get(node);
    if (round === undefined) {
      const victim = this.#register.victims.get(node);
      if (victim !== undefined) this.#giveUp(victim);
      return;
    }
    const order = round.order();
    const optional = order.type === "agent" && order.optional;
    const level = verdict.outcome === "success" ? "notice" : optional ? "warning" : "err";
    const remark = level === "warning" ? "; it is off, and stays off" : "";
    this.#say(level, `fence ${this.#ways.name(node)}: ${verdict.text}${remark}`);
    const progress = round.next(verdict.outcome);
    if (progress.type === "step") {
      this.#perform(node, round);
    } else if (progress.type === "fenced") {
      this.#rounds.delete(node);
      const text = `method ${progress.method}: ${verdict.text}`;
      this.#submitDone(node, { how: progress.how, text, wallSeconds: verdict.wallSeconds });
    } else {
      this.#rounds.delete(node);
      const since = this.#register.victims.get(node)?.since ?? 0;
      const { text } = verdict;
      this.#submit({ type: "fence-failed", victim: node, since, by: this.#self, text });
    }
  }

  #perform(node: NodeId, round: FenceRound): void {
    const order = round.order();
    if (order.type === "self") {
      this.#runs.delete(node);
      this.#out.push({ type: "arm", node, afterMs: ms(this.#waits.leftMs(node)) });
    } else {
      this.#lastRun += 1;
      this.#runs.set(node, this.#lastRun);
      this.#out.push({ type: "run", node, run: this.#lastRun, order });
    }
  }

  #onMessage(message: FenceMessage): void {
    if (message.type === "fence-external") this.#onExternal(message);
    else if (message.type === "fence-contested") this.#onContested(message);
    else this.#onProgress(message);
  }

  #onProgress(message: Message<"fence-begin" | "fence-failed" | "fence-done">): void {
    const victim = this.#register.victims.get(message.victim);
    if (victim === undefined || victim.since !== message.since) return;
    switch (message.type) {
      case "fence-begin":
        this.#onBegin(victim, message.by);
        return;
      case "fence-failed":
        this.#onFailed(victim, message);
        return;
      case "fence-done":
        this.#onDone(victim, message);
        return;
      default:
        assertNever(message);
    }
  }

  /** An operator's agents have switched the node off: nobody has to do it again. */
  #onExternal(message: Message<"fence-external">): void {
    const name = this.#ways.name(message.victim);
    const by = this.#ways.name(message.by);
    const words = { begun: "is", success: "was", failure: "was not" }[message.outcome];
    this.#say("warning", `${name} ${words} fenced by hand on ${by}: ${message.text}`);
    if (this.#register.external(message)) this.#schedule(message.victim, this.#delayMs);
    else this.#say("notice", `${name} has begun a new life since: this says nothing about it`);
  }

  #onContested({ node, by, contested }: Message<"fence-contested">): void {
    if (!this.#register.contest(node, by, contested)) return;
    const level = contested ? "alert" : "notice";
    this.#say(level, contestText(this.#ways.name(node), contested));
  }

  #onBegin(victim: Victim, by: NodeId): void {
    // F1: the first to begin has the victim; a second one is ignored while the first is a member.
    // The first may begin again: its new life does not know how far the old one came.
    if ((victim.by !== null && victim.by !== by) || !this.#register.members.includes(by)) return;
    this.#register.victims.set(victim.node, { ...victim, by });
    this.#say("notice", `fencing node ${this.#ways.name(victim.node)} (by ${this.#ways.name(by)})`);
    if (by !== this.#self || this.#rounds.has(victim.node)) return;
    const { selfFence } = this.#conf.fencing;
    const selfLast = selfFence === "software" || selfFence === "watchdog";
    const round = new FenceRound(this.#ways.nodeConf(victim.node), { selfLast });
    this.#rounds.set(victim.node, round);
    this.#perform(victim.node, round);
  }

  #onFailed(victim: Victim, message: Message<"fence-failed">): void {
    if (victim.by !== message.by) return;
    const rounds = victim.rounds + 1;
    const { text: lastText } = message;
    this.#register.victims.set(victim.node, { ...victim, by: null, rounds, lastText });
    const name = this.#ways.name(victim.node);
    this.#say("err", `fence ${name} failed (round ${rounds}): ${lastText}`);
    if (this.#releaseHeld(victim)) return;
    const pauseMs = Math.min(this.#conf.fencing.overrideTimeMs * 2 ** (rounds - 1), pauseMaxMs);
    this.#schedule(victim.node, ms(pauseMs));
  }

  #onDone(victim: Victim, message: Message<"fence-done">): void {
    const begun = message.how === "agent" || victim.by !== null;
    if (begun && message.how !== "override" && victim.by !== message.by) return;
    const { node } = victim;
    // A node that came back is not off: its own `ready` decides, or its devices.
    const agents = message.how === "agent" || message.how === "external";
    if (!agents && this.#register.members.includes(node) && !victim.moved) {
      if (message.how === "override") return;
      this.#register.victims.set(node, { ...victim, by: null });
      if (!this.#releaseHeld(victim)) this.#schedule(node, this.#delayMs);
      return;
    }
    this.#register.victims.delete(node);
    this.#rounds.delete(node);
    this.#out.push({ type: "disarm", node });
    this.#register.fenced.set(node, { node, by: message.by, how: message.how, at: message.at });
    this.#say("notice", `fence ${this.#ways.name(node)} success (${message.how}): ${message.text}`);
    const text = `${message.how}: ${message.text}`;
    this.#out.push({ type: "fenced", node, text, at: message.at });
    if (victim.heldReady !== null) {
      this.#out.push({ type: "ready", ready: { node, ...victim.heldReady } });
    }
  }

  #onReady(ready: ReadyNotice): void {
    const held = this.#register.hold(ready);
    if (held === null) this.#clear(ready);
    else this.#giveUp(held);
  }

  /** It came back, and its executor, which alone knows this, lost its memory after it began. */
  #giveUp({ node, by, since, heldReady }: Victim): void {
    const idle = !this.#rounds.has(node) && !this.#runs.has(node);
    if (by !== this.#self || heldReady === null || !idle) return;
    const text = "it came back before an agent was begun again";
    this.#submit({ type: "fence-failed", victim: node, since, by, text });
  }

  #releaseHeld(victim: Victim): boolean {
    if (victim.heldReady === null || victim.moved) return false;
    this.#clear({ node: victim.node, ...victim.heldReady });
    return true;
  }

  /** The node is a member and runs nothing: it need not be fenced any more. */
  #clear(ready: ReadyNotice): void {
    if (this.#register.proven(ready.node, ready.life)) {
      this.#out.push({ type: "disarm", node: ready.node });
      this.#say("notice", `${this.#ways.name(ready.node)} is back and clean, not fenced`);
    }
    this.#out.push({ type: "ready", ready });
    if (this.#executor !== null) return;
    this.#executor = this.#register.executor();
    for (const node of this.#register.victims.keys()) this.#schedule(node, this.#delayMs);
  }

  #submit(message: FenceMessage): void {
    this.#out.push({ type: "submit", message });
  }

  #submitDone(
    victim: NodeId,
    done: Pick<Message<"fence-done">, "how" | "text"> & { readonly wallSeconds: number },
  ): void {
    const { how, text, wallSeconds: at } = done;
    const since = this.#register.victims.get(victim)?.since ?? 0;
    this.#submit({ type: "fence-done", victim, since, by: this.#self, how, text, at });
  }

  #say(level: "notice" | "warning" | "err" | "alert", text: string): void {
    this.#out.push({ type: "notice", level, text });
  }
}
