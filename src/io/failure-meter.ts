/**
 * Counts failures by source address and says which sources to ignore for a while.
 * Does not know what failed, nor clocks. Bounded: the sources heard of longest ago are forgotten.
 */
import type { Ms } from "../model/time.ts";

/** More failures than this in one second mute the source for one second. */
const failuresPerSecondMax = 100;
const spanMs = 1000;
/** Source addresses can be forged: the memory for them must not grow. */
const sourcesMax = 256;

type Failures = { sinceMs: number; failures: number; mutedUntilMs: number };

export class FailureMeter {
  readonly #records = new Map<string, Failures>();

  failed(source: string, nowMs: Ms): void {
    const record = this.#records.get(source) ?? this.#remember(source, nowMs);
    if (nowMs - record.sinceMs >= spanMs) {
      record.sinceMs = nowMs;
      record.failures = 0;
    }
    record.failures += 1;
    if (record.failures >= failuresPerSecondMax) record.mutedUntilMs = nowMs + spanMs;
  }

  muted(source: string, nowMs: Ms): boolean {
    const record = this.#records.get(source);
    return record !== undefined && nowMs < record.mutedUntilMs;
  }

  #remember(source: string, nowMs: Ms): Failures {
    const oldest = this.#records.keys().next();
    if (this.#records.size >= sourcesMax && oldest.done !== true) {
      this.#records.delete(oldest.value);
    }
    const record = { sinceMs: nowMs, failures: 0, mutedUntilMs: 0 };
    this.#records.set(source, record);
    return record;
  }
}
