import { test } from "tap";
import { KeptOut } from "../../src/membership/kept-out.ts";
import { MergeGate } from "../../src/membership/merge-gate.ts";
import { join, node, nodes } from "./frames.ts";

/** How many ages the node stays outside from now on. */
function agesOutside(kept: KeptOut): number {
  let ages = 0;
  for (; kept.has(node(3)); ages += 1) kept.age();
  return ages;
}

test("each time a node is kept out for twice as long, up to a limit", async (t) => {
  const kept = new KeptOut();
  const ages: number[] = [];
  for (let time = 0; time < 10; time += 1) {
    const said = kept.add(node(3));
    ages.push(agesOutside(kept));
    t.equal(said, ages.at(-1));
  }
  t.same(ages, [4, 8, 16, 32, 64, 128, 256, 512, 512, 512]);
});

test("after long enough in rings a node is kept out for a short time again", async (t) => {
  const kept = new KeptOut();
  kept.add(node(3));
  kept.add(node(3));
  agesOutside(kept);
  for (let age = 0; age < 4 * 8; age += 1) kept.age();
  t.equal(kept.add(node(3)), 4);
});

test("a node that is kept out is not heard, and hears no node", async (t) => {
  const gate = new MergeGate(node(1));
  for (const from of nodes(2, 3)) {
    gate.hear(from, nodes(1, 2, 3));
  }
  const ring = { members: nodes(1, 2), seq: 8 };
  t.equal(gate.judgeJoin(join({ heard: nodes(1, 2) }), node(3), ring), "admit");
  gate.keepOut(node(3));
  t.same(gate.heard(), nodes(2), "so that the others do not let it in either");
  t.equal(gate.judgeJoin(join({ heard: nodes(1, 2) }), node(3), ring), "answer");
  gate.keepOut(node(1));
  t.same(gate.heard(), []);
});
