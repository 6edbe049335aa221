/**
 * Process groups on whole simulated clusters over a hostile network, from seeds.
 */
import { test } from "tap";
import { runGroupSchedule } from "./group-schedule.ts";

const seeds = Array.from({ length: 10 }, (_, index) => index + 1);

test("members that go together see one sequence, and in the end all is known to all", (t) => {
  let messages = 0;
  let rings = 0;
  for (const seed of seeds) {
    const verdict = runGroupSchedule(seed);
    t.equal(verdict.breach, null, `seed ${seed}`);
    messages += verdict.messages;
    rings += verdict.rings;
  }
  t.comment(`${messages} deliveries in ${rings} rings`);
  t.ok(messages > 1000 && rings > 50, "there was something to judge");
  t.end();
});

test("the judges are awake: frames that one node does not get are noticed", (t) => {
  const found = seeds.find((seed) => runGroupSchedule(seed, { deafness: 0.002 }).breach !== null);
  t.not(found, undefined);
  t.end();
});
