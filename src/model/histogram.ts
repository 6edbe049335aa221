/**
 * A histogram of durations with fixed bounds, as Prometheus counts them.
 * Tested in: test/life/failover-log.test.ts, test/control/metrics.test.ts
 */

/** Upper bounds of the buckets of a failover; all that takes longer is in no bucket. */
export const failoverBoundsMs = [
  50, 100, 200, 300, 500, 750, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000,
] as const;

export type Histogram = {
  /** For each bound, how many took no longer. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sumMs: number;
};

const empty: Histogram = { counts: failoverBoundsMs.map(() => 0), count: 0, sumMs: 0 };

/** The histogram with one more duration. */
export function counted(histogram: Histogram | undefined, tookMs: number): Histogram {
  const { counts, count, sumMs } = histogram ?? empty;
  const within = (bound: number): number => (tookMs <= bound ? 1 : 0);
  return {
    counts: failoverBoundsMs.map((bound, at) => (counts[at] ?? 0) + within(bound)),
    count: count + 1,
    sumMs: sumMs + tookMs,
  };
}
