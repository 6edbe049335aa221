import { test } from "tap";
import { type Failover, failoverWords } from "../../src/model/failover-times.ts";

const nameOf = (node: number) => `node${node}`;
const example: Failover = {
  service: "service:web",
  kind: "node-lost",
  from: 1,
  to: 3,
  totalMs: 1538,
  phases: [
    { phase: "detected", ms: 205, node: 1, how: "", parts: [] },
    { phase: "off", ms: 12, node: 1, how: "certificate", parts: [] },
    { phase: "start", ms: 21, node: 2, how: "failed", parts: [] },
    { phase: "stop", ms: 900, node: 2, how: "", parts: [] },
    {
      phase: "start",
      ms: 400,
      node: 3,
      how: "",
      parts: [
        { part: "address", ms: 30 },
        { part: "promoted", ms: 350 },
      ],
    },
  ],
};

test("one line says from where to where, in which time, and what the time was spent on", (t) => {
  t.equal(
    failoverWords(example, nameOf),
    "node1 -> node3 in 1538 ms (node-lost): detected 205, off 12 (certificate), " +
      "start 21 (failed on node2), stop 900, start 400 (address 30, promoted 350)",
  );
  t.end();
});

test("FAILOVER1: it has no total, and no origin, where they are not known", (t) => {
  const [, , , , start] = example.phases;
  if (start === undefined) throw new Error("no start");
  const midway = { ...example, from: 0, totalMs: null, phases: [{ ...start, parts: [] }] };
  t.equal(
    failoverWords(midway, nameOf),
    "unknown -> node3 (node-lost): start 400; its beginning was not seen here",
  );
  t.equal(
    failoverWords({ ...midway, from: 1, phases: [] }, nameOf),
    "node1 -> node3 (node-lost); its beginning was not seen here",
  );
  t.end();
});
