/**
 * The machine's three clocks. Does not know what is timed.
 * Source: clock_gettime(2), proc(5) uptime.
 */
import { uptime } from "node:os";
import { ms } from "../model/time.ts";
import type { Clock } from "./ports.ts";

export function systemClock(): Clock {
  return {
    monotonicMs: () => ms(performance.now()),
    // Node reads /proc/uptime, which counts suspend and shows hundredths of a second.
    boottimeMs: () => ms(Math.round(uptime() * 100) * 10),
    wallMs: () => ms(Date.now()),
  };
}
