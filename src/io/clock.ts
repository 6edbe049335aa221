/**
 * The machine's three clocks, and calls at their times. Does not know what is timed.
 * Source: clock_gettime(2), proc(5) uptime.
 */
import { uptime } from "node:os";
import { ms } from "../model/time.ts";
import type { Clock } from "./ports.ts";
import type { SystemCalls } from "./system-calls.ts";

/** Without system calls the time since the start of the machine costs opening a file. */
export function systemClock(calls: Pick<SystemCalls, "boottimeMs"> | null = null): Clock {
  const native = calls?.boottimeMs ?? null;
  return {
    monotonicMs: () => ms(performance.now()),
    // Node reads /proc/uptime, which counts suspend and shows hundredths of a second: all
    // processes of a node must read the same, whichever way they do it.
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
