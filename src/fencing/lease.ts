/**
 * Evidence for the self-fencing lease: when this node last proved that it belongs to its ring, and
 * when it last heard each other node. Whether the ring is quorate, and so what the node may do, is
 * decided in `node/lease-clock.ts`.
 * Source: Gray and Cheriton 1989 (leases); sbd(8) for the use against split brain.
 * LEASE1  A lease starts at the instant at which the token was passed on, not at that at which it
 *     came back: an old token that is found after a pause proves nothing about the present.
 * LEASE2  A token counts only if it was passed on and accepted on the same operational ring, and
 *     only once.
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

/** If the ring is quorate, the node may run services from `startMs` for the time of a lease. */
export type LeaseStart = { readonly ring: RingId; readonly startMs: Ms };

/** When this node last accepted a token on a ring with the other node; boot time. */
export type NodeHeard = {
  readonly node: NodeId;
  readonly atMs: Ms;
  /** The same on rings before the present one, since another machine may have the id now. */
  readonly beforeMs: Ms;
};

export class LeaseEvidence {
  #passed: LeaseStart | null = null;
  #ring: RingId | null = null;
  readonly #heard: Map<NodeId, Ms>;
  /** The same, on rings before the present one. */
  #before: ReadonlyMap<NodeId, Ms>;

  /** A node never heard counts as heard when this daemon started: an earlier one may have. */
  constructor(nodes: readonly NodeId[], startedAtMs: Ms) {
    this.#heard = new Map(nodes.map((node) => [node, startedAtMs]));
    this.#before = new Map(this.#heard);
  }

  /** The token was passed on, for the first time in this visit, on an operational ring. */
  tokenPassed(ring: RingId, nowMs: Ms): void {
    this.#passed = { ring, startMs: nowMs };
  }

  /** Returns the start of a lease, or null when this token proves nothing. */
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

  /** For every node, ascending. The layers above are about to be told of `ring`. */
  heardAt(ring: RingId): readonly NodeHeard[] {
    const present = this.#ring !== null && sameRing(this.#ring, ring);
    const before = present ? this.#before : this.#heard;
    return [...this.#heard]
      .sort(([a], [b]) => a - b)
      .map(([node, atMs]) => ({ node, atMs, beforeMs: before.get(node) ?? atMs }));
  }
}
