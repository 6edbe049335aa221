/**
 * Limits how many frames of unknown lives are opened, so that forged frames cannot use up this
 * node's time.
 * Tested in: test/io/frame-seal.test.ts
 * BUDGET1  All senders of a budget share it: it does not matter which sender or source address a
 *     forger names.
 * BUDGET2  The budget refills evenly, not once a second. So a sender gets about the share of it
 *     that its frames have of all unknown frames, and a node that repeats its frames is heard in
 *     the end: of r frames among f forged ones a second, rate * r / (r + f) a second are opened.
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
