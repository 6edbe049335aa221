/** Scores of nodes as failover domains. */
import { test } from "tap";
import { addScores, planDomain } from "../../src/import/node-preferences.ts";
import { infinity } from "../../src/import/pacemaker-conf.ts";

const nodes = ["a", "b", "c"];
const plan = (scores: Readonly<Record<string, number>>, more = {}) =>
  planDomain({
    scores: new Map(Object.entries(scores)),
    nodes,
    optOut: true,
    stickiness: 0,
    ...more,
  });
const domain = { type: "domain", restricted: false, nofailback: false };

test("what is preferred comes first, and others may still run it", async (t) => {
  t.same(plan({}), { type: "any-node" });
  t.same(plan({ a: infinity }), { ...domain, ranks: [["a"]] });
  t.same(plan({ a: 100, b: 50 }), { ...domain, ranks: [["a"], ["b"]] });
  t.same(plan({ a: 5, b: 5, c: 5 }), { type: "any-node" });
});

test("a node that is disliked comes last, a forbidden one is not in the domain", async (t) => {
  t.same(plan({ a: -10 }), { ...domain, ranks: [["b", "c"], ["a"]] });
  t.same(plan({ a: -infinity }), { ...domain, restricted: true, ranks: [["b", "c"]] });
  t.same(plan({ a: -infinity, b: -infinity, c: -infinity }), { type: "no-node" });
});

test("where nodes must be named, only those with a score may run it", async (t) => {
  const named = { optOut: false };
  t.same(plan({ a: 0 }, named), { ...domain, restricted: true, ranks: [["a"]] });
  t.same(plan({}, named), { type: "no-node" });
});

test("a service stays where it is if it sticks more than a node is preferred", async (t) => {
  const stays = (stickiness: number) => {
    const found = plan({ a: 100 }, { stickiness });
    return found.type === "domain" && found.nofailback;
  };
  t.same([stays(0), stays(99), stays(100), stays(infinity)], [false, false, true, true]);
});

test("scores add up, and what is forbidden stays so", async (t) => {
  t.equal(addScores(1, 2), 3);
  t.equal(addScores(infinity, 5), infinity);
  t.equal(addScores(infinity, -infinity), -infinity);
});
