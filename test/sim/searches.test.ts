/**
 * The lease under drifting clocks, and random configurations of services, from seeds; and the proof
 * that the judges are awake. More of them: `npm run sim -- --lease`, `--services`, `--mutants`.
 */
import { readFileSync } from "node:fs";
import { test } from "tap";
import { hunt, mutatedFiles } from "./bug-hunt.ts";
import { clusterMutants } from "./cluster-mutants.ts";
import type { ClusterVerdict } from "./cluster-schedule.ts";
import { firstSeed } from "./first-seed.ts";
import { runLeaseSchedule } from "./lease-schedule.ts";
import { runOutageSchedule } from "./outage-schedule.ts";
import { runServiceSchedule } from "./service-schedule.ts";

const seedsPerRun = 8;
const searches = [
  ["lease", runLeaseSchedule],
  ["services", runServiceSchedule],
  ["outage", runOutageSchedule],
] as const;

function seedsThatFailed(kind: string): readonly number[] {
  const text = readFileSync(new URL("../../../test/sim/seeds.txt", import.meta.url), "utf8");
  return [...text.matchAll(new RegExp(`^${kind} (\\d+)`, "gm"))].map(([, seed]) => Number(seed));
}

function complaint({ seed, breach, log }: ClusterVerdict): string {
  return `seed ${seed}: ${breach === null ? "" : log.slice(-20).join("\n")}`;
}

for (const [kind, run] of searches) {
  test(`${kind}: seeds that once failed, and new ones`, async (t) => {
    const first = firstSeed();
    t.comment(`seeds ${first} to ${first + seedsPerRun - 1}`);
    const fresh = Array.from({ length: seedsPerRun }, (_, index) => first + index);
    for (const seed of [...seedsThatFailed(kind), ...fresh]) {
      const verdict = run(seed);
      t.equal(verdict.breach, null, complaint(verdict));
    }
  });

  test(`${kind}: the same seed gives the same run`, async (t) => {
    t.equal(run(4711).digest, run(4711).digest);
  });
}

test("the judges are awake: a safe wait that misses half a second is found", async (t) => {
  const seeds = Array.from({ length: 100 }, (_, index) => index + 1);
  const found = seeds.find((seed) => runLeaseSchedule(seed, { missingMs: 500 }).breach !== null);
  t.not(found, undefined);
  t.comment(`found by seed ${found}`);
});

test("every known bug of lease and services still has its place", async (t) => {
  for (const mutant of clusterMutants) t.ok(mutatedFiles(mutant).size > 0, mutant.name);
});

for (const name of ["a failed stop counts as a stop", "without quorum everything is stopped"]) {
  test(`the judges are awake: ${name}`, async (t) => {
    const mutant = clusterMutants.find((each) => each.name === name);
    if (mutant === undefined) throw new Error(`no mutant "${name}"`);
    const seeds = Array.from({ length: 100 }, (_, index) => index + 1);
    const { seed, breach } = await hunt(mutant, seeds);
    t.not(seed, null);
    t.comment(`found by seed ${seed}: ${breach}`);
  });
}
