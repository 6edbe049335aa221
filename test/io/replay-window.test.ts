import { test } from "tap";
import { ReplayWindow, replayWindowFrames } from "../../src/io/frames/replay-window.ts";

test("counters below one, fractions and beyond 2^53 are never admitted", (t) => {
  const window = new ReplayWindow();
  for (const counter of [0, -1, 1.5, Number.NaN, 2 ** 53]) t.equal(window.admits(counter), false);
  t.equal(window.admits(1), true);
  t.end();
});

test("a late counter is admitted once while it is inside the window", (t) => {
  const window = new ReplayWindow();
  window.record(5000);
  const edge = 5000 - replayWindowFrames;
  t.equal(window.admits(edge), false, "just outside");
  t.equal(window.admits(edge + 1), true, "just inside");
  window.record(edge + 1);
  t.equal(window.admits(edge + 1), false, "seen");
  t.equal(window.admits(5000), false, "the highest itself");
  t.end();
});

test("a window agrees with a set that remembers everything", (t) => {
  const window = new ReplayWindow();
  const seen = new Set<number>();
  let highest = 0;
  let state = 7;
  for (let round = 0; round < 50_000; round += 1) {
    state = (state * 48_271) % 2_147_483_647;
    const jump = round % 5000 === 4999 ? 3 * replayWindowFrames : 0;
    const counter = Math.max(1, highest + (state % 1400) - 1200 + jump);
    const expected = counter > highest - replayWindowFrames && !seen.has(counter);
    if (window.admits(counter) !== expected) {
      t.fail(`counter ${counter} with highest ${highest}: expected ${expected}`);
      break;
    }
    if (!expected) continue;
    window.record(counter);
    seen.add(counter);
    highest = Math.max(highest, counter);
  }
  t.ok(highest > 10_000, `got as far as ${highest}`);
  t.end();
});
