/**
 * Damaged frames, and members that lie, against rings and whole nodes.
 * Cases: those of the list "ring" in test/cases.txt.
 */
import { test } from "tap";
import { Onslaught } from "./onslaught.ts";
import { OrderedOnslaught } from "./ordered-onslaught.ts";

test("case 26: damaged datagrams and lying members break only the liar's ring", (t) => {
  const states = new Set<string>();
  for (let seed = 1; seed <= 12; seed += 1) {
    const onslaught = new Onslaught(seed);
    t.equal(onslaught.run(), null, `seed ${seed}`);
    for (const name of onslaught.tally.keys()) {
      states.add(/^ring attacked in (\w+)/.exec(name)?.[1] ?? "");
    }
  }
  for (const state of ["gather", "operational"]) t.ok(states.has(state), `reached ${state}`);
  t.end();
});

test("what a lying member has ordered ends no node, whatever it knows already", (t) => {
  const heard = new Set<string>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const onslaught = new OrderedOnslaught(seed);
    t.equal(onslaught.run(), null, `seed ${seed}`);
    for (const name of onslaught.tally.keys()) heard.add(name);
  }
  for (const layer of ["sync", "services", "fencing"]) {
    for (const phase of ["active", "transferring", "apart"]) {
      t.ok(heard.has(`lies of ${layer} to a node that is ${phase}`), `${layer}, ${phase}`);
    }
  }
  t.end();
});
