/**
 * The inputs and outputs of the ring.
 * Source: Amir et al. 1995 (Totem single-ring protocol); corosync exec/totemsrp.c for the names.
 * Tested in: test/membership/totem-paper.test.ts
 */
import type { Incarnation, NodeId, RingId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { RingMessage } from "./wire.ts";

export type RingState = "operational" | "gather" | "commit" | "recovery" | "stopped";

/** The timers of the ring, by name. To arm one again replaces it; its old firing never arrives. */
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

/** The longest message that may be submitted; the layers above must cut longer ones. */
export const messageBytesMax = 1 << 20;
/** How many bytes may wait in one lane; more are refused with the output `queue`. */
export const queueBytesMax = 4 << 20;

export type RingInput =
  /** The sockets are ready: the ring starts. Sent once. */
  | { readonly type: "start" }
  /** An authentic, decoded frame. Own multicasts come back here, too, in order and without loss. */
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
  /** The layer above has finished its state exchange in this ring: app messages may be ordered. */
  | { readonly type: "sync-done"; readonly ring: RingId }
  /** The durable bound of the ring sequence was raised to `ringSeq`. */
  | { readonly type: "persisted"; readonly ringSeq: number }
  /** The event loop did not run for `lateMs`. */
  | { readonly type: "stall"; readonly lateMs: Ms }
  | { readonly type: "link"; readonly up: boolean }
  /** The time of this node's wall clock, about once a second. */
  | { readonly type: "wall-clock"; readonly wallMs: Ms }
  /** Another life of the node was accepted, which may be an earlier one. */
  | { readonly type: "forget-life"; readonly node: NodeId }
  /** As its guard certifies, the process of this life has ended. */
  | { readonly type: "ended"; readonly node: NodeId; readonly incarnation: Incarnation }
  | { readonly type: "leave" };

export type RingConfiguration = {
  readonly kind: "transitional" | "regular";
  /** The ring that ends (transitional) or begins (regular). */
  readonly ring: RingId;
  /** Ascending. Transitional: members that come from the same old ring as this node. */
  readonly members: readonly NodeId[];
  /** Members of the old ring that are not in the new one; empty for a regular configuration. */
  readonly left: readonly NodeId[];
  /** New members that were not in the transitional configuration; empty for a transitional one. */
  readonly joined: readonly NodeId[];
};

export type RingOutput =
  /**
   * `full`: pad the datagram to the length of the longest that this node sends. Where the network
   * loses those, the node must not be heard, since its messages would be lost as well.
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
  /** The token was passed on; not sent again for retransmissions of the token. */
  | { readonly type: "token-passed"; readonly ring: RingId; readonly operational: boolean }
  /** The queue refused a message (`full`), or has room again (`writable`). */
  | { readonly type: "queue"; readonly lane: Lane; readonly state: "full" | "writable" }
  | { readonly type: "notice"; readonly notice: RingNotice };

/** A line for the log: what happened and why. */
export type RingNotice = {
  readonly level: "debug" | "info" | "notice" | "warning" | "err";
  readonly text: string;
};

/** The options of the ring for all its life; durations are milliseconds. */
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
  /** Both limits double while the network loses nothing (TOKEN3). */
  readonly widens: boolean;
  /** The room for chunks in one frame, after envelope and headers. */
  readonly chunkRoomBytes: number;
  /** The first ring sequence that this life may use; the durable bound is at least this. */
  readonly ringSeqStart: number;
  readonly ringSeqDurable: number;
  /** This node's wall clock at the start; it bounds the ring sequences of others. */
  readonly wallMs: Ms;
  /** A hash of the ring configuration; nodes with different ones refuse to merge. */
  readonly configHash: number;
};

/** The ring's state for the status and the tests; no other machine may use it. */
export type RingSnapshot = {
  readonly state: RingState;
  readonly ring: RingId | null;
  readonly members: readonly NodeId[];
  readonly counters: Readonly<Record<string, number>>;
};
