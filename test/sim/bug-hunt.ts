/**
 * Deliberate bugs, to prove that the judges are awake: each is put into a copy of the compiled
 * program and must be found by some seed of the schedules that it was made for.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** In a compiled file of build/src, given from there. */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };

/** Which random runs must find the bug. */
export type Prey = "ring" | "lease" | "services" | "outage" | "liar" | "clones";

export type Mutant = {
  readonly prey: Prey;
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The first seed whose faults can show it. */
  readonly from: number;
};

export type Hunt = {
  /** The first seed that found it, or null. */
  readonly seed: number | null;
  readonly breach: string;
};

/** What the hunter of each kind runs, in the copy. */
const hunters: Readonly<Record<Prey, string>> = {
  ring: "ring-schedule.js",
  lease: "lease-schedule.js",
  services: "service-schedule.js",
  outage: "outage-schedule.js",
  liar: "../fuzz/onslaught.js",
  clones: "cluster-schedule.js",
};

/** What the searches are made of. */
const searched = [
  "src",
  ...["sim", "fuzz", "guard", "membership", "brokers", "fencing"].map((part) => `test/${part}`),
];

/** Seen from build/test/sim. */
const root = fileURLToPath(new URL("../../../", import.meta.url));

export function mutant(prey: Prey, name: string, edits: readonly Edit[]): Mutant {
  return { prey, name, edits, from: 1 };
}

/** Its faults happen from that seed on. */
export function since(from: number, ...mutants: readonly Mutant[]): readonly Mutant[] {
  return mutants.map((one) => ({ ...one, from }));
}

/** Throws when a mutation does not fit the compiled text exactly once. */
export function mutatedFiles({ name, edits }: Mutant): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const path = join("build/src", file);
    const text = texts.get(path) ?? readFileSync(join(root, path), "utf8");
    const [before, after, ...more] = text.split(find);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`mutant "${name}": ${text.split(find).length - 1} places in ${file}, not 1`);
    }
    texts.set(path, before + replace + after);
  }
  return texts;
}

/** Runs the seeds against the mutant until one finds it. */
export async function hunt(prey: Mutant, seeds: Iterable<number>): Promise<Hunt> {
  const files = mutatedFiles(prey);
  const copy = mkdtempSync(join(tmpdir(), "clusterd-mutant-"));
  try {
    for (const part of searched) {
      cpSync(join(root, "build", part), join(copy, "build", part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    writeFileSync(join(copy, "package.json"), '{ "type": "module" }\n');
    for (const [path, text] of files) writeFileSync(join(copy, path), text);
    const search = await searchIn(copy, prey.prey);
    for (const seed of seeds) {
      const breach = search(seed);
      if (breach !== null) return { seed, breach };
    }
    return { seed: null, breach: "" };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** One run in the copy: what was wrong, or null. */
async function searchIn(copy: string, prey: Prey): Promise<(seed: number) => string | null> {
  const address = pathToFileURL(join(copy, "build/test/sim", hunters[prey])).href;
  if (prey === "ring") {
    const { runSchedule }: typeof import("./ring-schedule.ts") = await import(address);
    return (seed) => runSchedule(seed).breaches[0] ?? null;
  }
  if (prey === "lease") {
    const { runLeaseSchedule }: typeof import("./lease-schedule.ts") = await import(address);
    return (seed) => runLeaseSchedule(seed).breach;
  }
  if (prey === "outage") {
    const { runOutageSchedule }: typeof import("./outage-schedule.ts") = await import(address);
    return (seed) => runOutageSchedule(seed).breach;
  }
  if (prey === "liar") {
    const { Onslaught }: typeof import("../fuzz/onslaught.ts") = await import(address);
    return (seed) => new Onslaught(seed).run();
  }
  if (prey === "clones") {
    const schedule: typeof import("./cluster-schedule.ts") = await import(address);
    return (seed) => schedule.runClusterSchedule(schedule.cloneSeedMin + seed).breach;
  }
  const { runServiceSchedule }: typeof import("./service-schedule.ts") = await import(address);
  return (seed) => runServiceSchedule(seed).breach;
}
