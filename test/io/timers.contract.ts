/** What the owner of `Timers` relies on: it queues firings, and claims each when its turn comes. */
import { type Test, test } from "tap";
import type { Firing, Timers } from "../../src/io/ports.ts";
import { ms } from "../../src/model/time.ts";
import { until } from "./waiting.ts";

/** The first one is tentative: its end accuses somebody of silence. */
export type TimerName = "token" | "join";

export type TimersStage = {
  readonly timers: Timers<TimerName>;
  readonly fired: Firing<TimerName>[];
};

/** The first firing; a test that asks for it has waited for it. */
function first(fired: readonly Firing<TimerName>[]): Firing<TimerName> {
  const [firing] = fired;
  if (firing === undefined) throw new Error("nothing fired");
  return firing;
}

export function timersContract(name: string, make: (t: Test) => TimersStage): void {
  test(`${name}: TIMER1: a firing is claimed once`, async (t) => {
    const { timers, fired } = make(t);
    timers.arm("join", ms(1));
    await until("the timer fires", () => fired.length === 1);
    t.equal(timers.claim(first(fired)), true);
    t.equal(timers.claim(first(fired)), false);
  });

  test(`${name}: TIMER1: a queued firing of a disarmed timer is refused`, async (t) => {
    const { timers, fired } = make(t);
    timers.arm("join", ms(1));
    await until("the timer fires", () => fired.length === 1);
    timers.disarm("join");
    t.equal(timers.claim(first(fired)), false);
  });

  test(`${name}: TIMER1: a firing is refused when its timer was armed again`, async (t) => {
    const { timers, fired } = make(t);
    timers.arm("join", ms(1));
    await until("the timer fires", () => fired.length === 1);
    timers.arm("join", ms(1));
    t.equal(timers.claim(first(fired)), false);
    await until("it fires again", () => fired.length === 2);
    t.equal(timers.claim(first(fired.slice(1))), true);
  });

  test(`${name}: a disarmed timer does not fire, by whichever word`, async (t) => {
    const { timers, fired } = make(t);
    timers.arm("join", ms(1));
    timers.disarm("join");
    timers.arm("token", ms(1));
    timers.disarmAll();
    timers.arm("token", ms(30));
    await until("the other timer fires", () => fired.length === 1);
    t.match(fired, [{ timer: "token" }]);
  });

  test(`${name}: an earlier time counts at once, a later one too`, async (t) => {
    const { timers, fired } = make(t);
    timers.arm("join", ms(60_000_000));
    timers.arm("join", ms(1));
    await until("it fires", () => fired.length === 1);
    t.equal(timers.claim(first(fired)), true);
    timers.arm("join", ms(1));
    timers.arm("join", ms(60_000_000));
    timers.arm("token", ms(30));
    await until("the other timer fires", () => fired.length === 2);
    t.match(fired, [{ timer: "join" }, { timer: "token" }]);
    timers.disarmAll();
  });

  test(`${name}: a tentative timer fires when nothing arrives; it is overdue then`, async (t) => {
    const { timers, fired } = make(t);
    t.equal(timers.overdue("token"), false, "not armed");
    timers.arm("token", ms(30));
    t.equal(timers.overdue("token"), false, "not due");
    await until("the timer fires", () => fired.length === 1);
    t.equal(timers.overdue("token"), true, "due and not yet claimed");
    t.equal(timers.claim(first(fired)), true);
    t.equal(timers.overdue("token"), false);
  });
}
