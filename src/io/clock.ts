/**
 * The machine's three clocks, and timers that run by them.
 * Source: clock_gettime(2), proc(5) uptime.
 */
import { uptime } from "node:os";
import { ms } from "../model/time.ts";
import type { Clock } from "./ports.ts";
import type { SystemCalls } from "./system-calls.ts";

/** Without native calls, each reading of the boot time opens a file. */
export function systemClock(calls: Pick<SystemCalls, "boottimeMs"> | null = null): Clock {
  const native = calls?.boottimeMs ?? null;
  return {
    monotonicMs: () => ms(performance.now()),
    // Node reads /proc/uptime, which counts suspend and has hundredths of a second. The native call
    // is truncated to these, so that all processes of a node read the same time.
    boottimeMs: () => ms(native === null ? Math.round(uptime() * 100) * 10 : tens(native())),
    wallMs: () => ms(Date.now()),
    after: (delayMs, call) => {
      const timeout = setTimeout(call, delayMs);
      return () => clearTimeout(timeout);
    },
    every: (intervalMs, call) => {
      const interval = setInterval(call, intervalMs);
      return () => clearInterval(interval);
    },
    soon: (call) => {
      setImmediate(call);
    },
  };
}

function tens(timeMs: number): number {
  return Math.floor(timeMs / 10) * 10;
}
