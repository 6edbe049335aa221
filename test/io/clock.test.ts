import { test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import { loadSystemCalls } from "../../src/io/system-calls.ts";

const calls = await loadSystemCalls();
const skip = calls.ok ? false : calls.problem;

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
