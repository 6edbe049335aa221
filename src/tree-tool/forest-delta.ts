/**
 * Compares two configurations: which resources, and which of their occurrences, must be stopped,
 * started or reconfigured.
 * Source: rgmanager reslist.c: rescmp; restree.c: resource_delta, resource_tree_delta.
 * Tested in: test/rg-test/classic.test.ts, test/tree-tool/rg-test.test.ts
 */
import type { Forest, Occurrence } from "./forest.ts";
import type { Resource } from "./resource-list.ts";

export type Mark = "NEEDSTOP" | "NEEDSTART" | "RECONFIG";
/** The marks of resources and occurrences; one without marks stays as it is. */
export type Marks = ReadonlyMap<Resource | Occurrence, readonly Mark[]>;

type Side = { readonly resources: readonly Resource[]; readonly forest: Forest };

/** The marks for both configurations; no object is in both. */
export function compareForests(old: Side, fresh: Side): Marks {
  const marks = new Map<Resource | Occurrence, readonly Mark[]>();
  compareLists(old.resources, fresh.resources, marks);
  compareTrees(old.forest.trees, fresh.forest.trees, marks);
  return marks;
}

type Difference = "same" | "reconfigurable" | "different";

function compareResources(a: Resource, b: Resource): Difference {
  if (a.attributes.length !== b.attributes.length) return "different";
  let difference: Difference = "same";
  for (const one of a.attributes) {
    const other = b.attributes.find((each) => each.parameter.name === one.parameter.name);
    if (other === undefined || other.inherited !== one.inherited) return "different";
    if (other.value === one.value) continue;
    if (one.parameter.reconfig !== true) return "different";
    difference = "reconfigurable";
  }
  return difference;
}

function compareLists(
  old: readonly Resource[],
  fresh: readonly Resource[],
  marks: Map<Resource | Occurrence, readonly Mark[]>,
): void {
  const counterpart = (of: Resource, among: readonly Resource[]) =>
    among.find((one) => one.rule.agent.type === of.rule.agent.type && one.key === of.key);
  for (const one of old) {
    const other = counterpart(one, fresh);
    const difference = other === undefined ? "different" : compareResources(one, other);
    if (difference === "different") marks.set(one, ["NEEDSTOP"]);
    if (other === undefined || difference === "same") continue;
    const reconfigured: readonly Mark[] = ["NEEDSTART", "RECONFIG"];
    marks.set(other, difference === "different" ? ["NEEDSTART"] : reconfigured);
  }
  for (const one of fresh) {
    if (counterpart(one, old) === undefined) marks.set(one, ["NEEDSTART"]);
  }
}

/** A mark is for the whole subtree, in which nothing else is marked. */
function compareTrees(
  old: readonly Occurrence[],
  fresh: readonly Occurrence[],
  marks: Map<Resource | Occurrence, readonly Mark[]>,
): void {
  const matched = new Set<Occurrence>();
  for (const one of old) {
    const replaced = (marks.get(one.resource) ?? []).includes("NEEDSTOP");
    const other = replaced
      ? undefined
      : fresh.find((each) => !matched.has(each) && same(one, each));
    if (other === undefined) {
      marks.set(one, ["NEEDSTOP"]);
      continue;
    }
    matched.add(other);
    const asked = marks.get(other.resource);
    if (asked !== undefined) marks.set(other, asked);
    compareTrees(one.children, other.children, marks);
  }
  for (const one of fresh) {
    if (!matched.has(one)) marks.set(one, ["NEEDSTART"]);
  }
}

function same(a: Occurrence, b: Occurrence): boolean {
  if (a.type !== b.type || a.resource.key !== b.resource.key) return false;
  return compareResources(a.resource, b.resource) !== "different";
}
