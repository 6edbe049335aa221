/**
 * Cuts a plan that fails down to one that still fails: fewer acts, fewer nodes, a shorter run.
 * Source: Zeller, Hildebrandt 2002, delta debugging.
 */
import { actsOnOnly, type RingPlan } from "./ring-plan.ts";

type Fails = (plan: RingPlan) => boolean;

/** A plan that fails and of which no single part can be left out; `fails` may give up. */
export function reducePlan(plan: RingPlan, fails: Fails): RingPlan {
  let smallest = plan;
  for (let before = sizeOf(smallest) + 1; sizeOf(smallest) < before; ) {
    before = sizeOf(smallest);
    smallest = withFewerActs(withFewerNodes(withoutFinale(smallest, fails), fails), fails);
    smallest = shorter(smallest, fails);
  }
  return smallest;
}

function sizeOf(plan: RingPlan): number {
  return plan.acts.length + plan.nodes + plan.finale.islands.length + plan.faultsMs / 1000;
}

function withoutFinale(plan: RingPlan, fails: Fails): RingPlan {
  let smallest = plan;
  for (const without of [
    { islands: [], seam: null, cut: null, narrow: null, late: false },
    { islands: [], seam: null },
    { seam: null },
    { cut: null },
    { narrow: null },
  ]) {
    const smaller = { ...smallest, finale: { ...smallest.finale, ...without } };
    if (fails(smaller)) smallest = smaller;
  }
  return smallest;
}

/** The highest node goes first: nodes are numbered without gaps. */
function withFewerNodes(plan: RingPlan, fails: Fails): RingPlan {
  let smallest = plan;
  for (let nodes = plan.nodes - 1; nodes > 0; nodes -= 1) {
    const ids = new Set(Array.from({ length: nodes }, (_, index) => index + 1));
    const { islands, seam, cut, narrow, late } = smallest.finale;
    const smaller = {
      ...smallest,
      nodes,
      acts: smallest.acts.filter(({ act }) => actsOnOnly(act, ids)),
      finale: {
        islands: islands
          .map((island) => island.filter((id) => ids.has(id)))
          .filter((island) => island.length > 0),
        seam: seam !== null && ids.has(seam.from) && ids.has(seam.to) ? seam : null,
        cut: cut !== null && ids.has(cut.from) && ids.has(cut.to) ? cut : null,
        late,
        narrow: narrow !== null && actsOnOnly(narrow, ids) ? narrow : null,
      },
    };
    if (!fails(smaller)) break;
    smallest = smaller;
  }
  return smallest;
}

/** Takes parts of the acts away, larger parts first. */
function withFewerActs(plan: RingPlan, fails: Fails): RingPlan {
  let smallest = plan;
  for (let size = Math.ceil(plan.acts.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.acts.length; ) {
      const acts = smallest.acts.filter((_, index) => index < at || index >= at + size);
      const smaller = { ...smallest, acts };
      if (fails(smaller)) smallest = smaller;
      else at += size;
    }
  }
  return smallest;
}

function shorter(plan: RingPlan, fails: Fails): RingPlan {
  const last = plan.acts.at(-1)?.atMs ?? 0;
  for (const faultsMs of [last + 1, last + 300, last + 2500]) {
    const smaller = { ...plan, faultsMs };
    if (faultsMs < plan.faultsMs && fails(smaller)) return smaller;
  }
  return plan;
}
