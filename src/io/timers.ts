/**
 * Named timers over setTimeout. Does not know what the names mean.
 * T1  A firing is claimed at most once, and never after its timer was armed again or disarmed.
 * T2  A tentative timer comes due only after one full poll pass of the event loop: what had
 *     arrived while the process did not run is seen first, and may arm the timer again.
 */
import type { Ms } from "../model/time.ts";
import type { Clock, Firing, Timers } from "./ports.ts";

export type TimersOptions<Name extends string> = {
  readonly clock: Clock;
  /** Queues the firing; it is claimed when its turn comes. */
  readonly onDue: (firing: Firing<Name>) => void;
  /** Timers to which T2 applies: those whose expiry accuses somebody else of silence. */
  readonly tentative: readonly Name[];
};

type Armed = {
  readonly generation: number;
  readonly dueMs: number;
  readonly timeout: NodeJS.Timeout;
};

export class NamedTimers<Name extends string> implements Timers<Name> {
  readonly #options: TimersOptions<Name>;
  readonly #armed = new Map<Name, Armed>();
  #generation = 0;

  constructor(options: TimersOptions<Name>) {
    this.#options = options;
  }

  arm(timer: Name, afterMs: Ms): void {
    this.disarm(timer);
    this.#generation += 1;
    const firing = { timer, generation: this.#generation };
    const timeout = setTimeout(() => this.#expire(firing), afterMs);
    const dueMs = this.#options.clock.monotonicMs() + afterMs;
    this.#armed.set(timer, { generation: firing.generation, dueMs, timeout });
  }

  disarm(timer: Name): void {
    const armed = this.#armed.get(timer);
    if (armed === undefined) return;
    clearTimeout(armed.timeout);
    this.#armed.delete(timer);
  }

  claim(firing: Firing<Name>): boolean {
    if (!this.#current(firing)) return false;
    this.#armed.delete(firing.timer);
    return true;
  }

  overdue(timer: Name): boolean {
    const armed = this.#armed.get(timer);
    return armed !== undefined && armed.dueMs <= this.#options.clock.monotonicMs();
  }

  disarmAll(): void {
    for (const timer of [...this.#armed.keys()]) this.disarm(timer);
  }

  #current(firing: Firing<Name>): boolean {
    return this.#armed.get(firing.timer)?.generation === firing.generation;
  }

  #expire(firing: Firing<Name>): void {
    if (!this.#options.tentative.includes(firing.timer)) {
      this.#options.onDue(firing);
      return;
    }
    // Timers run before sockets are read when the process was stopped: let one poll pass by.
    setImmediate(() =>
      setImmediate(() => {
        if (this.#current(firing)) this.#options.onDue(firing);
      }),
    );
  }
}
