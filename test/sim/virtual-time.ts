/**
 * Virtual time: a queue of calls ordered by instant, then by age. Nothing here waits.
 */
import { EventHeap } from "./event-heap.ts";

/** A clock, and what it wakes: the true time, or a machine's own idea of it. */
export type Timeline = {
  readonly nowMs: number;
  after(delayMs: number, call: () => void): void;
};

export class VirtualTime implements Timeline {
  readonly #calls = new EventHeap<() => void>();
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): void {
    this.#calls.add(this.#nowMs + Math.max(0, delayMs), call);
  }

  /**
   * Runs everything due until `untilMs`, but at most `callsMax` calls, and then the time is that of
   * the last one; returns the number of calls made.
   */
  runUntil(untilMs: number, callsMax: number = Number.POSITIVE_INFINITY): number {
    let calls = 0;
    while (this.#calls.nextAt <= untilMs) {
      if (calls >= callsMax) return calls;
      const next = this.#calls.take();
      if (next === null) break;
      this.#nowMs = next.at;
      next.event();
      calls += 1;
    }
    this.#nowMs = untilMs;
    return calls;
  }
}

/** The clock of one machine: it began elsewhere, and runs too fast or too slow. */
export class DriftingClock implements Timeline {
  readonly #time: Timeline;
  readonly #offsetMs: number;
  /** Its milliseconds for each true one. */
  readonly rate: number;

  constructor(time: Timeline, options: { readonly rate: number; readonly offsetMs: number }) {
    this.#time = time;
    this.#offsetMs = options.offsetMs;
    this.rate = options.rate;
  }

  get nowMs(): number {
    return this.#offsetMs + this.#time.nowMs * this.rate;
  }

  after(delayMs: number, call: () => void): void {
    this.#time.after(delayMs / this.rate, call);
  }
}
