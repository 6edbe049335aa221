/**
 * Agreement in gather: which nodes are considered, which have failed, and which agree with this
 * node ("we"). Works on sets of nodes only.
 * Source: Amir et al. 1995, section 5; corosync exec/totemsrp.c: memb_join_process.
 * Deviations: a join that changes nothing never restarts agreement (no join storm); a sender whose
 * sets equal ours after the merge counts as agreeing at once; a node of another ring can declare a
 * third ring's node failed, or three lone nodes could refuse each other in turns for ever.
 * CONSENSUS1  Between two installed rings proc and failed only grow, so gather ends.
 */
import type { NodeId } from "../model/ids.ts";
import { ascending, contains, sameNodes, union, without } from "./node-sets.ts";
import type { JoinMessage } from "./wire.ts";

export type Agreement = {
  readonly proc: ReadonlySet<NodeId>;
  readonly failed: ReadonlySet<NodeId>;
  /** Nodes whose last join equals our sets. */
  readonly consent: ReadonlySet<NodeId>;
};

/** An agreement with these members, of which none has failed. */
export function agreementOf(members: Iterable<NodeId>): Agreement {
  return { proc: new Set(members), failed: new Set(), consent: new Set() };
}

/** The nodes that would form the ring: considered and not failed; ascending. */
export function liveNodes(agreement: Agreement): readonly NodeId[] {
  return ascending(without(agreement.proc, agreement.failed));
}

export function allConsent(agreement: Agreement): boolean {
  return contains(agreement.consent, liveNodes(agreement));
}

/** Begins the agreement again: only we agree. */
export function restartConsent(agreement: Agreement, self: NodeId): Agreement {
  const proc = union(agreement.proc, [self]);
  return { proc, failed: agreement.failed, consent: new Set([self]) };
}

export function addConsidered(agreement: Agreement, node: NodeId): Agreement {
  return { ...agreement, proc: union(agreement.proc, [node]) };
}

export function addFailed(agreement: Agreement, nodes: Iterable<NodeId>): Agreement {
  return { ...agreement, failed: union(agreement.failed, nodes) };
}

/** Counts every node as failed that did not agree in time. */
export function failSilent(agreement: Agreement): Agreement {
  return addFailed(agreement, without(agreement.proc, agreement.consent));
}

/** The sender of a join, this node, and the members of this node's last ring. */
type JoinContext = {
  readonly self: NodeId;
  readonly from: NodeId;
  readonly oldMembers: readonly NodeId[];
};

/** What a join does to our sets; `changed` means that agreement must begin again. */
export type JoinEffect =
  | { readonly type: "nothing" }
  | { readonly type: "consents"; readonly agreement: Agreement }
  | { readonly type: "changed"; readonly agreement: Agreement };

/** Judges a join; checks, in this order: equal sets, a subset of ours, a failed sender, a merge. */
export function applyJoin(
  agreement: Agreement,
  join: JoinMessage,
  context: JoinContext,
): JoinEffect {
  const proc = new Set(join.proc);
  const failed = new Set(join.failed);
  if (sameNodes(proc, agreement.proc) && sameNodes(failed, agreement.failed)) {
    if (join.leave) return { type: "nothing" };
    const consent = union(agreement.consent, [context.from]);
    return { type: "consents", agreement: { ...agreement, consent } };
  }
  const nothingNew = contains(agreement.proc, proc) && contains(agreement.failed, failed);
  if (nothingNew || agreement.failed.has(context.from)) return { type: "nothing" };
  return mergeJoin(agreement, join, context);
}

function mergeJoin(agreement: Agreement, join: JoinMessage, context: JoinContext): JoinEffect {
  const { self, from } = context;
  const proc = union(agreement.proc, join.proc);
  const failed = union(agreement.failed, accusedBy(join, context));
  if (sameNodes(proc, agreement.proc) && sameNodes(failed, agreement.failed)) {
    return { type: "nothing" };
  }
  const agrees = sameNodes(proc, new Set(join.proc)) && sameNodes(failed, new Set(join.failed));
  const consent = new Set(agrees && !join.leave ? [self, from] : [self]);
  return { type: "changed", agreement: { proc, failed, consent } };
}

/**
 * The nodes that a join makes us count as failed. A sender that declares us failed cannot be in a
 * ring with us. A member of our old ring is believed; another node only about nodes that were not
 * in our old ring.
 */
function accusedBy(join: JoinMessage, context: JoinContext): readonly NodeId[] {
  const { self, from, oldMembers } = context;
  if (join.failed.includes(self)) return [from];
  if (oldMembers.includes(from)) return join.failed;
  return join.failed.filter((node) => !oldMembers.includes(node));
}
