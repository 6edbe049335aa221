/**
 * Deliberate bugs of the shell: of the loops, the timers, the ring thread, the lives of a node, and
 * what its guard performs. See bug-hunt.ts. No seed finds a bug that other parts make up for, or
 * that no search provokes: a stall that is not told, stale frames after it, a step within a step,
 * two contending lives that are let in, a life that goes on after its end, a full send queue that
 * is ignored. The tests of these parts find each of them.
 */
import { type Edit, type Mutant, mutant, type Prey } from "./bug-hunt.ts";

const nothing = ";";

export const shellMutants: readonly Mutant[] = [
  bug("what a step puts out is performed in another order", {
    prey: "lease",
    file: "loop/step-loop.js",
    find: "of this.#parts.step(input))",
    replace: "of [...this.#parts.step(input)].reverse())",
  }),
  bug("a timer fires after it was disarmed or armed again", {
    prey: "ring",
    file: "io/timers.js",
    find: "return this.#armed.get(firing.timer)?.generation === firing.generation;",
    replace: "return true;",
  }),
  bug("a bound is taken for durable when its write begins", {
    prey: "ring",
    file: "ring-thread/ring-sequence-store.js",
    find: "const asked = this.#wanted;",
    replace: "const asked = this.#wanted; this.#options.onDurable(asked);",
  }),
  bug("the main thread hears of a turn in another order", {
    prey: "ring",
    file: "ring-thread/ring-output-batch.js",
    find: "this.#post(batch);",
    replace: "this.#post(batch.toReversed());",
  }),
  bug("a confirmation of the guard is lost", {
    prey: "lease",
    file: "guard/lease-guard.js",
    find: 'this.#report({ type: "armed", leaseEndMs, atEnd });',
    replace: nothing,
  }),
  bug("the guard does not look whether the lease has ended", {
    prey: "lease",
    file: "guard/guard-performer.js",
    find: 'clock.every(lookEveryMs, () => clock.soon(() => this.#step({ type: "time" })));',
    replace: nothing,
  }),
  bug("the guard drops the result of a sweep", {
    prey: "lease",
    file: "guard/guard-performer.js",
    find: 'this.#step({ type: "swept", rest })',
    replace: "rest",
  }),
  bug("what a sweep has left is not told to the guard", {
    prey: "lease",
    file: "guard/guard-performer.js",
    find: 'this.#step({ type: "swept", rest })',
    replace: 'this.#step({ type: "swept", rest: [] })',
  }),
  bug("the watchdog is fed whatever the guard decides", {
    prey: "lease",
    file: "guard/guard-performer.js",
    find: 'this.#step({ type: "time" })',
    replace: '{ this.#step({ type: "time" }); this.#watchdog?.port.feed(); }',
  }),
];

function bug(name: string, { prey, ...edit }: Edit & { readonly prey: Prey }): Mutant {
  return mutant(prey, name, [edit]);
}
