/**
 * What a member that has the key may say: frames of the right shape with numbers at their limits,
 * ids of nobody, lists that contradict each other. Some fit the ring that is attacked.
 */
import {
  type CommitEntry,
  chainMax,
  encodeMessage,
  type RingMessage,
} from "../../src/membership/wire.ts";
import { type NodeId, type RingId, ringSeqMax } from "../../src/model/ids.ts";
import { node } from "../membership/frames.ts";
import type { Random } from "../sim/random.ts";

/** What the liar knows of its victim: everything that was on the wire. */
export type Ground = {
  readonly ring: RingId | null;
  readonly high: number;
  readonly members: readonly NodeId[];
  readonly nodes: readonly NodeId[];
};

const types = ["mcast", "token", "join", "commit", "merge-detect", "hold-cancel"] as const;
const limits = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, ringSeqMax, Number.MAX_SAFE_INTEGER];
const configHash = 7;

export function lie(random: Random, ground: Ground): RingMessage {
  const type = random.pick(types);
  switch (type) {
    case "mcast":
      return mcastLie(random, ground);
    case "token":
      return {
        type,
        ring: ringLie(random, ground),
        tokenSeq: number(random, ground.high),
        ...tokenSeqs(random, ground.high),
        aruNode: random.chance(0.5) ? null : id(random, ground),
        fcc: number(random, 20) % 2 ** 32,
        backlog: number(random, 20) % 2 ** 32,
        retransmitting: random.chance(0.3),
        rtr: [...new Set([number(random, ground.high), ground.high + 1])].filter((seq) => seq > 0),
        calm: number(random, 100) % 2 ** 32,
      };
    case "join":
      return {
        type,
        ringSeq: number(random, ground.ring?.seq ?? 8),
        proc: ids(random, ground),
        failed: ids(random, ground),
        leave: random.chance(0.2),
        heard: ids(random, ground),
        configHash,
      };
    case "commit":
      return commitLie(random, ground);
    case "merge-detect":
      return {
        type,
        ring: ringLie(random, ground),
        heard: ids(random, ground),
        members: ids(random, ground),
        configHash,
      };
    case "hold-cancel":
      return { type, ring: ringLie(random, ground) };
  }
}

function mcastLie(random: Random, ground: Ground): RingMessage {
  const heads = random.pick([0, 1, chainMax]);
  const message = {
    type: "mcast" as const,
    ring: ringLie(random, ground),
    seq: Math.max(1, number(random, ground.high + 1)),
    origin: id(random, ground),
    lane: random.pick(["app", "sync"] as const),
    headFragment: heads,
    tailFragment: random.chance(0.5) ? heads : 0,
    safe: random.chance(0.5),
    inner: null,
    chunks: [Buffer.from("lie")],
  };
  if (random.chance(0.7)) return message;
  const inner = encodeMessage({ ...message, ring: ringLie(random, ground) });
  return { ...message, inner, chunks: [], headFragment: 0, tailFragment: 0 };
}

function commitLie(random: Random, ground: Ground): RingMessage {
  const nodes = random.chance(0.6) ? ground.members : ids(random, ground);
  const index = random.below(nodes.length + 1);
  const members: readonly CommitEntry[] = nodes.map((one, at) => {
    if (at >= index) return { node: one, state: null };
    const { seq: aru, aru: highDelivered } = tokenSeqs(random, ground.high);
    const oldRing = random.chance(0.5) ? ground.ring : null;
    const received = random.chance(0.5);
    const obliged = ids(random, ground);
    return { node: one, state: { oldRing, aru, highDelivered, received, obliged } };
  });
  const { seq } = ringLie(random, ground);
  return { type: "commit", ring: { rep: nodes[0] ?? node(1), seq }, index, members };
}

function tokenSeqs(random: Random, high: number): { readonly seq: number; readonly aru: number } {
  const [a, b] = [number(random, high), number(random, high)];
  return { seq: Math.max(a, b), aru: Math.min(a, b) };
}

function ringLie(random: Random, { ring, nodes }: Ground): RingId {
  if (ring !== null && random.chance(0.7)) return ring;
  const rep = random.chance(0.8) ? random.pick(nodes) : node(4095);
  return { rep, seq: Math.max(1, number(random, (ring?.seq ?? 8) + 4) % (ringSeqMax + 1)) };
}

/** Mostly about what it really is. */
function number(random: Random, about: number): number {
  if (random.chance(0.2)) return random.pick(limits);
  return Math.max(0, about + random.below(7) - 3);
}

function id(random: Random, { nodes }: Ground): NodeId {
  return random.chance(0.9) ? random.pick(nodes) : node(1 + random.below(4095));
}

function ids(random: Random, { nodes }: Ground): readonly NodeId[] {
  const some = nodes.filter(() => random.chance(0.6));
  return random.chance(0.15) ? [...some, node(4000)] : some;
}
