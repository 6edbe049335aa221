/**
 * Judges whether the main thread still answers: counts only the time during which this thread
 * itself ran.
 * Source: rgmanager's watchdog parent ends the node when its child dies; this is its counterpart.
 * Tested in: test/ring-thread/heartbeats-and-stalls.test.ts
 * HEARTBEAT1  If the machine as a whole did not run, the main thread is not blamed: a step counts
 *     for at most one interval.
 */
import { type Ms, ms } from "../model/time.ts";

export class MainHeartbeat {
  readonly #intervalMs: Ms;
  readonly #limitMs: Ms;
  #ranMs = 0;
  #answeredMs = 0;
  #beat = 0;
  #lastStepMs: Ms;
  /** Beats not yet answered, oldest first, with the running time at which they were sent. */
  #open: { readonly beat: number; readonly ranMs: number }[] = [];

  constructor(limits: { readonly intervalMs: Ms; readonly limitMs: Ms }, nowMs: Ms) {
    this.#intervalMs = limits.intervalMs;
    this.#limitMs = limits.limitMs;
    this.#lastStepMs = nowMs;
  }

  /**
   * Called once per interval. Returns the number of the next heartbeat, or null if the main thread
   * was silent for too long.
   */
  step(nowMs: Ms): number | null {
    this.#ranMs += Math.min(nowMs - this.#lastStepMs, this.#intervalMs);
    this.#lastStepMs = nowMs;
    if (this.#ranMs - this.#answeredMs > this.#limitMs) return null;
    this.#beat += 1;
    this.#open.push({ beat: this.#beat, ranMs: this.#ranMs });
    return this.#beat;
  }

  /** An answer proves life at the time of the question, not of the answer. */
  answered(beat: number): void {
    const asked = this.#open.find((open) => open.beat === beat);
    if (asked === undefined) return;
    this.#answeredMs = asked.ranMs;
    this.#open = this.#open.filter((open) => open.beat > beat);
  }

  silentMs(): Ms {
    return ms(this.#ranMs - this.#answeredMs);
  }
}
