/** Placement: the score table row by row, and against a second way to compute it. */
import fc from "fast-check";
import { test } from "tap";
import type { FailoverDomainConf } from "../../src/model/conf.ts";
import { rankCandidates, type Score, scoreNode } from "../../src/services/table/placement.ts";
import { id } from "../sim/cluster.ts";

type Places = readonly (readonly [node: number, priority: number | null])[];
type Flags = Partial<Pick<FailoverDomainConf, "ordered" | "restricted" | "nofailback">>;

function domain(places: Places, flags: Flags = {}): FailoverDomainConf {
  const nodes = places.map(([node, priority]) => ({ node: id(node), priority }));
  return { name: "d", ordered: false, restricted: false, nofailback: false, nodes, ...flags };
}

/** Scores of nodes 1 to 4. */
function scores(
  of: FailoverDomainConf | null,
  online: readonly number[],
  current: number | null = null,
): readonly Score[] {
  const options = {
    online: new Set(online.map(id)),
    current: current === null ? null : id(current),
  };
  return [1, 2, 3, 4].map((node) => scoreNode(of, id(node), options));
}

test("without a domain every online node is best", async (t) => {
  t.same(scores(null, [1, 3]), [3, 0, 3, 0]);
});

test("a restricted domain allows its members only", async (t) => {
  const restricted = domain([[2, null]], { restricted: true });
  t.same(scores(restricted, [1, 2, 3]), [0, 3, 0, 0]);
  t.same(scores(restricted, [1, 3]), [0, 0, 0, 0]);
});

test("an unrestricted domain is left only when none of its members is online", async (t) => {
  t.same(scores(domain([[2, null]]), [1, 2, 3]), [1, 3, 1, 0]);
  t.same(scores(domain([[2, null]]), [1, 3]), [3, 0, 3, 0]);
});

test("an ordered domain prefers its lowest priority number; no number comes last", async (t) => {
  const ordered = domain(
    [
      [1, null],
      [2, 2],
      [3, 1],
    ],
    { ordered: true },
  );
  t.same(scores(ordered, [1, 2, 3, 4]), [2, 2, 3, 1]);
  t.same(scores(ordered, [1, 2, 4]), [2, 3, 0, 1]);
  t.same(scores(ordered, [1, 4]), [3, 0, 0, 1]);
});

test("nofailback keeps the owner, and takes a service into the domain", async (t) => {
  const places: Places = [
    [1, 1],
    [2, 2],
  ];
  const sticky = domain(places, { ordered: true, nofailback: true });
  t.same(scores(sticky, [1, 2], 2), [2, 3, 0, 0], "the owner is in the domain");
  t.same(scores(sticky, [1, 2, 3], 3), [2, 2, 1, 0], "the owner is outside");
  t.same(scores(sticky, [1, 2]), [3, 2, 0, 0], "nobody runs it");
  t.same(scores(sticky, [1], 2), [3, 0, 0, 0], "the owner is gone");
});

test("equal scores: fewest services, then the lowest id", async (t) => {
  const candidate = (node: number, score: Score, load: number) => ({ node: id(node), score, load });
  const ranked = rankCandidates([
    candidate(4, 3, 1),
    candidate(3, 3, 0),
    candidate(2, 2, 0),
    candidate(5, 3, 0),
    candidate(1, 0, 0),
  ]);
  t.same(
    ranked.map((one) => one.node),
    [3, 5, 4, 2],
  );
});

/** The words of the original's table, read naively: one sentence, one line. */
function naiveScore(
  of: FailoverDomainConf,
  node: number,
  options: { readonly online: readonly number[]; readonly current: number | null },
): number {
  const { online, current } = options;
  const inside = of.nodes.map((entry) => Number(entry.node));
  const number = (one: number) => of.nodes.find((e) => e.node === one)?.priority ?? 1000;
  if (!online.includes(node)) return 0;
  if (!inside.includes(node) && of.restricted) return 0;
  if (!inside.includes(node) && inside.some((one) => online.includes(one))) return 1;
  if (!inside.includes(node)) return 3;
  const lower = inside.some((one) => online.includes(one) && number(one) < number(node));
  const best = !of.ordered || !lower;
  if (of.nofailback && current !== null && online.includes(current)) {
    if (current === node) return 3;
    return 2;
  }
  return best ? 3 : 2;
}

test("over random domains both computations agree", async (t) => {
  const node = fc.integer({ min: 1, max: 5 });
  const place = fc.tuple(node, fc.option(fc.integer({ min: 1, max: 3 })));
  const plan = fc.record({
    places: fc.uniqueArray(place, { maxLength: 5, selector: ([one]) => one }),
    ordered: fc.boolean(),
    restricted: fc.boolean(),
    nofailback: fc.boolean(),
    online: fc.uniqueArray(node),
    current: fc.option(node),
    asked: node,
  });
  const property = fc.property(plan, ({ places, online, current, asked, ...flags }) => {
    const of = domain(places, flags);
    const options = {
      online: new Set(online.map(id)),
      current: current === null ? null : id(current),
    };
    return scoreNode(of, id(asked), options) === naiveScore(of, asked, { online, current });
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000, seed: 11 }));
});

test("over random candidates the best one is chosen", async (t) => {
  const candidate = fc.record({
    node: fc.integer({ min: 1, max: 9 }).map(id),
    score: fc.constantFrom<Score>(0, 1, 2, 3),
    load: fc.integer({ min: 0, max: 3 }),
  });
  const candidates = fc.uniqueArray(candidate, { selector: (one) => one.node });
  const property = fc.property(candidates, (given) => {
    const legal = given.filter((one) => one.score > 0);
    const [first] = rankCandidates(given);
    if (first === undefined) return legal.length === 0;
    return legal.every((other) => {
      if (other.score !== first.score) return other.score < first.score;
      if (other.load !== first.load) return other.load > first.load;
      return other.node >= first.node;
    });
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500, seed: 12 }));
});
