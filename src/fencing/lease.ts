/**
 * Evidence for the self-fencing lease: when did this node last prove to belong to its ring?
 * Knows rings, members and instants given by the caller. Does not know quorum, clocks or timers;
 * whether the ring is quorate, and what the evidence entitles to, is decided elsewhere.
 * Source: Gray and Cheriton 1989 (leases); sbd(8) for the use against split brain.
 * LEASE1  The start of the evidence is the instant at which the token was passed on, not the one at
 *     which it came back: an old token found after a pause proves nothing about the present.
 * LEASE2  Only a token that was passed on and accepted on the same operational ring counts, once.
 */
import type { NodeId, RingId } from "../model/ids.ts";
import { sameRing } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";

export type TokenAccepted = {
  readonly ring: RingId;
  readonly members: readonly NodeId[];
  readonly nowMs: Ms;
  readonly operational: boolean;
};

/** Entitles to services until startMs + L, provided that the ring is quorate. */
export type LeaseStart = { readonly ring: RingId; readonly startMs: Ms };

/** When a token was accepted here on a ring that contained the node; boot time. */
export type NodeHeard = {
  readonly node: NodeId;
  readonly atMs: Ms;
  /** On a ring before the present one: whoever has the id now may be another machine. */
  readonly beforeMs: Ms;
};

export class LeaseEvidence {
  #passed: LeaseStart | null = null;
  #ring: RingId | null = null;
  readonly #heard: Map<NodeId, Ms>;
  /** The same, on rings before the present one. */
  #before: ReadonlyMap<NodeId, Ms>;

  /** A node never heard counts as heard when this daemon started: it may have been before. */
  constructor(nodes: readonly NodeId[], startedAtMs: Ms) {
    this.#heard = new Map(nodes.map((node) => [node, startedAtMs]));
    this.#before = new Map(this.#heard);
  }

  /** The token was passed on, for the first time in this visit, on an operational ring. */
  tokenPassed(ring: RingId, nowMs: Ms): void {
    this.#passed = { ring, startMs: nowMs };
  }

  /** Returns the new evidence, or null when this token proves nothing. */
  tokenAccepted(token: TokenAccepted): LeaseStart | null {
    if (this.#ring === null || !sameRing(this.#ring, token.ring)) {
      this.#before = new Map(this.#heard);
      this.#ring = token.ring;
    }
    for (const node of token.members) this.#heard.set(node, token.nowMs);
    const passed = this.#passed;
    this.#passed = null;
    if (passed === null || !token.operational || !sameRing(passed.ring, token.ring)) return null;
    return passed;
  }

  /** For every node, ascending; `ring` is about to be told to the layers above. */
  heardAt(ring: RingId): readonly NodeHeard[] {
    const present = this.#ring !== null && sameRing(this.#ring, ring);
    const before = present ? this.#before : this.#heard;
    return [...this.#heard]
      .sort(([a], [b]) => a - b)
      .map(([node, atMs]) => ({ node, atMs, beforeMs: before.get(node) ?? atMs }));
  }
}
