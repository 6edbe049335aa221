/**
 * The last quorate membership that nodes remember, and whether what they miss of it may go on as a
 * quorate part of its own. Pure functions of remembered and present nodes.
 * Source: Jajodia and Mutchler 1990 (dynamic linear voting); votequorum(5): auto_tie_breaker.
 * Deviation: votequorum counts all who are present, also those that were outside. A quorum that was
 * lowered, or a tie that was decided, must be outvoted by those who took part in it.
 * V1  Of two parts that follow one view, at most one goes on.
 */
import type { NodeId } from "../model/ids.ts";
import type { QuorateView } from "../model/quorate-view.ts";

/** The most recent one, with whatever any of its members may go by; null: nobody remembers any. */
export function latestView(views: readonly (QuorateView | null)[]): QuorateView | null {
  return views.reduce((latest, view) => {
    if (view === null || (latest !== null && view.ring < latest.ring)) return latest;
    if (latest === null || view.ring > latest.ring) return view;
    return {
      ...latest,
      expected: Math.min(latest.expected, view.expected),
      quorum: Math.min(latest.quorum, view.quorum),
      quorumMost: Math.max(latest.quorumMost, view.quorumMost),
    };
  }, null);
}

/**
 * The node whose part wins a tie. `view` null: nobody remembers, or nodes that start alone could
 * remember something else; then it is the most preferred of all.
 */
export function tieNode(order: readonly NodeId[], view: QuorateView | null): NodeId | null {
  if (view === null) return order[0] ?? null;
  return order.find((node) => view.members.some((member) => member.node === node)) ?? null;
}

/** Whether the others might be quorate by the terms of the view; `tie` null: no tie is decided. */
export function goesOnElsewhere(
  view: QuorateView,
  side: {
    readonly present: ReadonlySet<NodeId>;
    /** Those who took part and know it: one that has restarted may have helped others meanwhile. */
    readonly remembering: ReadonlySet<NodeId>;
    /** All votes that are not present, of the view or not. */
    readonly votesAbsent: number;
    readonly tie: NodeId | null;
  },
): boolean {
  const { present, remembering, votesAbsent, tie } = side;
  if (view.members.every(({ node }) => present.has(node))) return false;
  const gone = view.members.filter(({ node }) => !remembering.has(node));
  const here = view.members.filter(({ node }) => remembering.has(node));
  if (votesIn(gone) >= view.quorum) return true;
  const tieGone = gone.some(({ node }) => node === tie);
  const unopposed = votesIn(here) < view.quorumMost;
  return tieGone && unopposed && votesAbsent >= Math.floor(view.expected / 2);
}

function votesIn(members: QuorateView["members"]): number {
  return members.reduce((sum, { votes }) => sum + votes, 0);
}
