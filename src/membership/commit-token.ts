/**
 * The commit token: the representative creates it, every member fills in its entry on the first
 * rotation, and the second rotation brings the complete token to every member.
 * Source: Amir et al. 1995, section 5; corosync exec/totemsrp.c: memb_state_commit_token_create,
 * memb_state_commit_token_update.
 * Tested in: test/membership/state-table.test.ts, test/membership/totem-paper.test.ts
 */
import type { NodeId, RingId } from "../model/ids.ts";
import type { CommitEntry, CommitMessage } from "./wire.ts";

/** A commit token without filled-in entries; `members` ascending. */
export function createCommit(ring: RingId, members: readonly NodeId[]): CommitMessage {
  return {
    type: "commit",
    ring,
    index: 0,
    members: members.map((node) => ({ node, state: null })),
  };
}

/** Whether the next entry is that of `self`, and the members are exactly those it agreed to. */
export function mayFill(commit: CommitMessage, self: NodeId, agreed: readonly NodeId[]): boolean {
  const { index, members } = commit;
  const same = members.length === agreed.length;
  return same && members[index]?.node === self && members.every((m, at) => m.node === agreed[at]);
}

/** The token with its next entry filled in. */
export function fillCommit(commit: CommitMessage, state: CommitEntry["state"]): CommitMessage {
  const { index, members } = commit;
  return {
    ...commit,
    index: index + 1,
    members: members.map((entry, at) => (at === index ? { node: entry.node, state } : entry)),
  };
}

/** Whether every member has filled in its entry. */
export function isComplete(commit: CommitMessage): boolean {
  return commit.index === commit.members.length;
}

/** Whether the complete token has the members, and the entry of `self`, that `self` passed on. */
export function matchesPassed(commit: CommitMessage, passed: CommitMessage, self: NodeId): boolean {
  const own = passed.members.findIndex(({ node }) => node === self);
  const kept = commit.members[own]?.state ?? null;
  const filled = passed.members[own]?.state ?? null;
  if (kept === null || filled === null) return false;
  return (
    commit.members.length === passed.members.length &&
    commit.members.every(({ node }, at) => node === passed.members[at]?.node) &&
    kept.aru === filled.aru &&
    kept.highDelivered === filled.highDelivered &&
    kept.oldRing?.rep === filled.oldRing?.rep &&
    kept.oldRing?.seq === filled.oldRing?.seq
  );
}
