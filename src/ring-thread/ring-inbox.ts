/**
 * Turns datagrams into frames for the ring: opens and decodes them, counts what is dropped, and
 * holds a token back until the frames that were sent before it have arrived.
 * Source: corosync exec/totemnet.c recv_flush reads all waiting frames before a token is handled.
 * Deviation: the sockets cannot be read on demand here, so a token that announces frames not seen
 * yet waits until they have come, for up to four turns of the event loop in which they are read.
 * Tested in: test/ring-thread/ring-driver.test.ts
 */

import { certificateKind } from "../io/frames/frame-header.ts";
import type { Clock, FrameSeal, SealReply, SealVerdict } from "../io/ports.ts";
import type { RingMessage, TokenMessage } from "../membership/wire.ts";
import { type Incarnation, type NodeId, type RingId, sameRing } from "../model/ids.ts";
import { assertNever, type Result } from "../model/outcome.ts";
import type { Ms } from "../model/time.ts";
import { type PathProbe, probeKind, readProbe } from "./path-probe.ts";

/** How many datagrams of one socket the event loop reads in one turn. */
const datagramsPerTurn = 32;
const tokenTurnsMax = 4;
/**
 * The rest of a datagram is dropped after this many forged frames, since 30 fit into one. It is
 * more than one, since the kernel may join a forged datagram with frames of a member.
 */
const forgedFramesMax = 2;
const forged: ReadonlySet<string> = new Set(["authentication", "too-many-strangers"]);

export type ReceivedFrame = {
  readonly type: "frame";
  readonly from: NodeId;
  readonly incarnation: Incarnation;
  readonly message: RingMessage;
};

export type FrameCodec = {
  readonly encode: (message: RingMessage) => Uint8Array;
  readonly decode: (kind: number, bytes: Uint8Array) => Result<RingMessage, unknown>;
};

export type RingInboxOptions = {
  readonly clock: Pick<Clock, "soon">;
  readonly seal: FrameSeal;
  readonly codec: FrameCodec;
  readonly currentRing: () => RingId | null;
  readonly onFrame: (frame: ReceivedFrame) => void;
  readonly onReply: (reply: SealReply) => void;
  /** A death certificate has arrived, which is no message of the ring. */
  readonly onCertificate: (from: NodeId, incarnation: Incarnation) => void;
  /** A probe has arrived, which is no message of the ring. */
  readonly onProbe: (from: NodeId, probe: PathProbe) => void;
  /** An authentic frame of this life arrived, and no certificate of its end. */
  readonly onAlive: (from: NodeId, incarnation: Incarnation) => void;
  /** An authentic frame of a node arrived. */
  readonly onHeard: (from: NodeId, source: DatagramSource) => void;
  readonly onVerdict: (
    verdict: Exclude<SealVerdict, { readonly type: "opened" }>,
    source: DatagramSource,
  ) => void;
};

export type DatagramSource = {
  readonly address: string;
  readonly byGroup: boolean;
  readonly nowMs: Ms;
};

export class RingInbox {
  readonly #options: RingInboxOptions;
  readonly #waiting = new Set<ReceivedFrame>();
  #high: { readonly ring: RingId; readonly seq: number } | null = null;
  #undecodable = 0;
  #stale = 0;
  /** While true, only frames of the current ring pass: after a stall the others may be stale. */
  staleOnly = false;

  constructor(options: RingInboxOptions) {
    this.#options = options;
  }

  datagram(bytes: Uint8Array, source: DatagramSource): void {
    let forgeries = 0;
    for (const frame of this.#options.seal.frames(bytes)) {
      const verdict = this.#frame(frame, source);
      if (verdict.type === "dropped" && forged.has(verdict.cause)) forgeries += 1;
      if (forgeries >= forgedFramesMax) break;
    }
    this.#passComplete();
  }

  #frame(bytes: Uint8Array, source: DatagramSource): SealVerdict {
    const verdict = this.#options.seal.open(bytes, source);
    if (verdict.type === "opened" || verdict.type === "hello") {
      this.#options.onHeard(verdict.from, source);
    }
    switch (verdict.type) {
      case "opened":
        this.#opened(verdict);
        return verdict;
      case "dropped":
      case "hello":
      case "duplicate-node":
        if (verdict.reply !== null) this.#options.onReply(verdict.reply);
        this.#options.onVerdict(verdict, source);
        return verdict;
      default:
        return assertNever(verdict);
    }
  }

  /** Frames sent by this node count as seen. */
  note(message: RingMessage): void {
    if (message.type !== "mcast") return;
    const { ring, seq } = message;
    const high = this.#high;
    if (high === null || !sameRing(high.ring, ring)) this.#high = { ring, seq };
    else if (seq > high.seq) this.#high = { ring, seq };
  }

  /** Passes on all tokens that still wait, so that none counts as lost. */
  release(): void {
    for (const frame of [...this.#waiting]) this.#pass(frame);
  }

  drops(): Readonly<Record<string, number>> {
    const { seal } = this.#options;
    return { ...seal.drops(), undecodable: this.#undecodable, stale: this.#stale };
  }

  #opened(opened: Extract<SealVerdict, { readonly type: "opened" }>): void {
    const { from, incarnation, kind, payload } = opened;
    if (kind === certificateKind) {
      this.#options.onCertificate(from, incarnation);
      return;
    }
    this.#options.onAlive(from, incarnation);
    if (kind === probeKind) {
      const probe = readProbe(payload);
      if (probe === null) this.#undecodable += 1;
      else this.#options.onProbe(from, probe);
      return;
    }
    const decoded = this.#options.codec.decode(kind, payload);
    if (!decoded.ok) {
      this.#undecodable += 1;
      return;
    }
    const message = decoded.value;
    if (this.staleOnly && !this.#ofCurrentRing(message)) {
      this.#stale += 1;
      return;
    }
    this.note(message);
    const frame: ReceivedFrame = { type: "frame", from, incarnation, message };
    const turns = message.type === "token" ? this.#turnsToWait(message) : 0;
    if (turns === 0) {
      this.#options.onFrame(frame);
      return;
    }
    this.#waiting.add(frame);
    this.#wait(frame, turns);
  }

  #ofCurrentRing(message: RingMessage): boolean {
    const ring = this.#options.currentRing();
    switch (message.type) {
      case "mcast":
      case "token":
      case "hold-cancel":
        return ring !== null && sameRing(ring, message.ring);
      case "join":
      case "commit":
      case "merge-detect":
        return false;
      default:
        return assertNever(message);
    }
  }

  #turnsToWait(token: TokenMessage): number {
    return Math.min(tokenTurnsMax, Math.ceil(this.#missing(token) / datagramsPerTurn));
  }

  #missing(token: TokenMessage): number {
    const high = this.#high;
    const seen = high !== null && sameRing(high.ring, token.ring) ? high.seq : 0;
    return Math.max(0, token.seq - seen);
  }

  /** Passes on the tokens for which all earlier frames have arrived. */
  #passComplete(): void {
    for (const frame of this.#waiting) {
      if (frame.message.type === "token" && this.#missing(frame.message) === 0) this.#pass(frame);
    }
  }

  #wait(frame: ReceivedFrame, turns: number): void {
    this.#options.clock.soon(() => {
      if (!this.#waiting.has(frame)) return;
      if (turns > 1) this.#wait(frame, turns - 1);
      else this.#pass(frame);
    });
  }

  #pass(frame: ReceivedFrame): void {
    this.#waiting.delete(frame);
    this.#options.onFrame(frame);
  }
}
