/**
 * The fence domain decides which lost nodes must be fenced, by which member and when, and says when
 * they are known to be off. It does not know services, which wait for that elsewhere.
 * Source: fenced(8); cluster fence/fenced/recover.c, cpg.c.
 * Deviations: victims and results are agreed by ordered message; victims are fenced in parallel;
 * nodes without devices fence themselves by their lease, and count as off after the safe wait.
 * F1  At most one member runs agents against a given victim at a time.
 * F2  While inquorate no victim is fenced or released.
 * F3  A node that fences itself is released no earlier than the safe wait after any member last
 *     heard it, and never while it is a member, unless it is one on another machine.
 * F4  The clean-up of a node proves nothing about another machine, or another kernel, that had its
 *     id before: what ran there is released like the services of a lost node.
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
import type { FenceRound } from "./fence-round.ts";
import { contestText, describeFencing, type FenceView, movedText } from "./fence-view.ts";
import { SafeWaits } from "./safe-waits.ts";
import { VictimRegister } from "./victim-register.ts";
import { turnOf } from "./victim-turn.ts";

const pauseMaxMs = 60_000;

type Message<Type extends FenceMessage["type"]> = Extract<FenceMessage, { readonly type: Type }>;
type Input<Type extends FenceInput["type"]> = Extract<FenceInput, { readonly type: Type }>;
type Verdict = Pick<Input<"verdict">, "outcome" | "text" | "wallSeconds">;
type Proof = Pick<Message<"fence-done">, "how" | "text"> & { readonly wallSeconds: number };

export class FenceDomain {
  #capability: FenceCapability;
  readonly #register = new VictimRegister();
  readonly #self: NodeId;
  #quorate = false;
  #grown = false;
  readonly #waits: SafeWaits;
  readonly #rounds = new Map<NodeId, FenceRound>();
  /** Of each victim, the number of the agent run whose verdict is awaited. */
  readonly #runs = new Map<NodeId, number>();
  #lastRun = 0;
  /** The member that acts on victims that nobody has begun with; one for each membership. */
  #executor: NodeId | null = null;
  #outputs: FenceOutput[] = [];

  constructor(conf: ClusterConf, self: NodeId) {
    this.#capability = new FenceCapability(conf);
    this.#waits = new SafeWaits(conf.fencing.safeWaitMs);
    this.#self = self;
  }

  /** A new history begins, in which no node was seen yet. */
  begin(ringSeq: number): void {
    this.#rounds.clear();
    this.#register.begin(this.#capability.unseen(), ringSeq);
  }

  adopt(snapshot: FenceSnapshot): void {
    this.#rounds.clear();
    this.#register.adopt(snapshot);
  }

  snapshot(): FenceSnapshot {
    return this.#register.snapshot();
  }

  step(input: FenceInput): readonly FenceOutput[] {
    this.#outputs = [];
    switch (input.type) {
      case "membership":
        this.#onMembership(input);
        break;
      case "inquorate":
        this.#quorate = false;
        for (const node of this.#register.victims.keys())
          this.#outputs.push({ type: "disarm", node });
        this.#rounds.clear();
        break;
      case "conf":
        this.#onConf(new FenceCapability(input.conf));
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
    return this.#outputs;
  }

  get #delayMs(): Ms | null {
    return this.#capability.delayMs(this.#grown);
  }

  get view(): FenceView {
    const { begun } = this.#register;
    return { ...this.snapshot(), quorate: this.#quorate, begun, executor: this.#executor };
  }

  /** What fencing says of the node, in words. */
  describe(node: NodeId): string {
    return describeFencing(this.view, this.#capability, node);
  }

  /** What is known of the node, for agents that an operator is about to run. */
  mark(node: NodeId): { readonly since: number; readonly life: number } {
    return this.#register.mark(node);
  }

  #onMembership({ members, ringSeq, grown, silentMs, movedMs }: Input<"membership">): void {
    this.#waits.setMembership(silentMs, movedMs);
    const moved = this.#waits.moved();
    for (const one of moved) this.#notice("warning", movedText(this.#capability, this.#waits, one));
    for (const node of this.#register.setMembership(members, ringSeq, moved)) {
      this.#rounds.delete(node);
      this.#notice("warning", `${this.#name(node)} is lost and must be fenced`);
    }
    this.#executor = this.#register.executor();
    this.#quorate = true;
    this.#grown = grown;
    for (const node of this.#register.victims.keys()) this.#schedule(node, this.#delayMs);
  }

  /** A round or a safe wait that has begun goes on as it is. */
  #onConf(next: FenceCapability): void {
    const before = this.#capability;
    this.#capability = next;
    for (const node of this.#register.victims.keys()) {
      const goesOn = [before, next].every((one) => one.awaitsLease(node, this.#grown));
      if (!goesOn && !this.#rounds.has(node)) this.#schedule(node, this.#delayMs);
    }
  }

  /** Arms the victim's timer here when this node is the one to act. */
  #schedule(node: NodeId, delayMs: Ms | null): void {
    const victim = this.#register.victims.get(node);
    if (victim === undefined) return;
    const round = this.#rounds.get(node);
    if (round !== undefined) {
      // A new member may have heard the victim later: its safe wait is counted anew.
      if (round.order().type === "self") this.#perform(node, round);
      return;
    }
    this.#outputs.push({ type: "disarm", node });
    if (!this.#quorate) return;
    this.#giveUp(victim);
    if (!this.#actsOn(victim)) return;
    const turn = turnOf(victim, {
      ...{ register: this.#register, capability: this.#capability, waits: this.#waits, delayMs },
    });
    if (turn.afterMs !== null) this.#outputs.push({ type: "arm", node, afterMs: turn.afterMs });
    if (turn.notice !== null) this.#notice(...turn.notice);
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
    if (this.#register.backElsewhere(victim)) {
      this.#submitDone(node, { how: "self", text: "the other lease has ended", wallSeconds });
      return;
    }
    if (this.#capability.hasDevices(node)) {
      this.#submit({ type: "fence-begin", victim: node, since: victim.since, by: this.#self });
      return;
    }
    // F3; an operator's agents had switched it off when the timer was armed, but it came back.
    if (!this.#capability.fencesItself(node)) return;
    this.#submitDone(node, { how: "self", text: "its lease has ended", wallSeconds });
  }

  #onVerdict(verdict: Input<"verdict">): void {
    // The verdict of a run for an earlier loss says nothing about the present one.
    if (this.#runs.get(verdict.node) !== verdict.run) return;
    this.#runs.delete(verdict.node);
    this.#advance(verdict.node, verdict);
  }

  #advance(node: NodeId, verdict: Verdict): void {
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
    this.#notice(level, `fence ${this.#name(node)}: ${verdict.text}${remark}`);
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
      this.#submit({
        type: "fence-failed",
        victim: node,
        since,
        by: this.#self,
        text: verdict.text,
      });
    }
  }

  #perform(node: NodeId, round: FenceRound): void {
    const order = round.order();
    if (order.type === "self") {
      this.#runs.delete(node);
      this.#outputs.push({ type: "arm", node, afterMs: ms(this.#waits.leftMs(node)) });
    } else {
      this.#lastRun += 1;
      this.#runs.set(node, this.#lastRun);
      this.#outputs.push({ type: "run", node, run: this.#lastRun, order });
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
    if (message.type === "fence-begin") this.#onBegin(victim, message.by);
    else if (message.type === "fence-failed") this.#onFailed(victim, message);
    else this.#onDone(victim, message);
  }

  /** If an operator's agents have switched the node off no member has to do it. */
  #onExternal(message: Message<"fence-external">): void {
    const name = this.#name(message.victim);
    const by = this.#name(message.by);
    const words = { begun: "is", success: "was", failure: "was not" }[message.outcome];
    this.#notice("warning", `${name} ${words} fenced by hand on ${by}: ${message.text}`);
    if (this.#register.external(message)) this.#schedule(message.victim, this.#delayMs);
    else this.#notice("notice", `${name} has begun a new life since: this says nothing about it`);
  }

  #onContested({ node, by, contested }: Message<"fence-contested">): void {
    if (!this.#register.contest(node, by, contested)) return;
    const level = contested ? "alert" : "notice";
    this.#notice(level, contestText(this.#name(node), contested));
  }

  #onBegin(victim: Victim, by: NodeId): void {
    // F1: the first member to begin fences the victim; another one is ignored while it is a member.
    // The first one may begin again: its new life does not know how far the old one came.
    if ((victim.by !== null && victim.by !== by) || !this.#register.members.includes(by)) return;
    this.#register.victims.set(victim.node, { ...victim, by });
    this.#notice("notice", `fencing node ${this.#name(victim.node)} (by ${this.#name(by)})`);
    if (by !== this.#self || this.#rounds.has(victim.node)) return;
    const round = this.#capability.round(victim.node);
    if (round === null) {
      const { node, since } = victim;
      const text = "the conf that is in force now has no fence device for it";
      this.#submit({ type: "fence-failed", victim: node, since, by, text });
      return;
    }
    this.#rounds.set(victim.node, round);
    this.#perform(victim.node, round);
  }

  #onFailed(victim: Victim, message: Message<"fence-failed">): void {
    if (victim.by !== message.by) return;
    const rounds = victim.rounds + 1;
    const { text: lastText } = message;
    this.#register.victims.set(victim.node, { ...victim, by: null, rounds, lastText });
    const name = this.#name(victim.node);
    this.#notice("err", `fence ${name} failed (round ${rounds}): ${lastText}`);
    if (this.#releaseHeld(victim)) return;
    const pauseMs = Math.min(
      this.#capability.fencing.overrideTimeMs * 2 ** (rounds - 1),
      pauseMaxMs,
    );
    this.#schedule(victim.node, ms(pauseMs));
  }

  #onDone(victim: Victim, { how, by, at, ...done }: Message<"fence-done">): void {
    const { node } = victim;
    const told = how === "override" || how === "certificate";
    const begun = how === "agent" || victim.by !== null;
    // DEATH7: only an operator's word overrides agents that run.
    if (begun && how !== "override" && (how === "certificate" || victim.by !== by)) return;
    // A node that came back is not off: its own `ready` decides about it, or its devices do.
    const agents = how === "agent" || how === "external";
    if (!agents && this.#register.members.includes(node) && !victim.moved) {
      if (told) return;
      this.#register.victims.set(node, { ...victim, by: null });
      if (!this.#releaseHeld(victim)) this.#schedule(node, this.#delayMs);
      return;
    }
    this.#register.release({ node, by, how, at });
    this.#rounds.delete(node);
    this.#outputs.push({ type: "disarm", node });
    this.#notice("notice", `fence ${this.#name(node)} success (${how}): ${done.text}`);
    const verified = agents || how === "certificate";
    this.#outputs.push({ type: "fenced", node, how, text: done.text, verified, at });
    if (victim.heldReady !== null) {
      this.#outputs.push({ type: "ready", ready: { node, ...victim.heldReady } });
    }
  }

  #onReady(ready: ReadyNotice): void {
    const held = this.#register.hold(ready);
    if (held === null) this.#clear(ready);
    else this.#giveUp(held);
  }

  /** The victim came back, and this member, which had begun to fence it, has restarted since. */
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

  /** The node is a member and runs nothing: it need not be fenced. */
  #clear(ready: ReadyNotice): void {
    if (this.#register.proven(ready.node, ready.life)) {
      this.#outputs.push({ type: "disarm", node: ready.node });
      this.#notice("notice", `${this.#name(ready.node)} is back and clean, not fenced`);
    }
    this.#outputs.push({ type: "ready", ready });
    if (this.#executor !== null) return;
    this.#executor = this.#register.executor();
    for (const node of this.#register.victims.keys()) this.#schedule(node, this.#delayMs);
  }

  #submit(message: FenceMessage): void {
    this.#outputs.push({ type: "submit", message });
  }

  #submitDone(victim: NodeId, { how, text, wallSeconds: at }: Proof): void {
    const since = this.#register.victims.get(victim)?.since ?? 0;
    this.#submit({ type: "fence-done", victim, since, by: this.#self, how, text, at });
  }

  #notice(level: "notice" | "warning" | "err" | "alert", text: string): void {
    this.#outputs.push({ type: "notice", level, text });
  }

  #name(node: NodeId): string {
    return this.#capability.name(node);
  }
}
