/** Virtual time that goes on while a test waits for a condition, as the real one does. */
import type { Test } from "tap";
import { VirtualHost } from "../sim/virtual-host.ts";
import { VirtualProcess } from "../sim/virtual-process.ts";
import { type Timeline, VirtualTime } from "../sim/virtual-time.ts";

const stepMs = 20;

export function pumpedTime(t: Test): VirtualTime {
  const time = new VirtualTime();
  const advance = (): void => {
    time.runUntil(time.nowMs + stepMs);
    next = setImmediate(advance);
  };
  let next = setImmediate(advance);
  t.teardown(() => clearImmediate(next));
  return time;
}

/** A process of a machine whose clock is that one. */
export function processOn(time: Timeline, passMs = 0): VirtualProcess {
  return new VirtualProcess({ time, wallOffsetMs: () => 1e6, passMs, onTurn: () => undefined });
}

export type PumpedMachine = { readonly host: VirtualHost; readonly process: VirtualProcess };

export function pumpedMachine(t: Test): PumpedMachine {
  const time = pumpedTime(t);
  return { host: new VirtualHost(time, "10.1.1.1", () => undefined), process: processOn(time) };
}
