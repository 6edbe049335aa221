/**
 * How long the token takes to go round: the last rotations of an operational ring.
 * Knows instants and rings; does not know tokens.
 * Source: corosync exec/totemstats.h (mean rotation over the last 100 tokens).
 */
import { type RingId, sameRing } from "../model/ids.ts";
import { type Ms, ms } from "../model/time.ts";

const rotationsKept = 100;

export type RotationRecord = {
  /** At most the last hundred; all figures are 0 when there was none. */
  readonly rotations: number;
  readonly minMs: Ms;
  readonly meanMs: Ms;
  readonly maxMs: Ms;
};

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
    const kept = this.#kept.subarray(0, Math.min(this.#count, rotationsKept));
    if (kept.length === 0) return { rotations: 0, minMs: ms(0), meanMs: ms(0), maxMs: ms(0) };
    const sum = kept.reduce((total, each) => total + each, 0);
    return {
      rotations: kept.length,
      minMs: ms(Math.min(...kept)),
      meanMs: ms(sum / kept.length),
      maxMs: ms(Math.max(...kept)),
    };
  }
}
