/**
 * The lives of one node as the seal knows them: the accepted one, its rivals, and the unproven ones
 * ("strangers"); and the challenges by which a life proves itself. frame-seal.ts opens the frames.
 * Source: ISO/IEC 9798-2 (challenge and answer). SEAL2 to SEAL6 are rules of frame-seal.ts.
 * Tested in: test/io/frame-seal.test.ts
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Incarnation, NodeId } from "../../model/ids.ts";
import type { Ms } from "../../model/time.ts";
import type { CipherSource, FrameCipher } from "./frame-cipher.ts";
import type { FrameHeader } from "./frame-header.ts";
import { challengeBytes, type SealHello } from "./hello-payload.ts";
import { type ContestedLife, LifeContest } from "./life-contest.ts";
import { ReplayWindow } from "./replay-window.ts";

/** The shortest time between challenges: joins arrive every 50 ms, and each would cause one. */
const challengeIntervalMs = 50;
/** Enough for ten years of frames at full load. */
const framesPerLifeBits = 42;
/** How many frames a process may send; its counter begins at this times its instance. */
export const framesPerLife = 2 ** framesPerLifeBits;
/** Counters have 53 bits; the remaining bits distinguish processes with the same incarnation. */
export const instancesMax = 2 ** (53 - framesPerLifeBits);
/** A node that was heard within this time counts as present. */
const heardWithinMs = 1000;
/** How many unproven lives of one node are kept with their keys. */
const strangersKept = 8;

/** One process of a node. */
export type Life = ContestedLife & {
  readonly incarnation: Incarnation;
  readonly instance: number;
  readonly cipher: FrameCipher;
  readonly window: ReplayWindow;
};

/** What is known of one node, or of another process that uses this node's own id. */
export type Peer = {
  readonly id: NodeId;
  readonly address: string;
  readonly contest: LifeContest<Life>;
  /** The last unproven life with authentic frames; kept so that its key is not derived again. */
  candidate: Life | null;
  /** Lives from which no authentic frame has come so far, the oldest first. */
  readonly strangers: Map<string, Life>;
  /** When a frame of an unknown life before the accepted one was last opened. */
  earlierAtMs: number;
  /** The challenge; made when first needed, kept until answered. */
  challenge: Uint8Array | null;
  challengedAtMs: number;
  /** When a death certificate of the accepted life was last opened. */
  certifiedAtMs: number;
};

/** A node that was not heard yet. */
export function newPeer(
  { id, address }: { readonly id: NodeId; readonly address: string },
  safeWaitMs: Ms,
): Peer {
  return {
    id,
    address,
    contest: new LifeContest(safeWaitMs),
    candidate: null,
    strangers: new Map(),
    earlierAtMs: Number.NEGATIVE_INFINITY,
    challenge: null,
    challengedAtMs: Number.NEGATIVE_INFINITY,
    certifiedAtMs: Number.NEGATIVE_INFINITY,
  };
}

/**
 * The instance number of the process that has sent the frame, from the upper bits of the counter.
 */
export function instanceOf({ counter }: FrameHeader): number {
  return Math.floor(counter / framesPerLife);
}

/** Returns the life if it is the accepted one, a rival or the candidate; their keys are known. */
export function knownLife(peer: Peer, incarnation: Incarnation, instance: number): Life | null {
  const is = (life: Life | null): life is Life =>
    life !== null && life.incarnation === incarnation && life.instance === instance;
  const { accepted, rivals } = peer.contest;
  if (is(accepted)) return accepted;
  if (is(peer.candidate)) return peer.candidate;
  for (const rival of rivals) if (is(rival)) return rival;
  return null;
}

/** The key of a life in `strangers`. */
export function strangerKey(incarnation: Incarnation, instance: number): string {
  return `${incarnation} ${instance}`;
}

/** Whether the accepted life was heard within `heardWithinMs`. */
export function isPresent({ contest }: Peer, nowMs: number): boolean {
  const { accepted } = contest;
  return accepted !== null && nowMs - accepted.heardAtMs < heardWithinMs;
}

/**
 * Whether to drop a frame of a life before the accepted one. Most of these frames are recorded
 * ones, so only one per `challengeIntervalMs` is opened.
 */
export function tooManyEarlier(peer: Peer, incarnation: Incarnation, nowMs: Ms): boolean {
  const { accepted } = peer.contest;
  if (accepted === null || incarnation > accepted.incarnation) return false;
  if (nowMs - peer.earlierAtMs < challengeIntervalMs) return true;
  peer.earlierAtMs = nowMs;
  return false;
}

/**
 * Whether the life is before the accepted one; with equal incarnations the accepted one is later.
 */
export function isEarlier(life: Life, accepted: Life | null): boolean {
  return accepted !== null && life.incarnation <= accepted.incarnation;
}

/** The unproven life; derives its key if it is not among those that are kept (SEAL5). */
export function strangerOf(
  peer: Peer,
  { incarnation, instance }: Pick<Life, "incarnation" | "instance">,
  ciphers: CipherSource,
): Life {
  const key = strangerKey(incarnation, instance);
  const known = peer.strangers.get(key);
  if (known !== undefined) return known;
  const oldest = peer.strangers.keys().next();
  if (peer.strangers.size >= strangersKept && oldest.done !== true) {
    peer.strangers.delete(oldest.value);
  }
  const cipher = ciphers({ node: peer.id, incarnation });
  const window = new ReplayWindow();
  const life = { incarnation, instance, cipher, window, heardAtMs: 0, againAtMs: null };
  peer.strangers.set(key, life);
  return life;
}

/** The challenge to send; null: it was sent within `challengeIntervalMs`. */
export function challengeDue(peer: Peer, nowMs: Ms): Uint8Array | null {
  if (nowMs - peer.challengedAtMs < challengeIntervalMs) return null;
  peer.challengedAtMs = nowMs;
  peer.challenge ??= randomBytes(challengeBytes);
  return peer.challenge;
}

/** Whether the hello contains the answer to the challenge. */
export function answersChallenge(peer: Peer, hello: SealHello): boolean {
  const { challenge } = peer;
  return challenge !== null && hello.answer !== null && timingSafeEqual(challenge, hello.answer);
}
