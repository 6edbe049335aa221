/**
 * Looks again and again who holds an address, and remembers every moment with more than one holder.
 */

const everyMs = 4;

export class AddressSampler {
  readonly #holders: () => readonly number[];
  #timer: NodeJS.Timeout | null = null;
  #lastHeldMs: number | null = null;
  readonly doubles: string[] = [];
  samples = 0;
  longestGapMs = 0;

  constructor(holders: () => readonly number[]) {
    this.#holders = holders;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #look(): void {
    const holders = this.#holders();
    const nowMs = performance.now();
    this.samples += 1;
    if (holders.length > 1)
      this.doubles.push(`${Math.round(nowMs)} ms: nodes ${holders.join(", ")}`);
    if (holders.length === 0) return;
    if (this.#lastHeldMs !== null) {
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastHeldMs);
    }
    this.#lastHeldMs = nowMs;
  }
}
