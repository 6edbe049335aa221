/** Sets of resources as pairs. */
import { test } from "tap";
import { colocatedPairs, orderedPairs, type ResourceSet } from "../../src/import/resource-sets.ts";

const set = (names: string, sequential = true): ResourceSet => ({
  resources: names.split(" "),
  sequential,
  role: null,
  action: null,
});
const shown = (sets: readonly ResourceSet[]) =>
  orderedPairs(sets).map(({ earlier, later }) => `${earlier}${later}`);

test("members of a sequence follow each other, the last leads to the next set", async (t) => {
  t.same(shown([set("a b c")]), ["ab", "bc"]);
  t.same(shown([set("a b"), set("c d")]), ["ab", "bc", "cd"]);
});

test("a set without sequence is before the next one as a whole", async (t) => {
  t.same(shown([set("a b", false)]), []);
  t.same(
    shown([set("a b", false), set("c d", false)]),
    ["ac", "bc", "ad", "bd"].toSorted((x, y) => x.localeCompare(y)),
  );
});

test("each member is with the one before it, in the role of its set", async (t) => {
  const promoted = { ...set("db"), role: "Master" };
  const [pair] = colocatedPairs([promoted, set("ip")]);
  t.same(pair, { resource: "ip", with: "db", role: "Master" });
});
