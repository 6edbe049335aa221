/**
 * Carries out what is ordered, a bounded part of it in each step of the node: whatever else there
 * is to do must not wait for a decision about every service. Decides nothing.
 * Tested in: test/node/work-in-parts.test.ts
 * WORK1  What has been begun goes on without another event: the node asks for a step of its own.
 */
import type { NodeInput } from "./node-events.ts";
import type { NodeServices } from "./node-services.ts";
import type { Outbox } from "./outbox.ts";
import type { Replica } from "./replica.ts";
import { performReplica, type ReplicaParts } from "./replica-effects.ts";

/**
 * About how much of the replicated state is worked on in one step; see `Replica.goOn`. With 128 it
 * is sixteen decisions: a step stays below a millisecond, also of code that was never run before.
 */
export const usualWorkMax = 128;

export class ReplicaWork {
  readonly #replica: Replica;
  readonly #parts: ReplicaParts;
  readonly #own: NodeServices;
  readonly #outbox: Outbox;
  readonly #workMax: number;
  /** The node has asked for a step, and it has not come. */
  #asked = false;

  constructor(replica: Replica, parts: ReplicaParts, workMax: number) {
    this.#replica = replica;
    this.#parts = parts;
    this.#own = parts.own;
    this.#outbox = parts.outbox;
    this.#workMax = workMax;
  }

  /** Before the input is taken: whatever might look at the replicated state finds it complete. */
  prepareFor(input: NodeInput): void {
    if (input.type === "continue") this.#asked = false;
    if (!leavesReplica(input) || this.#replica.crowded) this.finish();
  }

  /** All that is ordered, and all that is to be done about it. */
  finish(): void {
    while (this.#replica.goOn(Number.POSITIVE_INFINITY) > 0) this.perform();
    this.perform();
  }

  /** A part of it, at the end of a step. Returns whether the replicated state is complete. */
  goOn(): boolean {
    this.perform();
    for (let left = this.#workMax; left > 0 && this.#replica.busy; this.perform()) {
      left -= this.#replica.goOn(left);
    }
    if ((this.#replica.busy || this.#own.hurried) && !this.#asked) {
      this.#asked = true;
      this.#outbox.emit({ type: "continue" });
    }
    return !this.#replica.busy;
  }

  /** What is to be done already. */
  perform(): void {
    performReplica(this.#replica, this.#parts);
  }
}

/** Neither asks for the replicated state nor changes it, or waits for its turn (R3). */
function leavesReplica(input: NodeInput): boolean {
  switch (input.type) {
    case "begin":
    case "continue":
    case "deliver":
    case "suspended":
    case "lease":
    case "report":
    case "guarded":
    case "check-now":
    case "request":
      return true;
    case "timer":
      return input.timer === "lease" || input.timer === "poll" || input.timer === "tick";
    default:
      return false;
  }
}
