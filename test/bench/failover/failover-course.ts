/**
 * Where the milliseconds of a failover or a start went: from the log lines of clusterd, and as the
 * medians of several runs.
 */
import type { Failover } from "../../../src/model/failover-times.ts";

export type CoursePart = {
  readonly name: string;
  readonly ms: number;
  /** What it consists of, where that is known. */
  readonly within: readonly Omit<CoursePart, "within">[];
};

export type Course = { readonly totalMs: number; readonly parts: readonly CoursePart[] };

/** A line of a daemon's log; `failover` as failover-log.ts writes it. */
export type LogLine = { readonly time: string; readonly msg: string; readonly failover?: Failover };

/** What is no JSON is the text of `--check`, or of the guard. */
export function readLog(text: string): readonly LogLine[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
}

/** The first failover of the service since then. */
export function failoverCourse(
  lines: readonly LogLine[],
  { service, sinceMs }: { readonly service: string; readonly sinceMs: number },
): Course | null {
  const found = lines.filter(({ failover, time }) => {
    return failover?.service === service && Date.parse(time) >= sinceMs;
  });
  const [first] = found.toSorted((one, other) => one.time.localeCompare(other.time));
  const { totalMs = null, phases = [] } = first?.failover ?? {};
  if (totalMs === null) return null;
  const parts = phases.map(({ phase, how, ms, parts: within }) => ({
    name: how === "" ? phase : `${phase} (${how})`,
    ms,
    within: within.map(({ part, ms: partMs }) => ({ name: part, ms: partMs })),
  }));
  return { totalMs, parts };
}

/** `until`: what its line begins with. */
export type Mark = { readonly name: string; readonly until: string };

/** From one mark to the next, each being the first of its kind after the one before. */
export function markedCourse(
  lines: readonly LogLine[],
  marks: readonly Mark[],
  sinceMs: number,
): Course {
  let lastMs = sinceMs;
  const parts: CoursePart[] = [];
  for (const { name, until } of marks) {
    const line = lines.find(({ msg, time }) => {
      return msg.startsWith(until) && Date.parse(time) >= Math.floor(sinceMs);
    });
    if (line === undefined) continue;
    const atMs = Math.max(lastMs, Date.parse(line.time));
    parts.push({ name, ms: atMs - lastMs, within: [] });
    lastMs = atMs;
  }
  return { totalMs: lastMs - sinceMs, parts };
}

/** `failover 520: detected 205, ring 12, …`: the medians of each part, in the order of the runs. */
export function courseWords(what: string, courses: readonly Course[]): string {
  const total = Math.round(median(courses.map(({ totalMs }) => totalMs)));
  const parts = partsWords(courses.map((course) => course.parts));
  return `${what} ${total}: ${parts}`;
}

function partsWords(
  runs: readonly (readonly (Omit<CoursePart, "within"> & Partial<CoursePart>)[])[],
): string {
  const names = [...new Set(runs.flatMap((parts) => parts.map(({ name }) => name)))];
  const words = names.map((name) => {
    const having = runs.map((parts) => parts.filter((part) => part.name === name));
    const found = having.filter((parts) => parts.length > 0);
    const sums = found.map((parts) => parts.reduce((sum, { ms }) => sum + ms, 0));
    const within = partsWords(found.map((parts) => parts.flatMap((part) => part.within ?? [])));
    const inside = within === "" ? "" : ` (${within})`;
    const seldom = found.length === runs.length ? "" : ` in ${found.length} of ${runs.length}`;
    return `${name} ${Math.round(median(sums))}${seldom}${inside}`;
  });
  return words.join(", ");
}

/** Of an even number of values, the mean of the two in the middle; 0 where there is nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return (lower + upper) / 2;
}
