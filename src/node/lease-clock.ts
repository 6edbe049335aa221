/**
 * The self-fencing lease of this node: the clock says until when it may run services, and the timer
 * wakes the node at the end of the lease and tells the guard how long it lasts.
 * All instants are those of the boot-time clock, so the lease also ends during a suspend.
 * Source: Gray and Cheriton 1989; sbd(8).
 * Tested in: test/node/lease-clock.test.ts, test/node/watchdog-waits.test.ts
 * C1  Only evidence of the present quorate ring prolongs the lease; evidence of a ring that is not
 *     known to be quorate yet is kept until it is.
 * C2  The lease never gets shorter, and once it has ended only new evidence revives it.
 * C3  Something may be started only while the guard has confirmed a lease that still lasts: without
 *     that confirmation the guard may be killing services, or not be there.
 * C4  A service that another node could run may be started only when the guard has also confirmed
 *     that it kills everything at the end of the lease.
 * LEASE3  One timer serves many renewals: when it fires it is armed again for what is left.
 * LEASE4  The guard is told with every lease what it does at the end, and again when that changes.
 */

import { type RingId, sameRing } from "../model/ids.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import { ms } from "../model/time.ts";
import type { Outbox } from "./outbox.ts";

export class LeaseClock {
  readonly #leaseMs: number;
  #endMs: number | null = null;
  #guardedUntilMs = 0;
  #guardKills: LeaseEnd = "spare";
  #pending: { readonly ring: RingId; readonly startMs: number } | null = null;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Evidence has come; `quorate` is the present quorate ring, or null while there is none. */
  renew(
    evidence: { readonly ring: RingId; readonly startMs: number },
    quorate: RingId | null,
  ): void {
    if (quorate !== null && sameRing(evidence.ring, quorate)) {
      this.#endMs = Math.max(this.#endMs ?? 0, evidence.startMs + this.#leaseMs);
    } else {
      this.#pending = evidence;
    }
  }

  /** The ring has turned out to be quorate: the evidence that was kept for it counts. */
  confirm(ring: RingId): void {
    if (this.#pending !== null) this.renew(this.#pending, ring);
    this.#pending = null;
  }

  held(nowMs: number): boolean {
    return this.#endMs !== null && nowMs < this.#endMs;
  }

  /** The guard has confirmed a lease (C3, C4); `untilMs` 0: there is no guard. */
  guard(untilMs: number, atEnd: LeaseEnd): void {
    this.#guardedUntilMs = untilMs;
    this.#guardKills = atEnd;
  }

  /** Whether a service may be started; `floats`: another node could run it. */
  mayStart(nowMs: number, floats: boolean): boolean {
    const guarded = nowMs < this.#guardedUntilMs && (!floats || this.#guardKills === "kill");
    return this.held(nowMs) && guarded;
  }

  /** When it ends or ended; null once its end was dealt with, or if it was never held. */
  get endMs(): number | null {
    return this.#endMs;
  }

  /** Remaining ms; 0 if it has ended or was never held. */
  remainingMs(nowMs: number): number {
    return this.#endMs === null ? 0 : Math.max(0, this.#endMs - nowMs);
  }

  /** True once, when a lease that was held has ended. */
  takeEnd(nowMs: number): boolean {
    if (this.#endMs === null || nowMs < this.#endMs) return false;
    this.#endMs = null;
    return true;
  }
}

/** Arms the timer of the lease and tells the guard of each renewal. */
export class LeaseTimer {
  readonly #lease: LeaseClock;
  readonly #outbox: Outbox;
  #armed = false;
  #atEnd: LeaseEnd = "kill";

  constructor(lease: LeaseClock, outbox: Outbox) {
    this.#lease = lease;
    this.#outbox = outbox;
  }

  /** The lease may last longer than before: the guard is told. */
  renewed(): void {
    const { endMs } = this.#lease;
    if (endMs === null || !this.#held()) return;
    if (!this.#armed) this.#arm();
    this.#outbox.emit({ type: "lease", endMs, atEnd: this.#atEnd });
  }

  /** What the guard does when the lease ends, after each step. */
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
