/**
 * The ring's frame seal: checks who sent a datagram, and that it is authentic, new, and from a
 * living process.
 * Source: RFC 5116 (authenticated encryption), RFC 4303 (replay window), ISO/IEC 9798-2 (hello).
 * SEAL1  The cheapest checks come first; a frame that is not authentic never changes which lives
 *     are accepted.
 * SEAL2  A life of a node is accepted when it has answered a challenge of this node. An accepted
 *     life is replaced only by a later one, or by any other one after it was silent for the safe
 *     wait. So recorded frames of an earlier life are useless.
 * SEAL3  A frame of an accepted life is opened at most once, except its death certificate. That is
 *     opened again and again, for the accepted life only, and does not prove that it lives.
 * SEAL4  Frames of all other lives share two budgets: one for nodes that are heard, one for the
 *     rest. Frames of accepted lives need none, so no flood can silence a member. A new life is
 *     accepted during a flood, too: a node that is not heard is challenged every 50 ms while frames
 *     in its name are dropped, so it sends at least 20 frames a second. Among f forged frames a
 *     second, one of these is opened after f / 10,000 s on average. One is enough, since its key is
 *     then kept.
 * SEAL5  A key is derived only for a frame that comes from the sender's address or bears this
 *     node's own id. Keys that opened nothing are kept, too, in a bounded number.
 * SEAL6  If two processes use a node's id, no frame of that node is opened (life-contest.ts).
 *     Processes with the same incarnation differ in the upper bits of their counters.
 */
import { randomBytes } from "node:crypto";
import { type Incarnation, type NodeId, parseIncarnation } from "../../model/ids.ts";
import { type Ms, ms } from "../../model/time.ts";
import type { DropCause, FrameSeal, SealedFrame, SealReply, SealVerdict } from "../ports.ts";
import type { CipherSource, FrameCipher } from "./frame-cipher.ts";
import {
  certificateKind,
  decodeHeader,
  encodeHeader,
  envelopeVersion,
  type FrameHeader,
  headerBytes,
  headerOfSameLife,
  plainMagic,
  sealedMagic,
  splitFrames,
  tagBytes,
} from "./frame-header.ts";
import { challengeBytes, decodeHello, encodeHello, type SealHello } from "./hello-payload.ts";
import {
  answersChallenge,
  challengeDue,
  framesPerLife,
  instanceOf,
  isEarlier,
  isPresent,
  knownLife,
  type Life,
  newPeer,
  type Peer,
  strangerKey,
  strangerOf,
  tooManyEarlier,
} from "./peer-lives.ts";
import { StrangerBudget } from "./stranger-budget.ts";

const helloKind = 7;
/** The highest kind; kinds above hello belong to the ring thread. */
const kindMax = certificateKind;

/** Certificates that come faster are dropped unopened: whoever has recorded one may repeat it. */
const certificateGapMs = 5;

/**
 * The budget for nodes without an accepted life, or with a silent one: they may have a new life.
 */
const absentRate = { perSecond: 500, atOnce: 250 };
/** The budget for nodes that are heard, and for this node's own id: a new life is improbable. */
const presentRate = { perSecond: 50, atOnce: 120 };

export type FrameSealOptions = {
  readonly clusterTag: number;
  readonly self: NodeId;
  readonly incarnation: Incarnation;
  readonly nodes: readonly { readonly id: NodeId; readonly address: string }[];
  /** False: secauth is off; `ciphers` then protects nothing. */
  readonly sealed: boolean;
  readonly ciphers: CipherSource;
  /** A random number for each process, below `instancesMax`. */
  readonly instance: number;
  /** A node that was not heard for this time cannot have a lease any more. */
  readonly safeWaitMs: Ms;
};

type Source = { readonly address: string; readonly nowMs: Ms };
type Certificate = {
  readonly peer: Peer;
  readonly known: Life | null;
  readonly frame: Uint8Array;
  readonly source: Source;
};
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
  /** The fields that all headers of this life share. */
  readonly #header: Uint8Array;
  readonly #peers: ReadonlyMap<number, Peer>;
  readonly #addresses: ReadonlySet<string>;
  readonly #absent = new StrangerBudget(absentRate);
  readonly #present = new StrangerBudget(presentRate);
  readonly #drops = noDrops();
  #counter: number;

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
    this.#counter = options.instance * framesPerLife;
    this.#cipher = options.ciphers({ node: options.self, incarnation: options.incarnation });
    this.#peers = new Map(
      options.nodes.map((node) => [node.id, newPeer(node, options.safeWaitMs)]),
    );
    this.#addresses = new Set(options.nodes.map((node) => node.address));
  }

  frames(datagram: Uint8Array): readonly Uint8Array[] {
    return splitFrames(datagram);
  }

  seal(kind: number, payload: Uint8Array): SealedFrame {
    this.#counter += 1;
    const length = headerBytes + payload.length + tagBytes;
    const header = headerOfSameLife(this.#header, { kind, length, counter: this.#counter });
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
    const instance = instanceOf(header);
    const known = knownLife(peer, incarnation, instance);
    if (header.kind === certificateKind)
      return this.#openCertificate({ peer, known, frame, source });
    if (known?.window.admits(header.counter) === false) return this.#drop("replay");
    if (known === null && tooManyEarlier(peer, incarnation, source.nowMs)) {
      return this.#drop("old-incarnation");
    }
    if (known === null && !this.#affords(peer, source)) {
      return this.#drop("too-many-strangers", this.#challengeUnseen(peer, source));
    }
    const { ciphers } = this.#options;
    const life = known ?? strangerOf(peer, { incarnation, instance }, ciphers);
    const payload = life.cipher.unprotect({
      header: frame.subarray(0, headerBytes),
      counter: header.counter,
      body: frame.subarray(headerBytes),
    });
    if (payload === null) return this.#drop("authentication");
    return this.#authentic({ peer, life, header, source }, payload);
  }

  /** SEAL3. */
  #openCertificate({ peer, known, frame, source }: Certificate): SealVerdict {
    const { contest, id } = peer;
    if (known === null || contest.accepted !== known) return this.#drop("old-incarnation");
    if (contest.contested(source.nowMs)) return this.#drop("contested");
    if (source.nowMs - peer.certifiedAtMs < certificateGapMs) return this.#drop("replay");
    const header = frame.subarray(0, headerBytes);
    const { counter } = decodeHeader(frame);
    const body = frame.subarray(headerBytes);
    const payload = known.cipher.unprotect({ header, counter, body });
    if (payload === null) return this.#drop("authentication");
    peer.certifiedAtMs = source.nowMs;
    const { incarnation } = known;
    return { type: "opened", from: id, incarnation, kind: certificateKind, payload };
  }

  probe(node: NodeId): SealReply | null {
    const peer = this.#peers.get(node);
    if (peer === undefined || node === this.#options.self) return null;
    // An accepted life need not prove itself again, so its challenge is not kept.
    if (peer.contest.accepted === null) peer.challenge ??= randomBytes(challengeBytes);
    const challenge = peer.challenge ?? randomBytes(challengeBytes);
    const frame = this.seal(helloKind, encodeHello({ challenge, answer: null }));
    return { address: peer.address, frame };
  }

  incarnations(): readonly (readonly [NodeId, Incarnation])[] {
    const known: (readonly [NodeId, Incarnation])[] = [];
    for (const { id, contest } of this.#peers.values()) {
      const { accepted } = contest;
      if (id === this.#options.self) known.push([id, this.#options.incarnation]);
      else if (accepted !== null) known.push([id, accepted.incarnation]);
    }
    return known;
  }

  formerLivesHeard(): ReadonlyMap<NodeId, Ms> {
    const heard = new Map<NodeId, Ms>();
    for (const { id, contest } of this.#peers.values()) {
      const { formerAtMs } = contest;
      if (formerAtMs !== null) heard.set(id, ms(formerAtMs));
    }
    return heard;
  }

  contested(nowMs: Ms): readonly NodeId[] {
    const peers = [...this.#peers.values()];
    return peers.filter(({ contest }) => contest.contested(nowMs)).map(({ id }) => id);
  }

  drops(): Readonly<Record<DropCause, number>> {
    return { ...this.#drops };
  }

  #headerProblem(header: FrameHeader): DropCause | null {
    const otherMagic = this.#magic === sealedMagic ? plainMagic : sealedMagic;
    if (header.magic === otherMagic) return "other-mode";
    if (header.magic !== this.#magic) return "magic";
    if (header.version !== envelopeVersion) return "version";
    if (header.kind < 1 || header.kind > kindMax) return "kind";
    if (header.clusterTag !== this.#options.clusterTag) return "other-cluster";
    return null;
  }

  #senderProblem(header: FrameHeader, source: Source): DropCause | null {
    const { self, incarnation, instance } = this.#options;
    // A process with this node's own id may have any address.
    if (header.sender === self) {
      const own = header.incarnation === incarnation && instanceOf(header) === instance;
      return own ? "own-copy" : null;
    }
    if (!this.#addresses.has(source.address)) return "unlisted-address";
    const peer = this.#peers.get(header.sender);
    if (peer === undefined) return "unknown-node";
    return peer.address === source.address ? null : "address-mismatch";
  }

  /** Whether the budget allows the frame to be opened (SEAL4). */
  #affords(peer: Peer, { nowMs }: Source): boolean {
    const own = peer.id === this.#options.self;
    const present = own || isPresent(peer, nowMs);
    return (present ? this.#present : this.#absent).spend(nowMs);
  }

  /** Challenges a node that may have a new life, so that it sends more frames (SEAL4). */
  #challengeUnseen(peer: Peer, { nowMs }: Source): SealReply | null {
    if (peer.id === this.#options.self || isPresent(peer, nowMs)) return null;
    return challengeDue(peer, nowMs) === null ? null : this.probe(peer.id);
  }

  #authentic(arrival: Arrival, payload: Uint8Array): SealVerdict {
    const { peer, life, header, source } = arrival;
    const { contest } = peer;
    life.window.record(header.counter);
    contest.heard(life, source.nowMs);
    if (contest.accepted !== life) {
      peer.candidate = life;
      peer.strangers.delete(strangerKey(life.incarnation, life.instance));
    }
    if (header.kind === helloKind) return this.#onHello(arrival, payload);
    if (contest.contested(source.nowMs)) return this.#drop("contested");
    if (contest.accepted !== life) {
      const cause = isEarlier(life, contest.accepted) ? "old-incarnation" : "unproven";
      return this.#drop(cause, this.#greet(arrival, { challenge: null, answer: null }));
    }
    const { kind } = header;
    return { type: "opened", from: peer.id, incarnation: life.incarnation, kind, payload };
  }

  #onHello(arrival: Arrival, payload: Uint8Array): SealVerdict {
    const { peer, life, source } = arrival;
    const hello = decodeHello(payload);
    if (!hello.ok) return this.#drop("hello-malformed");
    const answered = answersChallenge(peer, hello.value) && peer.contest.accepted !== life;
    if (answered && peer.id === this.#options.self) return this.#onDuplicate(arrival, hello.value);
    const proven = answered && this.#accepts(peer, life, source.nowMs);
    const reply = this.#greet(arrival, hello.value);
    return { type: "hello", from: peer.id, proven: proven ? life.incarnation : null, reply };
  }

  #accepts(peer: Peer, life: Life, nowMs: Ms): boolean {
    peer.challenge = null;
    peer.challengedAtMs = Number.NEGATIVE_INFINITY;
    const later = !isEarlier(life, peer.contest.accepted);
    if (peer.contest.answered(life, later, nowMs) === "contested") return false;
    peer.contest.accept(life, nowMs);
    peer.candidate = null;
    peer.strangers.clear();
    return true;
  }

  #onDuplicate(arrival: Arrival, hello: SealHello): SealVerdict {
    const { peer, life, source } = arrival;
    const { incarnation, instance } = this.#options;
    const namesake = life.incarnation === incarnation;
    peer.challenge = null;
    return {
      type: "duplicate-node",
      address: source.address,
      incarnation: life.incarnation,
      later: namesake ? instance > life.instance : incarnation > life.incarnation,
      reply: this.#greet(arrival, hello),
    };
  }

  /** Answers the sender's challenge, and challenges it when it is unproven and one is due. */
  #greet(arrival: Arrival, hello: SealHello): SealReply | null {
    const { peer, life, source } = arrival;
    const unproven = peer.contest.accepted !== life;
    const challenge = unproven ? challengeDue(peer, source.nowMs) : null;
    const answer = hello.challenge;
    if (challenge === null && answer === null) return null;
    const frame = this.seal(helloKind, encodeHello({ challenge, answer }));
    return { address: source.address, frame };
  }

  #drop(cause: DropCause, reply: SealReply | null = null): SealVerdict {
    this.#drops[cause] += 1;
    return { type: "dropped", cause, reply };
  }
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
    contested: 0,
    "hello-malformed": 0,
  };
}
