/** Whether anything can have been running without a node, by what the members remember. */
import { test } from "tap";
import type { QuorateMembership } from "../../src/model/quorate-membership.ts";
import {
  lastRingWithServices,
  type MemberReport,
  missedNothing,
} from "../../src/quorum/last-quorate.ts";
import { id } from "../sim/cluster.ts";

function view(ring: number | null): QuorateMembership | null {
  const terms = { expected: 3, quorum: 2, quorumMost: 2, demands: [] };
  return ring === null ? null : { ring, members: [], ...terms };
}

function report(node: number, ring: number | null, rest: Partial<MemberReport> = {}): MemberReport {
  return { node: id(node), votes: 1, last: view(ring), doubts: [], history: null, ...rest };
}

type Case = {
  readonly title: string;
  /** For nodes 1, 2 and so on, the ring of the last quorate membership that they remember. */
  readonly rings: readonly (number | null)[];
  readonly nodes: number;
  /** What node 1 may conclude. */
  readonly none: boolean;
};

const cases: readonly Case[] = [
  { title: "all remember the same one", rings: [8, 8, 8], nodes: 3, none: true },
  { title: "two of three are enough", rings: [8, 8], nodes: 3, none: true },
  {
    title: "one concluded a later one without the others",
    rings: [8, 8, 12],
    nodes: 3,
    none: true,
  },
  { title: "a majority was in later ones", rings: [8, 12, 16], nodes: 3, none: false },
  { title: "the node itself was in the later one", rings: [12, 12, 8], nodes: 3, none: true },
  { title: "the node remembers nothing", rings: [null, 8, 8], nodes: 3, none: false },
  { title: "one of the others has restarted", rings: [8, null, 8], nodes: 3, none: true },
  { title: "both others have restarted", rings: [8, null, null], nodes: 3, none: false },
  { title: "half of four could be outvoted by a tie", rings: [8, 8], nodes: 4, none: false },
  { title: "three of four", rings: [8, 8, 8], nodes: 4, none: true },
];

function reportsOf(rings: readonly (number | null)[]) {
  return rings.map((ring, index) => report(index + 1, ring));
}

function nodesUpTo(count: number) {
  return Array.from({ length: count }, (_, index) => ({ id: id(index + 1), votes: 1 }));
}

for (const { title, rings, nodes, none } of cases) {
  test(`V2: ${title}`, async (t) => {
    const known = { nodes: nodesUpTo(nodes), continued: null };
    t.equal(missedNothing(id(1), reportsOf(rings), known), none);
  });
}

test("V2: a node whose votes outweigh the others' decides alone", async (t) => {
  const nodes = [1, 2, 3].map((node) => ({ id: id(node), votes: node === 1 ? 3 : 1 }));
  const reports = [{ ...report(1, 8), votes: 3 }];
  t.equal(missedNothing(id(1), reports, { nodes, continued: null }), true);
});

test("V2: nothing was running after what most votes remember at most", async (t) => {
  t.equal(lastRingWithServices(reportsOf([8, 8, null]), nodesUpTo(3)), 8);
  t.equal(lastRingWithServices(reportsOf([8, 12, 12]), nodesUpTo(3)), 12);
  t.equal(lastRingWithServices(reportsOf([8, 8, 12]), nodesUpTo(3)), 8);
  t.equal(lastRingWithServices(reportsOf([8, 12, 16]), nodesUpTo(3)), 12);
  t.equal(lastRingWithServices(reportsOf([8, null, null]), nodesUpTo(3)), null);
  t.equal(lastRingWithServices(reportsOf([null, null]), nodesUpTo(2)), null);
});

type Away = {
  readonly title: string;
  /** The others, 2 and 3, have been quorate in ring 12; in which ring was anything running? */
  readonly workedIn: number | null;
  readonly holders: readonly number[];
  readonly last: number | null;
  readonly missedNothing: boolean;
};

const idle = { holders: [2, 3], workedIn: 8, last: 8, missedNothing: true };
const aways: readonly Away[] = [
  { title: "nothing was running since the node was there", ...idle },
  { title: "something has, without the node", ...idle, workedIn: 12, missedNothing: false },
  { title: "nobody can tell", ...idle, workedIn: null, missedNothing: false },
  { title: "only one of three can tell", ...idle, holders: [2], missedNothing: false },
  { title: "the node was away before that", ...idle, last: 4, missedNothing: false },
  { title: "the node remembers nothing", ...idle, last: null, missedNothing: false },
];

for (const { title, workedIn, holders, last, missedNothing: missed } of aways) {
  test(`V3: ${title}`, async (t) => {
    const continued = { holders: holders.map(id), workedIn };
    const known = { nodes: nodesUpTo(3), continued };
    t.equal(missedNothing(id(1), reportsOf([last, 12, 12]), known), missed);
  });
}

test("V2: rings of which nobody can say what was received need a witness", async (t) => {
  const doubts = [{ ring: 12, members: [1, 2, 3].map(id) }];
  const nodes = nodesUpTo(3);
  const [one, two] = [report(1, 8, { doubts }), report(2, 8, { doubts })];
  t.equal(lastRingWithServices([one, two], nodes), null, "the third may have acted");
  t.equal(
    lastRingWithServices([one, two, report(3, null)], nodes),
    null,
    "and nobody knows any more",
  );
  t.equal(
    lastRingWithServices([one, report(2, 8)], nodes),
    8,
    "one saw that the exchange had no end",
  );
  const idle = { history: { workedIn: 8 } };
  t.equal(
    lastRingWithServices([one, two, report(3, 12, idle)], nodes),
    8,
    "the third is here, and has not",
  );
  const worked = { history: { workedIn: 12 } };
  t.equal(lastRingWithServices([one, two, report(3, 12, worked)], nodes), 12);
  t.equal(
    lastRingWithServices([one, two, report(3, 12)], nodes),
    12,
    "it has lost its history since",
  );
});
