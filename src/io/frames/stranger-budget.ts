/**
 * How many frames of unknown lives are looked into, so that forgers cannot buy this node's time.
 * Does not know frames, keys or clocks.
 * Tested in: test/io/frame-seal.test.ts
 * BUDGET1  The budget is one for all senders: it does not matter what a forger calls itself, or
 *     where its frames claim to come from.
 * BUDGET2  It fills evenly, not once a second. Whoever sends a share of the strangers' frames gets
 *     about that share of it, so a node that repeats itself is looked at in the end: of r frames
 *     among f forged ones each second, rate * r / (r + f) every second.
 */
import type { Ms } from "../../model/time.ts";

export type BudgetRate = {
  /** Frames in a second; each costs a key derivation, 10 to 50 us. */
  readonly perSecond: number;
  /** Frames at once after a time of rest: a cluster that starts must not wait for it. */
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

  /** True when one more frame may be looked into now. */
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
