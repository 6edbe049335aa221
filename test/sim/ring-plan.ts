/**
 * The plan of one run of a ring: everything that will be done to it, drawn from a seed beforehand,
 * so that a plan that fails can be cut down.
 * Weights of the faults are drawn per run and some are zero, so that runs differ in kind.
 */
import type { Lane } from "../../src/membership/ring-events.ts";
import { Random } from "./random.ts";
import type { Weather } from "./ring-network.ts";

/** Packets of more than so many bytes are lost on the way: from one node, or from all others. */
export type NarrowLink = {
  readonly type: "narrow";
  readonly from: number | "all";
  readonly to: number;
  readonly both: boolean;
  readonly bytes: number;
};

/** Packets from one node to another are lost. */
export type Cut = { readonly from: number; readonly to: number; readonly both: boolean };

export type RingAct =
  | {
      readonly type: "send";
      readonly node: number;
      readonly lane: Lane;
      readonly safe: boolean;
      /** One message for each. */
      readonly bytes: readonly number[];
    }
  | { readonly type: "start"; readonly node: number; readonly wiped: boolean }
  | { readonly type: "crash" | "leave" | "deaf"; readonly node: number }
  | { readonly type: "pause"; readonly node: number; readonly forMs: number }
  /** The node, or whichever is first, is cut off or dies in the moment it installs a ring. */
  | { readonly type: "ambush"; readonly node: number | "first"; readonly death: boolean }
  /** What the node multicasts is lost; its tokens are not. */
  | { readonly type: "mute"; readonly node: number }
  | { readonly type: "clock"; readonly node: number; readonly stepMs: number }
  | { readonly type: "link"; readonly node: number; readonly forMs: number }
  | { readonly type: "cut"; readonly from: number; readonly to: number; readonly both: boolean }
  | NarrowLink
  | { readonly type: "partition"; readonly side: readonly number[] }
  | { readonly type: "weather"; readonly weather: Weather }
  | { readonly type: "disk"; readonly persistMsMax: number }
  | { readonly type: "heal" };

/** What must come to rest after the faults, one after the other; the whole ring always does. */
export type Finale = {
  /** Parts that cannot hear each other: each has to become a ring of its own. */
  readonly islands: readonly (readonly number[])[];
  /** A link between two islands that stays cut when they meet: all but one end must merge. */
  readonly seam: Cut | null;
  /** A steady fault of links: the rings that it leaves must not flap. */
  readonly cut: Cut | null;
  /** The same, of long packets only, while all have much to say. */
  readonly narrow: NarrowLink | null;
  /** All nodes start when the link is narrow already. */
  readonly late: boolean;
};

export type RingPlan = {
  readonly seed: number;
  readonly nodes: number;
  readonly delayMs: number;
  readonly faultsMs: number;
  /** Ascending in time. */
  readonly acts: readonly { readonly atMs: number; readonly act: RingAct }[];
  readonly finale: Finale;
};

const faults = [
  "partition",
  "cut",
  "narrow",
  "deaf",
  "pause",
  "crash",
  "leave",
  "weather",
  "clock",
  "link",
  "disk",
  "ambush",
  "last-words",
  "heal",
] as const;

type Fault = (typeof faults)[number];

/** Faults that are drawn less often than the others when they are drawn at all. */
const rare: Partial<Record<Fault, number>> = {
  deaf: 0.3,
  narrow: 0.4,
  leave: 0.3,
  ambush: 0.5,
  "last-words": 0.5,
  clock: 0.2,
  link: 0.2,
  disk: 0.2,
};

const faultsMs = 9000;

/** 3 to 7 nodes. */
export function drawPlan(seed: number): RingPlan {
  const random = new Random(seed);
  const nodes = 3 + (seed % 5);
  const ids = Array.from({ length: nodes }, (_, index) => index + 1);
  const delayMs = random.pick([0.3, 2, 8]);
  const acts = [
    ...drawStarts(random, ids, delayMs),
    ...drawTraffic(random, ids),
    ...drawFaults(random, ids, delayMs),
  ];
  const finale = drawFinale(random, ids);
  acts.sort((a, b) => a.atMs - b.atMs);
  return { seed, nodes, delayMs, faultsMs, acts, finale };
}

type Timed = { readonly atMs: number; readonly act: RingAct };

function drawStarts(random: Random, ids: readonly number[], delayMs: number): Timed[] {
  const starts: Timed[] = ids.map((node) => {
    const atMs = random.chance(0.7) ? 0 : random.between(0, 3000);
    return { atMs, act: { type: "start", node, wiped: false } };
  });
  const persistMsMax = random.pick([5, 15, 300]);
  const weather = { loss: 0, duplication: 0, delayMs, jitterMs: delayMs * random.next() };
  return [
    { atMs: 0, act: { type: "disk", persistMsMax } },
    { atMs: 0, act: { type: "weather", weather } },
    ...starts,
  ];
}

function drawTraffic(random: Random, ids: readonly number[]): Timed[] {
  const everyMs = random.pick([15, 40, 150, 600]);
  const safeShare = random.pick([0, 0.5, 1]);
  const syncShare = random.pick([0, 0, 0.2]);
  const largest = random.pick([900, 900, 20_000, 150_000]);
  const acts: Timed[] = [];
  for (let atMs = random.between(0, everyMs); atMs < faultsMs; ) {
    const count = random.chance(0.2) ? 1 + random.below(20) : 1;
    const bytes = Array.from({ length: count }, () => {
      return random.below(random.chance(0.1) ? largest : 900);
    });
    const lane = random.chance(syncShare) ? "sync" : "app";
    const node = random.pick(ids);
    acts.push({ atMs, act: { type: "send", node, lane, safe: random.chance(safeShare), bytes } });
    atMs += random.between(0, 2 * everyMs);
  }
  return acts;
}

function drawFaults(random: Random, ids: readonly number[], delayMs: number): Timed[] {
  const weights = faults.map((fault) => {
    if (fault === "heal") return 0.3;
    return random.chance(0.4) ? 0 : random.next() * (rare[fault] ?? 1);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const spacingMs = random.pick([60, 400, 2500]);
  const wipes = random.chance(0.3);
  const acts: Timed[] = [];
  for (let atMs = random.between(200, 1500); atMs < faultsMs - 500; ) {
    let rest = random.between(0, total);
    const fault = faults.find((_, index) => {
      rest -= weights[index] ?? 0;
      return rest <= 0;
    });
    const drawn =
      fault === "last-words"
        ? drawLastWords(random, ids, atMs)
        : [{ atMs, act: drawFault(fault ?? "heal", random, { ids, delayMs }) }];
    acts.push(...drawn);
    for (const { atMs: diedAtMs, act } of drawn) {
      if (act.type !== "crash" && act.type !== "leave") continue;
      const downMs = random.chance(0.5) ? random.between(5, 400) : random.between(400, 5000);
      const wiped = wipes && random.chance(0.3);
      acts.push({ atMs: diedAtMs + downMs, act: { type: "start", node: act.node, wiped } });
    }
    atMs += random.between(0, random.chance(0.5) ? 100 : spacingMs);
  }
  return acts;
}

/**
 * The last messages of a node reach nobody, others speak after them, and whoever then installs the
 * next ring first is cut off: messages behind a gap, and a recovery that only one has completed.
 */
function drawLastWords(random: Random, ids: readonly number[], atMs: number): Timed[] {
  const node = random.pick(ids);
  const acts: Timed[] = [
    { atMs, act: { type: "mute", node } },
    { atMs, act: { type: "send", node, lane: "app", safe: false, bytes: [1200, 1200] } },
  ];
  for (const other of ids) {
    const sent = { node: other, lane: "app", safe: random.chance(0.7), bytes: [300] } as const;
    const sentAtMs = atMs + random.between(20, 200);
    if (other !== node) acts.push({ atMs: sentAtMs, act: { type: "send", ...sent } });
  }
  const death = random.chance(0.3);
  acts.push({ atMs: atMs + random.between(100, 400), act: { type: "crash", node } });
  acts.push({ atMs: atMs + 400, act: { type: "ambush", node: "first", death } });
  return acts;
}

function drawFault(
  fault: Exclude<Fault, "last-words">,
  random: Random,
  { ids, delayMs }: { readonly ids: readonly number[]; readonly delayMs: number },
): RingAct {
  const node = random.pick(ids);
  switch (fault) {
    case "partition":
      return { type: fault, side: ids.filter(() => random.chance(0.5)) };
    case "cut":
      return { type: fault, from: node, to: random.pick(ids), both: random.chance(0.3) };
    case "narrow":
      return drawNarrow(random, node, ids);
    case "pause":
      return { type: fault, node, forMs: random.between(10, random.chance(0.5) ? 600 : 4000) };
    case "clock":
      return { type: fault, node, stepMs: Math.round(random.between(-600_000, 600_000)) };
    case "link":
      return { type: fault, node, forMs: random.between(5, 3000) };
    case "ambush":
      return { type: fault, node, death: random.chance(0.3) };
    case "disk":
      return { type: fault, persistMsMax: random.pick([5, 300, 3000]) };
    case "weather":
      return {
        type: fault,
        weather: {
          loss: random.pick([0, 0.02, 0.1, 0.3]),
          duplication: random.pick([0, 0.2]),
          delayMs,
          jitterMs: delayMs * random.pick([0, 1, 5]),
          stragglers: random.pick([0, 0, 0.02, 0.2]),
        },
      };
    case "heal":
      return { type: fault };
    default:
      return { type: fault, node };
  }
}

function drawFinale(random: Random, ids: readonly number[]): Finale {
  const parted = random.chance(0.3);
  const sides = ids.map(() => random.below(3));
  const islands = [0, 1, 2].map((side) => ids.filter((_, index) => sides[index] === side));
  const from = random.pick(ids);
  const to = random.pick(ids.filter((id) => id !== from));
  const both = random.chance(0.5);
  const parts = parted ? islands.filter((island) => island.length > 0) : [];
  const cut = random.chance(0.2) ? { from, to, both } : null;
  const narrow = random.chance(0.1) ? drawNarrow(random, from, ids) : null;
  const late = random.chance(0.5);
  return { islands: parts, seam: drawSeam(random, parts), cut, narrow, late };
}

function drawSeam(random: Random, islands: readonly (readonly number[])[]): Cut | null {
  const [one, other] = islands;
  if (islands.length !== 2 || !one || !other || random.chance(0.5)) return null;
  return { from: random.pick(one), to: random.pick(other), both: random.chance(0.7) };
}

/** Of a tunnel, of a switch without jumbo frames, or of something that is broken. */
function drawNarrow(random: Random, from: number, ids: readonly number[]): NarrowLink {
  const to = random.pick(ids.filter((id) => id !== from));
  const bytes = random.pick([1400, 1400, 1280, 600]);
  const whence = random.chance(0.4) ? "all" : from;
  return { type: "narrow", from: whence, to, both: random.chance(0.3), bytes };
}

/** Whether an act concerns one of these nodes only. */
export function actsOnOnly(act: RingAct, ids: ReadonlySet<number>): boolean {
  if (act.type === "narrow") return ids.has(act.to) && (act.from === "all" || ids.has(act.from));
  if (act.type === "cut") return ids.has(act.from) && ids.has(act.to);
  return !("node" in act) || act.node === "first" || ids.has(act.node);
}
