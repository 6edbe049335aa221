/**
 * Passes on the newest proof of membership, at most one per interval, since a fast ring gives
 * thousands a second.
 * Tested in: test/ring-thread/ring-driver.test.ts
 */
import type { Clock, Stop } from "../io/ports.ts";
import { type Ms, ms } from "../model/time.ts";
import type { LeaseProof } from "./ring-port.ts";

/** A twentieth of the shortest lease; more often would only keep the main thread busy. */
const leaseReportIntervalMs = ms(50);

export class LeaseThrottle {
  readonly #post: (lease: LeaseProof) => void;
  #postedAtMs = Number.NEGATIVE_INFINITY;
  #held: LeaseProof | null = null;
  readonly #clock: Pick<Clock, "after">;
  #timer: Stop | null = null;

  constructor(clock: Pick<Clock, "after">, post: (lease: LeaseProof) => void) {
    this.#clock = clock;
    this.#post = post;
  }

  offer(lease: LeaseProof, nowMs: Ms): void {
    this.#held = lease;
    const waitMs = this.#postedAtMs + leaseReportIntervalMs - nowMs;
    if (waitMs <= 0) {
      this.#postedAtMs = nowMs;
      this.release();
      return;
    }
    this.#timer ??= this.#clock.after(waitMs, () => {
      this.#postedAtMs = nowMs + waitMs;
      this.release();
    });
  }

  /** Passes on the proof that is held back, since an output follows that must not overtake it. */
  release(): void {
    this.#timer?.();
    this.#timer = null;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#post(held);
  }

  stop(): void {
    this.#timer?.();
    this.#timer = null;
    this.#held = null;
  }
}
