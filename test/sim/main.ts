/**
 * Whole-cluster simulation from the command line:
 * `npm run sim -- --seed N`, `--seeds N [--from M]`, `--minutes M`. Prints each failing seed with
 * the end of its log; exit status 1 when there is one.
 */
import { parseArgs } from "node:util";
import { runClusterSchedule } from "./cluster-schedule.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string" },
    minutes: { type: "string" },
  },
});

function report(seed: number, lines: number): boolean {
  const verdict = runClusterSchedule(seed);
  if (verdict.breach === null) return true;
  process.stdout.write(`seed ${seed}: ${verdict.breach}\n`);
  for (const line of verdict.log.slice(-lines)) process.stdout.write(`  ${line}\n`);
  return false;
}

const began = performance.now();
const minutes = Number(values.minutes ?? "0");
const from = Number(values.from ?? values.seed ?? "1");
const count = values.seed !== undefined ? 1 : Number(values.seeds ?? "100");
let failed = 0;
let ran = 0;
const more = (): boolean =>
  minutes > 0 ? performance.now() - began < minutes * 60_000 : ran < count;
for (let seed = from; more(); seed += 1) {
  ran += 1;
  if (!report(seed, values.seed === undefined ? 25 : 400)) failed += 1;
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
process.stdout.write(`${ran} seeds from ${from} in ${seconds} s, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
