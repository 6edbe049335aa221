/**
 * The fence domain: decides which lost nodes must be fenced, by whom and when, and says when they
 * are known to be off. Does not know services, processes, clocks.
 * Source: fenced(8); cluster fence/fenced/recover.c, cpg.c.
 * Deviations: victims and results are agreed by ordered message; victims are fenced in parallel;
 * nodes without devices fence themselves by their lease, and count as off after the safe wait.
 * F1  At most one member runs agents against a given victim at a time.
 * F2  While inquorate no victim is fenced or released.
 * F3  A node that fences itself is released no earlier than D after any member last heard it, and
 *     never while it is a member.
 *
 *   member ──lost──► victim ──delay──► agents run ──success──► off
 *     ▲                │  ▲                └─failure─► pause, next round
 *     │                │  └────────── lost again
 *     └── ready, clean ┴──safe wait over──► off
 */
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import { type Ms, ms } from "../model/time.ts";
import type { FenceInput, FenceOutput, ReadyNotice } from "./fence-events.ts";
import type { FenceMessage, FenceSnapshot, Victim } from "./fence-messages.ts";
import { FenceRound } from "./fence-round.ts";
import { FenceWays } from "./fence-ways.ts";

const pauseMaxMs = 60_000;

export class FenceDomain {
  readonly #conf: ClusterConf;
  readonly #ways: FenceWays;
  readonly #self: NodeId;
  /** There was a history since this daemon started: something is known of others. */
  #begun = false;
  #members: readonly NodeId[] = [];
  #quorate = false;
  #delayMs: Ms | null = ms(0);
  #silentMs: ReadonlyMap<NodeId, number> = new Map();
  readonly #victims = new Map<NodeId, Victim>();
  readonly #fenced = new Map<NodeId, FenceSnapshot["fenced"][number]>();
  readonly #rounds = new Map<NodeId, FenceRound>();
  /** Of each victim, the number of the agent run whose verdict is awaited. */
  readonly #runs = new Map<NodeId, number>();
  #lastRun = 0;
  /** Who acts on victims that nobody has begun with: chosen once for each view. */
  #executor: NodeId | null = null;
  #out: FenceOutput[] = [];

  constructor(conf: ClusterConf, self: NodeId) {
    this.#conf = conf;
    this.#ways = new FenceWays(conf);
    this.#self = self;
  }

  /** The first domain of a history: everybody is unseen until seen. */
  begin(ringSeq: number): void {
    this.#begun = true;
    this.#members = [];
    this.#victims.clear();
    this.#fenced.clear();
    this.#rounds.clear();
    if (this.#conf.fencing.cleanStart) return;
    for (const node of this.#conf.nodes) {
      if (this.#conf.fencing.skipUndefined && !this.#ways.fenceable(node.id)) continue;
      this.#victims.set(node.id, newVictim(node.id, "unseen", ringSeq));
    }
  }

  adopt(snapshot: FenceSnapshot): void {
    this.#begun = true;
    this.#members = snapshot.members;
    this.#victims.clear();
    this.#fenced.clear();
    this.#rounds.clear();
    for (const victim of snapshot.victims) this.#victims.set(victim.node, victim);
    for (const fenced of snapshot.fenced) this.#fenced.set(fenced.node, fenced);
  }

  snapshot(): FenceSnapshot {
    return {
      members: this.#members,
      victims: [...this.#victims.values()].toSorted((a, b) => a.node - b.node),
      fenced: [...this.#fenced.values()].toSorted((a, b) => a.node - b.node),
    };
  }

  step(input: FenceInput): readonly FenceOutput[] {
    this.#out = [];
    switch (input.type) {
      case "view":
        this.#onView(input);
        break;
      case "inquorate":
        this.#onInquorate();
        break;
      case "message":
        this.#onMessage(input.message);
        break;
      case "ready":
        this.#onReady(input.ready);
        break;
      case "left":
        this.#members = this.#members.filter((node) => node !== input.node);
        // It came back since it was fenced, and went by itself.
        this.#fenced.delete(input.node);
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

  /** Of the nodes that are not among these, those that may be running something. */
  unproven(present: readonly NodeId[]): readonly NodeId[] {
    return this.#conf.nodes
      .map(({ id }) => id)
      .filter((node) => !present.includes(node))
      .filter((node) => !this.#begun || this.#victims.has(node) || this.#members.includes(node));
  }

  /** What fencing says of a node, in words. */
  describe(node: NodeId): string {
    const victim = this.#victims.get(node);
    const past = this.#fenced.get(node);
    if (victim === undefined) {
      const back = past === undefined || this.#members.includes(node);
      return back ? "clean" : `fenced (${past.how}) by ${this.#ways.name(past.by)}`;
    }
    if (!this.#quorate) return `victim (${victim.cause}), waiting for quorum`;
    if (victim.by !== null)
      return `victim (${victim.cause}), fenced by ${this.#ways.name(victim.by)} now`;
    if (victim.rounds > 0) return `victim, failed ${victim.rounds} times: ${victim.lastText}`;
    return `victim (${victim.cause}), ${this.#ways.inWords(node)}`;
  }

  #onView(view: Extract<FenceInput, { readonly type: "view" }>): void {
    const { fencing } = this.#conf;
    const lost = this.#members.filter((node) => !view.members.includes(node));
    for (const node of lost) {
      // A victim that came back and is lost again begins anew: its safe wait, too.
      this.#rounds.delete(node);
      this.#victims.set(node, newVictim(node, "lost", view.ringSeq));
      this.#say("warning", `${this.#ways.name(node)} is lost and must be fenced`);
    }
    for (const victim of this.#victims.values()) {
      const executorGone = victim.by !== null && !view.members.includes(victim.by);
      if (executorGone) this.#victims.set(victim.node, { ...victim, by: null });
    }
    // Members of a fresh history are not victims: they prove themselves by `ready`.
    for (const node of view.members) {
      const victim = this.#victims.get(node);
      if (victim?.cause === "unseen" && victim.by === null) this.#victims.delete(node);
    }
    this.#members = view.members;
    this.#executor = this.#chooseExecutor();
    this.#quorate = true;
    this.#silentMs = view.silentMs;
    this.#delayMs = view.grown ? fencing.postJoinDelayMs : fencing.postFailDelayMs;
    for (const node of this.#victims.keys()) this.#schedule(node, this.#delayMs);
  }

  #onInquorate(): void {
    this.#quorate = false;
    for (const node of this.#victims.keys()) this.#out.push({ type: "disarm", node });
    this.#rounds.clear();
  }

  /** Arms the victim's timer here when this node is the one to act. */
  #schedule(node: NodeId, delayMs: Ms | null): void {
    const victim = this.#victims.get(node);
    if (victim === undefined) return;
    const round = this.#rounds.get(node);
    if (round !== undefined) {
      // Somebody new may have heard the victim later: its safe wait is counted anew.
      if (round.order().type === "self") this.#perform(node, round);
      return;
    }
    this.#out.push({ type: "disarm", node });
    if (!this.#quorate || !this.#actsOn(victim) || delayMs === null) return;
    if (this.#ways.hasDevices(node)) {
      // A victim that is back needs time for its clean-up before it is shot for not being clean.
      const back = this.#members.includes(node);
      const afterMs = back ? Math.max(delayMs, this.#conf.fencing.agentTimeoutMs) : delayMs;
      this.#out.push({ type: "arm", node, afterMs: ms(afterMs) });
    } else if (this.#ways.fencesItself(node)) {
      if (this.#members.includes(node)) return;
      const afterMs = Math.max(delayMs, this.#safeWaitLeftMs(node));
      this.#out.push({ type: "arm", node, afterMs: ms(afterMs) });
      const text = `${this.#ways.name(node)} counts as off in ${Math.ceil(afterMs / 100) / 10} s`;
      this.#say("notice", `${text}, when its lease must have ended (self-fencing)`);
    } else {
      this.#say("err", `${this.#ways.name(node)} ${this.#ways.inWords(node)}`);
    }
  }

  #actsOn(victim: Victim): boolean {
    return (victim.by ?? this.#executor) === this.#self;
  }

  #chooseExecutor(): NodeId | null {
    const others = this.#members.filter((node) => !this.#victims.has(node));
    return others[0] ?? null;
  }

  #safeWaitLeftMs(node: NodeId): number {
    const silentMs = this.#silentMs.get(node) ?? 0;
    return Math.max(0, this.#conf.fencing.safeWaitMs - silentMs);
  }

  #onTimer(node: NodeId, wallSeconds: number): void {
    const victim = this.#victims.get(node);
    if (victim === undefined || !this.#quorate || !this.#actsOn(victim)) return;
    const round = this.#rounds.get(node);
    if (round !== undefined) {
      // The safe wait of a `self` step inside a method is over.
      this.#advance(node, { outcome: "success", text: "lease ended", wallSeconds });
      return;
    }
    if (this.#ways.hasDevices(node)) {
      const { since } = victim;
      this.#submit({ type: "fence-begin", victim: node, since, by: this.#self });
      return;
    }
    invariant(this.#ways.fencesItself(node), "F3: release of a node that does not fence itself");
    this.#submitDone(node, { how: "self", text: "its lease has ended", wallSeconds });
  }

  #onVerdict(verdict: Extract<FenceInput, { readonly type: "verdict" }>): void {
    // The verdict of a run for an earlier loss says nothing about the present one.
    if (this.#runs.get(verdict.node) !== verdict.run) return;
    this.#runs.delete(verdict.node);
    this.#advance(verdict.node, verdict);
  }

  #advance(
    node: NodeId,
    verdict: {
      readonly outcome: "success" | "failure";
      readonly text: string;
      readonly wallSeconds: number;
    },
  ): void {
    const round = this.#rounds.get(node);
    if (round === undefined) return;
    this.#say(
      verdict.outcome === "success" ? "notice" : "err",
      `fence ${this.#ways.name(node)}: ${verdict.text}`,
    );
    const progress = round.next(verdict.outcome);
    if (progress.type === "step") {
      this.#perform(node, round);
    } else if (progress.type === "fenced") {
      this.#rounds.delete(node);
      const text = `method ${progress.method}: ${verdict.text}`;
      this.#submitDone(node, { how: progress.how, text, wallSeconds: verdict.wallSeconds });
    } else {
      this.#rounds.delete(node);
      const since = this.#victims.get(node)?.since ?? 0;
      const { text } = verdict;
      this.#submit({ type: "fence-failed", victim: node, since, by: this.#self, text });
    }
  }

  #perform(node: NodeId, round: FenceRound): void {
    const order = round.order();
    if (order.type === "self") {
      this.#runs.delete(node);
      this.#out.push({ type: "arm", node, afterMs: ms(this.#safeWaitLeftMs(node)) });
    } else {
      this.#lastRun += 1;
      this.#runs.set(node, this.#lastRun);
      this.#out.push({ type: "run", node, run: this.#lastRun, order });
    }
  }

  #onMessage(message: FenceMessage): void {
    const victim = this.#victims.get(message.victim);
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

  #onBegin(victim: Victim, by: NodeId): void {
    // F1: the first to begin has the victim; a second one is ignored while the first is a member.
    // The first may begin again: its new life does not know how far the old one came.
    if ((victim.by !== null && victim.by !== by) || !this.#members.includes(by)) return;
    this.#victims.set(victim.node, { ...victim, by });
    this.#say("notice", `fencing node ${this.#ways.name(victim.node)} (by ${this.#ways.name(by)})`);
    if (by !== this.#self || this.#rounds.has(victim.node)) return;
    const selfLast = this.#conf.fencing.selfFence === "software";
    const round = new FenceRound(this.#ways.nodeConf(victim.node), { selfLast });
    this.#rounds.set(victim.node, round);
    this.#perform(victim.node, round);
  }

  #onFailed(
    victim: Victim,
    message: Extract<FenceMessage, { readonly type: "fence-failed" }>,
  ): void {
    if (victim.by !== message.by) return;
    const rounds = victim.rounds + 1;
    this.#victims.set(victim.node, { ...victim, by: null, rounds, lastText: message.text });
    this.#say(
      "err",
      `fence ${this.#ways.name(victim.node)} failed (round ${rounds}): ${message.text}`,
    );
    if (this.#releaseHeld(victim)) return;
    const pauseMs = Math.min(this.#conf.fencing.overrideTimeMs * 2 ** (rounds - 1), pauseMaxMs);
    this.#schedule(victim.node, ms(pauseMs));
  }

  #onDone(victim: Victim, message: Extract<FenceMessage, { readonly type: "fence-done" }>): void {
    const begun = message.how === "agent" || victim.by !== null;
    if (begun && message.how !== "override" && victim.by !== message.by) return;
    const { node } = victim;
    // A node that came back is not off: its own `ready` decides, or its devices.
    if (message.how !== "agent" && this.#members.includes(node)) {
      if (message.how === "override") return;
      this.#victims.set(node, { ...victim, by: null });
      if (!this.#releaseHeld(victim)) this.#schedule(node, this.#delayMs);
      return;
    }
    this.#victims.delete(node);
    this.#rounds.delete(node);
    this.#out.push({ type: "disarm", node });
    this.#fenced.set(node, { node, by: message.by, how: message.how, at: message.at });
    this.#say("notice", `fence ${this.#ways.name(node)} success (${message.how}): ${message.text}`);
    this.#out.push({ type: "fenced", node, text: `${message.how}: ${message.text}` });
    if (victim.heldReady !== null) {
      this.#out.push({ type: "ready", ready: { node, ...victim.heldReady } });
    }
  }

  #onReady(ready: ReadyNotice): void {
    const victim = this.#victims.get(ready.node);
    if (victim !== undefined && victim.by !== null) {
      this.#victims.set(ready.node, {
        ...victim,
        heldReady: { life: ready.life, at: ready.at },
      });
      return;
    }
    this.#clear(ready);
  }

  #releaseHeld(victim: Victim): boolean {
    if (victim.heldReady === null) return false;
    this.#clear({ node: victim.node, ...victim.heldReady });
    return true;
  }

  /** The node is a member and runs nothing: it need not be fenced any more. */
  #clear(ready: ReadyNotice): void {
    if (this.#victims.delete(ready.node)) {
      this.#out.push({ type: "disarm", node: ready.node });
      this.#say("notice", `${this.#ways.name(ready.node)} is back and clean, not fenced`);
    }
    this.#out.push({ type: "ready", ready });
    if (this.#executor !== null) return;
    this.#executor = this.#chooseExecutor();
    for (const node of this.#victims.keys()) this.#schedule(node, this.#delayMs);
  }

  #submit(message: FenceMessage): void {
    this.#out.push({ type: "submit", message });
  }

  #submitDone(
    victim: NodeId,
    done: {
      readonly how: "agent" | "self";
      readonly text: string;
      readonly wallSeconds: number;
    },
  ): void {
    const { how, text, wallSeconds: at } = done;
    const since = this.#victims.get(victim)?.since ?? 0;
    this.#submit({ type: "fence-done", victim, since, by: this.#self, how, text, at });
  }

  #say(level: "notice" | "warning" | "err", text: string): void {
    this.#out.push({ type: "notice", level, text });
  }
}

function newVictim(node: NodeId, cause: Victim["cause"], since: number): Victim {
  return { node, cause, since, by: null, rounds: 0, lastText: "", heldReady: null };
}
