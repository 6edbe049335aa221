/**
 * The inputs and outputs of process groups, and their limits.
 * Source: corosync cpg.h for states, reasons and refusals.
 * Tested in: test/groups/process-groups.test.ts
 */

import type { Lane, RingConfiguration, RingNotice } from "../membership/ring-events.ts";
import type { GroupName, NodeId, RingId } from "../model/ids.ts";

/**
 * The number of groups needs no limit, since each client is in at most one. A merge of two parts of
 * a cluster may exceed `membersMax`; then no client can join until there are fewer members.
 */
export const groupLimits = {
  /** Members of one group on all nodes. */
  membersMax: 128,
  /** Clients of one node. */
  clientsMax: 128,
  messageBytesMax: 1 << 20,
  /** Longer messages are cut into parts, so that no message of the services waits behind one. */
  partBytesMax: 64 << 10,
  /** Bytes that the ring has and that are not delivered here yet: an eighth of the ring's queue. */
  creditBytesMax: 512 << 10,
  /** Bytes that may wait for this credit, of all clients of this node, and of one client. */
  queueBytesMax: 8 << 20,
  clientQueueBytesMax: 3 << 20,
  /** Added to the payload of each waiting message, so that small ones are bounded, too. */
  queueEntryBytes: 512,
  /** The highest process id of Linux; clients without a number get higher ones. */
  processMax: 1 << 22,
} as const;

/** A process in a group. `process` is unique among the clients of its node that share a group. */
export type GroupMember = { readonly node: NodeId; readonly process: number };

export type LeaveReason = "leave" | "nodedown" | "procdown";
export type JoinReason = "join" | "nodeup";
export type GroupReason = LeaveReason | JoinReason;

/**
 * The position of an event in the total order: higher numbers are later, and so are rings with a
 * higher sequence. An event has the same position on all nodes that share the ring.
 */
export type GroupOrder = { readonly ring: RingId; readonly number: number };

/** `client` is the number of a local client, which is never used again. */
export type GroupInput =
  | {
      readonly type: "connect";
      readonly client: number;
      readonly call: number;
      /** Null: the machine chooses a number. */
      readonly process: number | null;
    }
  | ({ readonly type: "join" } & GroupCall)
  | ({ readonly type: "leave" } & GroupCall)
  /** Answered when the message was delivered here: then every member of the ring holds it. */
  | {
      readonly type: "multicast";
      readonly client: number;
      readonly call: number;
      readonly group: GroupName;
      readonly payload: Uint8Array;
    }
  /** The client has ended without leaving. */
  | { readonly type: "disconnect"; readonly client: number }
  /** An ordered message for which `isGroupFrame` holds. */
  | { readonly type: "deliver"; readonly from: NodeId; readonly payload: Uint8Array }
  | { readonly type: "configuration"; readonly configuration: RingConfiguration }
  /** The other layers have finished their state exchange for this ring. */
  | { readonly type: "exchanged"; readonly ring: RingId };

type GroupCall = { readonly client: number; readonly call: number; readonly group: GroupName };

export type GroupRefusal =
  /** The client is already in a group, or another client has joined this group for its process. */
  | { readonly type: "exist" }
  /** The client's join or leave is not ordered yet. */
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
  /** One event for each cause; `members` are the members afterwards. */
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
  /** A new ring has finished its exchange; it follows the changes that the ring has caused. */
  | { readonly type: "ring"; readonly order: GroupOrder; readonly nodes: readonly NodeId[] }
  /** The group had `membersMax` members when the join was ordered: the client is not joined. */
  | { readonly type: "group-full"; readonly group: GroupName; readonly order: GroupOrder };

export type GroupOutput =
  | { readonly type: "submit"; readonly lane: Lane; readonly payload: Uint8Array }
  /** All layers have finished their exchange: app messages may flow. */
  | { readonly type: "sync-done"; readonly ring: RingId }
  | { readonly type: "answer"; readonly call: number; readonly answer: GroupAnswer }
  | { readonly type: "event"; readonly clients: readonly number[]; readonly event: GroupEvent }
  | { readonly type: "notice"; readonly notice: RingNotice };

/** The state for the listing and the metrics. */
export type GroupSnapshot = {
  readonly groups: readonly {
    readonly name: GroupName;
    readonly members: readonly GroupMember[];
  }[];
  readonly clients: number;
  readonly counters: GroupCounters;
};

export type GroupCounters = {
  /** Messages of all groups that were delivered here, and their bytes. */
  readonly messages: number;
  readonly bytes: number;
  /** Messages that were dropped, since their node has no member of the group. */
  readonly dropped: number;
  /** Frames that this version does not understand. */
  readonly malformed: number;
  /** Bytes of local clients that wait to be sent or delivered. */
  readonly queuedBytes: number;
};

export function sameMember(a: GroupMember, b: GroupMember): boolean {
  return a.node === b.node && a.process === b.process;
}
