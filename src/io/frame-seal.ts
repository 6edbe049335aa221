/**
 * The ring's frame seal: who sent a datagram, is it authentic, new, and of a living process.
 * Knows envelopes, keys and the nodes' addresses; does not know ring messages, sockets or clocks.
 * Source: RFC 5116 (authenticated encryption), RFC 4303 (replay window), ISO/IEC 9798-2 (hello).
 * F1  The checks run cheapest first; nothing that is not authenticated changes what is accepted.
 * F2  A life of a node is accepted once it has answered a challenge made here, and then only a
 *     later life of that node replaces it. So recorded frames of an earlier life are worthless.
 * F3  A frame of an accepted life is opened at most once.
 * F4  A frame of any other life is opened only within a budget, which is the same for all of them.
 *     Frames of accepted lives are not in it, so no flood can silence a member. A new life gets in
 *     under a flood: its node is challenged every 50 ms while frames in its name are dropped, so it
 *     sends at least 20 frames a second, and among f forged ones it is opened after f / 10,000 s in
 *     the mean. One such frame is enough, since the key is kept then.
 * F5  A key is derived only for a sender whose address is the source's, or for this node's own id;
 *     what was derived in vain is kept as well, in a number that is bounded.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { type Incarnation, type NodeId, parseIncarnation } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { CipherSource, FrameCipher } from "./frame-cipher.ts";
import {
  decodeHeader,
  encodeHeader,
  envelopeVersion,
  type FrameHeader,
  framesIn,
  headerBytes,
  headerLike,
  plainMagic,
  sealedMagic,
  tagBytes,
} from "./frame-header.ts";
import { challengeBytes, decodeHello, encodeHello, type Hello } from "./hello-payload.ts";
import type { DropCause, FrameSeal, SealedFrame, SealReply, SealVerdict } from "./ports.ts";
import { ReplayWindow } from "./replay-window.ts";
import { StrangerBudget } from "./stranger-budget.ts";

const helloKind = 7;
/** A challenge is repeated no sooner: a join comes every 50 ms, and each would bring one. */
const challengeIntervalMs = 50;

/** For nodes without an accepted life, or with a silent one: they may have begun another. */
const absentRate = { perSecond: 500, atOnce: 250 };
/** For nodes that are heard, and for this node's own id: another life of those is no news. */
const presentRate = { perSecond: 50, atOnce: 120 };
/** A node that was heard within this time is there. */
const presenceMs = 1000;
/** Unknown lives of one node whose keys are kept: a node with a wrong key sends many frames. */
const strangersKept = 8;

export type FrameSealOptions = {
  readonly clusterTag: number;
  readonly self: NodeId;
  readonly incarnation: Incarnation;
  readonly nodes: readonly { readonly id: NodeId; readonly address: string }[];
  /** False: secauth is off; `ciphers` then protects nothing. */
  readonly sealed: boolean;
  readonly ciphers: CipherSource;
};

type Life = {
  readonly incarnation: Incarnation;
  readonly cipher: FrameCipher;
  readonly window: ReplayWindow;
};

/** What is known of one node; for this node's own id: of another process that uses it. */
type Peer = {
  readonly id: NodeId;
  readonly address: string;
  accepted: Life | null;
  heardAtMs: number;
  /** The last unproven life whose frames were authentic: saves deriving its key again. */
  candidate: Life | null;
  /** Lives of which no frame was authentic so far, the oldest first. */
  readonly strangers: Map<Incarnation, Life>;
  /** Made when first needed, kept until answered. */
  challenge: Uint8Array | null;
  challengedAtMs: number;
};

type Source = { readonly address: string; readonly nowMs: Ms };
type Arrival = {
  readonly peer: Peer;
  readonly life: Life;
  readonly header: FrameHeader;
  readonly source: Source;
};

export class SealedFrames implements FrameSeal {
  readonly #options: FrameSealOptions;
  readonly #magic: number;
  readonly #cipher: FrameCipher;
  /** What the headers of this life have in common. */
  readonly #header: Uint8Array;
  readonly #peers: ReadonlyMap<number, Peer>;
  readonly #addresses: ReadonlySet<string>;
  readonly #absent = new StrangerBudget(absentRate);
  readonly #present = new StrangerBudget(presentRate);
  readonly #drops = noDrops();
  #counter = 0;

  constructor(options: FrameSealOptions) {
    this.#options = options;
    this.#magic = options.sealed ? sealedMagic : plainMagic;
    this.#header = encodeHeader({
      magic: this.#magic,
      version: envelopeVersion,
      kind: helloKind,
      length: 0,
      clusterTag: options.clusterTag,
      sender: options.self,
      incarnation: options.incarnation,
      counter: 0,
    });
    this.#cipher = options.ciphers({ node: options.self, incarnation: options.incarnation });
    this.#peers = new Map(options.nodes.map((node) => [node.id, newPeer(node)]));
    this.#addresses = new Set(options.nodes.map((node) => node.address));
  }

  frames(datagram: Uint8Array): readonly Uint8Array[] {
    return framesIn(datagram);
  }

  seal(kind: number, payload: Uint8Array): SealedFrame {
    this.#counter += 1;
    const length = headerBytes + payload.length + tagBytes;
    const header = headerLike(this.#header, { kind, length, counter: this.#counter });
    return [header, ...this.#cipher.protect({ header, counter: this.#counter, body: payload })];
  }

  open(frame: Uint8Array, source: Source): SealVerdict {
    if (frame.length < headerBytes + tagBytes) return this.#drop("short");
    const header = decodeHeader(frame);
    const refused = this.#headerProblem(header) ?? this.#senderProblem(header, source);
    if (refused !== null) return this.#drop(refused);
    if (header.length !== frame.length) return this.#drop("short");
    const peer = this.#peers.get(header.sender);
    const incarnation = parseIncarnation(header.incarnation);
    if (peer === undefined || incarnation === null) return this.#drop("unknown-node");
    const stale = lifeProblem(peer, { incarnation, counter: header.counter });
    if (stale !== null) return this.#drop(stale);
    const known = knownLife(peer, incarnation);
    if (known === null && !this.#affords(peer, source)) {
      return this.#drop("too-many-strangers", this.#challengeUnseen(peer, source));
    }
    const life = known ?? this.#stranger(peer, incarnation);
    const payload = life.cipher.unprotect({
      header: frame.subarray(0, headerBytes),
      counter: header.counter,
      body: frame.subarray(headerBytes),
    });
    if (payload === null) return this.#drop("authentication");
    return this.#authentic({ peer, life, header, source }, payload);
  }

  probe(node: NodeId): SealReply | null {
    const peer = this.#peers.get(node);
    if (peer === undefined || node === this.#options.self) return null;
    // The answer of an accepted life proves nothing new, so its challenge need not be kept.
    if (peer.accepted === null) peer.challenge ??= randomBytes(challengeBytes);
    const challenge = peer.challenge ?? randomBytes(challengeBytes);
    const frame = this.seal(helloKind, encodeHello({ challenge, answer: null }));
    return { address: peer.address, frame };
  }

  incarnations(): readonly (readonly [NodeId, Incarnation])[] {
    const known: (readonly [NodeId, Incarnation])[] = [];
    for (const { id, accepted } of this.#peers.values()) {
      if (id === this.#options.self) known.push([id, this.#options.incarnation]);
      else if (accepted !== null) known.push([id, accepted.incarnation]);
    }
    return known;
  }

  drops(): Readonly<Record<DropCause, number>> {
    return { ...this.#drops };
  }

  #headerProblem(header: FrameHeader): DropCause | null {
    const otherMagic = this.#magic === sealedMagic ? plainMagic : sealedMagic;
    if (header.magic === otherMagic) return "other-mode";
    if (header.magic !== this.#magic) return "magic";
    if (header.version !== envelopeVersion) return "version";
    if (header.kind < 1 || header.kind > helloKind) return "kind";
    if (header.clusterTag !== this.#options.clusterTag) return "other-cluster";
    return null;
  }

  #senderProblem(header: FrameHeader, source: Source): DropCause | null {
    const { self, incarnation } = this.#options;
    // A process that shares this node's id may be anywhere: its address proves nothing.
    if (header.sender === self) return header.incarnation === incarnation ? "own-copy" : null;
    if (!this.#addresses.has(source.address)) return "unlisted-address";
    const peer = this.#peers.get(header.sender);
    if (peer === undefined) return "unknown-node";
    return peer.address === source.address ? null : "address-mismatch";
  }

  /** F4. */
  #affords(peer: Peer, { nowMs }: Source): boolean {
    const own = peer.id === this.#options.self;
    const present = own || nowMs - peer.heardAtMs < presenceMs;
    return (present ? this.#present : this.#absent).spend(nowMs);
  }

  /** F5. */
  #stranger(peer: Peer, incarnation: Incarnation): Life {
    const known = peer.strangers.get(incarnation);
    if (known !== undefined) return known;
    const oldest = peer.strangers.keys().next();
    if (peer.strangers.size >= strangersKept && oldest.done !== true) {
      peer.strangers.delete(oldest.value);
    }
    const cipher = this.#options.ciphers({ node: peer.id, incarnation });
    const life = { incarnation, cipher, window: new ReplayWindow() };
    peer.strangers.set(incarnation, life);
    return life;
  }

  /** Makes a node that may have begun a new life send more of it (F4). */
  #challengeUnseen(peer: Peer, source: Source): SealReply | null {
    const { nowMs } = source;
    if (peer.id === this.#options.self || nowMs - peer.heardAtMs < presenceMs) return null;
    if (nowMs - peer.challengedAtMs < challengeIntervalMs) return null;
    peer.challengedAtMs = nowMs;
    peer.challenge ??= randomBytes(challengeBytes);
    return this.probe(peer.id);
  }

  #authentic(arrival: Arrival, payload: Uint8Array): SealVerdict {
    const { peer, life, header } = arrival;
    if (peer.accepted === life) {
      life.window.record(header.counter);
      peer.heardAtMs = arrival.source.nowMs;
    } else {
      peer.candidate = life;
      peer.strangers.delete(life.incarnation);
    }
    if (header.kind === helloKind) return this.#onHello(arrival, payload);
    if (peer.accepted !== life) {
      return this.#drop("unproven", this.#greet(arrival, { challenge: null, answer: null }));
    }
    const { kind } = header;
    return { type: "opened", from: peer.id, incarnation: life.incarnation, kind, payload };
  }

  #onHello(arrival: Arrival, payload: Uint8Array): SealVerdict {
    const { peer, life } = arrival;
    const hello = decodeHello(payload);
    if (!hello.ok) return this.#drop("hello-malformed");
    const proven = answers(peer, hello.value) && peer.accepted !== life;
    if (proven && peer.id === this.#options.self) return this.#onDuplicate(arrival, hello.value);
    if (proven) {
      life.window.record(arrival.header.counter);
      peer.accepted = life;
      peer.heardAtMs = arrival.source.nowMs;
      peer.candidate = null;
      peer.strangers.clear();
      peer.challenge = null;
      peer.challengedAtMs = Number.NEGATIVE_INFINITY;
    }
    const reply = this.#greet(arrival, hello.value);
    return { type: "hello", from: peer.id, proven: proven ? life.incarnation : null, reply };
  }

  #onDuplicate(arrival: Arrival, hello: Hello): SealVerdict {
    const { peer, life, source } = arrival;
    peer.challenge = null;
    return {
      type: "duplicate-node",
      address: source.address,
      incarnation: life.incarnation,
      later: this.#options.incarnation > life.incarnation,
      reply: this.#greet(arrival, hello),
    };
  }

  /** Answers the sender's challenge, and challenges it when it is unproven and one is due. */
  #greet(arrival: Arrival, hello: Hello): SealReply | null {
    const challenge = this.#challengeDue(arrival);
    const answer = hello.challenge;
    if (challenge === null && answer === null) return null;
    const frame = this.seal(helloKind, encodeHello({ challenge, answer }));
    return { address: arrival.source.address, frame };
  }

  #challengeDue({ peer, life, source }: Arrival): Uint8Array | null {
    if (peer.accepted === life) return null;
    if (source.nowMs - peer.challengedAtMs < challengeIntervalMs) return null;
    peer.challengedAtMs = source.nowMs;
    peer.challenge ??= randomBytes(challengeBytes);
    return peer.challenge;
  }

  #drop(cause: DropCause, reply: SealReply | null = null): SealVerdict {
    this.#drops[cause] += 1;
    return { type: "dropped", cause, reply };
  }
}

/** The life, when its frames cost no more than any member's. */
function knownLife({ accepted, candidate }: Peer, incarnation: Incarnation): Life | null {
  if (accepted?.incarnation === incarnation) return accepted;
  return candidate?.incarnation === incarnation ? candidate : null;
}

function lifeProblem(
  { accepted }: Peer,
  frame: { readonly incarnation: Incarnation; readonly counter: number },
): DropCause | null {
  if (accepted === null || frame.incarnation > accepted.incarnation) return null;
  if (frame.incarnation < accepted.incarnation) return "old-incarnation";
  return accepted.window.admits(frame.counter) ? null : "replay";
}

function answers(peer: Peer, hello: Hello): boolean {
  const { challenge } = peer;
  return challenge !== null && hello.answer !== null && timingSafeEqual(challenge, hello.answer);
}

function newPeer({ id, address }: { readonly id: NodeId; readonly address: string }): Peer {
  return {
    id,
    address,
    accepted: null,
    heardAtMs: Number.NEGATIVE_INFINITY,
    candidate: null,
    strangers: new Map(),
    challenge: null,
    challengedAtMs: Number.NEGATIVE_INFINITY,
  };
}

function noDrops(): Record<DropCause, number> {
  return {
    short: 0,
    magic: 0,
    "other-mode": 0,
    version: 0,
    kind: 0,
    "other-cluster": 0,
    "own-copy": 0,
    "unlisted-address": 0,
    "unknown-node": 0,
    "address-mismatch": 0,
    "too-many-strangers": 0,
    "old-incarnation": 0,
    replay: 0,
    authentication: 0,
    unproven: 0,
    "hello-malformed": 0,
  };
}
