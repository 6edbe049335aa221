/**
 * What goes into the ring and what comes out of it.
 * Knows frames and members; does not know what the messages are for, nor sockets, clocks or files.
 * Source: Amir et al. 1995 (Totem single-ring protocol); corosync exec/totemsrp.c for the names.
 * Tested in: test/membership/totem-paper.test.ts
 */
import type { Incarnation, NodeId, RingId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { RingMessage } from "./wire.ts";

export type RingState = "operational" | "gather" | "commit" | "recovery" | "stopped";

/** Named timers the shell keeps; arming one again replaces it, and its old firing never arrives. */
export type RingTimer =
  | "token"
  | "retransmit"
  | "hold"
  | "join"
  | "consensus"
  | "merge"
  | "listen"
  | "heard";

/** `sync` messages are ordered before any `app` message of a new configuration. */
export type Lane = "app" | "sync";

/** The longest message that may be submitted; the layers above cut what is longer. */
export const messageBytesMax = 1 << 20;
/** How much may wait in one lane; more is refused with `queue`. */
export const queueBytesMax = 4 << 20;

export type RingInput =
  /** Once, when the sockets are ready: the ring starts listening for others. */
  | { readonly type: "start" }
  /** An authenticated, decoded frame; own multicasts come back here, in order, never lost. */
  | {
      readonly type: "frame";
      readonly from: NodeId;
      readonly incarnation: Incarnation;
      readonly message: RingMessage;
    }
  | { readonly type: "timer"; readonly timer: RingTimer }
  /** Queues a message for total order; safe delivery unless `safe` is false. */
  | {
      readonly type: "submit";
      readonly lane: Lane;
      readonly payload: Uint8Array;
      readonly safe: boolean;
    }
  /** The layer above has finished its state exchange for this ring: app messages may flow. */
  | { readonly type: "sync-done"; readonly ring: RingId }
  /** The durable bound of the ring sequence was raised to `ringSeq`. */
  | { readonly type: "persisted"; readonly ringSeq: number }
  /** The event loop did not run for `lateMs`. */
  | { readonly type: "stall"; readonly lateMs: Ms }
  | { readonly type: "link"; readonly up: boolean }
  /** What this node's wall clock shows, about once a second. */
  | { readonly type: "wall-clock"; readonly wallMs: Ms }
  /** Another process of the node has been accepted, be it an earlier one than before. */
  | { readonly type: "forget-life"; readonly node: NodeId }
  | { readonly type: "leave" };

export type RingConfiguration = {
  readonly kind: "transitional" | "regular";
  /** The ring that ends (transitional) or begins (regular). */
  readonly ring: RingId;
  /** Ascending. Transitional: members that come from the same old ring as this node. */
  readonly members: readonly NodeId[];
  /** Members of the old ring that do not come along; empty for a regular configuration. */
  readonly left: readonly NodeId[];
  /** New members that were not in the transitional configuration; empty for a transitional one. */
  readonly joined: readonly NodeId[];
};

export type RingOutput =
  /**
   * `full`: in a datagram of the length of the longest that this node sends. Where such are lost,
   * its sender must not be heard, since its messages would be lost as well.
   */
  | { readonly type: "multicast"; readonly message: RingMessage; readonly full: boolean }
  | { readonly type: "unicast"; readonly to: NodeId; readonly message: RingMessage }
  | { readonly type: "arm"; readonly timer: RingTimer; readonly afterMs: Ms }
  | { readonly type: "disarm"; readonly timer: RingTimer }
  /** Make this bound durable, then answer with `persisted`. */
  | { readonly type: "persist"; readonly ringSeq: number }
  | {
      readonly type: "deliver";
      readonly ring: RingId;
      readonly seq: number;
      readonly from: NodeId;
      readonly lane: Lane;
      readonly payload: Uint8Array;
    }
  | { readonly type: "configuration"; readonly configuration: RingConfiguration }
  /** The ring is no longer operational: nothing is ordered until the next configuration. */
  | { readonly type: "suspended"; readonly reason: string }
  /** A token of this ring was accepted (operational or recovery); evidence for the lease. */
  | {
      readonly type: "token-accepted";
      readonly ring: RingId;
      readonly members: readonly NodeId[];
      readonly operational: boolean;
    }
  /** The token was passed on for the first time in this visit (not for retransmissions). */
  | { readonly type: "token-passed"; readonly ring: RingId; readonly operational: boolean }
  /** The queue refused a message (`full`), or has room again (`writable`). */
  | { readonly type: "queue"; readonly lane: Lane; readonly state: "full" | "writable" }
  | { readonly type: "notice"; readonly notice: RingNotice };

/** For the log: what happened and why; `text` is a whole sentence fragment in English. */
export type RingNotice = {
  readonly level: "debug" | "info" | "notice" | "warning" | "err";
  readonly text: string;
};

/** What the ring is told once; all durations are milliseconds. */
export type RingOptions = {
  readonly self: NodeId;
  readonly incarnation: Incarnation;
  /** Every configured node, ascending. */
  readonly nodes: readonly NodeId[];
  readonly tokenMs: Ms;
  readonly tokenRetransmitMs: Ms;
  readonly holdMs: Ms;
  readonly joinMs: Ms;
  readonly consensusMs: Ms;
  readonly mergeMs: Ms;
  readonly failRecvMs: Ms;
  readonly seqnoUnchangedVisits: number;
  readonly missCountVisits: number;
  readonly windowFrames: number;
  readonly maxFramesPerVisit: number;
  /** Twice as much of both while the network loses nothing. */
  readonly widens: boolean;
  /** Room for chunks in one frame, after envelope and headers; see spec of packing. */
  readonly chunkRoomBytes: number;
  /** First ring sequence this life may use; the durable bound is at least this. */
  readonly ringSeqStart: number;
  readonly ringSeqDurable: number;
  /** This node's wall clock at the start: what ring sequences of others can be. */
  readonly wallMs: Ms;
  /** Equal on all members, or they refuse to merge. */
  readonly configHash: number;
};

/** For the status and the tests; never used to decide anything outside. */
export type RingSnapshot = {
  readonly state: RingState;
  readonly ring: RingId | null;
  readonly members: readonly NodeId[];
  readonly counters: Readonly<Record<string, number>>;
};
