/**
 * Simulation from the command line: whole clusters, or with `--ring` rings alone.
 *
 *   npm run sim -- --seed N                       one seed, with a long log
 *   npm run sim -- --seeds N [--from M]           that many, or with --minutes M for so long
 *   npm run sim -- --again                        the seeds that failed before
 *                  --ring                         the ring alone
 *                  --lease                        clusters with drifting clocks, against the lease
 *                  --services                     random configurations of services
 *                  --outage                       brokers that replicate, and networks that fail
 *                  --jobs J                       in so many processes
 *   npm run sim -- --mutants [WORD]               puts known bugs in, those with the word in
 *                                                 their names, and counts the seeds until
 *                                                 each is found, at most --seeds (2000)
 *
 * Prints each failing seed with the end of its log, of a ring that of the smallest run that still
 * fails, and keeps it in sim-failures.txt. Exit status 1 when there is one, or a mutant survives.
 */
import { fork } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hunt } from "./bug-hunt.ts";
import { clusterMutants } from "./cluster-mutants.ts";
import { runClusterSchedule } from "./cluster-schedule.ts";
import { runLeaseSchedule } from "./lease-schedule.ts";
import { runOutageSchedule } from "./outage-schedule.ts";
import { ringMutants } from "./ring-mutants.ts";
import { reportOf } from "./ring-report.ts";
import { runServiceSchedule } from "./service-schedule.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string" },
    minutes: { type: "string" },
    jobs: { type: "string" },
    ring: { type: "boolean" },
    lease: { type: "boolean" },
    services: { type: "boolean" },
    outage: { type: "boolean" },
    again: { type: "boolean" },
    mutants: { type: "boolean" },
    /** Set for the processes of --jobs: every how many seeds one is theirs. */
    stride: { type: "string" },
  },
});

const kept = fileURLToPath(new URL("../../../sim-failures.txt", import.meta.url));
const kinds = ["ring", "lease", "services", "outage", "cluster"] as const;
const kind = kinds.find((word) => word !== "cluster" && values[word] === true) ?? "cluster";
const minutes = numberOf(values.minutes, 0);
const jobs = Math.max(1, numberOf(values.jobs, 1));
const stride = numberOf(values.stride, 1);
const from = numberOf(values.seed ?? values.from, 1);

const schedules = {
  lease: runLeaseSchedule,
  services: runServiceSchedule,
  outage: runOutageSchedule,
  cluster: runClusterSchedule,
};

type Tally = { readonly ran: number; readonly failed: number };

function numberOf(text: string | undefined, otherwise: number): number {
  const value = Number(text ?? otherwise);
  if (Number.isFinite(value) && value >= 0) return value;
  process.stderr.write(`sim: ${text} is not a number\n`);
  process.exit(1);
}

/** What is broken, and the log; null when nothing is. */
function breachOf(seed: number): { readonly text: string; readonly log: readonly string[] } | null {
  if (kind === "ring") {
    return reportOf(seed);
  }
  const { breach, log } = schedules[kind](seed);
  return breach === null ? null : { text: breach, log };
}

function judged(seed: number): boolean {
  const breach = breachOf(seed);
  if (breach === null) return true;
  const lines = values.seed === undefined ? 25 : 400;
  // The log of a ring is cut down already, and tells what was done at its beginning.
  const log = (kind === "ring" ? breach.log : breach.log.slice(-lines)).map(
    (line) => `  ${line}\n`,
  );
  process.stdout.write(`seed ${seed}: ${breach.text}\n${log.join("")}`);
  const known = existsSync(kept) ? readFileSync(kept, "utf8") : "";
  const line = `${kind} ${seed} ${breach.text}\n`;
  if (!known.includes(`${kind} ${seed} `)) appendFileSync(kept, line);
  return false;
}

function* seedsToRun(): Iterable<number> {
  if (values.again === true) {
    const lines = existsSync(kept) ? readFileSync(kept, "utf8").split("\n") : [];
    const own = lines.map((line) => line.split(" ")).filter(([word]) => word === kind);
    yield* own.map(([, seed]) => Number(seed));
    return;
  }
  const count = values.seed !== undefined ? 1 : numberOf(values.seeds, 100);
  const began = performance.now();
  const more = (ran: number): boolean =>
    minutes > 0 ? performance.now() - began < minutes * 60_000 : ran * stride < count;
  for (let ran = 0; more(ran); ran += 1) yield from + ran * stride;
}

async function runHere(): Promise<Tally> {
  let ran = 0;
  let failed = 0;
  for (const seed of seedsToRun()) {
    ran += 1;
    if (!judged(seed)) failed += 1;
    // What is weakly held, as each abort signal is, is freed between two turns of the event loop.
    await setImmediate();
  }
  return { ran, failed };
}

/** Every process takes each J-th seed. */
async function runInProcesses(): Promise<Tally> {
  const rest = process.argv.slice(2);
  const tallies = Array.from({ length: jobs }, (_, index) => {
    const share = String(Math.max(0, numberOf(values.seeds, 100) - index));
    const own = ["--from", String(from + index), "--seeds", share, "--stride", String(jobs)];
    const words = [...rest, ...own, "--jobs", "1"];
    const child = fork(fileURLToPath(import.meta.url), words);
    return new Promise<Tally>((resolve) => {
      child.on("message", (tally: Tally) => resolve(tally));
      child.on("exit", () => resolve({ ran: 0, failed: 1 }));
    });
  });
  const all = await Promise.all(tallies);
  return all.reduce((sum, each) => {
    return { ran: sum.ran + each.ran, failed: sum.failed + each.failed };
  });
}

/** How many mutants no seed has found. */
async function runMutants(): Promise<number> {
  const count = numberOf(values.seeds, 2000);
  let survivors = 0;
  const word = positionals[0] ?? "";
  const mutants = [...ringMutants, ...clusterMutants];
  for (const mutant of mutants.filter(({ prey, name }) => `${prey}: ${name}`.includes(word))) {
    const began = performance.now();
    const first = Math.max(from, mutant.from);
    const seeds = Array.from({ length: count }, (_, index) => first + index);
    const { seed, breach } = await hunt(mutant, seeds);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const found = seed === null ? `SURVIVES ${count}` : `${seed - first + 1}`;
    process.stdout.write(
      `${found} seeds, ${seconds} s: ${mutant.prey}: ${mutant.name}: ${breach}\n`,
    );
    if (seed === null) survivors += 1;
  }
  process.stdout.write(`${survivors} mutants survive\n`);
  return survivors;
}

async function runSeeds(): Promise<number> {
  const began = performance.now();
  const single = jobs === 1 || values.seed !== undefined || values.again === true;
  const tally = await (single ? runHere() : runInProcesses());
  if (process.send === undefined) {
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const first = values.again === true ? `of ${kept}` : `from ${from}`;
    process.stdout.write(
      `${tally.ran} ${kind} seeds ${first} in ${seconds} s, ${tally.failed} failed\n`,
    );
  } else {
    process.send(tally);
  }
  return tally.failed;
}

const failures = values.mutants === true ? await runMutants() : await runSeeds();
process.exitCode = failures === 0 ? 0 : 1;
