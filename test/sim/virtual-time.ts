/**
 * Virtual time: a queue of calls ordered by instant, then by age. Nothing here waits.
 */

type Entry = { readonly atMs: number; readonly order: number; readonly call: () => void };

export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  /** A binary heap: the earliest entry first. */
  readonly #heap: Entry[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): void {
    this.#order += 1;
    this.#heap.push({ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, call });
    this.#rise(this.#heap.length - 1);
  }

  /** Runs everything due until `untilMs`; returns the number of calls made. */
  runUntil(untilMs: number): number {
    let calls = 0;
    for (
      let next = this.#heap[0];
      next !== undefined && next.atMs <= untilMs;
      next = this.#heap[0]
    ) {
      this.#pop();
      this.#nowMs = next.atMs;
      next.call();
      calls += 1;
    }
    this.#nowMs = untilMs;
    return calls;
  }

  #before(a: number, b: number): boolean {
    const left = this.#heap[a];
    const right = this.#heap[b];
    if (left === undefined || right === undefined) return false;
    return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
  }

  #swap(a: number, b: number): void {
    const left = this.#heap[a];
    const right = this.#heap[b];
    if (left === undefined || right === undefined) return;
    this.#heap[a] = right;
    this.#heap[b] = left;
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let at = 0; ; ) {
      const left = at * 2 + 1;
      const smaller = this.#before(left + 1, left) ? left + 1 : left;
      if (!this.#before(smaller, at)) return;
      this.#swap(at, smaller);
      at = smaller;
    }
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
