/**
 * Wakes the node when its lease ends, and tells the guard how long it lasts.
 * Knows the lease, not what hangs on it.
 * Tested in: test/node/watchdog-waits.test.ts
 * LEASE3  One timer for many renewals: when it is over it is armed again for what is left.
 * LEASE4  The guard hears what it does at the end with every lease, and at once when that changes.
 */
import type { LeaseEnd } from "../model/lease-end.ts";
import { ms } from "../model/time.ts";
import type { LeaseClock } from "./lease-clock.ts";
import type { Outbox } from "./outbox.ts";

export class LeaseTimer {
  readonly #lease: LeaseClock;
  readonly #outbox: Outbox;
  #armed = false;
  #atEnd: LeaseEnd = "kill";

  constructor(lease: LeaseClock, outbox: Outbox) {
    this.#lease = lease;
    this.#outbox = outbox;
  }

  /** The lease may last longer than before. */
  renewed(): void {
    const { endMs } = this.#lease;
    if (endMs === null || !this.#held()) return;
    if (!this.#armed) this.#arm();
    this.#outbox.emit({ type: "lease", endMs, atEnd: this.#atEnd });
  }

  /** What the guard does when the lease ends. */
  adjust(atEnd: LeaseEnd): void {
    if (atEnd === this.#atEnd) return;
    this.#atEnd = atEnd;
    this.renewed();
  }

  /** The timer is over. */
  fire(): void {
    this.#armed = false;
    if (this.#held()) this.#arm();
  }

  #held(): boolean {
    return this.#lease.held(this.#outbox.now.boottimeMs);
  }

  #arm(): void {
    this.#armed = true;
    const afterMs = ms(Math.ceil(this.#lease.remainingMs(this.#outbox.now.boottimeMs)));
    this.#outbox.emit({ type: "arm", timer: "lease", afterMs });
  }
}
