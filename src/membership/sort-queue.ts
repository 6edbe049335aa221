/**
 * The messages of one ring by sequence number: gaps, aru, delivery, release.
 * Source: Amir et al. 1995, section 4 (my_aru, high delivered); corosync include/corosync/sq.h.
 * Deviation: 53-bit sequence numbers, so there is no wrap-around and no windowed comparison.
 * QUEUE1  released <= delivered <= aru <= high, except that delivery over gaps may pass the aru.
 * QUEUE2  Every message with released < seq <= aru is held.
 */
import { invariant } from "../model/outcome.ts";
import type { McastMessage } from "./wire.ts";

/** How far a message may be ahead of the last released one; this bounds the memory of a ring. */
export const retransmitWindow = 16384;

export class SortQueue {
  readonly #messages = new Map<number, McastMessage>();
  #aru = 0;
  #high = 0;
  #delivered = 0;
  #released = 0;

  /** The highest sequence number below which nothing is missing. */
  get aru(): number {
    return this.#aru;
  }

  /** The highest sequence number held so far. */
  get high(): number {
    return this.#high;
  }

  get delivered(): number {
    return this.#delivered;
  }

  /** Every member holds the messages up to this one, so they were forgotten. */
  get released(): number {
    return this.#released;
  }

  /** How many messages are held. */
  get size(): number {
    return this.#messages.size;
  }

  has(seq: number): boolean {
    return seq <= this.#aru || this.#messages.has(seq);
  }

  find(seq: number): McastMessage | null {
    return this.#messages.get(seq) ?? null;
  }

  /** False when the message is a duplicate, already released, or beyond the window. */
  insert(message: McastMessage): boolean {
    const { seq } = message;
    if (this.has(seq) || seq > this.#released + retransmitWindow) return false;
    this.#messages.set(seq, message);
    if (seq > this.#high) this.#high = seq;
    while (this.#messages.has(this.#aru + 1)) this.#aru += 1;
    return true;
  }

  /**
   * Takes the messages that may be delivered now, in order: up to the first gap, and up to the
   * first safe message beyond `safeUpTo`, since that one and all behind it must wait.
   */
  takeOrdered(safeUpTo: number): readonly McastMessage[] {
    const taken: McastMessage[] = [];
    while (this.#delivered < this.#aru) {
      const message = this.#messages.get(this.#delivered + 1);
      invariant(message !== undefined, "QUEUE2: a message below the aru is not held");
      if (message.safe && message.seq > safeUpTo) break;
      this.#delivered += 1;
      taken.push(message);
    }
    return taken;
  }

  /** Takes all remaining messages; behind the first gap only those that `mayPassGap` accepts. */
  takeRest(mayPassGap: (message: McastMessage) => boolean): readonly McastMessage[] {
    const taken: McastMessage[] = [];
    while (this.#delivered < this.#high) {
      this.#delivered += 1;
      const message = this.#messages.get(this.#delivered);
      if (message === undefined) continue;
      if (message.seq <= this.#aru || mayPassGap(message)) taken.push(message);
    }
    return taken;
  }

  /** Counts all held messages as delivered: they are a recovery's copies of old messages. */
  skipDelivery(): void {
    this.#delivered = this.#high;
  }

  /** Forgets the delivered messages up to `seq`. */
  release(seq: number): void {
    const upTo = Math.min(seq, this.#delivered);
    while (this.#released < upTo) {
      this.#released += 1;
      this.#messages.delete(this.#released);
    }
  }

  /** The messages held with a sequence number above `seq`, ascending. */
  above(seq: number): readonly McastMessage[] {
    const held: McastMessage[] = [];
    for (let at = Math.max(seq, this.#released) + 1; at <= this.#high; at += 1) {
      const message = this.#messages.get(at);
      if (message !== undefined) held.push(message);
    }
    return held;
  }
}
