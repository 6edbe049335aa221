/** Shapes: what fits, and what is said of the first thing that does not. */
import { test } from "tap";
import { acceptance } from "../../src/model/acceptance.ts";
import {
  closedRecord,
  count,
  dictionary,
  either,
  list,
  literal,
  mapped,
  nodeId,
  nodeName,
  nullable,
  number,
  oneOf,
  optional,
  readAs,
  readOrNull,
  record,
  type Shape,
  serviceName,
  text,
  wholeNumber,
} from "../../src/model/shape.ts";

test("the path and the fault of the first field that does not fit", async (t) => {
  const node = record({ id: nodeId, name: nodeName, tags: optional(list(text, 2), []) });
  const shape = record({ nodes: list(node), counters: dictionary(number), more: nullable(node) });
  const fine = { nodes: [{ id: 1, name: "a", tags: ["x"] }], counters: { b: 2 }, more: null };
  t.same(readAs(shape, { ...fine, later: 1 }, "status"), { ok: true, value: fine });
  const cases: readonly (readonly [unknown, string])[] = [
    [null, "status is not an object"],
    [[], "status is not an object"],
    [{ ...fine, nodes: {} }, "status.nodes is not a list"],
    [{ ...fine, nodes: [1] }, "status.nodes[0] is not an object"],
    [{ ...fine, nodes: [{ id: 0, name: "a" }] }, "status.nodes[0].id is not a node id"],
    [{ ...fine, nodes: [{ id: 1, name: "" }] }, "status.nodes[0].name is not a node name"],
    [{ ...fine, more: { id: 1, name: "a", tags: [0] } }, "status.more.tags[0] is not a string"],
    [
      { ...fine, more: { id: 1, name: "a", tags: ["", "", ""] } },
      "status.more.tags has more than 2 entries",
    ],
    [{ ...fine, counters: { b: "2" } }, "status.counters.b is not a number"],
    [{ nodes: [], more: null }, "status.counters is not an object"],
  ];
  for (const [value, problem] of cases) {
    t.same(readAs(shape, value, "status"), { ok: false, problem }, problem);
  }
});

test("single values", async (t) => {
  const problemOf = <Value>(shape: Shape<Value>, value: unknown) => {
    const read = readAs(shape, value, "it");
    return read.ok ? null : read.problem;
  };
  t.equal(problemOf(number, Number.NaN), "it is not a number");
  t.equal(problemOf(count, -1), "it is not a whole number from 0 on");
  t.equal(problemOf(wholeNumber(1, 5), 6), "it is not a whole number from 1 to 5");
  t.equal(problemOf(wholeNumber(1, 5), "3"), "it is not a number");
  t.equal(problemOf(oneOf("a", "b"), "c"), "it is not a known value");
  t.equal(problemOf(literal("a"), "b"), 'it is not "a"');
  t.equal(problemOf(serviceName, "service:"), "it is not a service name");
  t.equal(problemOf(nodeName, 1), "it is not a string");
  t.equal(problemOf(either(number, text), null), "it is of no known kind");
  t.equal(readOrNull(either(number, text), "x"), "x");
  t.equal(readOrNull(mapped(text, Number), "7"), 7);
});

test("a closed record names the field that it does not know", async (t) => {
  const shape = closedRecord({ target: optional(text, null) });
  t.same(readOrNull(shape, {}), { target: null });
  t.same(readAs(shape, { target: "a", traget: 1 }, "body"), {
    ok: false,
    problem: 'body has no field "traget"',
  });
});

test("what is inherited, or called like it, is no field", async (t) => {
  const shape = record({ toString: optional(text, "none"), constructor: optional(text, "none") });
  t.same(readOrNull(shape, {}), { toString: "none", constructor: "none" });
  const odd = readOrNull(dictionary(number), JSON.parse('{"__proto__": 1, "a": 2}'));
  t.same(Object.entries(odd ?? {}), [
    ["__proto__", 1],
    ["a", 2],
  ]);
});

test("an answer in words may have none", async (t) => {
  t.same(readOrNull(acceptance, { accepted: true }), { accepted: true, text: "" });
  t.same(readOrNull(acceptance, { accepted: "yes", text: "" }), null);
});
