/**
 * The lives of one node as the seal knows them: which one is accepted, which ones contend for that,
 * which ones were seen without a proof, and how the node is challenged to give one.
 * Knows frames by their headers; does not open them, and decides about none.
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

/** A challenge is repeated no sooner: a join comes every 50 ms, and each would bring one. */
const challengeIntervalMs = 50;
/** Ten years of frames at full load. */
const framesPerLifeBits = 42;
/** Of one process: its counter begins with its instance times this. */
export const framesPerLife = 2 ** framesPerLifeBits;
/** Counters have 53 bits: what is left tells processes of one incarnation from each other. */
export const instancesMax = 2 ** (53 - framesPerLifeBits);
/** A node that was heard within this time is there. */
const presenceMs = 1000;
/** Unknown lives of one node whose keys are kept: a node with a wrong key sends many frames. */
const strangersKept = 8;

/** One process of a node. */
export type Life = ContestedLife & {
  readonly incarnation: Incarnation;
  readonly instance: number;
  readonly cipher: FrameCipher;
  readonly window: ReplayWindow;
};

/** What is known of one node; for this node's own id: of another process that uses it. */
export type Peer = {
  readonly id: NodeId;
  readonly address: string;
  readonly contest: LifeContest<Life>;
  /** The last unproven life whose frames were authentic: saves deriving its key again. */
  candidate: Life | null;
  /** Lives of which no frame was authentic so far, the oldest first. */
  readonly strangers: Map<string, Life>;
  /** When frames of an unknown life before the accepted one were last looked at. */
  earlierAtMs: number;
  /** Made when first needed, kept until answered. */
  challenge: Uint8Array | null;
  challengedAtMs: number;
};

/** A node of which nothing was heard yet. */
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
  };
}

/** Which of the processes with one incarnation has sent the frame. */
export function instanceOf({ counter }: FrameHeader): number {
  return Math.floor(counter / framesPerLife);
}

/** The life, when its frames cost no more than any member's. */
export function knownLife(peer: Peer, incarnation: Incarnation, instance: number): Life | null {
  const is = (life: Life | null): life is Life =>
    life !== null && life.incarnation === incarnation && life.instance === instance;
  const { accepted, rivals } = peer.contest;
  if (is(accepted)) return accepted;
  if (is(peer.candidate)) return peer.candidate;
  for (const rival of rivals) if (is(rival)) return rival;
  return null;
}

/** Names a life among the strangers of its node. */
export function strangerKey(incarnation: Incarnation, instance: number): string {
  return `${incarnation} ${instance}`;
}

/** Whether the accepted life was heard just now. */
export function isPresent({ contest }: Peer, nowMs: number): boolean {
  const { accepted } = contest;
  return accepted !== null && nowMs - accepted.heardAtMs < presenceMs;
}

/** Of lives before the accepted one, which recorded frames are of, few are looked at. */
export function tooManyEarlier(peer: Peer, incarnation: Incarnation, nowMs: Ms): boolean {
  const { accepted } = peer.contest;
  if (accepted === null || incarnation > accepted.incarnation) return false;
  if (nowMs - peer.earlierAtMs < challengeIntervalMs) return true;
  peer.earlierAtMs = nowMs;
  return false;
}

/** Two processes of one incarnation: whichever was accepted first was there first. */
export function isEarlier(life: Life, accepted: Life | null): boolean {
  return accepted !== null && life.incarnation <= accepted.incarnation;
}

/** The life, with its key derived when it is not among those that are kept (SEAL5). */
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

/** The challenge, unless the node got it just now. */
export function challengeDue(peer: Peer, nowMs: Ms): Uint8Array | null {
  if (nowMs - peer.challengedAtMs < challengeIntervalMs) return null;
  peer.challengedAtMs = nowMs;
  peer.challenge ??= randomBytes(challengeBytes);
  return peer.challenge;
}

/** Whether the hello holds the answer to the node's challenge. */
export function answers(peer: Peer, hello: SealHello): boolean {
  const { challenge } = peer;
  return challenge !== null && hello.answer !== null && timingSafeEqual(challenge, hello.answer);
}
