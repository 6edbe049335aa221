/**
 * Constraints on sets of resources → constraints on pairs.
 * Source: Pacemaker Explained 2.1, "Resource Sets".
 * Tested in: test/import/resource-sets.test.ts
 */
import type { Colocation, Ordering } from "./pacemaker-conf.ts";

export type ResourceSet = {
  readonly resources: readonly string[];
  /** False: its members say nothing of each other. */
  readonly sequential: boolean;
  readonly role: string | null;
  readonly action: string | null;
};

/** More names in the sets of one constraint are a mistake or an attack. */
export const setNamesMax = 200;

export function orderedPairs(
  sets: readonly ResourceSet[],
): readonly Pick<Ordering, "earlier" | "later" | "action">[] {
  return pairsOf(sets).map(({ earlier, later }) => {
    const action = earlier.set.action ?? later.set.action;
    return { earlier: earlier.name, later: later.name, action };
  });
}

/** Each with the one before it in its set; the last of a set with the first of the next. */
export function colocatedPairs(
  sets: readonly ResourceSet[],
): readonly Pick<Colocation, "resource" | "with" | "role">[] {
  return pairsOf(sets).map(({ earlier, later }) => {
    const role = earlier.set.role ?? later.set.role;
    return { resource: later.name, with: earlier.name, role };
  });
}

type Member = { readonly name: string; readonly set: ResourceSet };

/** A set without sequence is before, or behind, the next one as a whole. */
function pairsOf(
  sets: readonly ResourceSet[],
): readonly { readonly earlier: Member; readonly later: Member }[] {
  const pairs: { earlier: Member; later: Member }[] = [];
  let ends: readonly Member[] = [];
  for (const set of sets.filter(({ resources }) => resources.length > 0)) {
    const members = set.resources.map((name) => ({ name, set }));
    const starts = set.sequential ? members.slice(0, 1) : members;
    for (const earlier of ends) for (const later of starts) pairs.push({ earlier, later });
    if (set.sequential) {
      for (const [index, later] of members.entries()) {
        const earlier = members[index - 1];
        if (earlier !== undefined) pairs.push({ earlier, later });
      }
    }
    ends = set.sequential ? members.slice(-1) : members;
  }
  return pairs;
}
