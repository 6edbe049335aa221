/** The figures of all runs of a scene, and the table of them. */
import type { Result } from "../../../src/model/outcome.ts";
import { type Course, courseWords, median } from "./failover-course.ts";
import type { Scene } from "./failover-subject.ts";

/** One run of a scene, in milliseconds. */
export type Played = {
  /** How long the client went without an answer; 0: it was served throughout. */
  readonly outageMs: number;
  readonly tookMs: number | null;
  /** How long two nodes held the address, or two brokers were primary. */
  readonly twoMs: number;
  /** They still did when the bench put an end to the scene. */
  readonly twoUntilMended: boolean;
  readonly course: Course | null;
};

const nameColumns = 30;
const figureColumns = 8;
const lineColumns = 100;

export const tableHead = row(
  ["scene", "median", "min", "max", "bound", "over it", "took", "two in", "for"].map(String),
);

/** What the columns mean, once before all tables. */
export const legend = [
  "Outage: from the last answer that the client got until the next one, in ms.",
  "bound: what the timers alone take; over it: the median less the bound.",
  "took: the command, or the joining itself; median. two in: runs in which two nodes held the",
  "address, or two brokers were primary, at the same time; for: how long at most, + where it did",
  "not end by itself.",
  "Below a scene: what the daemon counts of the same failover, medians of its parts; it begins",
  "with the last token of a lost node, and the client may be served before all nodes know of the",
  "start.",
].join("\n");

export function sceneLines(
  scene: Scene,
  results: readonly Result<Played, string>[],
): readonly string[] {
  const runs = results.flatMap((result) => (result.ok ? [result.value] : []));
  const broken = results.flatMap((result) => (result.ok ? [] : [result.problem]));
  const courses = runs.flatMap(({ course }) => course ?? []);
  const parts = courses.length === 0 ? [] : [courseWords(scene.of, courses)];
  const notes = scene.note === undefined ? [] : [scene.note];
  const failed = broken.map((problem) => `NO FIGURE, 1 run of ${results.length}: ${problem}`);
  const first = runs.length === 0 ? row([scene.name, "-"]) : figures(scene, runs);
  return [first, ...[...parts, ...notes, ...failed].flatMap(indented)];
}

function figures({ name, boundMs }: Scene, runs: readonly Played[]): string {
  const outages = runs.map(({ outageMs }) => outageMs);
  const [middle, least, most] = [median(outages), Math.min(...outages), Math.max(...outages)];
  const outage = [middle, least, most, boundMs, middle - boundMs].map(whole);
  const took = runs.flatMap(({ tookMs }) => tookMs ?? []);
  return row([name, ...outage, took.length === 0 ? "-" : whole(median(took)), ...doubles(runs)]);
}

function doubles(runs: readonly Played[]): readonly string[] {
  const having = runs.filter(({ twoMs }) => twoMs > 0);
  const longest = Math.max(0, ...having.map(({ twoMs }) => twoMs));
  const lasting = having.some(({ twoUntilMended }) => twoUntilMended);
  if (having.length === 0) return ["0", "-"];
  return [`${having.length}/${runs.length}`, `${whole(Math.ceil(longest))}${lasting ? "+" : ""}`];
}

function whole(figure: number): string {
  return Math.round(figure).toString();
}

function row([name = "", ...cells]: readonly string[]): string {
  return `${name.padEnd(nameColumns)}${cells.map((cell) => cell.padStart(figureColumns)).join("")}`;
}

/** In lines of their own below the figures. */
function indented(text: string): readonly string[] {
  const lines: string[] = [];
  let line = "   ";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > lineColumns) {
      lines.push(line);
      line = "     ";
    }
    line = `${line} ${word}`;
  }
  return [...lines, line];
}
