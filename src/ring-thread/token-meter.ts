/**
 * Measures how long the token takes to go round, over the last rotations of an operational ring.
 * Source: corosync exec/totemstats.h (mean rotation over the last 100 tokens).
 * Deviation: the 99th percentile is that of the last thousand rotations, ten of which exceed it; of
 * a hundred it would be their maximum.
 * Tested in: test/life/member-log.test.ts
 */
import { type RingId, sameRing } from "../model/ids.ts";
import { type Ms, ms } from "../model/time.ts";

const rotationsKept = 1000;
const recent = 100;

export type RotationRecord = {
  /** How many rotations were measured, at most the last hundred; if none, all figures are 0. */
  readonly rotations: number;
  readonly minMs: Ms;
  readonly meanMs: Ms;
  readonly maxMs: Ms;
  /** The 99th percentile of at most the last thousand rotations. */
  readonly p99Ms: Ms;
};

const nothing = { rotations: 0, minMs: ms(0), meanMs: ms(0), maxMs: ms(0), p99Ms: ms(0) };

export class TokenMeter {
  readonly #kept = new Float64Array(rotationsKept);
  #count = 0;
  #ring: RingId | null = null;
  #lastMs = 0;

  /** A token of this ring was accepted; rings that are not operational do not count. */
  accepted(ring: RingId, nowMs: Ms): void {
    const last = this.#ring;
    if (last !== null && sameRing(last, ring)) {
      this.#kept[this.#count % rotationsKept] = nowMs - this.#lastMs;
      this.#count += 1;
    } else {
      this.#ring = ring;
      this.#count = 0;
    }
    this.#lastMs = nowMs;
  }

  record(): RotationRecord {
    const last = this.#last(recent);
    if (last.length === 0) return nothing;
    const sum = last.reduce((total, each) => total + each, 0);
    const sorted = this.#last(rotationsKept).sort();
    return {
      rotations: last.length,
      minMs: ms(Math.min(...last)),
      meanMs: ms(sum / last.length),
      maxMs: ms(Math.max(...last)),
      p99Ms: ms(sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0),
    };
  }

  #last(most: number): Float64Array {
    const length = Math.min(this.#count, most);
    const first = this.#count - length;
    return Float64Array.from({ length }, (_, at) => this.#kept[(first + at) % rotationsKept] ?? 0);
  }
}
