/**
 * Whole clusters from seeds that decide ties, expect fewer votes after a while, or have fence and
 * unfence devices. More of them: `SEEDS=200 node build/test/sim/quorum-options.test.js`.
 */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { method } from "../fencing/fence-cluster.ts";
import { id } from "./cluster.ts";
import { runClusterSchedule } from "./cluster-schedule.ts";
import { firstSeed } from "./first-seed.ts";
import type { SampleOptions } from "./sample-conf.ts";

const seedsPerRun = Number(process.env["SEEDS"] ?? 3);
const waitForAll = true;
const lastManStandingMs = ms(10_000);
const lowest = [1, 2, 3, 4, 5].map(id);
const devices = {
  fenceMethods: [method("power", "fence_apc nps1")],
  unfence: [{ device: "switch", agent: "fence_ifmib", parameters: [["action", "on"] as const] }],
};

const samples: readonly (readonly [string, SampleOptions])[] = [
  ["four nodes that decide ties", { nodes: 4, quorum: { waitForAll, tieBreaker: lowest } }],
  ["five nodes that decide ties", { nodes: 5, quorum: { waitForAll, tieBreaker: lowest } }],
  ["five nodes, last man standing", { nodes: 5, quorum: { waitForAll, lastManStandingMs } }],
  [
    "four nodes down to one",
    { nodes: 4, quorum: { waitForAll, lastManStandingMs, tieBreaker: lowest } },
  ],
  ["three nodes with devices to be unfenced", { nodes: 3, ...devices }],
];

for (const [title, sample] of samples) {
  test(`seeds of ${title}: one owner, and rest after healing`, async (t) => {
    const first = firstSeed();
    t.comment(`seeds ${first} to ${first + seedsPerRun - 1}`);
    for (let seed = first; seed < first + seedsPerRun; seed += 1) {
      const { breach, log } = runClusterSchedule(seed, sample);
      t.equal(breach, null, `seed ${seed}: ${breach === null ? "" : log.slice(-20).join("\n")}`);
    }
  });
}
