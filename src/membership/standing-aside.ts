/**
 * Who makes way where two rings cannot become one, since some of their members do not hear each
 * other: without them the others can.
 * Knows two rings, and who hears whom; decides nothing about when.
 * Deviation: corosync has no such rule; one bad link may then keep two halves of a cluster apart,
 * neither of them quorate.
 * ASIDE1  The smaller ring gives way, and only if the ring that can be formed is larger than both.
 *     Of two equal ones that of which fewer have to leave, else the one without the lowest id: both
 *     sides come to the same answer.
 */
import type { NodeId } from "../model/ids.ts";
import { ascending } from "./node-sets.ts";

/** Whether the first hears the second; null: it has not said whom it hears. */
export type Hears = (node: NodeId, other: NodeId) => boolean | null;

type Nodes = readonly NodeId[];

/** The members of `own` that should leave it; none where that would help nobody, or not enough. */
export function whoStandsAside(own: Nodes, other: Nodes, hears: Hears): Nodes {
  if (own.length > other.length) return [];
  const ours = cutOff(own, other, hears);
  if (ours.length === own.length) return [];
  if (own.length < other.length) return ours;
  const theirs = cutOff(other, own, hears);
  if (theirs.length !== ours.length) return theirs.length < ours.length ? [] : ours;
  return lowest(own) > lowest(other) ? ours : [];
}

/** Those of these who do not hear, or are not heard by, one of those. */
function cutOff(these: Nodes, those: Nodes, hears: Hears): Nodes {
  return these.filter((node) => those.some((other) => !areLinked(node, other, hears)));
}

/** Who has not said whom it hears may be behind a bad link itself: the other one's word counts. */
function areLinked(node: NodeId, other: NodeId, hears: Hears): boolean {
  const there = hears(node, other);
  const back = hears(other, node);
  return there !== false && back !== false && (there ?? back) !== null;
}

function lowest(nodes: Nodes): number {
  return ascending(nodes)[0] ?? Number.POSITIVE_INFINITY;
}
