/**
 * Limits how many frames of unknown lives are opened, so that forged frames cannot use up this
 * node's time.
 * Tested in: test/io/frame-seal.test.ts
 * BUDGET1  All senders share one budget: it does not matter which sender a forger names, or which
 *     source address.
 * BUDGET2  It fills evenly, not once a second. A sender gets about the share of the budget that it
 *     has of the unknown frames, so a node that repeats its frames is opened in the end: of r
 *     frames among f forged ones a second, rate * r / (r + f) a second.
 */
import type { Ms } from "../../model/time.ts";

export type BudgetRate = {
  /** Frames a second; each costs a key derivation, 10 to 50 us. */
  readonly perSecond: number;
  /** Frames at once after a pause, so that a cluster that starts need not wait. */
  readonly atOnce: number;
};

export class StrangerBudget {
  readonly #rate: BudgetRate;
  #left: number;
  #atMs: Ms | null = null;

  constructor(rate: BudgetRate) {
    this.#rate = rate;
    this.#left = rate.atOnce;
  }

  /** Whether one more frame may be opened now; if so, it is counted. */
  spend(nowMs: Ms): boolean {
    const { perSecond, atOnce } = this.#rate;
    const passedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs));
    this.#atMs = nowMs;
    this.#left = Math.min(atOnce, this.#left + (passedMs * perSecond) / 1000);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
