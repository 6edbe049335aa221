/**
 * Decoder fuzzing: `npm run fuzz -- [--minutes M] [--seed N]`. Damages real datagrams and throws
 * random bytes at seal, codec and ring, in every state of the ring; then lies as a member with the
 * key, to the ring and, as ordered messages and snapshots, to a whole node. Exit status 1 when anything
 * breaks; the seeds that did are kept in fuzz-failures.txt.
 */
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Onslaught, type OnslaughtTally } from "./onslaught.ts";
import { OrderedOnslaught } from "./ordered-onslaught.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string" }, seed: { type: "string" } },
});
const kept = fileURLToPath(new URL("../../../fuzz-failures.txt", import.meta.url));
const minutes = Number(values.minutes ?? "1");
if (!(minutes > 0)) {
  process.stderr.write("fuzz: --minutes takes a number above 0\n");
  process.exit(1);
}

/** A tenth of what the daemon's machines have; the onslaught itself holds a few megabytes. */
const residentBytesMax = 1 << 30;

const totals = new Map<string, number>();

function add(tally: OnslaughtTally): void {
  for (const [name, count] of tally) totals.set(name, (totals.get(name) ?? 0) + count);
}

function runOne(seed: number): boolean {
  const onslaughts = [new Onslaught(seed), new OrderedOnslaught(seed)];
  const problem = onslaughts.map((each) => each.run()).find((found) => found !== null) ?? null;
  for (const { tally } of onslaughts) add(tally);
  if (problem === null) return true;
  process.stdout.write(`seed ${seed}: ${problem}\n`);
  appendFileSync(kept, `${seed} ${problem.split("\n")[0]}\n`);
  return false;
}

const began = performance.now();
let seed = Number(values.seed ?? Math.floor(Date.now() / 1000));
let runs = 0;
let failed = 0;
let residentBytes = 0;
do {
  if (!runOne(seed)) failed += 1;
  seed += 1;
  runs += 1;
  residentBytes = Math.max(residentBytes, process.memoryUsage.rss());
  if (residentBytes > residentBytesMax) {
    process.stdout.write(`seed ${seed}: ${residentBytes} bytes resident\n`);
    failed += 1;
    break;
  }
} while (values.seed === undefined && performance.now() - began < minutes * 60_000);

for (const [name, count] of [...totals].sort()) process.stdout.write(`${name}: ${count}\n`);
const megabytes = Math.round(residentBytes / 1e6);
process.stdout.write(`${runs} runs, ${failed} failed, at most ${megabytes} MB resident\n`);
process.exitCode = failed === 0 ? 0 : 1;
