/**
 * Bytes ↔ ring messages. Rejects damaged input with a reason, and never throws.
 * Source: ring.proto. Counters beyond 2^53 - 1 are refused, since they could not be compared.
 * Payloads are views of the bytes they were decoded from, not copies.
 */
import { type NodeId, nodesMax, parseNodeId, type RingId, ringSeqMax } from "../model/ids.ts";
import type { Result } from "../model/outcome.ts";
import { accept, assertNever, refuse } from "../model/outcome.ts";
import { clusterd } from "./ring-codec.js";
import { parseCount, parseCounts, parseNodes, parseRing } from "./wire-fields.ts";
import { frameShapes, hasShape } from "./wire-shape.ts";

export type RingMessage =
  | McastMessage
  | TokenMessage
  | JoinMessage
  | CommitMessage
  | MergeDetectMessage
  | HoldCancelMessage;

export type McastMessage = {
  readonly type: "mcast";
  readonly ring: RingId;
  /** The position in the total order of the ring; the first is 1. */
  readonly seq: number;
  readonly origin: NodeId;
  readonly lane: "app" | "sync";
  readonly headFragment: number;
  readonly tailFragment: number;
  readonly safe: boolean;
  /** In recovery only: the complete encoded mcast of the old ring, without chunks beside it. */
  readonly inner: Uint8Array | null;
  readonly chunks: readonly Uint8Array[];
};

export type TokenMessage = {
  readonly type: "token";
  readonly ring: RingId;
  readonly tokenSeq: number;
  readonly seq: number;
  readonly aru: number;
  /** The node that has lowered the aru; null: none. */
  readonly aruNode: NodeId | null;
  readonly fcc: number;
  readonly backlog: number;
  readonly retransmitting: boolean;
  readonly rtr: readonly number[];
  /** Visits in a row at which no retransmission was requested. */
  readonly calm: number;
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
    /** This node lacks no message up to the highest one that it has seen on the old ring. */
    readonly received: boolean;
    /** Originators whose messages this node must deliver even behind a gap of the old ring. */
    readonly obliged: readonly NodeId[];
  } | null;
};

export type MergeDetectMessage = {
  readonly type: "merge-detect";
  readonly ring: RingId;
  readonly heard: readonly NodeId[];
  readonly members: readonly NodeId[];
  readonly configHash: number;
};

export type HoldCancelMessage = { readonly type: "hold-cancel"; readonly ring: RingId };

/** Kind byte of the envelope for each message type; 7 is that of the frame seal. */
export const frameKinds = {
  mcast: 1,
  token: 2,
  join: 3,
  commit: 4,
  "merge-detect": 5,
  "hold-cancel": 6,
} as const satisfies Record<RingMessage["type"], number>;

/** Why bytes are not a message; `field` names the first field that is out of range. */
export type FrameProblem =
  | { readonly type: "unknown-kind"; readonly kind: number }
  | { readonly type: "malformed" }
  | { readonly type: "out-of-range"; readonly field: string };

/** The most sequence numbers that a token requests; more might not fit into one frame. */
export const rtrMax = 30;
/** Chain ids of fragments run from 1 to this. */
export const chainMax = 255;

const codec = clusterd.totem.v1;

/** The frame's bytes without its kind, which is in `frameKinds`. */
export function encodeMessage(message: RingMessage): Uint8Array {
  switch (message.type) {
    case "mcast":
      return encodeMcast(message);
    case "token":
      return encodeToken(message);
    case "join":
      return codec.Join.encode({
        ringSeq: message.ringSeq,
        proc: [...message.proc],
        failed: [...message.failed],
        leave: message.leave,
        heard: [...message.heard],
        configHash: message.configHash,
      }).finish();
    case "commit":
      return codec.Commit.encode({
        ...ringFields(message.ring),
        index: message.index,
        memb: message.members.map(commitEntryFields),
      }).finish();
    case "merge-detect":
      return codec.MergeDetect.encode({
        ...ringFields(message.ring),
        heard: [...message.heard],
        memb: [...message.members],
        configHash: message.configHash,
      }).finish();
    case "hold-cancel":
      return codec.HoldCancel.encode(ringFields(message.ring)).finish();
    default:
      return assertNever(message);
  }
}

/** The message, or why the bytes are not one; `kind` is the envelope's kind byte. */
export function decodeMessage(kind: number, bytes: Uint8Array): Result<RingMessage, FrameProblem> {
  const expected = frameShapes.get(kind);
  if (expected === undefined) return refuse({ type: "unknown-kind", kind });
  if (!hasShape(bytes, expected)) return refuse({ type: "malformed" });
  switch (kind) {
    case frameKinds.mcast:
      return decodeMcast(codec.Mcast.decode(bytes));
    case frameKinds.token:
      return decodeToken(codec.Token.decode(bytes));
    case frameKinds.join:
      return decodeJoin(codec.Join.decode(bytes));
    case frameKinds.commit:
      return decodeCommit(codec.Commit.decode(bytes));
    case frameKinds["merge-detect"]:
      return decodeMergeDetect(codec.MergeDetect.decode(bytes));
    case frameKinds["hold-cancel"]:
      return decodeHoldCancel(codec.HoldCancel.decode(bytes));
    default:
      return refuse({ type: "unknown-kind", kind });
  }
}

function encodeMcast(message: McastMessage): Uint8Array {
  return codec.Mcast.encode({
    ringRep: message.ring.rep,
    ringSeq: message.ring.seq,
    seq: message.seq,
    origin: message.origin,
    lane: message.lane === "app" ? 0 : 1,
    headFrag: message.headFragment,
    tailFrag: message.tailFragment,
    safe: message.safe,
    inner: message.inner,
    chunk: [...message.chunks],
  }).finish();
}

function encodeToken(message: TokenMessage): Uint8Array {
  return codec.Token.encode({
    ringRep: message.ring.rep,
    ringSeq: message.ring.seq,
    tokenSeq: message.tokenSeq,
    seq: message.seq,
    aru: message.aru,
    aruAddr: message.aruNode ?? 0,
    fcc: message.fcc,
    backlog: message.backlog,
    retrans: message.retransmitting,
    rtr: [...message.rtr],
    calm: message.calm,
  }).finish();
}

function ringFields(ring: RingId): { readonly ringRep: number; readonly ringSeq: number } {
  return { ringRep: ring.rep, ringSeq: ring.seq };
}

function commitEntryFields(entry: CommitEntry): clusterd.totem.v1.CommitEntry.$Properties {
  if (entry.state === null) return { nodeid: entry.node };
  return {
    nodeid: entry.node,
    ringRep: entry.state.oldRing?.rep ?? 0,
    ringSeq: entry.state.oldRing?.seq ?? 0,
    aru: entry.state.aru,
    highDelivered: entry.state.highDelivered,
    received: entry.state.received,
    filled: true,
    obliged: [...entry.state.obliged],
  };
}

type Decoded<Message> = Result<Message, FrameProblem>;

function outOfRange(field: string): { readonly ok: false; readonly problem: FrameProblem } {
  return refuse({ type: "out-of-range", field });
}

function decodeMcast(frame: clusterd.totem.v1.Mcast.$Properties): Decoded<McastMessage> {
  const ring = parseRing(frame);
  if (ring === null) return outOfRange("ring");
  const seq = parseCount(frame.seq);
  if (seq === null || seq < 1) return outOfRange("seq");
  const origin = parseNodeId(frame.origin);
  if (origin === null) return outOfRange("origin");
  const lane = frame.lane ?? 0;
  if (lane > 1) return outOfRange("lane");
  const headFragment = frame.headFrag ?? 0;
  const tailFragment = frame.tailFrag ?? 0;
  const chunks = frame.chunk ?? [];
  const inner = frame.inner?.length ? frame.inner : null;
  const fragments = { headFragment, tailFragment, chunks: chunks.length, copy: inner !== null };
  if (!fragmentsFit(fragments)) return outOfRange("chunk");
  return accept({
    type: "mcast",
    ring,
    seq,
    origin,
    lane: lane === 0 ? "app" : "sync",
    headFragment,
    tailFragment,
    safe: frame.safe ?? false,
    inner,
    chunks,
  });
}

type Fragments = {
  readonly headFragment: number;
  readonly tailFragment: number;
  readonly chunks: number;
  readonly copy: boolean;
};

/** A copy has no chunks; a lone chunk has one chain id; two chains in a frame never share an id. */
function fragmentsFit(frame: Fragments): boolean {
  const { headFragment: head, tailFragment: tail } = frame;
  if (head > chainMax || tail > chainMax) return false;
  if (frame.copy) return frame.chunks === 0 && head === 0 && tail === 0;
  if (frame.chunks === 0) return false;
  if (head === 0 || tail === 0) return true;
  return frame.chunks === 1 ? head === tail : head !== tail;
}

function decodeToken(frame: clusterd.totem.v1.Token.$Properties): Decoded<TokenMessage> {
  const ring = parseRing(frame);
  if (ring === null) return outOfRange("ring");
  const tokenSeq = parseCount(frame.tokenSeq);
  const seq = parseCount(frame.seq);
  const aru = parseCount(frame.aru);
  if (tokenSeq === null || seq === null || aru === null) return outOfRange("seq");
  if (aru > seq) return outOfRange("aru");
  const aruNode = parseNodeId(frame.aruAddr);
  if (aruNode === null && frame.aruAddr) return outOfRange("aru_addr");
  const rtr = parseCounts(frame.rtr ?? []);
  if (rtr === null || rtr.length > rtrMax || new Set(rtr).size < rtr.length) {
    return outOfRange("rtr");
  }
  return accept({
    type: "token",
    ring,
    tokenSeq,
    seq,
    aru,
    aruNode,
    fcc: frame.fcc ?? 0,
    backlog: frame.backlog ?? 0,
    retransmitting: frame.retrans ?? false,
    rtr,
    calm: frame.calm ?? 0,
  });
}

function decodeJoin(frame: clusterd.totem.v1.Join.$Properties): Decoded<JoinMessage> {
  const ringSeq = parseCount(frame.ringSeq);
  if (ringSeq === null || ringSeq > ringSeqMax) return outOfRange("ring_seq");
  const proc = parseNodes(frame.proc);
  const failed = parseNodes(frame.failed);
  const heard = parseNodes(frame.heard);
  if (proc === null || failed === null || heard === null) return outOfRange("nodes");
  return accept({
    type: "join",
    ringSeq,
    proc,
    failed,
    leave: frame.leave ?? false,
    heard,
    configHash: frame.configHash ?? 0,
  });
}

function decodeCommit(frame: clusterd.totem.v1.Commit.$Properties): Decoded<CommitMessage> {
  const ring = parseRing(frame);
  if (ring === null) return outOfRange("ring");
  const index = frame.index ?? 0;
  const entries = frame.memb ?? [];
  if (index > entries.length || entries.length > nodesMax) return outOfRange("index");
  const members: CommitEntry[] = [];
  for (const entry of entries) {
    const parsed = parseCommitEntry(entry);
    const last = members.at(-1)?.node ?? 0;
    // Entries are filled in ring order, so the index says which entries are filled.
    const filled = members.length < index;
    if (parsed === null || parsed.node <= last || (parsed.state !== null) !== filled) {
      return outOfRange("memb");
    }
    members.push(parsed);
  }
  if (members[0]?.node !== ring.rep) return outOfRange("memb");
  return accept({ type: "commit", ring, index, members });
}

function parseCommitEntry(entry: clusterd.totem.v1.CommitEntry.$Properties): CommitEntry | null {
  const node = parseNodeId(entry.nodeid);
  if (node === null) return null;
  if (!entry.filled) return { node, state: null };
  const oldRing = parseRing(entry);
  const aru = parseCount(entry.aru);
  const highDelivered = parseCount(entry.highDelivered);
  const obliged = parseNodes(entry.obliged);
  if (aru === null || highDelivered === null || obliged === null) return null;
  if (highDelivered > aru || (oldRing === null && entry.ringRep)) return null;
  const received = entry.received ?? false;
  return { node, state: { oldRing, aru, highDelivered, received, obliged } };
}

function decodeMergeDetect(
  frame: clusterd.totem.v1.MergeDetect.$Properties,
): Decoded<MergeDetectMessage> {
  const ring = parseRing(frame);
  if (ring === null) return outOfRange("ring");
  const heard = parseNodes(frame.heard);
  const members = parseNodes(frame.memb);
  if (heard === null || members === null) return outOfRange("nodes");
  const configHash = frame.configHash ?? 0;
  return accept({ type: "merge-detect", ring, heard, members, configHash });
}

function decodeHoldCancel(
  frame: clusterd.totem.v1.HoldCancel.$Properties,
): Decoded<HoldCancelMessage> {
  const ring = parseRing(frame);
  return ring === null ? outOfRange("ring") : accept({ type: "hold-cancel", ring });
}
