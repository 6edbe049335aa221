/** Two rings that cannot become one, and who makes way. */
import fc from "fast-check";
import { test } from "tap";
import { type Hears, nodesStandingAside } from "../../src/membership/standing-aside.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { node, nodes } from "./frames.ts";

/** Everybody hears everybody but for these links, each from one node to another. */
function without(...links: readonly string[]): Hears {
  return (one, other) => !links.includes(`${other}-${one}`);
}

test("ASIDE1: of two equal halves the one without the lowest id gives way", async (t) => {
  const hears = without("1-5", "5-1");
  t.same(nodesStandingAside(nodes(3, 5, 6), nodes(1, 2, 4), hears), [5]);
  t.same(nodesStandingAside(nodes(1, 2, 4), nodes(3, 5, 6), hears), []);
});

test("ASIDE1: of two equal halves the one of which fewer must leave gives way", async (t) => {
  const hears = without("1-5", "1-6");
  t.same(nodesStandingAside(nodes(3, 5, 6), nodes(1, 2, 4), hears), []);
  t.same(nodesStandingAside(nodes(1, 2, 4), nodes(3, 5, 6), hears), [1]);
});

test("ASIDE1: a larger ring does not give way, nor a node alone", async (t) => {
  const hears = without("2-5");
  t.same(nodesStandingAside(nodes(1, 2, 3), nodes(4, 5), hears), []);
  t.same(nodesStandingAside(nodes(4, 5), nodes(1, 2, 3), hears), [5]);
  t.same(nodesStandingAside(nodes(5), nodes(1, 2, 3), hears), []);
  t.same(nodesStandingAside(nodes(4, 5), nodes(1, 2, 3), without("2-5", "4-3")), [], "all of it");
});

test("a node that has not said which nodes it hears is judged by the others", async (t) => {
  const known = without("2-5");
  const hears: Hears = (asked, other) => (asked === node(2) ? null : known(asked, other));
  t.same(nodesStandingAside(nodes(4, 5), nodes(1, 2, 3), hears), [5]);
  t.same(
    nodesStandingAside(nodes(4, 5), nodes(1, 2, 3), () => null),
    [],
    "nobody has said anything",
  );
});

test("in random rings at most one side gives way, and the rest hear each other", async () => {
  const links = fc.uniqueArray(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 12 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), links, (cut, drawn) => {
      const all = nodes(1, 2, 3, 4, 5, 6, 7, 8);
      const [one, other] = [all.slice(0, cut), all.slice(cut)];
      const hears = without(...drawn.map(([from, to]) => `${from + 1}-${to + 1}`));
      const ours = nodesStandingAside(one, other, hears);
      const theirs = nodesStandingAside(other, one, hears);
      if (ours.length > 0 && theirs.length > 0) return false;
      const gone = [...ours, ...theirs];
      if (gone.length === 0) return true;
      const left = (side: readonly NodeId[]) => side.filter((one) => !gone.includes(one));
      const joined = left(one).length + left(other).length;
      if (joined <= Math.max(one.length, other.length)) return false;
      return left(one).every((a) => left(other).every((b) => hears(a, b) && hears(b, a)));
    }),
  );
});
