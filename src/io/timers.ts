/**
 * Named timers on top of a clock's timers. A ring arms its timers thousands of times before one is
 * due, so a timeout stays set when its timer is armed again, and is set for the rest when it fires.
 * TIMER1  A firing is claimed at most once, and never after its timer was armed again or disarmed.
 * TIMER2  A tentative timer is due only after one full poll pass of the event loop: messages that
 *     arrived while the process did not run are handled first, and may arm the timer again.
 */
import type { Ms } from "../model/time.ts";
import type { Clock, Firing, Stop, Timers } from "./ports.ts";

export type TimersOptions<Name extends string> = {
  readonly clock: Clock;
  /** Queues the firing, which is claimed when it is handled. */
  readonly onDue: (firing: Firing<Name>) => void;
  /** The timers to which TIMER2 applies: those that expire if another node is silent. */
  readonly tentative: readonly Name[];
};

type Armed = { readonly generation: number; readonly dueMs: number };
type Wake = { readonly atMs: number; readonly stop: Stop };

export class NamedTimers<Name extends string> implements Timers<Name> {
  readonly #options: TimersOptions<Name>;
  readonly #armed = new Map<Name, Armed>();
  /** At most one timeout for each name, which is never later than its timer is due. */
  readonly #wakes = new Map<Name, Wake>();
  #generation = 0;

  constructor(options: TimersOptions<Name>) {
    this.#options = options;
  }

  arm(timer: Name, afterMs: Ms): void {
    this.#generation += 1;
    const nowMs = this.#options.clock.monotonicMs();
    const dueMs = nowMs + afterMs;
    this.#armed.set(timer, { generation: this.#generation, dueMs });
    const wake = this.#wakes.get(timer);
    if (wake !== undefined && wake.atMs <= dueMs) return;
    wake?.stop();
    this.#sleep(timer, dueMs, nowMs);
  }

  disarm(timer: Name): void {
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
    for (const { stop } of this.#wakes.values()) stop();
    this.#wakes.clear();
    this.#armed.clear();
  }

  #current(firing: Firing<Name>): boolean {
    return this.#armed.get(firing.timer)?.generation === firing.generation;
  }

  #sleep(timer: Name, dueMs: number, nowMs: number): void {
    const delayMs = Math.max(1, Math.ceil(dueMs - nowMs));
    const stop = this.#options.clock.after(delayMs, () => this.#wake(timer));
    this.#wakes.set(timer, { atMs: dueMs, stop });
  }

  #wake(timer: Name): void {
    this.#wakes.delete(timer);
    const armed = this.#armed.get(timer);
    if (armed === undefined) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (armed.dueMs > nowMs) this.#sleep(timer, armed.dueMs, nowMs);
    else this.#expire({ timer, generation: armed.generation });
  }

  #expire(firing: Firing<Name>): void {
    if (!this.#options.tentative.includes(firing.timer)) {
      this.#options.onDue(firing);
      return;
    }
    // After the process was stopped, timers run before sockets are read: wait for one poll pass.
    const { clock, onDue } = this.#options;
    clock.soon(() =>
      clock.soon(() => {
        if (this.#current(firing)) onDue(firing);
      }),
    );
  }
}
