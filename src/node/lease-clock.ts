/**
 * The self-fencing lease of this node: until when it may run services.
 * Knows instants of the boot-time clock, so that suspend counts. Does not know what is running.
 * Source: Gray and Cheriton 1989; sbd(8).
 * C1  Only evidence of the present quorate ring prolongs the lease; earlier evidence waits.
 * C2  The lease never gets shorter, and once it has ended only new evidence revives it.
 * C3  Something may be started only while whoever ends services from outside has confirmed a lease
 *     that still lasts: until then it may be killing, or not be there.
 * C4  What another node could run may be started only when the guard has confirmed, too, that it
 *     kills everything at the end of the lease.
 */

import { type RingId, sameRing } from "../model/ids.ts";
import type { LeaseEnd } from "../model/lease-end.ts";

export class LeaseClock {
  readonly #leaseMs: number;
  #endMs: number | null = null;
  #guardedUntilMs = 0;
  #guardKills: LeaseEnd = "spare";
  #pending: { readonly ring: RingId; readonly startMs: number } | null = null;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Evidence came in; `quorate` is the present quorate ring, or null while there is none. */
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

  /** The ring has turned out to be quorate: what it proved meanwhile counts. */
  confirm(ring: RingId): void {
    if (this.#pending !== null) this.renew(this.#pending, ring);
    this.#pending = null;
  }

  held(nowMs: number): boolean {
    return this.#endMs !== null && nowMs < this.#endMs;
  }

  /** C3, C4; 0: nobody guards. */
  guard(untilMs: number, atEnd: LeaseEnd): void {
    this.#guardedUntilMs = untilMs;
    this.#guardKills = atEnd;
  }

  /** `floats`: another node could run it. */
  mayStart(nowMs: number, floats: boolean): boolean {
    const guarded = nowMs < this.#guardedUntilMs && (!floats || this.#guardKills === "kill");
    return this.held(nowMs) && guarded;
  }

  /** When it ends or ended; null when that was dealt with, or it was never held. */
  get endMs(): number | null {
    return this.#endMs;
  }

  /** Remaining ms, 0 when ended or never held. */
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
