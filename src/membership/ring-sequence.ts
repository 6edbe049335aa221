/**
 * The ring sequence and its lease: no ring is entered whose sequence is not durably covered.
 * Knows numbers; does not know files. Source: Amir et al. 1995, section 5 (stable storage);
 * corosync exec/totemsrp.c: memb_ring_id_set.
 * Deviation: the durable value is an upper bound written ahead, so that no disk is in the way of
 * the token.
 * Tested in: test/membership/lying-members.test.ts
 * SEQUENCE1  A ring sequence never repeats: a restart begins above every sequence the last life
 *     used.
 * SEQUENCE2  No sequence is taken over from others that no clock explains. Those of a cluster begin
 *     at the microseconds of a wall clock, and grow more slowly than that clock goes on: by 4 for a
 *     ring, which takes 5 ms at least, by 4001 for a restart. Whatever is above every clock, with a
 *     day for clocks that are wrong, is a lie. It would be kept by all nodes for good, so a few of
 *     them could use up all numbers. Where the sequence of this node is above its clock, since that
 *     was set back, the others may be ahead by as many rings as one life can see.
 */

import { type NodeId, type RingId, ringSeqMax } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";

/** A new ring leaves this much below it, so that a restarted node's own sequence never collides. */
const ringSeqStep = 4;
/** How far ahead the bound is written: larger wastes numbers at restarts, smaller writes more. */
const leaseSize = 4000;

/** The sequence of a node without a past: microseconds run faster than rings can be formed. */
const seqsPerMs = 1000;
const clockErrorMs = 24 * 3600 * 1000;
/** Rings formed without a pause for two weeks, or 250,000 restarts. */
const aheadMax = 1_000_000_000;

/** The highest sequence that a wall clock explains. */
export function explainedByClock(wallMs: number): number {
  return Math.min(ringSeqMax, (Math.floor(wallMs) + clockErrorMs) * seqsPerMs);
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

  /** What the wall clock of this node shows now. */
  clock(wallMs: number): void {
    this.#ceiling = Math.max(this.#ceiling, explainedByClock(wallMs));
  }

  /** Whether there can be such a ring sequence by now (SEQUENCE2). */
  isExplained(ringSeq: number): boolean {
    return ringSeq <= this.#ceiling;
  }

  get ring(): RingId {
    return this.#ring;
  }

  /** Commits to a ring; it never goes back, also when the ring is abandoned. */
  enter(ring: RingId): void {
    invariant(
      ring.seq > this.#ring.seq && this.isCovered(ring.seq),
      "SEQUENCE1: ring sequence repeats",
    );
    this.#ring = ring;
    this.observe(ring.seq);
  }

  /** Takes note of a sequence seen anywhere, which must be explained. */
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

  /** The bound to make durable now, or null while half of the lease is left. */
  takeRequest(): number | null {
    if (this.#highest + leaseSize / 2 <= this.#asked) return null;
    this.#asked = this.#highest + leaseSize;
    return this.#asked;
  }
}
