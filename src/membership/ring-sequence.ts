/**
 * The ring sequence and its durable bound: no ring is entered with a sequence above that bound.
 * Source: Amir et al. 1995, section 5 (stable storage); corosync exec/totemsrp.c: memb_ring_id_set.
 * Deviation: the durable value is an upper bound that is written in advance, so that the token
 * never waits for the disk.
 * Tested in: test/membership/lying-members.test.ts
 * SEQUENCE1  A ring sequence never repeats: a restarted node begins above every sequence of its
 *     last life.
 * SEQUENCE2  A node does not adopt a sequence that no clock explains. A cluster's sequences begin
 *     at the microseconds of a wall clock and rise more slowly than that clock: by 4 for a ring,
 *     which takes at least 5 ms, and by 4001 for a restart. A sequence above this clock, plus a day
 *     for clocks that are wrong, is a lie; all nodes would keep it, and a few lies could use up all
 *     numbers. If this node's own sequence is above its clock, since that was set back, the others
 *     may be ahead by as many rings as one life can form.
 */

import {
  type NodeId,
  type RingId,
  ringSeqMax,
  ringSeqsAhead,
  ringSeqsPerMs,
} from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";

/** The step to a new ring's sequence; a restarted node's own sequence fits in between. */
const ringSeqStep = 4;
const clockErrorMs = 24 * 3600 * 1000;
/** As much as rings formed without a pause for two weeks, or 250,000 restarts, add. */
const aheadMax = 1_000_000_000;

/** The highest sequence that a wall clock explains. */
export function highestExplained(wallMs: number): number {
  return Math.min(ringSeqMax, (Math.floor(wallMs) + clockErrorMs) * ringSeqsPerMs);
}

export class RingSequence {
  /** The last ring this node committed to; may be newer than the installed one. */
  #ring: RingId;
  #highest: number;
  #durable: number;
  #asked: number;
  #ceiling: number;

  constructor(self: NodeId, start: number, durable: number) {
    this.#ring = { rep: self, seq: start };
    this.#highest = start;
    this.#durable = durable;
    this.#asked = durable;
    this.#ceiling = Math.min(ringSeqMax, start + aheadMax);
  }

  /** Takes the present time of this node's wall clock. */
  clock(wallMs: number): void {
    this.#ceiling = Math.max(this.#ceiling, highestExplained(wallMs));
  }

  /** Whether a clock explains the ring sequence (SEQUENCE2). */
  isExplained(ringSeq: number): boolean {
    return ringSeq <= this.#ceiling;
  }

  get ring(): RingId {
    return this.#ring;
  }

  /** Commits to a ring, whose sequence counts as used even if the ring is abandoned. */
  enter(ring: RingId): void {
    invariant(
      ring.seq > this.#ring.seq && this.isCovered(ring.seq),
      "SEQUENCE1: a ring sequence is used again, or is above the durable bound",
    );
    this.#ring = ring;
    this.observe(ring.seq);
  }

  /** Notes a sequence seen in any frame; a clock must explain it. */
  observe(ringSeq: number): void {
    if (ringSeq > this.#highest) this.#highest = ringSeq;
  }

  /** The sequence of the next ring this node would create. */
  next(): number {
    return this.#highest + ringSeqStep;
  }

  isCovered(ringSeq: number): boolean {
    return ringSeq <= this.#durable;
  }

  persisted(ringSeq: number): void {
    this.#durable = Math.max(this.#durable, ringSeq);
    this.#asked = Math.max(this.#asked, ringSeq);
  }

  /** The bound to make durable now; null while half of the present one is left. */
  takeRequest(): number | null {
    if (this.#highest + ringSeqsAhead / 2 <= this.#asked) return null;
    this.#asked = this.#highest + ringSeqsAhead;
    return this.#asked;
  }
}
