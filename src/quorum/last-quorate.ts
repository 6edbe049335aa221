/**
 * The last quorate membership that nodes remember, and whether what they miss of it may go on as a
 * quorate part of its own. Pure functions of remembered and present nodes.
 * Source: Jajodia and Mutchler 1990 (dynamic linear voting); votequorum(5): auto_tie_breaker.
 * Deviation: votequorum counts all who are present, also those that were outside. A quorum that was
 * lowered, or a tie that was decided, must be outvoted by those who took part in it.
 * V1  Of two parts that follow one view, at most one goes on.
 * V2  A member of the last quorate membership that was at work is told from one that others went
 *     on without.
 * V3  What a node has kept cannot be stale while nothing that floats has been at work without it:
 *     any later quorate membership in which it was has a member in the majority that says no.
 */
import type { NodeId } from "../model/ids.ts";
import type { DoubtfulRing, QuorateView } from "../model/quorate-view.ts";

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
  readonly doubts: readonly DoubtfulRing[];
  /** Null: nothing is remembered, or it was voided. */
  readonly history: { readonly workedIn: number | null } | null;
};

type Voter = { readonly id: NodeId; readonly votes: number };

/**
 * The last quorate ring in which anything can have been at work: more than half of all votes were
 * in no later one, as they remember it. Null: that many do not remember; who has restarted does
 * not. A later one has one of them as a member. It has not come to the end of the state exchange
 * there, though whatever it receives it delivers: so nothing that was ordered after the exchange
 * was ever safe, and nobody has acted on it, whatever else of its members remember it.
 */
export function lastAtWork(voices: readonly Voice[], nodes: readonly Voter[]): number | null {
  const rings = voices.flatMap(({ last }) => last?.ring ?? []).toSorted((a, b) => a - b);
  const found = rings.find((ring) => {
    const witnesses = upTo(ring, voices);
    if (!isMajority(witnesses, voices, nodes)) return false;
    const doubts = witnesses.flatMap((one) => one.doubts.filter((doubt) => doubt.ring > ring));
    return doubts.every((doubt) => nothingWorkedIn(doubt, voices, ring));
  });
  return found ?? null;
}

function upTo(ring: number, voices: readonly Voice[]): readonly Voice[] {
  return voices.filter(({ last }) => last !== null && last.ring <= ring);
}

/**
 * Whoever doubts has received it may be everything, and delivered nothing. Another member has
 * delivered what it received, and did not come to the end of the exchange; or all who could have
 * acted are here, and say that nothing has been at work since.
 */
function nothingWorkedIn(doubt: DoubtfulRing, voices: readonly Voice[], since: number): boolean {
  const doubts = (voice: Voice) => voice.doubts.some(({ ring }) => ring === doubt.ring);
  const members = voices.filter(({ node }) => doubt.members.includes(node));
  const witnesses = upTo(since, members);
  if (witnesses.some((voice) => !doubts(voice))) return true;
  if (members.length < doubt.members.length) return false;
  return members.every((voice) => {
    const workedIn = voice.history?.workedIn ?? null;
    return witnesses.includes(voice) || (workedIn !== null && workedIn <= since);
  });
}

/** The history that goes on, as its holders have it. */
export type GoingOn = {
  readonly holders: readonly NodeId[];
  /** The last quorate ring in which services may have been at work. */
  readonly workedIn: number | null;
};

/**
 * Whether nothing that floats can have been at work without the node: nobody has been quorate since
 * it was, to the end of an exchange, or those who were, a majority that is still there, have seen
 * nothing of the kind (V3).
 */
export function missedNothing(
  node: NodeId,
  voices: readonly Voice[],
  { nodes, goingOn }: { readonly nodes: readonly Voter[]; readonly goingOn: GoingOn | null },
): boolean {
  const ring = voices.find((voice) => voice.node === node)?.last?.ring;
  if (ring === undefined) return false;
  const workedIn = lastAtWork(voices, nodes);
  if (workedIn !== null && workedIn <= ring) return true;
  if (goingOn === null || goingOn.workedIn === null || ring < goingOn.workedIn) return false;
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
