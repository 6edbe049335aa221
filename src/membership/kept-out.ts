/**
 * Who was found not to receive messages, and for how long it is to stay outside.
 * Knows ages, whose length is the owner's; does not know how anybody was found deaf.
 * Source: IEEE 802.3 (truncated exponential backoff), for the idea.
 * KEPTOUT1  Each time is twice as long as the one before, up to a limit, until a node has been in
 *     rings for four times as long as it was last outside.
 * Deviation: corosync lets a node that has failed to receive back at once. Whatever keeps its
 * messages away is there still, and every attempt stops the others for the time that it takes to
 * find that out.
 */
import type { NodeId } from "../model/ids.ts";

/** Two seconds with the usual merge interval: a burst of losses is over by then. */
const agesMin = 4;
/** Four minutes: how long an operator waits after having mended the network, at most. */
const agesMax = 512;
const calmFactor = 4;

type Term = { ages: number; left: number; calm: number };

export class KeptOut {
  readonly #terms = new Map<NodeId, Term>();

  /** It was found deaf. Returns for how many ages it is outside now. */
  add(node: NodeId): number {
    const before = this.#terms.get(node);
    const ages = before === undefined ? agesMin : Math.min(2 * before.ages, agesMax);
    this.#terms.set(node, { ages, left: ages, calm: 0 });
    return ages;
  }

  has(node: NodeId): boolean {
    return (this.#terms.get(node)?.left ?? 0) > 0;
  }

  /** An age is over. */
  age(): void {
    for (const [node, term] of this.#terms) {
      if (term.left > 0) term.left -= 1;
      else term.calm += 1;
      if (term.calm >= calmFactor * term.ages) this.#terms.delete(node);
    }
  }
}
