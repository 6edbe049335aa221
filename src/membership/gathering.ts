/**
 * The gather phase: sends and judges joins, and waits for consensus.
 * Source: Amir et al. 1995, section 5; corosync exec/totemsrp.c: memb_state_gather_enter,
 * memb_join_message_send, memb_state_consensus_timeout_expired.
 * Deviations: there is a least interval between joins; a node that starts listens for others before
 * it forms a ring of its own.
 * Tested in: test/membership/state-table.test.ts, test/membership/totem-paper.test.ts
 * GATHER1  Two joins of one node are at least `joinGapMs` apart, except the join of a leave.
 * GATHER2  A join is as long as the longest message, so that a node behind a path that loses long
 *     frames gets into no ring. The join of a leave is short, so that it arrives on such a path,
 *     too.
 */
import type { NodeId } from "../model/ids.ts";
import { ms } from "../model/time.ts";
import {
  type Agreement,
  agreementOf,
  allConsent,
  applyJoin,
  failSilent,
  type JoinEffect,
  liveNodes,
  restartConsent,
} from "./consensus.ts";
import type { MergeGate } from "./merge-gate.ts";
import { ascending, union, without } from "./node-sets.ts";
import type { RingEffects } from "./ring-effects.ts";
import type { RingOptions } from "./ring-events.ts";
import type { RingSequence } from "./ring-sequence.ts";
import type { JoinMessage } from "./wire.ts";

/** Too short to delay the forming of a ring, and long enough to end every storm of joins. */
const joinGapMs = 5;

export type GatheringParts = {
  readonly options: RingOptions;
  readonly effects: RingEffects;
  readonly sequence: RingSequence;
  readonly gate: MergeGate;
};

export class Gathering {
  readonly #options: RingOptions;
  readonly #effects: RingEffects;
  readonly #sequence: RingSequence;
  readonly #gate: MergeGate;
  #agreement: Agreement;
  #listening = false;
  /** A join was sent less than the gap ago; the next one waits for the end of the gap. */
  #quiet = false;
  #due = false;

  constructor(parts: GatheringParts) {
    this.#options = parts.options;
    this.#effects = parts.effects;
    this.#sequence = parts.sequence;
    this.#gate = parts.gate;
    this.#agreement = agreementOf([parts.options.self]);
  }

  get agreement(): Agreement {
    return this.#agreement;
  }

  /** Waits for others before a ring of one is formed. */
  listen(): void {
    this.#listening = true;
    this.#effects.arm("listen", ms(2 * this.#options.joinMs));
  }

  endListening(): void {
    this.#listening = false;
  }

  /** A ring is installed: its members are considered, and none has failed. */
  settle(members: readonly NodeId[]): void {
    this.#agreement = agreementOf(members);
  }

  /** Begins to agree on these sets. */
  begin(agreement: Agreement): void {
    this.#agreement = agreement;
    if (this.#quiet) this.#due = true;
    else this.#sendJoin();
    this.#effects.arm("consensus", this.#options.consensusMs);
  }

  /** The join timer: the gap is over, or the join is to be repeated. */
  onJoinTimer(gathering: boolean): void {
    const waiting = this.#quiet && !this.#due;
    this.#quiet = false;
    if (!gathering) return;
    if (waiting) this.#effects.arm("join", ms(this.#options.joinMs - joinGapMs));
    else this.#sendJoin();
  }

  #sendJoin(): void {
    this.#quiet = true;
    this.#due = false;
    this.#effects.arm("join", ms(joinGapMs));
    this.#effects.announce(this.#join(this.#agreement, false));
  }

  /** Tells the others at once to go on without this node. */
  sendLeave(): void {
    const self = new Set([this.#options.self]);
    const proc = without(this.#agreement.proc, self);
    const failed = union(this.#agreement.failed, self);
    this.#effects.multicast(this.#join({ proc, failed }, true));
  }

  #join(sets: Pick<Agreement, "proc" | "failed">, leave: boolean): JoinMessage {
    return {
      type: "join",
      ringSeq: this.#sequence.ring.seq,
      proc: ascending(sets.proc),
      failed: ascending(sets.failed),
      leave,
      heard: this.#gate.heard(),
      configHash: this.#options.configHash,
    };
  }

  /** Judges a join by the present sets. */
  judge(join: JoinMessage, from: NodeId, oldMembers: readonly NodeId[]): JoinEffect {
    const effect = applyJoin(this.#agreement, join, { self: this.#options.self, from, oldMembers });
    if (effect.type === "consents") this.#agreement = effect.agreement;
    return effect;
  }

  /** The sets with which this node enters gather because of a join. */
  withJoin(join: JoinMessage, from: NodeId, oldMembers: readonly NodeId[]): Agreement {
    const { self } = this.#options;
    const restarted = restartConsent(this.#agreement, self);
    const effect = applyJoin(restarted, join, { self, from, oldMembers });
    return effect.type === "nothing" ? restarted : effect.agreement;
  }

  /** True when all agree: then the commit token has the token timeout to arrive. */
  awaitCommit(): boolean {
    if (!allConsent(this.#agreement)) return false;
    this.#agreement = restartConsent(this.#agreement, this.#options.self);
    this.#effects.arm("token", this.#options.tokenMs);
    return true;
  }

  /** The sets for the next attempt when consensus was not reached in time. */
  withoutSilent(): Agreement {
    const { self } = this.#options;
    const agreed = allConsent(this.#agreement);
    return restartConsent(agreed ? this.#agreement : failSilent(this.#agreement), self);
  }

  /** The members of the ring that this node is to form as its representative; null: not now. */
  membersToCommit(): readonly NodeId[] | null {
    const live = liveNodes(this.#agreement);
    if (live[0] !== this.#options.self || !allConsent(this.#agreement)) return null;
    return this.#listening && live.length === 1 ? null : live;
  }
}
