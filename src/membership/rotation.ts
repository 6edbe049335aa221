/**
 * The token and the messages of one ring, as one member handles them.
 * Source: Amir et al. 1995, section 4; corosync exec/totemsrp.c: message_handler_orf_token,
 * orf_token_send_initial, timer_function_token_hold_retransmit_timeout.
 * Tested in: test/membership/state-table.test.ts, test/membership/totem-paper.test.ts
 * ROTATION1  The token is passed on before messages are delivered, so that delivery does not delay
 *     it.
 * ROTATION2  This node knows every message that it has ordered: an unknown message in its name is
 *     refused, and a sequence number that it is about to use must be free.
 */
import { formatRing, type NodeId, type RingId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import type { FrameContent } from "./packing.ts";
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

/** The source of new messages in a visit. */
export type FrameSource = {
  /** About how many frames wait. */
  readonly backlog: number;
  takeFrame(): FrameContent | null;
};

/** After this many rotations without a new message, no member has one to send; a few are spare. */
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
  /** The last token, as it was passed on or is being held. */
  #stored: TokenMessage | null = null;
  #holding = false;
  /** Why this ring cannot go on: a member has sent impossible values. */
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

  /** The ring is installed: the copies of recovery count as delivered, new messages follow. */
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

  /** Every member holds the messages up to this sequence number. */
  get safeUpTo(): number {
    return safeUpTo(this.#memory);
  }

  /** The last token that was passed on, for its aru and the node that holds it down. */
  get passed(): TokenMessage | null {
    return this.#stored;
  }

  isDuplicate(token: TokenMessage): boolean {
    return token.tokenSeq <= this.#memory.tokenSeq;
  }

  /** Whether the ring is idle long enough that the representative may be holding the token. */
  isIdle(): boolean {
    return this.#memory.unchanged >= this.#options.seqnoUnchangedVisits;
  }

  /** Whether nothing was ordered for so long that no member can have a message to send. */
  isStuck(): boolean {
    return this.#memory.unchanged >= this.#options.seqnoUnchangedVisits + stuckVisits;
  }

  get contradiction(): string | null {
    return this.#contradiction;
  }

  /** Stores a message from any member, including this node. */
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
      this.#contradiction = "the token says that members have messages to send, but none sends any";
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
        const number = `${after + sent + 1} of ring ${formatRing(this.id)}`;
        this.#contradiction = `sequence ${number} was used while this node had the token`;
        return sent;
      }
      const content = source.takeFrame();
      if (content === null) return sent;
      const origin = this.#options.self;
      const seq = after + sent + 1;
      const message: McastMessage = { type: "mcast", ring: this.id, seq, origin, ...content };
      invariant(this.queue.insert(message), "ROTATION2: an own message does not fit the queue");
      this.#effects.multicast(message);
    }
    return framesMax;
  }

  /** Passes the token on; the representative of an idle ring holds it for a while. */
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

  /** Sends a token that was held because the ring was idle. */
  releaseHold(): void {
    if (!this.#holding || this.#stored === null) return;
    this.#holding = false;
    this.#effects.disarm("hold");
    this.#send(this.#stored);
  }

  /** A member has a message to send: the ring is not idle any more. */
  wake(): void {
    this.#memory = { ...this.#memory, unchanged: 0 };
    this.releaseHold();
  }

  /** Sends the last token again; false: there was none yet. */
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
  const index = members.indexOf(self);
  const next = members[(index + 1) % members.length];
  invariant(index >= 0 && next !== undefined, "a node passes the token of a ring it is not in");
  return next;
}
