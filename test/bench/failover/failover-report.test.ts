/** The table of the failover bench: medians, the parts below them, doubles, and broken runs. */
import { test } from "tap";
import { accept, refuse } from "../../../src/model/outcome.ts";
import { failoverCourse, type LogLine, markedCourse, median, readLog } from "./failover-course.ts";
import { type Played, sceneLines } from "./failover-report.ts";
import { nothing, type Scene } from "./failover-subject.ts";

const scene: Scene = {
  name: "node off",
  of: "failover",
  moves: true,
  boundMs: 100,
  act: async () => ({}),
  mend: nothing,
  note: "nothing proves it",
};
const part = { name: "detected", ms: 90, within: [] };
const played: Played = {
  outageMs: 120,
  tookMs: null,
  twoMs: 0,
  twoUntilMended: false,
  course: { totalMs: 130, parts: [part] },
};

function failover(time: string, ms: number): LogLine {
  const phases = [
    { phase: "detected", ms: 5, node: 1, how: "", parts: [] },
    { phase: "off", ms: 7, node: 1, how: "self", parts: [] },
    { phase: "start", ms, node: 2, how: "", parts: [{ part: "address", ms: 3 }] },
  ] as const;
  const ended = { service: "service:a", kind: "node-lost", from: 1, to: 2, phases } as const;
  return { time, msg: "", failover: { ...ended, totalMs: 12 + ms } };
}

test("a median is that of the sorted values, between two of an even number", (t) => {
  t.equal(median([]), 0);
  t.equal(median([9, 1, 4]), 4);
  t.equal(median([9, 1, 4, 5]), 4.5);
  t.end();
});

test("the row has median, least and most, and the distance from the bound", (t) => {
  const runs = [{ ...played, outageMs: 160 }, played, { ...played, outageMs: 200 }];
  const [row = ""] = sceneLines(scene, runs.map(accept));
  t.match(row, /^node off +160 +120 +200 +100 +60 +- +0 +-$/);
  t.end();
});

test("doubles are counted, and marked where only the bench has ended them", (t) => {
  const double = { ...played, twoMs: 30.2, tookMs: 7 };
  const some = sceneLines(scene, [accept(played), accept(double)]);
  t.match(some[0], / 7 +1\/2 +31$/);
  const lasting = sceneLines(scene, [accept({ ...double, twoUntilMended: true })]);
  t.match(lasting[0], / 7 +1\/1 +31\+$/);
  t.end();
});

test("below it are the medians of the parts, and in how many runs a part was", (t) => {
  const within = [{ name: "address", ms: 4 }];
  const more = [part, { name: "start", ms: 20, within }];
  const other = { ...played, course: { totalMs: 150, parts: more } };
  const lines = sceneLines(scene, [accept(played), accept(other), accept(played)]);
  t.equal(lines[1], "    failover 130: detected 90, start 20 in 1 of 3 (address 4)");
  t.equal(lines[2], "    nothing proves it");
  t.end();
});

test("a run without figures is said, and counts nowhere else", (t) => {
  const lines = sceneLines(scene, [accept(played), refuse("no answer (FILE)")]);
  t.match(lines[0], /^node off +120 +120 +120 /);
  t.equal(lines.at(-1), "    NO FIGURE, 1 run of 2: no answer (FILE)");
  t.match(sceneLines(scene, [refuse("no answer")])[0], /^node off +-$/);
  t.end();
});

test("the first failover of the service since then is taken from the logs of all nodes", (t) => {
  const lines = ["2026-01-01T00:00:09Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:05Z"];
  const log = lines.map((time, index) => failover(time, index));
  const since = { service: "service:a", sinceMs: Date.parse("2026-01-01T00:00:02Z") };
  const course = failoverCourse(log, since);
  t.equal(course?.totalMs, 14);
  t.same(
    course?.parts.map(({ name }) => name),
    ["detected", "off (self)", "start"],
  );
  t.same(course?.parts[2]?.within, [{ name: "address", ms: 3 }]);
  t.equal(failoverCourse(log, { ...since, service: "service:b" }), null);
  t.end();
});

test("marks divide a start; what precedes it, and what is no JSON, is passed over", (t) => {
  const line = (time: string, msg: string): string => JSON.stringify({ time, msg });
  const text = [
    line("2026-01-01T00:00:00.100Z", "ready"),
    "1 warning",
    line("2026-01-01T00:00:00.250Z", "clusterd starts"),
    line("2026-01-01T00:00:00.300Z", "ready now"),
    "",
  ].join("\n");
  const marks = [
    { name: "program", until: "clusterd " },
    { name: "missing", until: "nobody says this" },
    { name: "ready", until: "ready" },
  ];
  const course = markedCourse(readLog(text), marks, Date.parse("2026-01-01T00:00:00.200Z"));
  t.equal(course.totalMs, 100);
  t.same(
    course.parts.map(({ name, ms }) => [name, ms]),
    [
      ["program", 50],
      ["ready", 50],
    ],
  );
  t.end();
});
