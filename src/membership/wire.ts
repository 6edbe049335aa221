/**
 * Bytes ↔ ring messages. Rejects damaged input with a reason, never throws.
 * Knows the frames of ring.proto; does not know the ring's state.
 */
import type { Incarnation, NodeId, RingId } from "../model/ids.ts";

export type RingMessage =
  | McastMessage
  | TokenMessage
  | JoinMessage
  | CommitMessage
  | MergeDetectMessage
  | HoldCancelMessage
  | HelloMessage;

export type McastMessage = {
  readonly type: "mcast";
  readonly ring: RingId;
  /** Total order number inside the ring, first is 1. */
  readonly seq: number;
  readonly origin: NodeId;
  readonly lane: "app" | "sync";
  readonly headFragment: number;
  readonly tailFragment: number;
  readonly safe: boolean;
  /** Recovery only: the complete encoded mcast of the old ring; then there are no chunks. */
  readonly inner: Uint8Array | null;
  readonly chunks: readonly Uint8Array[];
};

export type TokenMessage = {
  readonly type: "token";
  readonly ring: RingId;
  readonly tokenSeq: number;
  readonly seq: number;
  readonly aru: number;
  /** Who lowered the aru; null when nobody. */
  readonly aruNode: NodeId | null;
  readonly fcc: number;
  readonly backlog: number;
  readonly retransmitting: boolean;
  readonly rtr: readonly number[];
};

export type JoinMessage = {
  readonly type: "join";
  readonly ringSeq: number;
  readonly proc: readonly NodeId[];
  readonly failed: readonly NodeId[];
  readonly leave: boolean;
  readonly heard: readonly NodeId[];
  readonly configHash: number;
};

export type CommitMessage = {
  readonly type: "commit";
  readonly ring: RingId;
  readonly index: number;
  readonly members: readonly CommitEntry[];
};

export type CommitEntry = {
  readonly node: NodeId;
  /** Null until the node has filled in its entry. */
  readonly state: {
    readonly oldRing: RingId | null;
    readonly aru: number;
    readonly highDelivered: number;
    readonly received: boolean;
  } | null;
};

export type MergeDetectMessage = {
  readonly type: "merge-detect";
  readonly ring: RingId;
  readonly heard: readonly NodeId[];
  readonly members: readonly NodeId[];
};

export type HoldCancelMessage = { readonly type: "hold-cancel"; readonly ring: RingId };

/** Challenge and answer for a first contact; handled below the ring, by the frame seal. */
export type HelloMessage = {
  readonly type: "hello";
  readonly challenge: Uint8Array | null;
  readonly answer: Uint8Array | null;
};

/** Kind byte of the envelope for each message type. */
export const frameKinds = {
  mcast: 1,
  token: 2,
  join: 3,
  commit: 4,
  "merge-detect": 5,
  "hold-cancel": 6,
  hello: 7,
} as const satisfies Record<RingMessage["type"], number>;

/** An opened frame: authenticated sender and message. */
export type OpenedFrame = {
  readonly from: NodeId;
  readonly incarnation: Incarnation;
  readonly message: RingMessage;
};
