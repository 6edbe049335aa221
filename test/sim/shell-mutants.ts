/**
 * Deliberate bugs of the shell: of the loops, the timers, the ring thread, and the lives of a node.
 * See bug-hunt.ts.
 */
import { type Edit, type Mutant, mutant, type Prey } from "./bug-hunt.ts";

const nothing = ";";

export const shellMutants: readonly Mutant[] = [
  bug("lease", "what a step puts out is performed in another order", "loop/step-loop.js", {
    find: "of this.#parts.step(input))",
    replace: "of [...this.#parts.step(input)].reverse())",
  }),
  bug("ring", "an input is stepped in the middle of another one", "loop/step-loop.js", {
    find: "if (this.#running || this.#held || this.#ended)",
    replace: "if (this.#held || this.#ended)",
  }),
  bug("ring", "a timer fires after it was disarmed or armed again", "io/timers.js", {
    find: "return this.#armed.get(firing.timer)?.generation === firing.generation;",
    replace: "return true;",
  }),
  bug(
    "ring",
    "a token that is late is taken for lost before the sockets are read",
    "io/timers.js",
    {
      find: "if (!this.#options.tentative.includes(firing.timer)) {",
      replace: "if (true) {",
    },
  ),
  bug(
    "ring",
    "a bound is taken for durable when its write begins",
    "ring-thread/ring-sequence-store.js",
    {
      find: "const asked = this.#wanted;",
      replace: "const asked = this.#wanted; this.#options.onDurable(asked);",
    },
  ),
  bug("ring", "a stall is not told to the ring", "ring-thread/ring-driver.js", {
    find: "if (replaced)",
    replace: "if (false)",
  }),
  bug("ring", "what has waited during a stall is taken for new", "ring-thread/ring-inbox.js", {
    find: "if (this.staleOnly && !this.#ofCurrentRing(message)) {",
    replace: "if (false) {",
  }),
  bug(
    "ring",
    "the main thread hears of a turn in another order",
    "ring-thread/ring-output-batch.js",
    {
      find: "this.#post(batch);",
      replace: "this.#post(batch.toReversed());",
    },
  ),
  bug("clones", "two lives that contend are both let in", "io/frames/life-contest.js", {
    find: `    contested(nowMs) {
`,
    replace: `    contested(nowMs) {
        return false;
`,
  }),
  bug("clones", "a life that has ended goes on stepping its node", "life/event-loop.js", {
    find: `    end() {
        this.#loop.end();`,
    replace: `    end() {
        ;`,
  }),
  bug("services", "a message that the ring refused is forgotten", "life/node-life.js", {
    find: 'if (state === "full")',
    replace: "if (false)",
  }),
  bug("lease", "a confirmation of the guard is lost", "guard/lease-guard.js", {
    find: 'this.#report({ type: "armed", leaseEndMs, atEnd });',
    replace: nothing,
  }),
];

function bug(prey: Prey, name: string, file: string, edit: Omit<Edit, "file">): Mutant {
  return mutant(prey, name, [{ file, ...edit }]);
}
