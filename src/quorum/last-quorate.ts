/**
 * The last quorate membership that the nodes of a component remember: whether the nodes that the
 * component lacks of it may be quorate elsewhere, and whether anything can have been running
 * without a node. Pure functions of what nodes remember and who is present.
 * Source: Jajodia and Mutchler 1990 (dynamic linear voting); votequorum(5): auto_tie_breaker.
 * Deviation: votequorum counts all nodes that are present, also those that were not in the last
 * quorate membership. Here a quorum that was lowered, or a tie that was decided, must be outvoted
 * by nodes that took part in that membership.
 * V1  Of two components that remember the same membership, at most one is quorate.
 * V2  A member of the last quorate membership in which services were running is told from a node
 *     without which others went on.
 * V3  What a node has kept is not stale if nothing that floats has been running without it since.
 *     A later quorate membership in which something was has a member in the majority that says so.
 */
import type { NodeId } from "../model/ids.ts";
import type { DoubtfulRing, QuorateMembership } from "../model/quorate-membership.ts";

/**
 * The most recent membership that any node remembers; null: none does. Its members may remember
 * different terms, so it has the lowest and the highest figures of them, and all their demands.
 */
export function latestMembership(
  memberships: readonly (QuorateMembership | null)[],
): QuorateMembership | null {
  const ring = Math.max(...memberships.map((membership) => membership?.ring ?? -1));
  const latest = memberships.flatMap((membership) =>
    membership?.ring === ring ? [membership] : [],
  );
  const [first] = latest;
  if (first === undefined) return null;
  return {
    ring,
    members: first.members,
    expected: Math.min(...latest.map((membership) => membership.expected)),
    quorum: Math.min(...latest.map((membership) => membership.quorum)),
    quorumMost: Math.max(...latest.map((membership) => membership.quorumMost)),
    demands: distinct(latest.flatMap((membership) => membership.demands)),
  };
}

/**
 * The node whose component wins a tie: the most preferred member of the membership. `membership` is
 * null where nobody remembers one, or where nodes that start alone could remember another one; then
 * it is the most preferred node of all.
 */
export function tieNode(
  order: readonly NodeId[],
  membership: QuorateMembership | null,
): NodeId | null {
  if (membership === null) return order[0] ?? null;
  return order.find((node) => membership.members.some((member) => member.node === node)) ?? null;
}

/** The nodes that are present, as far as they matter for a membership. */
export type Component = {
  /**
   * Present members of the membership that remember it. A member that has restarted since does not
   * count: it may have helped other members to a quorum meanwhile.
   */
  readonly remembering: ReadonlySet<NodeId>;
  /** The votes of all nodes that are not present, whether they were in the membership or not. */
  readonly votesAbsent: number;
  readonly tie: NodeId | null;
};

/** Whether nodes outside of this majority might be quorate by the terms of the membership. */
export function mayBeQuorateElsewhere(
  membership: QuorateMembership,
  component: Component,
): boolean {
  const { remembering, votesAbsent, tie } = component;
  if (votesAbsent === 0) return false;
  if (membership.demands.some((demand) => votesIn(demand.members, remembering) < demand.quorum)) {
    return true;
  }
  if (votesGone(membership, remembering) >= membership.quorum) return true;
  const tieGone = membership.members.some(({ node }) => node === tie && !remembering.has(node));
  const unopposed = votesIn(membership.members, remembering) < membership.quorumMost;
  return tieGone && unopposed && votesAbsent >= Math.floor(membership.expected / 2);
}

/** Whether a component with exactly half of the votes wins the tie, and may be quorate. */
export function winsTie(membership: QuorateMembership, { remembering, tie }: Component): boolean {
  if (tie === null || !remembering.has(tie)) return false;
  if (votesGone(membership, remembering) >= membership.quorum) return false;
  return membership.demands.every(({ members }) => {
    const all = members.reduce((sum, { votes }) => sum + votes, 0);
    return votesIn(members, remembering) >= Math.floor(all / 2);
  });
}

/** What a member says of the past in the state exchange. */
export type MemberReport = {
  readonly node: NodeId;
  readonly votes: number;
  /** The last quorate membership that it remembers; null: it has restarted. */
  readonly last: Pick<QuorateMembership, "ring"> | null;
  readonly doubts: readonly DoubtfulRing[];
  /** The history that it remembers; null: it remembers none, or its history has ended. */
  readonly history: { readonly workedIn: number | null } | null;
};

type Voter = { readonly id: NodeId; readonly votes: number };

/**
 * The last quorate ring in which anything can have been running: nodes with more than half of all
 * votes remember no later one. Null: too few nodes remember; a node that has restarted does not.
 * Any later quorate ring has one of these nodes as a member. That node did not come to the end of
 * the state exchange in the later ring, although it delivers whatever it receives. So nothing that
 * was ordered after the exchange was ever safe, and no member has acted on it.
 */
export function lastRingWithServices(
  reports: readonly MemberReport[],
  nodes: readonly Voter[],
): number | null {
  const rings = reports.flatMap(({ last }) => last?.ring ?? []).toSorted((a, b) => a - b);
  const found = rings.find((ring) => {
    const witnesses = withoutLaterThan(ring, reports);
    if (!isMajority(witnesses, reports, nodes)) return false;
    const doubts = witnesses.flatMap((one) => one.doubts.filter((doubt) => doubt.ring > ring));
    return doubts.every((doubt) => nothingWorkedIn(doubt, reports, ring));
  });
  return found ?? null;
}

function withoutLaterThan(ring: number, reports: readonly MemberReport[]): readonly MemberReport[] {
  return reports.filter(({ last }) => last !== null && last.ring <= ring);
}

/**
 * Whether nothing was running in a ring that some nodes doubt. A node that doubts a ring may have
 * received everything and delivered nothing. So another member is needed that delivered what it
 * received and did not come to the end of the exchange; or all members that could have acted are
 * here, and say that nothing has been running since.
 */
function nothingWorkedIn(
  doubt: DoubtfulRing,
  reports: readonly MemberReport[],
  since: number,
): boolean {
  const doubts = (report: MemberReport) => report.doubts.some(({ ring }) => ring === doubt.ring);
  const members = reports.filter(({ node }) => doubt.members.includes(node));
  const witnesses = withoutLaterThan(since, members);
  if (witnesses.some((report) => !doubts(report))) return true;
  if (members.length < doubt.members.length) return false;
  return members.every((report) => {
    const workedIn = report.history?.workedIn ?? null;
    return witnesses.includes(report) || (workedIn !== null && workedIn <= since);
  });
}

/** The history that goes on. */
export type ContinuedHistory = {
  readonly holders: readonly NodeId[];
  /** The last quorate ring in which services may have been running. */
  readonly workedIn: number | null;
};

/**
 * Whether nothing that floats can have been running without the node (V3): nobody has come to the
 * end of an exchange as a quorate member since it was one; or the nodes that have are present, are
 * a majority, and have seen nothing of the kind.
 */
export function missedNothing(
  node: NodeId,
  reports: readonly MemberReport[],
  {
    nodes,
    continued,
  }: { readonly nodes: readonly Voter[]; readonly continued: ContinuedHistory | null },
): boolean {
  const ring = reports.find((report) => report.node === node)?.last?.ring;
  if (ring === undefined) return false;
  const workedIn = lastRingWithServices(reports, nodes);
  if (workedIn !== null && workedIn <= ring) return true;
  if (continued === null || continued.workedIn === null || ring < continued.workedIn) return false;
  const knowing = reports.filter((report) => continued.holders.includes(report.node));
  return isMajority(knowing, reports, nodes);
}

/** Of all votes; nodes that are present say how many votes they have. */
function isMajority(
  some: readonly MemberReport[],
  reports: readonly MemberReport[],
  nodes: readonly Voter[],
): boolean {
  const votes = new Map(nodes.map((one) => [one.id, one.votes]));
  for (const report of reports) votes.set(report.node, report.votes);
  const all = [...votes.values()].reduce((sum, each) => sum + each, 0);
  return 2 * some.reduce((sum, report) => sum + report.votes, 0) > all;
}

function votesGone({ members }: QuorateMembership, remembering: ReadonlySet<NodeId>): number {
  return members.reduce((sum, { node, votes }) => sum + (remembering.has(node) ? 0 : votes), 0);
}

function votesIn(members: QuorateMembership["members"], among: ReadonlySet<NodeId>): number {
  return members.reduce((sum, { node, votes }) => sum + (among.has(node) ? votes : 0), 0);
}

function distinct(demands: QuorateMembership["demands"]): QuorateMembership["demands"] {
  const texts = demands.map((demand) => JSON.stringify(demand));
  return demands.filter((_, at) => texts.indexOf(texts[at] ?? "") === at);
}
