/**
 * Whole clusters from seeds: the seeds that once failed, and new ones with each commit.
 * More of them: `npm run sim -- --seeds 1000`.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { readFileSync } from "node:fs";
import { test } from "tap";
import { type Ms, ms } from "../../src/model/time.ts";
import { Cluster } from "./cluster.ts";
import { runClusterSchedule } from "./cluster-schedule.ts";
import { firstSeed } from "./first-seed.ts";
import { judgeOwners, Violation } from "./judges.ts";
import { PerfectMembership } from "./perfect-membership.ts";
import { sampleConf, watchdogFencing } from "./sample-conf.ts";
import { VirtualTime } from "./virtual-time.ts";

const seedsPerRun = 20;
const watchdogSeeds = 8;

/** Seeds that failed before the commit that is named beside them. */
function seedsThatFailed(): readonly number[] {
  const text = readFileSync(new URL("../../../test/sim/seeds.txt", import.meta.url), "utf8");
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => /^\d+$/.test(line))
    .map(Number);
}

test("seeds that once failed", async (t) => {
  for (const seed of seedsThatFailed()) {
    const { breach, log } = runClusterSchedule(seed);
    t.equal(breach, null, `seed ${seed}: ${breach === null ? "" : log.slice(-20).join("\n")}`);
  }
});

test("new seeds, with faults of nodes, network and agents, then healing", async (t) => {
  const first = firstSeed();
  t.comment(`seeds ${first} to ${first + seedsPerRun - 1}`);
  for (let seed = first; seed < first + seedsPerRun; seed += 1) {
    const { breach, log } = runClusterSchedule(seed);
    t.equal(breach, null, `seed ${seed}: ${breach === null ? "" : log.slice(-20).join("\n")}`);
  }
});

test("case 30: with watchdogs, and guards that are killed with their daemons", async (t) => {
  const first = firstSeed();
  t.comment(`seeds ${first} to ${first + watchdogSeeds - 1}`);
  let resets = 0;
  for (let seed = first; seed < first + watchdogSeeds; seed += 1) {
    const run = runClusterSchedule(seed, { fencing: watchdogFencing });
    resets += run.resets;
    const rest = run.breach === null ? "" : run.log.slice(-20).join("\n");
    t.equal(run.breach, null, `seed ${seed}: ${rest}`);
  }
  t.ok(resets > 0, `${resets} resets`);
});

test("the same seed gives the same run", async (t) => {
  t.equal(runClusterSchedule(4711).digest, runClusterSchedule(4711).digest);
});

test("the judges are awake: a safe wait that is too short is found", async (t) => {
  const hasty = { fencing: { safeWaitMs: ms(1500) } };
  const found = Array.from({ length: 60 }, (_, index) => index + 1).find(
    (seed) => runClusterSchedule(seed, hasty).breach !== null,
  );
  t.not(found, undefined);
  t.comment(`found by seed ${found}`);
});

test("the end of the lease cuts a hanging stop short, before anybody takes over", async (t) => {
  const { breach, takenOver } = hangingStop({});
  t.equal(breach, null);
  t.ok(takenOver);
});

test("the judges are awake: a lease that outlives the safe wait is found", async (t) => {
  t.match(hangingStop({ leaseMs: ms(60_000) }).breach, /two primaries|address twice/);
});

/** The owner is cut off, and the stop script of the primary hangs. */
function hangingStop(fencing: { readonly leaseMs?: Ms }) {
  const conf = sampleConf({ fencing });
  const time = new VirtualTime();
  const nodes = conf.nodes.map((node) => node.id);
  const membership = new PerfectMembership(time, nodes);
  const cluster = new Cluster({ conf, time, membership, judge: judgeOwners }).boot(1, 2, 3);
  cluster.run(5000);
  const [owner = 1] = cluster.runningOn("qpidd-primary-service");
  cluster.host(owner).behaviours.set("/etc/init.d/qpidd-primary stop", { takesMs: null });
  try {
    cluster
      .cut(
        [owner],
        nodes.filter((node) => node !== owner),
      )
      .run(20_000);
    const [next = owner] = cluster.runningOn("qpidd-primary-service");
    return { breach: null, takenOver: next !== owner };
  } catch (error) {
    return { breach: error instanceof Violation ? error.message : null, takenOver: false };
  }
}
