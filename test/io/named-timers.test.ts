import { test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import type { Clock, Firing } from "../../src/io/ports.ts";
import { NamedTimers } from "../../src/io/timers.ts";
import { ms } from "../../src/model/time.ts";
import { turns, until } from "./waiting.ts";

type Name = "token" | "join";

function build(clock: Clock = systemClock()): {
  readonly timers: NamedTimers<Name>;
  readonly fired: Firing<Name>[];
} {
  const fired: Firing<Name>[] = [];
  const timers = new NamedTimers<Name>({
    clock,
    tentative: ["token"],
    onDue: (firing) => fired.push(firing),
  });
  return { timers, fired };
}

/** The first firing; a test that asks for it has waited for it. */
function first(fired: readonly Firing<Name>[]): Firing<Name> {
  const [firing] = fired;
  if (firing === undefined) throw new Error("nothing fired");
  return firing;
}

/** Stands still, as a paused process does. */
function block(forMs: number): void {
  const end = performance.now() + forMs;
  while (performance.now() < end);
}

test("a firing is claimed once", async (t) => {
  const { timers, fired } = build();
  timers.arm("join", ms(1));
  await until("the timer fires", () => fired.length === 1);
  t.equal(timers.claim(first(fired)), true);
  t.equal(timers.claim(first(fired)), false);
});

test("a queued firing of a disarmed timer is refused", async (t) => {
  const { timers, fired } = build();
  timers.arm("join", ms(1));
  await until("the timer fires", () => fired.length === 1);
  timers.disarm("join");
  t.equal(timers.claim(first(fired)), false);
});

test("a queued firing of a re-armed timer is refused, the new one is not", async (t) => {
  const { timers, fired } = build();
  timers.arm("join", ms(1));
  await until("the timer fires", () => fired.length === 1);
  timers.arm("join", ms(1));
  t.equal(timers.claim(first(fired)), false);
  await until("it fires again", () => fired.length === 2);
  t.equal(timers.claim(first(fired.slice(1))), true);
});

test("a disarmed timer does not fire", async (t) => {
  const { timers, fired } = build();
  timers.arm("join", ms(1));
  timers.disarm("join");
  timers.arm("token", ms(2));
  await until("the other timer fires", () => fired.length === 1);
  t.match(fired, [{ timer: "token" }]);
});

test("a tentative timer armed again within the poll pass does not fire", async (t) => {
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

test("a tentative timer fires when nothing arrives", async (t) => {
  const { timers, fired } = build();
  timers.arm("token", ms(1));
  await until("the timer fires", () => fired.length === 1);
  t.equal(timers.overdue("token"), true, "due and not yet claimed");
  t.equal(timers.claim(first(fired)), true);
  t.equal(timers.overdue("token"), false);
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
  t.equal(timers.claim(first(fired)), true);
  timers.arm("join", ms(60_000));
  timers.arm("join", ms(1));
  await until("an earlier time counts at once", () => fired.length === 2);
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
