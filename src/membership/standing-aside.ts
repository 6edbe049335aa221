/**
 * When two rings cannot merge, since some of their members do not hear each other: which members
 * have to leave ("stand aside"), so that all others can merge. merge-gate.ts decides when.
 * Deviation: corosync has no such rule; one bad link may then keep two halves of a cluster apart,
 * neither of them quorate.
 * ASIDE1  Members of the smaller ring leave, and only if the merged ring is then larger than both.
 *     Of two rings of equal size, it is the one of which fewer must leave, else the one without the
 *     lowest id, so that both sides come to the same answer.
 */
import type { NodeId } from "../model/ids.ts";
import { ascending } from "./node-sets.ts";

/** Whether `node` hears `other`; null: it has not said which nodes it hears. */
export type Hears = (node: NodeId, other: NodeId) => boolean | null;

type Nodes = readonly NodeId[];

/** The members of `own` that should leave it; none if no larger ring could then be formed. */
export function nodesStandingAside(own: Nodes, other: Nodes, hears: Hears): Nodes {
  if (own.length > other.length) return [];
  const ours = cutOff(own, other, hears);
  if (ours.length === own.length) return [];
  if (own.length < other.length) return ours;
  const theirs = cutOff(other, own, hears);
  if (theirs.length !== ours.length) return theirs.length < ours.length ? [] : ours;
  return lowest(own) > lowest(other) ? ours : [];
}

/** The nodes of `these` that do not hear a node of `those`, or that it does not hear. */
function cutOff(these: Nodes, those: Nodes, hears: Hears): Nodes {
  return these.filter((node) => those.some((other) => !areLinked(node, other, hears)));
}

/** If a node has not said which nodes it hears, only the other one's statement counts. */
function areLinked(node: NodeId, other: NodeId, hears: Hears): boolean {
  const there = hears(node, other);
  const back = hears(other, node);
  return there !== false && back !== false && (there ?? back) !== null;
}

function lowest(nodes: Nodes): number {
  return ascending(nodes)[0] ?? Number.POSITIVE_INFINITY;
}
