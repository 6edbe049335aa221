/** The one loop: order, turns and ends. */
import fc from "fast-check";
import { test } from "tap";
import { StepLoop } from "../../src/loop/step-loop.ts";

/** Steps each text into its letters; a capital letter pushes its small one twice. */
function recorded(onOutput: (output: string) => void = () => undefined): {
  readonly loop: StepLoop<string, string>;
  readonly seen: string[];
} {
  const seen: string[] = [];
  const loop = new StepLoop<string, string>({
    step: (input) => {
      seen.push(`take ${input}`);
      return [...input];
    },
    perform: (output) => {
      seen.push(output);
      if (output !== output.toLowerCase()) loop.push(output.toLowerCase().repeat(2));
      onOutput(output);
    },
    onIdle: () => seen.push("idle"),
  });
  return { loop, seen };
}

test("TURN1, TURN2: what comes meanwhile waits until all of a step is performed", async (t) => {
  const { loop, seen } = recorded();
  loop.push("aBc");
  loop.push("d");
  t.same(seen, ["take aBc", "a", "B", "c", "take bb", "b", "b", "idle", "take d", "d", "idle"]);
});

test("what is pushed together is taken together, and is idle once", async (t) => {
  const { loop, seen } = recorded();
  loop.pushTogether(() => {
    loop.push("a");
    t.same(seen, []);
    loop.push("b");
  });
  t.same(seen, ["take a", "a", "take b", "b", "idle"]);
});

test("TURN3: after the end nothing is performed, not even of the same step", async (t) => {
  const { loop, seen } = recorded((output) => {
    if (output === "x") loop.end();
  });
  loop.push("Axb");
  loop.push("c");
  t.same(seen, ["take Axb", "A", "x"]);
  t.equal(loop.ended, true);
  t.equal(loop.running, false);
});

test("TURN1, TURN2: whatever is pushed when, all of it is taken once and in order", async () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "A", "B") }));
  fc.assert(
    fc.property(texts, (inputs) => {
      const { loop, seen } = recorded();
      loop.pushTogether(() => {
        for (const input of inputs) loop.push(input);
      });
      const wanted: string[] = [];
      for (let queue = [...inputs]; queue.length > 0; ) {
        const [next = "", ...rest] = queue;
        wanted.push(`take ${next}`, ...next);
        const more = [...next].filter((letter) => letter !== letter.toLowerCase());
        queue = [...rest, ...more.map((letter) => letter.toLowerCase().repeat(2))];
      }
      return seen.join() === [...wanted, "idle"].join();
    }),
  );
});
