/**
 * The death certificates that arrive: a guard sends one for a life of its node when the daemon has
 * ended and it has verified that nothing of any service is left. What they prove and why is argued
 * in ARCHITECTURE.md.
 * DEATH1  The first copy only makes the ring form anew without the node, as if it had left: that is
 *     a hint, and harmless if it is wrong.
 * DEATH2  A certificate stands, so that the node counts as off, when a second copy arrives some
 *     time later and no frame of that life between them. So a copy of a running machine, which has
 *     the same life and goes on, is not taken for dead: it answers the ring that excludes it.
 */
import type { Incarnation, NodeId } from "../model/ids.ts";

/** Long enough for a node that lives to answer the ring that forms without it. */
const standsAfterMs = 15;

type Heard = {
  readonly incarnation: Incarnation;
  readonly firstMs: number;
  readonly stands: boolean;
};

export class DeathCertificates {
  readonly #heard = new Map<NodeId, Heard>();

  /** A copy has arrived. Null: it says nothing new. */
  hear(node: NodeId, incarnation: Incarnation, nowMs: number): "first" | "stands" | null {
    const heard = this.#heard.get(node);
    if (heard === undefined || heard.incarnation !== incarnation) {
      this.#heard.set(node, { incarnation, firstMs: nowMs, stands: false });
      return "first";
    }
    if (heard.stands || nowMs - heard.firstMs < standsAfterMs) return null;
    this.#heard.set(node, { ...heard, stands: true });
    return "stands";
  }

  /** An authentic frame of this life has arrived. Returns whether a certificate stood until now. */
  refute(node: NodeId, incarnation: Incarnation): boolean {
    const heard = this.#heard.size === 0 ? undefined : this.#heard.get(node);
    if (heard === undefined || heard.incarnation !== incarnation) return false;
    this.#heard.delete(node);
    return heard.stands;
  }
}
