/**
 * Counts the runs of a broker that ended before it was of use. A broker that differs from its
 * primary in ha-replicate ends by itself with status 0, and its service starts it again and again:
 * only its own log says why.
 * Source: qpid-cpp ha/BrokerReplicator.cpp.
 * Tested in: test/brokers/broker-care.test.ts
 * SHORT1  A run is of use once the broker is ready or primary, or has answered for ten seconds.
 */
import type { BrokerState } from "./broker-state.ts";

/** It is said once, when so many runs in a row were of no use. */
const runsSaid = 3;
/** With two answers a second. */
const answersMin = 20;

export class ShortRuns {
  /** In a row, up to now. */
  #count = 0;
  #running = false;
  #answers = 0;
  #useful = false;
  /** Where the broker writes its log. */
  #log = "the system log";

  writesTo(log: string): void {
    this.#log = log;
  }

  /** Whether the service of the broker is started; true: there is a reason to say `words`. */
  runs(running: boolean): boolean {
    const before = this.#running;
    this.#running = running;
    if (before === running) return false;
    if (running) {
      this.#answers = 0;
      this.#useful = false;
      return false;
    }
    this.#count = this.#useful ? 0 : this.#count + 1;
    return this.#count === runsSaid;
  }

  answers(state: BrokerState): void {
    this.#answers += 1;
    const serves = state !== "joining" && state !== "catchup";
    if (!serves && this.#answers < answersMin) return;
    this.#useful = true;
    this.#count = 0;
  }

  /** Empty: nothing strange. */
  get words(): string {
    if (this.#count < runsSaid) return "";
    const times = `${this.#count} times, each time before it was ready`;
    const log = `see its log (${this.#log})`;
    return `it has ended ${times}: ${log}, and compare its ha-replicate and acl-file`;
  }
}
