import { test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import { loadSystemCalls } from "../../src/io/system-calls.ts";
import { DriftingClock } from "../sim/virtual-time.ts";
import { clockContract } from "./clock.contract.ts";
import { processOn, pumpedTime } from "./pumped-time.ts";
import { until } from "./waiting.ts";

const calls = await loadSystemCalls();
const skip = calls.ok ? false : calls.problem;

clockContract("real clock", () => systemClock());
clockContract("virtual clock", (t) => processOn(pumpedTime(t)).clock);
clockContract("drifting clock", (t) => {
  const clock = new DriftingClock(pumpedTime(t), { rate: 1.01, offsetMs: 5000 });
  return processOn(clock, 1).clock;
});

test("a virtual process that is stopped has its calls when it goes on", async (t) => {
  const time = pumpedTime(t);
  const process = processOn(time);
  const came: string[] = [];
  process.clock.after(10, () => came.push("first"));
  process.clock.soon(() => came.push("soon"));
  process.stop();
  const lateMs = time.nowMs + 100;
  await until("both are due", () => time.nowMs > lateMs);
  t.same(came, []);
  process.goOn();
  t.same(came, ["first", "soon"]);
});

test("a virtual process that has ended has no call any more", async (t) => {
  const time = pumpedTime(t);
  const process = processOn(time);
  let came = 0;
  process.clock.every(10, () => {
    came += 1;
  });
  process.end();
  const lateMs = time.nowMs + 100;
  await until("it would be due", () => time.nowMs > lateMs);
  t.equal(came, 0);
});

test("the time since the start of the machine is the same by either way", { skip }, (t) => {
  const native = systemClock(calls.ok ? calls.value : null);
  const plain = systemClock();
  for (let round = 0; round < 200; round += 1) {
    const before = plain.boottimeMs();
    const between = native.boottimeMs();
    const after = plain.boottimeMs();
    t.ok(before <= between && between <= after, `${before} ${between} ${after}`);
    t.equal(between % 10, 0);
  }
  t.end();
});
