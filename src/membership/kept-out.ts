/**
 * The nodes that were found not to receive messages ("deaf"), and how long each is kept out of
 * rings. Time is counted in ages, whose length the caller sets.
 * Source: IEEE 802.3 (truncated exponential backoff), for the idea.
 * KEPTOUT1  A node is kept out twice as long as the last time, up to a limit. The time is short
 *     again once it has been in rings for four times as long as it was last kept out.
 * Deviation: corosync readmits such a node at once. The cause is then still there, and each attempt
 * stops the other nodes for the time that it takes to find the node deaf again.
 */
import type { NodeId } from "../model/ids.ts";

/** Two seconds with the default merge interval: a burst of losses has ended by then. */
const agesMin = 4;
/** Four minutes: the longest wait after an operator has repaired the network. */
const agesMax = 512;
const calmFactor = 4;

type Term = { ages: number; left: number; calm: number };

export class KeptOut {
  readonly #terms = new Map<NodeId, Term>();

  /** The node was found deaf. Returns for how many ages it is kept out. */
  add(node: NodeId): number {
    const before = this.#terms.get(node);
    const ages = before === undefined ? agesMin : Math.min(2 * before.ages, agesMax);
    this.#terms.set(node, { ages, left: ages, calm: 0 });
    return ages;
  }

  has(node: NodeId): boolean {
    return (this.#terms.get(node)?.left ?? 0) > 0;
  }

  /** One age has passed. */
  age(): void {
    for (const [node, term] of this.#terms) {
      if (term.left > 0) term.left -= 1;
      else term.calm += 1;
      if (term.calm >= calmFactor * term.ages) this.#terms.delete(node);
    }
  }
}
