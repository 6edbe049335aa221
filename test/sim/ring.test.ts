/**
 * Rings from seeds: those that once failed, and new ones with each commit; and the proof that the
 * judges are awake. More of them: `npm run sim -- --ring --seeds 1000`, `npm run sim -- --mutants`.
 */
import { readFileSync } from "node:fs";
import { test } from "tap";
import { hunt, mutatedFiles } from "./bug-hunt.ts";
import { firstSeed } from "./first-seed.ts";
import { ringMutants } from "./ring-mutants.ts";
import { reportOf } from "./ring-report.ts";
import { runSchedule } from "./ring-schedule.ts";

const seedsPerRun = 40;

function seedsThatFailed(): readonly number[] {
  const text = readFileSync(new URL("../../../test/sim/seeds.txt", import.meta.url), "utf8");
  return [...text.matchAll(/^ring (\d+)/gm)].map(([, seed]) => Number(seed));
}

test("rings of seeds that once failed", async (t) => {
  t.ok(seedsThatFailed().length > 0);
  for (const seed of seedsThatFailed()) t.equal(reportOf(seed), null, `seed ${seed}`);
});

test("rings under random faults keep every promise and settle after healing", async (t) => {
  const first = firstSeed();
  t.comment(`seeds ${first} to ${first + seedsPerRun - 1}`);
  let delivered = 0;
  for (let seed = first; seed < first + seedsPerRun; seed += 1) {
    const verdict = runSchedule(seed);
    delivered += verdict.delivered;
    if (verdict.breaches.length > 0) {
      t.fail(`seed ${seed}: ${verdict.breaches.slice(0, 5).join("; ")}`);
    }
  }
  t.ok(delivered > 5000, `${delivered} deliveries in ${seedsPerRun} runs`);
});

test("I16 the same seed gives the same run, event for event", async (t) => {
  for (const seed of [3, 14, 15]) {
    t.equal(runSchedule(seed).digest, runSchedule(seed).digest, `seed ${seed}`);
  }
});

test("every known bug still has its place in the ring", async (t) => {
  for (const mutant of ringMutants) t.ok(mutatedFiles(mutant).size > 0, mutant.name);
});

for (const name of ["nothing of the old ring is exchanged", "own joins do not come back"]) {
  test(`the judges are awake: ${name}`, async (t) => {
    const mutant = ringMutants.find((each) => each.name === name);
    if (mutant === undefined) throw new Error(`no mutant "${name}"`);
    const seeds = Array.from({ length: 60 }, (_, index) => index + 1);
    const { seed, breach } = await hunt(mutant, seeds);
    t.not(seed, null);
    t.comment(`found by seed ${seed}: ${breach}`);
  });
}
