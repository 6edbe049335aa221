/**
 * What goes into the process groups and what comes out of them, with all their limits.
 * Knows members, groups and the ring's configurations; does not know sockets, nor who the clients
 * are.
 * Source: corosync cpg.h for states, reasons and refusals.
 * Tested in: test/groups/process-groups.test.ts
 */

import type { Lane, RingConfiguration, RingNotice } from "../membership/ring-events.ts";
import type { GroupName, NodeId, RingId } from "../model/ids.ts";

/**
 * The number of groups needs no limit of its own: each client is in one. A merge of two parts of a
 * cluster may exceed `membersMax`; then nobody else can join until there are fewer.
 */
export const groupLimits = {
  /** Members of one group that may have joined, on all nodes. */
  membersMax: 128,
  /** Clients of one node. */
  clientsMax: 128,
  messageBytesMax: 1 << 20,
  /** Longer messages are cut, so that no message of the services waits behind a long one. */
  partBytesMax: 64 << 10,
  /** What is with the ring and not yet delivered here: an eighth of the ring's queue. */
  creditBytesMax: 512 << 10,
  /** What may wait for that, of all clients of this node, and of one of them. */
  queueBytesMax: 8 << 20,
  clientQueueBytesMax: 3 << 20,
  /** What a waiting message costs besides its payload: bounds the number of small ones. */
  queueEntryBytes: 512,
  /** Linux numbers processes up to here; what is chosen for clients without a number is larger. */
  processMax: 1 << 22,
} as const;

/** A process in a group. `process` is unique among the clients of its node that share a group. */
export type GroupMember = { readonly node: NodeId; readonly process: number };

export type LeaveReason = "leave" | "nodedown" | "procdown";
export type JoinReason = "join" | "nodeup";
export type GroupReason = LeaveReason | JoinReason;

/**
 * The place of an event in the order of a ring: greater numbers are later, and a ring with a
 * greater sequence is. The same event has the same place on all nodes that share the ring.
 */
export type GroupOrder = { readonly ring: RingId; readonly number: number };

/** `client` is a number that the shell gives a local client and never gives again. */
export type GroupInput =
  | {
      readonly type: "connect";
      readonly client: number;
      readonly call: number;
      /** Null: the machine chooses. */
      readonly process: number | null;
    }
  | ({ readonly type: "join" } & GroupCall)
  | ({ readonly type: "leave" } & GroupCall)
  /** Answered when it was delivered here, which means that every member of the ring holds it. */
  | {
      readonly type: "multicast";
      readonly client: number;
      readonly call: number;
      readonly group: GroupName;
      readonly payload: Uint8Array;
    }
  /** The client has ended, without leaving. */
  | { readonly type: "disconnect"; readonly client: number }
  /** An ordered message for which `isGroupFrame` holds. */
  | { readonly type: "deliver"; readonly from: NodeId; readonly payload: Uint8Array }
  | { readonly type: "configuration"; readonly configuration: RingConfiguration }
  /** The other layers have finished their state exchange for this ring. */
  | { readonly type: "exchanged"; readonly ring: RingId };

type GroupCall = { readonly client: number; readonly call: number; readonly group: GroupName };

export type GroupRefusal =
  /** The client is in a group, or its process is in this one by another client. */
  | { readonly type: "exist" }
  /** The client's join, or its leave, has not been ordered yet. */
  | { readonly type: "busy" }
  /** The client is not in this group, or is leaving it. */
  | { readonly type: "not-exist" }
  | {
      readonly type: "try-again";
      readonly why: "no-configuration" | "state-exchange" | "queue-full" | "leave-in-flight";
    }
  | { readonly type: "too-large" }
  | { readonly type: "too-many-clients" };

export type GroupAnswer =
  | { readonly type: "connected"; readonly member: GroupMember }
  | { readonly type: "begun" }
  | { readonly type: "ordered"; readonly order: GroupOrder }
  | { readonly type: "refused"; readonly refusal: GroupRefusal };

export type GroupEvent =
  /** One cause, one event; `members` are those afterwards. */
  | {
      readonly type: "configuration";
      readonly group: GroupName;
      readonly order: GroupOrder;
      readonly members: readonly GroupMember[];
      readonly left: readonly GroupMember[];
      readonly joined: readonly GroupMember[];
      readonly reason: GroupReason;
    }
  | {
      readonly type: "message";
      readonly group: GroupName;
      readonly order: GroupOrder;
      readonly from: GroupMember;
      readonly payload: Uint8Array;
    }
  /** A new ring has finished its exchange; comes after the changes that it caused. */
  | { readonly type: "ring"; readonly order: GroupOrder; readonly nodes: readonly NodeId[] }
  /** The join came when the group had `membersMax` members; the client is unjoined again. */
  | { readonly type: "group-full"; readonly group: GroupName; readonly order: GroupOrder };

export type GroupOutput =
  | { readonly type: "submit"; readonly lane: Lane; readonly payload: Uint8Array }
  /** All layers have finished their exchange: app messages may flow. */
  | { readonly type: "sync-done"; readonly ring: RingId }
  | { readonly type: "answer"; readonly call: number; readonly answer: GroupAnswer }
  | { readonly type: "event"; readonly clients: readonly number[]; readonly event: GroupEvent }
  | { readonly type: "notice"; readonly notice: RingNotice };

/** For the listing and the metrics; nothing decides by it. */
export type GroupSnapshot = {
  readonly groups: readonly {
    readonly name: GroupName;
    readonly members: readonly GroupMember[];
  }[];
  readonly clients: number;
  readonly counters: GroupCounters;
};

export type GroupCounters = {
  /** Messages of all groups that were ordered here, and the bytes in them. */
  readonly messages: number;
  readonly bytes: number;
  /** Messages of nodes without a member of the group. */
  readonly dropped: number;
  /** Frames that this version does not understand. */
  readonly malformed: number;
  /** Bytes of local clients that wait for their turn or their delivery. */
  readonly queuedBytes: number;
};

export function sameMember(a: GroupMember, b: GroupMember): boolean {
  return a.node === b.node && a.process === b.process;
}
