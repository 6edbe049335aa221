/**
 * Forms a ring: gather, commit, recovery, and back to gather whenever that fails.
 * Source: Amir et al. 1995, sections 5 and 6; corosync exec/totemsrp.c: memb_state_*_enter.
 * Deviations: a join is judged once, after entering gather; in commit and recovery, only messages
 * of the ring being formed are handled; the commit token must name that ring.
 * Tested in: test/membership/state-table.test.ts, test/membership/totem-paper.test.ts
 * FORMATION1  From commit on, no messages of the old ring are added: this node has told the others
 *     which ones it holds.
 * FORMATION2  The sequence of the ring committed to only rises, so late commit tokens are refused.
 */
import { formatRing, type NodeId, type RingId, sameRing } from "../model/ids.ts";
import { createCommit, fillCommit, isComplete, matchesPassed, mayFill } from "./commit-token.ts";
import {
  type Agreement,
  addConsidered,
  addFailed,
  liveNodes,
  restartConsent,
} from "./consensus.ts";
import { Gathering, type GatheringParts } from "./gathering.ts";
import type { RingState } from "./ring-events.ts";
import { commitStateOf, type InstalledRing, Recovery } from "./ring-recovery.ts";
import { nextMember, type Rotation } from "./rotation.ts";
import type { CommitMessage, JoinMessage, McastMessage, TokenMessage } from "./wire.ts";

type PassedCommit = { readonly to: NodeId; readonly message: CommitMessage };

type Step =
  /** No ring is being formed: the installed ring works. */
  | { readonly type: "settled" }
  | { readonly type: "gather" }
  | { readonly type: "commit"; readonly passed: PassedCommit }
  | { readonly type: "recovery"; readonly passed: PassedCommit; readonly recovery: Recovery };

/** After this many failed attempts in a row, the log says that no ring can be formed. */
const fruitlessGathersMax = 3;

export class Formation {
  readonly #parts: GatheringParts;
  readonly #gathering: Gathering;
  #step: Step = { type: "settled" };
  /** The ring that works, or the last one that worked. */
  #installed: InstalledRing | null = null;
  #fruitlessGathers = 0;

  constructor(parts: GatheringParts) {
    this.#parts = parts;
    this.#gathering = new Gathering(parts);
  }

  get state(): Exclude<RingState, "stopped"> {
    return this.#step.type === "settled" ? "operational" : this.#step.type;
  }

  get agreement(): Agreement {
    return this.#gathering.agreement;
  }

  /** The ring in recovery. */
  get rotation(): Rotation | null {
    return this.#step.type === "recovery" ? this.#step.recovery.rotation : null;
  }

  get oldMembers(): readonly NodeId[] {
    return this.#installed?.rotation.members ?? [];
  }

  /** A ring is installed and works. */
  settle(installed: InstalledRing): void {
    this.#installed = installed;
    this.#fruitlessGathers = 0;
    this.#step = { type: "settled" };
    this.#gathering.settle(installed.rotation.members);
  }

  listen(): void {
    this.#gathering.listen();
  }

  endListening(): void {
    this.#gathering.endListening();
    this.tryCommit();
  }

  sendLeave(): void {
    this.#gathering.sendLeave();
  }

  /** Enters gather to agree on these sets, to which this node agrees already. */
  begin(reason: string, agreement: Agreement): void {
    const { effects } = this.#parts;
    this.#step = { type: "gather" };
    effects.disarm("token", "retransmit", "merge", "hold");
    effects.count("gather entries");
    effects.count(`gather: ${reason.replace(/\d+/g, "N")}`);
    effects.notice("info", `entering gather: ${reason}`);
    this.#gathering.begin(agreement);
  }

  /** Enters gather because of a join, and judges it by the sets of that gather. */
  beginWithJoin(join: JoinMessage, from: NodeId): void {
    const during = this.state;
    const agreement = this.#gathering.withJoin(join, from, this.oldMembers);
    this.begin(join.leave ? `node ${from} leaves` : `join during ${during}`, agreement);
    this.tryCommit();
  }

  onJoin(join: JoinMessage, from: NodeId): void {
    const step = this.#step;
    if (step.type === "gather") {
      const effect = this.#gathering.judge(join, from, this.oldMembers);
      if (effect.type === "changed") this.begin("join", effect.agreement);
      this.tryCommit();
    } else if (step.type !== "settled" && join.ringSeq >= this.#parts.sequence.ring.seq) {
      const forming = step.passed.message.members.some((entry) => entry.node === from);
      if (forming) this.beginWithJoin(join, from);
    }
  }

  /** In gather, a node was heard for the first time: it is considered, too. */
  consider(from: NodeId, reason: string): void {
    const { agreement } = this.#gathering;
    if (this.#step.type !== "gather" || agreement.proc.has(from)) return;
    if (this.#parts.gate.differs(from) || this.#parts.gate.keepsOut(from)) return;
    this.begin(reason, this.#restarted(addConsidered(agreement, from)));
  }

  /** Before a ring is installed: a node that is considered is out of it. */
  exclude(node: NodeId, reason: string): void {
    const { agreement } = this.#gathering;
    if (!agreement.proc.has(node) || agreement.failed.has(node)) return;
    this.begin(reason, this.#restarted(addFailed(agreement, [node])));
    this.tryCommit();
  }

  #restarted(agreement: Agreement): Agreement {
    return restartConsent(agreement, this.#parts.options.self);
  }

  onMcast(message: McastMessage, from: NodeId): void {
    const old = this.#installed;
    if (this.#step.type === "recovery") {
      if (sameRing(message.ring, this.#step.recovery.rotation.id)) {
        this.#step.recovery.insert(message);
      }
    } else if (this.#step.type === "gather") {
      const own = old !== null && sameRing(message.ring, old.rotation.id);
      if (!own) this.consider(from, "foreign message");
      else if (!old.frozen) old.rotation.insert(message);
    }
  }

  /** Handles a token of the ring in recovery; returns the recovery when it is complete or stuck. */
  onToken(token: TokenMessage): Recovery | null {
    if (this.#step.type !== "recovery") return null;
    const { recovery } = this.#step;
    recovery.rotation.pass(recovery.visit(token));
    return recovery.complete || recovery.stuck ? recovery : null;
  }

  onTokenLoss(): void {
    const { type } = this.#step;
    if (type === "gather") {
      this.begin("no commit token", this.#gathering.withoutSilent());
      this.#noteFruitless();
    } else {
      this.begin(`token lost in ${type}`, this.#restarted(this.agreement));
    }
  }

  #noteFruitless(): void {
    this.#fruitlessGathers += 1;
    if (this.#fruitlessGathers <= fruitlessGathersMax) return;
    const { gate, options, effects } = this.#parts;
    const heard = new Set(gate.heard());
    const silent = options.nodes.filter((node) => node !== options.self && !heard.has(node));
    const text = silent.length > 0 ? `; not heard: ${silent.join(" ")}` : "";
    effects.notice("warning", `unable to form a ring; check network and firewall${text}`);
  }

  onConsensusExpired(): void {
    if (this.#step.type !== "gather" || this.#gathering.awaitCommit()) return;
    this.begin("consensus expired", this.#gathering.withoutSilent());
    this.tryCommit();
  }

  onJoinTimer(): void {
    this.#gathering.onJoinTimer(this.#step.type === "gather");
  }

  onRetransmit(): void {
    if (this.rotation?.resend() === true) return;
    if (this.#step.type === "commit" || this.#step.type === "recovery") {
      this.#sendCommit(this.#step.passed);
    }
  }

  /** Takes note of a ring sequence, and asks for a higher bound early enough. */
  observe(ringSeq: number): void {
    const { sequence, effects } = this.#parts;
    sequence.observe(ringSeq);
    const bound = sequence.takeRequest();
    if (bound !== null) effects.emit({ type: "persist", ringSeq: bound });
  }

  /** Creates the commit token when all agree, we are the representative, and the lease allows. */
  tryCommit(): void {
    const { options, sequence } = this.#parts;
    const members = this.#step.type === "gather" ? this.#gathering.membersToCommit() : null;
    const ring: RingId = { rep: options.self, seq: sequence.next() };
    if (members === null || !sequence.isCovered(ring.seq)) return;
    this.#enterCommit(createCommit(ring, members));
  }

  onCommit(commit: CommitMessage): void {
    const { sequence, options, effects } = this.#parts;
    const { self } = options;
    const step = this.#step;
    this.observe(commit.ring.seq);
    if (step.type === "gather") {
      const newer = commit.ring.seq > sequence.ring.seq && sequence.isCovered(commit.ring.seq);
      if (newer && mayFill(commit, self, liveNodes(this.agreement))) this.#enterCommit(commit);
    } else if (step.type === "commit" && isComplete(commit)) {
      if (!sameRing(commit.ring, sequence.ring)) return;
      if (matchesPassed(commit, step.passed.message, self)) this.#enterRecovery(commit);
      else effects.count("refused: commit token");
    } else if (step.type === "recovery" && commit.ring.rep === self) {
      const first = sameRing(commit.ring, sequence.ring)
        ? step.recovery.takeFirstToken(self)
        : null;
      if (first !== null) step.recovery.rotation.pass(first);
    }
  }

  #enterCommit(commit: CommitMessage): void {
    const { sequence, effects, options } = this.#parts;
    if (this.#installed !== null) this.#installed.frozen = true;
    sequence.enter(commit.ring);
    const filled = fillCommit(commit, commitStateOf(this.#installed));
    const passed = this.#passCommit(filled);
    this.#step = { type: "commit", passed };
    effects.disarm("consensus");
    effects.arm("token", options.tokenMs);
    effects.notice("debug", `entering commit: ring ${formatRing(commit.ring)}`);
    this.observe(commit.ring.seq);
  }

  #enterRecovery(commit: CommitMessage): void {
    const { effects, options } = this.#parts;
    const passed = this.#passCommit(commit);
    const recovery = new Recovery({ commit, old: this.#installed }, options, effects);
    this.#step = { type: "recovery", passed, recovery };
    effects.arm("token", options.tokenMs);
    effects.notice("debug", `entering recovery: ring ${formatRing(commit.ring)}`);
  }

  #passCommit(message: CommitMessage): PassedCommit {
    const members = message.members.map((entry) => entry.node);
    const passed = { to: nextMember(members, this.#parts.options.self), message };
    this.#sendCommit(passed);
    return passed;
  }

  #sendCommit(passed: PassedCommit): void {
    this.#parts.effects.unicast(passed.to, passed.message);
    this.#parts.effects.arm("retransmit", this.#parts.options.tokenRetransmitMs);
  }
}
