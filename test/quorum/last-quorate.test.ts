/** Whether anybody can have been quorate since a node itself was, by what the members remember. */
import { test } from "tap";
import type { QuorateView } from "../../src/model/quorate-view.ts";
import { noneQuorateSince } from "../../src/quorum/last-quorate.ts";
import { id } from "../sim/cluster.ts";

function view(ring: number | null): QuorateView | null {
  const terms = { expected: 3, quorum: 2, quorumMost: 2, demands: [] };
  return ring === null ? null : { ring, members: [], ...terms };
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
  { title: "one of the others was in a later one", rings: [8, 8, 12], nodes: 3, none: false },
  { title: "the node itself was in the later one", rings: [12, 12, 8], nodes: 3, none: true },
  { title: "the node remembers nothing", rings: [null, 8, 8], nodes: 3, none: false },
  { title: "one of the others has restarted", rings: [8, null, 8], nodes: 3, none: true },
  { title: "both others have restarted", rings: [8, null, null], nodes: 3, none: false },
  { title: "half of four could be outvoted by a tie", rings: [8, 8], nodes: 4, none: false },
  { title: "three of four", rings: [8, 8, 8], nodes: 4, none: true },
];

for (const { title, rings, nodes, none } of cases) {
  test(`V2: ${title}`, async (t) => {
    const voices = rings.map((ring, index) => ({
      node: id(index + 1),
      votes: 1,
      last: view(ring),
    }));
    const all = Array.from({ length: nodes }, (_, index) => ({ id: id(index + 1), votes: 1 }));
    t.equal(noneQuorateSince(id(1), voices, all), none);
  });
}

test("V2: a node whose votes outweigh the others' decides alone", async (t) => {
  const all = [1, 2, 3].map((node) => ({ id: id(node), votes: node === 1 ? 3 : 1 }));
  const voices = [{ node: id(1), votes: 3, last: view(8) }];
  t.equal(noneQuorateSince(id(1), voices, all), true);
});
