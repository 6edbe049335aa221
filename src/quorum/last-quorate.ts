/**
 * The last quorate membership that nodes remember, and whether what they miss of it may go on as a
 * quorate part of its own. Pure functions of remembered and present nodes.
 * Source: Jajodia and Mutchler 1990 (dynamic linear voting); votequorum(5): auto_tie_breaker.
 * Deviation: votequorum counts all who are present, also those that were outside. A quorum that was
 * lowered, or a tie that was decided, must be outvoted by those who took part in it.
 * V1  Of two parts that follow one view, at most one goes on.
 * V2  A member of the last quorate membership is told from one that others went on without.
 * V3  What a node has kept cannot be stale while nothing that floats has been at work without it:
 *     any later quorate membership in which it was has a member in the majority that says no.
 */
import type { NodeId } from "../model/ids.ts";
import type { QuorateView } from "../model/quorate-view.ts";

/** The most recent one, with whatever any of its members may go by; null: nobody remembers any. */
export function latestView(views: readonly (QuorateView | null)[]): QuorateView | null {
  const ring = Math.max(...views.map((view) => view?.ring ?? -1));
  const latest = views.flatMap((view) => (view?.ring === ring ? [view] : []));
  const [first] = latest;
  if (first === undefined) return null;
  return {
    ring,
    members: first.members,
    expected: Math.min(...latest.map((view) => view.expected)),
    quorum: Math.min(...latest.map((view) => view.quorum)),
    quorumMost: Math.max(...latest.map((view) => view.quorumMost)),
    demands: distinct(latest.flatMap((view) => view.demands)),
  };
}

/**
 * The node whose part wins a tie. `view` null: nobody remembers, or nodes that start alone could
 * remember something else; then it is the most preferred of all.
 */
export function tieNode(order: readonly NodeId[], view: QuorateView | null): NodeId | null {
  if (view === null) return order[0] ?? null;
  return order.find((node) => view.members.some((member) => member.node === node)) ?? null;
}

/** A part of the nodes, of which some remember the view. */
export type Side = {
  /** Those present who took part and know it: who has restarted may have helped others since. */
  readonly remembering: ReadonlySet<NodeId>;
  /** All votes that are not present, of the view or not. */
  readonly votesAbsent: number;
  readonly tie: NodeId | null;
};

/** Whether others than this majority might be quorate by the terms of the view. */
export function goesOnElsewhere(view: QuorateView, side: Side): boolean {
  const { remembering, votesAbsent, tie } = side;
  if (votesAbsent === 0) return false;
  if (view.demands.some((demand) => votesIn(demand.members, remembering) < demand.quorum)) {
    return true;
  }
  if (votesGone(view, remembering) >= view.quorum) return true;
  const tieGone = view.members.some(({ node }) => node === tie && !remembering.has(node));
  const unopposed = votesIn(view.members, remembering) < view.quorumMost;
  return tieGone && unopposed && votesAbsent >= Math.floor(view.expected / 2);
}

/** Whether a part that has exactly half of the votes, and the tie's node, is the one to go on. */
export function winsTie(view: QuorateView, { remembering, tie }: Side): boolean {
  if (tie === null || !remembering.has(tie)) return false;
  if (votesGone(view, remembering) >= view.quorum) return false;
  return view.demands.every(({ members }) => {
    const all = members.reduce((sum, { votes }) => sum + votes, 0);
    return votesIn(members, remembering) >= Math.floor(all / 2);
  });
}

export type Voice = {
  readonly node: NodeId;
  readonly votes: number;
  /** The last quorate membership that it remembers; null: it has restarted. */
  readonly last: Pick<QuorateView, "ring"> | null;
};

type Voter = { readonly id: NodeId; readonly votes: number };

/**
 * The ring of the last quorate membership that anybody can have been in: more than half of all
 * votes remember it as their last one, so that a later one would have to do without them. Null:
 * that many do not. Who has restarted remembers nothing, and does not count.
 */
export function lastOfAll(voices: readonly Voice[], nodes: readonly Voter[]): number | null {
  const rings = voices.flatMap(({ last }) => last?.ring ?? []);
  if (rings.length === 0) return null;
  const ring = Math.max(...rings);
  const knowing = voices.filter(({ last }) => last?.ring === ring);
  return isMajority(knowing, voices, nodes) ? ring : null;
}

/** The history that goes on, as its holders have it. */
export type GoingOn = {
  readonly holders: readonly NodeId[];
  /** The last quorate ring in which a member may have held what floats. */
  readonly floatedIn: number | null;
};

/**
 * Whether nothing that floats can have been at work without the node: nobody has been quorate since
 * it was, or those who were, a majority that is still there, have seen nothing of the kind (V3).
 */
export function missedNothing(
  node: NodeId,
  voices: readonly Voice[],
  { nodes, goingOn }: { readonly nodes: readonly Voter[]; readonly goingOn: GoingOn | null },
): boolean {
  const ring = voices.find((voice) => voice.node === node)?.last?.ring;
  if (ring === undefined) return false;
  if (lastOfAll(voices, nodes) === ring) return true;
  if (goingOn === null || goingOn.floatedIn === null || ring < goingOn.floatedIn) return false;
  const knowing = voices.filter((voice) => goingOn.holders.includes(voice.node));
  return isMajority(knowing, voices, nodes);
}

/** Of all votes; those who are there say how many are theirs. */
function isMajority(
  some: readonly Voice[],
  voices: readonly Voice[],
  nodes: readonly Voter[],
): boolean {
  const votes = new Map(nodes.map((one) => [one.id, one.votes]));
  for (const voice of voices) votes.set(voice.node, voice.votes);
  const all = [...votes.values()].reduce((sum, each) => sum + each, 0);
  return 2 * some.reduce((sum, voice) => sum + voice.votes, 0) > all;
}

function votesGone({ members }: QuorateView, remembering: ReadonlySet<NodeId>): number {
  return members.reduce((sum, { node, votes }) => sum + (remembering.has(node) ? 0 : votes), 0);
}

function votesIn(members: QuorateView["members"], among: ReadonlySet<NodeId>): number {
  return members.reduce((sum, { node, votes }) => sum + (among.has(node) ? votes : 0), 0);
}

function distinct(demands: QuorateView["demands"]): QuorateView["demands"] {
  const texts = demands.map((demand) => JSON.stringify(demand));
  return demands.filter((_, at) => texts.indexOf(texts[at] ?? "") === at);
}
