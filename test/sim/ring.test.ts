import { test } from "tap";
import { runSchedule } from "./ring-schedule.ts";

const seeds = Array.from({ length: 150 }, (_, index) => index + 1);

test("rings under random faults keep every promise and settle after healing", async (t) => {
  let delivered = 0;
  for (const seed of seeds) {
    const verdict = runSchedule(seed);
    delivered += verdict.delivered;
    if (verdict.breaches.length > 0) {
      t.fail(`seed ${seed}: ${verdict.breaches.slice(0, 5).join("; ")}`);
    }
  }
  t.ok(delivered > 10_000, `${delivered} deliveries in ${seeds.length} runs`);
});

test("I16 the same seed gives the same run, event for event", async (t) => {
  for (const seed of [3, 14, 15]) {
    t.equal(runSchedule(seed).digest, runSchedule(seed).digest, `seed ${seed}`);
  }
});
