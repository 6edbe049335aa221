import { test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import type { Clock, Firing } from "../../src/io/ports.ts";
import { NamedTimers } from "../../src/io/timers.ts";
import { ms } from "../../src/model/time.ts";
import { processOn, pumpedTime } from "./pumped-time.ts";
import { type TimerName, type TimersStage, timersContract } from "./timers.contract.ts";
import { turns, until } from "./waiting.ts";

function build(clock: Clock = systemClock()): TimersStage {
  const fired: Firing<TimerName>[] = [];
  const timers = new NamedTimers<TimerName>({
    clock,
    tentative: ["token"],
    onDue: (firing) => fired.push(firing),
  });
  return { timers, fired };
}

/** Stands still, as a paused process does. */
function block(forMs: number): void {
  const end = performance.now() + forMs;
  while (performance.now() < end);
}

timersContract("real clock", () => build());
timersContract("virtual clock", (t) => build(processOn(pumpedTime(t)).clock));

test("TIMER2: a tentative timer armed again within the poll pass does not fire", async (t) => {
  const { timers, fired } = build();
  timers.arm("token", ms(1));
  // The stall ends in the check phase, so the overdue timer runs before anything is read.
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      block(5);
      setImmediate(() => {
        timers.arm("token", ms(60_000));
        resolve();
      });
    });
  });
  await turns(5);
  t.same(fired, []);
  timers.disarmAll();
});

test("a timer that is armed again and again comes due once, after the last arming", async (t) => {
  const { timers, fired } = build();
  let last = 0;
  for (let round = 0; round < 20; round += 1) {
    last = performance.now();
    timers.arm("join", ms(15));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await until("the timer fires", () => fired.length === 1);
  t.ok(performance.now() - last >= 15, "not before its time");
  timers.disarmAll();
});

test("overdue is told by the clock, not by the event loop", (t) => {
  let nowMs = 0;
  const clock = { ...systemClock(), monotonicMs: () => ms(nowMs) };
  const { timers } = build(clock);
  timers.arm("token", ms(100));
  nowMs = 99;
  t.equal(timers.overdue("token"), false);
  nowMs = 100;
  t.equal(timers.overdue("token"), true);
  timers.disarmAll();
  t.equal(timers.overdue("token"), false);
  t.end();
});

test("the boot clock is not behind the monotonic clock's pace", (t) => {
  const clock = systemClock();
  const from = { boot: clock.boottimeMs(), mono: clock.monotonicMs() };
  block(30);
  const bootMs = clock.boottimeMs() - from.boot;
  const monoMs = clock.monotonicMs() - from.mono;
  t.ok(Math.abs(bootMs - monoMs) <= 11, `${bootMs} against ${monoMs}`);
  t.ok(clock.wallMs() > 1.7e12);
  t.end();
});
