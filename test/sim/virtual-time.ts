/**
 * Virtual time: a queue of calls ordered by instant, then by age. Nothing here waits.
 */
import { EventHeap } from "./event-heap.ts";

export class VirtualTime {
  readonly #calls = new EventHeap<() => void>();
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): void {
    this.#calls.add(this.#nowMs + Math.max(0, delayMs), call);
  }

  /** Runs everything due until `untilMs`; returns the number of calls made. */
  runUntil(untilMs: number): number {
    let calls = 0;
    while (this.#calls.nextAt <= untilMs) {
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

/** Timers by name over virtual time, with the guarantee of the real ones. */
export class VirtualTimers<Name extends string> {
  readonly #time: VirtualTime;
  readonly #fire: (timer: Name) => void;
  readonly #generations = new Map<Name, number>();
  #generation = 0;

  constructor(time: VirtualTime, fire: (timer: Name) => void) {
    this.#time = time;
    this.#fire = fire;
  }

  arm(timer: Name, afterMs: number): void {
    this.#generation += 1;
    const generation = this.#generation;
    this.#generations.set(timer, generation);
    this.#time.after(afterMs, () => {
      if (this.#generations.get(timer) !== generation) return;
      this.#generations.delete(timer);
      this.#fire(timer);
    });
  }

  disarm(timer: Name): void {
    this.#generations.delete(timer);
  }

  disarmAll(): void {
    this.#generations.clear();
  }
}
