/**
 * Detects that the event loop did not run: takes the instants of its turns, returns the gaps.
 * Source: corosync exec/totemsrp.c (pause detection) and main.c (scheduling warning).
 * Deviation: the lateness is reported when the loop turns again, whatever woke it, so that the
 * frames that waited meanwhile can be treated as old.
 * Tested in: test/ring-thread/heartbeats-and-stalls.test.ts
 */
import { type Ms, ms } from "../model/time.ts";

export type StallRecord = { readonly count: number; readonly worstMs: Ms };

export class StallWatch {
  readonly #limitMs: Ms;
  #lastTurnMs: Ms;
  #count = 0;
  #worstMs = ms(0);

  /** A gap of more than `limitMs` between two turns is a stall. */
  constructor(limitMs: Ms, nowMs: Ms) {
    this.#limitMs = limitMs;
    this.#lastTurnMs = nowMs;
  }

  /** Returns how long the loop stood still, or null when it did not. */
  turn(nowMs: Ms): Ms | null {
    const gapMs = ms(nowMs - this.#lastTurnMs);
    this.#lastTurnMs = nowMs;
    if (gapMs <= this.#limitMs) return null;
    this.#count += 1;
    if (gapMs > this.#worstMs) this.#worstMs = gapMs;
    return gapMs;
  }

  record(): StallRecord {
    return { count: this.#count, worstMs: this.#worstMs };
  }
}
