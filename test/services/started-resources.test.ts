/** What runs on a node is counted as a walk through all of its services would count it. */
import fc from "fast-check";
import { test } from "tap";
import { RunningResources, StartedResources } from "../../src/services/local/started-resources.ts";
import { script } from "../sim/sample-conf.ts";

/** Two occurrences of one resource, and another one. */
const occurrences = [script("a"), script("a"), script("b")];
const holders = [0, 1, 2];
const act = fc.record({
  holder: fc.nat(2),
  occurrence: fc.nat(2),
  what: fc.constantFrom("add", "add", "delete", "clear", "move"),
});

test("STARTED1: the count of other services with a resource equals that of a walk", async (t) => {
  const property = fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
    const all = new RunningResources();
    const counted = holders.map(() => new StartedResources(all));
    const walked = holders.map(() => new Set<(typeof occurrences)[number]>());
    for (const { holder, occurrence, what } of acts) {
      const [set, plain] = [counted[holder], walked[holder]];
      const [resource, other] = [occurrences[occurrence], occurrences[(occurrence + 1) % 3]];
      if (set === undefined || plain === undefined) throw new Error("no holder");
      if (resource === undefined || other === undefined) throw new Error("no occurrence");
      if (what === "add") plain.add(resource);
      if (what === "delete") plain.delete(resource);
      if (what === "clear") plain.clear();
      if (what === "move" && plain.delete(resource)) plain.add(other);
      if (what === "move") set.move((one) => (one === resource ? other : one));
      else if (what === "clear") set.clear();
      else set[what](resource);
      for (const one of occurrences) {
        for (const [at, mine] of counted.entries()) {
          const found = walked.filter(
            (those, index) =>
              index !== at &&
              [...those].some((each) => each.type === one.type && each.key === one.key),
          );
          if (mine.otherInstances(one) !== found.length) return false;
          if (mine.has(one) !== walked[at]?.has(one)) return false;
        }
      }
    }
    return true;
  });
  t.doesNotThrow(() => fc.assert(property));
});
