/**
 * Durations and instants. The core counts in milliseconds; cluster.conf counts in seconds.
 * Tested in: test/config/timers.test.ts
 */

declare const msBrand: unique symbol;
declare const secondsBrand: unique symbol;

/** Milliseconds: a duration, or an instant of the clock that the user of it names. */
export type Ms = number & { readonly [msBrand]: true };
/** Whole seconds of cluster.conf or of wall-clock time since 1970. */
export type Seconds = number & { readonly [secondsBrand]: true };

export function ms(value: number): Ms {
  return value as Ms;
}

export function seconds(value: number): Seconds {
  return value as Seconds;
}

export function toMs(value: Seconds): Ms {
  return (value * 1000) as Ms;
}

/** `4.4 s`, with at most one digit, as operators read it. */
export function secondsText(durationMs: number): string {
  return `${Number((durationMs / 1000).toFixed(1))} s`;
}
