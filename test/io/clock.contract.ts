/** What the users of a `Clock` rely on. */
import { type Test, test } from "tap";
import type { Clock } from "../../src/io/ports.ts";
import { until } from "./waiting.ts";

/** Timers of the machine count whole milliseconds, from a reading of their own. */
const earlyMs = 1;

export function clockContract(name: string, make: (t: Test) => Clock): void {
  callContract(name, make);
  repetitionContract(name, make);
  readingContract(name, make);
}

function callContract(name: string, make: (t: Test) => Clock): void {
  test(`${name}: a call comes once, and not before its time`, async (t) => {
    const clock = make(t);
    const beganMs = clock.monotonicMs();
    const came: number[] = [];
    clock.after(20, () => came.push(clock.monotonicMs()));
    t.same(came, [], "not within the call");
    let later = false;
    await until("it comes", () => came.length > 0);
    clock.after(60, () => {
      later = true;
    });
    await until("a later one", () => later);
    t.equal(came.length, 1);
    t.ok((came[0] ?? 0) - beganMs >= 20 - earlyMs, `${came[0]} after ${beganMs}`);
  });

  test(`${name}: what is stopped before its time never comes`, async (t) => {
    const clock = make(t);
    const came: string[] = [];
    const stop = clock.after(10, () => came.push("stopped"));
    stop();
    stop();
    const stopOther = clock.after(30, () => came.push("stopped by the one before"));
    clock.after(20, () => stopOther());
    const stopLast = clock.after(60, () => came.push("last"));
    await until("the last one", () => came.includes("last"));
    stopLast();
    t.same(came, ["last"]);
  });

  test(`${name}: calls come in the order of their times, then of their age`, async (t) => {
    const clock = make(t);
    const came: string[] = [];
    const call = (word: string) => () => came.push(word);
    clock.after(60, call("third"));
    clock.after(5, call("first"));
    clock.after(5, call("second"));
    await until("all have come", () => came.length === 3);
    t.same(came, ["first", "second", "third"]);
  });
}

function repetitionContract(name: string, make: (t: Test) => Clock): void {
  test(`${name}: what is repeated comes until it is stopped`, async (t) => {
    const clock = make(t);
    let [own, other] = [0, 0];
    const stopOwn = clock.every(5, () => {
      own += 1;
      if (own === 3) stopOwn();
    });
    const stopOther = clock.every(5, () => {
      other += 1;
    });
    await until("both have come", () => own === 3 && other >= 3);
    stopOther();
    const seen = other;
    let later = false;
    clock.after(40, () => {
      later = true;
    });
    await until("a later call", () => later);
    t.equal(own, 3, "stopped within its call");
    t.equal(other, seen, "stopped between two");
  });

  test(`${name}: what comes soon comes after the present call, in its order`, async (t) => {
    const clock = make(t);
    const came: number[] = [];
    clock.soon(() => {
      came.push(1);
      clock.soon(() => came.push(3));
      t.same(came, [1], "not within a call that came soon, either");
    });
    clock.soon(() => came.push(2));
    t.same(came, []);
    await until("all have come", () => came.length === 3);
    t.same(came, [1, 2, 3]);
  });
}

function readingContract(name: string, make: (t: Test) => Clock): void {
  test(`${name}: no clock goes back, and those of the machine go on together`, async (t) => {
    const clock = make(t);
    const read = () => [clock.monotonicMs(), clock.boottimeMs(), clock.wallMs()] as const;
    const first = read();
    let later = false;
    clock.after(50, () => {
      later = true;
    });
    await until("some time has passed", () => later);
    const [monoMs, bootMs, wallMs] = read();
    t.ok(monoMs - first[0] >= 50 - earlyMs);
    // The one of the machine's start is truncated.
    t.ok(Math.abs(bootMs - first[1] - (monoMs - first[0])) <= 11);
    t.ok(wallMs >= first[2]);
  });
}
