/**
 * The messages between the main thread and the ring thread, as unions.
 * Main to ring: single RingThreadInput values. Ring to main: arrays of RingThreadOutput, never
 * empty, in the order in which they happened; payloads of one array may share a buffer.
 * Tested in: test/ring-thread/ring-thread.test.ts, test/ring-thread/ring-port-codec.test.ts
 *
 * Course: main posts `start`; the ring thread answers `started` or `fatal`. Then `heartbeat`s come
 * and must be answered; `deliver`, `configuration`, `suspended` and `queue` come as in
 * membership/ring-events.ts and in the same order. `leave` ends in `stopped`. After `fatal` or
 * `stopped` nothing follows: the thread has ended, and a new life needs a new thread.
 */

import type { NodeHeard } from "../fencing/lease.ts";
import type {
  Lane,
  RingConfiguration,
  RingNotice,
  RingSnapshot,
} from "../membership/ring-events.ts";
import type { TotemConf } from "../model/conf.ts";
import type { Incarnation, NodeId, RingId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { RotationRecord } from "./token-meter.ts";

export type RingThreadOptions = {
  readonly clusterName: string;
  readonly clusterId: number;
  readonly self: NodeId;
  /** Every configured node with its numeric address, ascending by id; names are resolved before. */
  readonly nodes: readonly { readonly id: NodeId; readonly address: string }[];
  readonly totem: TotemConf;
  /** A hash that is equal on all members, or they refuse to merge. */
  readonly configHash: number;
  /** Holds the ring sequence and the incarnation; made if its parent directory exists. */
  readonly stateDirectory: string;
  /**
   * L, the time of a lease: this node leaves the ring if no heartbeat was answered for this long.
   */
  readonly leaseMs: Ms;
  /** After this time a node that was not heard cannot have a lease any more. */
  readonly safeWaitMs: Ms;
  /** Whether to request SCHED_RR; a refusal is a notice. */
  readonly realtime: boolean;
  /** False: do as if koffi were not installed. */
  readonly nativeCalls: boolean;
};

/** `formerMs`: when another life of the node was last heard, in any frame; boot time. */
export type RingNodeHeard = NodeHeard & { readonly formerMs: Ms | null };

export type RingThreadInput =
  | { readonly type: "start"; readonly options: RingThreadOptions }
  | {
      readonly type: "submit";
      readonly lane: Lane;
      readonly payload: Uint8Array;
      readonly safe: boolean;
    }
  | { readonly type: "sync-done"; readonly ring: RingId }
  /** Leaves the ring, closes the sockets, ends the thread. */
  | { readonly type: "leave" }
  | { readonly type: "heartbeat-answer"; readonly beat: number }
  /** The ring interface went down, came up, or was created again. */
  | { readonly type: "link"; readonly up: boolean }
  | { readonly type: "snapshot"; readonly request: number };

export type RingThreadOutput =
  /** The sockets are open and the ring gathers. */
  | {
      readonly type: "started";
      readonly incarnation: Incarnation;
      readonly startedAtMs: Ms;
      readonly scheduling: "round-robin" | "default";
      /** A frame with which the guard can tell the others that this life has ended. */
      readonly certificate: Uint8Array;
    }
  | {
      readonly type: "deliver";
      readonly ring: RingId;
      readonly seq: number;
      readonly from: NodeId;
      readonly lane: Lane;
      readonly payload: Uint8Array;
    }
  | {
      readonly type: "configuration";
      readonly configuration: RingConfiguration;
      /**
       * When every configured node was heard; the start of this life if there was no token since.
       * The safe wait is counted from this time; after it a lost node counts as fenced by itself.
       */
      readonly heardAt: readonly RingNodeHeard[];
      /** The life of each node heard so far; a member that restarted shows here with a new one. */
      readonly incarnations: readonly (readonly [NodeId, Incarnation])[];
    }
  /** The newest proof, at most one per 50 ms. */
  | { readonly type: "lease"; readonly lease: LeaseProof }
  | { readonly type: "suspended"; readonly reason: string }
  /**
   * A guard has certified that this life of its node has ended and has left nothing. It `stands`
   * until a frame of that life arrives.
   */
  | {
      readonly type: "certified";
      readonly node: NodeId;
      readonly incarnation: Incarnation;
      readonly stands: boolean;
    }
  /** More than one process uses the ids of these nodes; sent whenever the list changes. */
  | { readonly type: "contested"; readonly nodes: readonly NodeId[] }
  | { readonly type: "queue"; readonly lane: Lane; readonly state: "full" | "writable" }
  | { readonly type: "notice"; readonly notice: RingNotice }
  /** Must be answered with the same number, from the loop that does the work. */
  | { readonly type: "heartbeat"; readonly beat: number }
  | { readonly type: "snapshot"; readonly request: number; readonly status: RingThreadStatus }
  | { readonly type: "fatal"; readonly problem: RingThreadProblem }
  | { readonly type: "stopped" };

/**
 * Proof of membership: the token that this node passed on at `startMs` (its CLOCK_BOOTTIME) came
 * back on the same operational ring. The node may run services until startMs + L if that ring is
 * quorate.
 */
export type LeaseProof = { readonly ring: RingId; readonly startMs: Ms };

export type RingThreadStatus = {
  readonly ring: RingSnapshot;
  /** Frames dropped, by cause: those of the seal, `undecodable`, `stale`. */
  readonly drops: Readonly<Record<string, number>>;
  readonly transport: Readonly<Record<string, number>>;
  readonly stalls: { readonly count: number; readonly worstMs: Ms };
  readonly rotation: RotationRecord;
};

/** Each problem ends the thread; `text` is for the operator. */
export type RingThreadProblem = {
  readonly type:
    | "transport"
    | "store"
    | "key-file"
    /** Another process with this node's id is running, and this one is the newer. */
    | "duplicate-node"
    /** The main thread did not answer for the lease time. */
    | "main-thread-silent"
    | "broken-invariant";
  readonly text: string;
};
