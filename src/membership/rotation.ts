/**
 * The token and the messages of one ring, as one member handles them.
 * Knows its neighbours, its queue and its last visit; does not know how rings form or end.
 * Source: Amir et al. 1995, section 4; corosync exec/totemsrp.c: message_handler_orf_token,
 * orf_token_send_initial, timer_function_token_hold_retransmit_timeout.
 * Tested in: test/membership/state-table.test.ts, test/membership/totem-paper.test.ts
 * ROTATION1  The token is passed on before anything is delivered, to keep it moving.
 * ROTATION2  What this node has ordered is known to it: a message in its name that it does not know
 *     is refused, and where its next one should be, there is none.
 */
import { formatRing, type NodeId, type RingId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { Draft } from "./packing.ts";
import type { RingEffects } from "./ring-effects.ts";
import type { RingOptions } from "./ring-events.ts";
import { SortQueue } from "./sort-queue.ts";
import {
  acceptToken,
  allowedFrames,
  calmLimits,
  closeVisit,
  firstVisit,
  isCalm,
  safeUpTo,
  serveRetransmits,
  type VisitMemory,
} from "./token.ts";
import type { McastMessage, TokenMessage } from "./wire.ts";

/** Where new messages come from in a visit. */
export type FrameSource = {
  /** About how many frames wait. */
  readonly backlog: number;
  takeDraft(): Draft | null;
};

/** Rotations without anything new after which a ring is idle for sure, with a few to be certain. */
const stuckVisits = 20;

export class Rotation {
  readonly id: RingId;
  /** Ascending; the token follows this order. */
  readonly members: readonly NodeId[];
  readonly queue = new SortQueue();
  readonly #options: RingOptions;
  readonly #calmLimits: RingOptions;
  readonly #effects: RingEffects;
  readonly #next: NodeId;
  #phase: "recovery" | "operational" = "recovery";
  #memory: VisitMemory = firstVisit;
  #visits = 0;
  /** The last token as passed on, or as it waits while we hold it. */
  #stored: TokenMessage | null = null;
  #holding = false;
  /** Why this ring cannot go on: somebody lies. */
  #contradiction: string | null = null;

  constructor(
    ring: { readonly id: RingId; readonly members: readonly NodeId[] },
    options: RingOptions,
    effects: RingEffects,
  ) {
    this.id = ring.id;
    this.members = ring.members;
    this.#options = options;
    this.#calmLimits = calmLimits(options);
    this.#effects = effects;
    this.#next = nextMember(ring.members, options.self);
  }

  get operational(): boolean {
    return this.#phase === "operational";
  }

  /** The ring is installed: its messages count, and what recovery copied was delivered. */
  install(): void {
    this.#phase = "operational";
    this.queue.skipDelivery();
  }

  get memory(): VisitMemory {
    return this.#memory;
  }

  get visits(): number {
    return this.#visits;
  }

  /** Everything up to here is held by every member. */
  get safeUpTo(): number {
    return safeUpTo(this.#memory);
  }

  /** The aru on the last token we passed on, and who holds it down. */
  get passed(): TokenMessage | null {
    return this.#stored;
  }

  isDuplicate(token: TokenMessage): boolean {
    return token.tokenSeq <= this.#memory.tokenSeq;
  }

  /** Idle long enough that the representative may be holding the token. */
  isIdle(): boolean {
    return this.#memory.unchanged >= this.#options.seqnoUnchangedVisits;
  }

  /** Nothing was ordered for so long that whoever had something to send would have sent it. */
  isStuck(): boolean {
    return this.#memory.unchanged >= this.#options.seqnoUnchangedVisits + stuckVisits;
  }

  get contradiction(): string | null {
    return this.#contradiction;
  }

  /** A message that somebody has sent, be it ourselves. */
  insert(message: McastMessage): boolean {
    const { origin, seq } = message;
    if (origin === this.#options.self && !this.queue.has(seq)) {
      this.#effects.count("refused: forged originator");
      return false;
    }
    return this.members.includes(message.origin) && this.queue.insert(message);
  }

  /** Handles an accepted token and returns it as it is to be passed on. */
  visit(token: TokenMessage, source: FrameSource): TokenMessage {
    const limits = isCalm(token) ? this.#calmLimits : this.#options;
    this.#visits += 1;
    this.#holding = false;
    this.#memory = acceptToken(this.#memory, token, limits.missCountVisits);
    if (this.operational) this.queue.release(this.safeUpTo);
    const { backlog } = source;
    const allowed = allowedFrames(this.#memory, token, { backlog, limits });
    const service = serveRetransmits(token, this.queue, { memory: this.#memory, allowed, limits });
    for (const message of service.retransmit) {
      this.#effects.count("retransmitted");
      this.#effects.multicast(message);
    }
    const originated = this.#originate(token.seq, service.originate, source);
    if (backlog > 0 && allowed === 0 && this.isStuck()) {
      this.#contradiction = "the token says that others send, and nobody does";
    }
    const closed = closeVisit(token, this.#memory, {
      self: this.#options.self,
      aru: this.queue.aru,
      seq: token.seq + originated,
      rtr: service.rtr,
      sent: service.retransmit.length + originated,
      backlog,
    });
    this.#memory = closed.memory;
    return closed.token;
  }

  #originate(after: number, framesMax: number, source: FrameSource): number {
    for (let sent = 0; sent < framesMax; sent += 1) {
      if (this.queue.has(after + sent + 1)) {
        const place = `${after + sent + 1} of ring ${formatRing(this.id)}`;
        this.#contradiction = `place ${place} was taken while we had the token`;
        return sent;
      }
      const draft = source.takeDraft();
      if (draft === null) return sent;
      const origin = this.#options.self;
      const seq = after + sent + 1;
      const message: McastMessage = { type: "mcast", ring: this.id, seq, origin, ...draft };
      invariant(this.queue.insert(message), "ROTATION2: an own message does not fit the queue");
      this.#effects.multicast(message);
    }
    return framesMax;
  }

  /** Passes the token on, or keeps it for a while when the ring is idle and we represent it. */
  pass(token: TokenMessage): void {
    this.#stored = token;
    const represents = this.id.rep === this.#options.self;
    if (represents && this.#memory.unchanged > this.#options.seqnoUnchangedVisits) {
      this.#holding = true;
      this.#effects.disarm("retransmit");
      this.#effects.arm("hold", this.#options.holdMs);
    } else {
      this.#send(token);
    }
  }

  /** Sends a token that was held for idleness. */
  releaseHold(): void {
    if (!this.#holding || this.#stored === null) return;
    this.#holding = false;
    this.#effects.disarm("hold");
    this.#send(this.#stored);
  }

  /** Somebody has something to send: the ring is not idle any more. */
  wake(): void {
    this.#memory = { ...this.#memory, unchanged: 0 };
    this.releaseHold();
  }

  /** Sends the last token again; false when there is none yet. */
  resend(): boolean {
    if (this.#stored === null) return false;
    this.#effects.unicast(this.#next, this.#stored);
    this.#effects.arm("retransmit", this.#options.tokenRetransmitMs);
    return true;
  }

  #send(token: TokenMessage): void {
    this.#effects.unicast(this.#next, token);
    const { id: ring, operational } = this;
    this.#effects.emit({ type: "token-passed", ring, operational });
    this.#effects.arm("retransmit", this.#options.tokenRetransmitMs);
  }
}

/** The member behind `self` in ring order; `self` when it is alone. */
export function nextMember(members: readonly NodeId[], self: NodeId): NodeId {
  const place = members.indexOf(self);
  const next = members[(place + 1) % members.length];
  invariant(place >= 0 && next !== undefined, "a node passes the token of a ring it is not in");
  return next;
}
