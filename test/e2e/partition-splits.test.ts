/**
 * The network falls into parts, and the votes with it. A judge
 * from outside looks for a second owner all the time.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { splits, PartitionScenes } = await import("./partition-scenes.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

suite.setTimeout(240_000);
const stage = new PartitionScenes();
if (skip === false) await stage.start();
suite.teardown(() => stage.stop());

const scenes = splits;

for (const scene of scenes) {
  test(scene.title, { skip: skip }, async (t) => {
    const { from, to, doubles, gaps } = await stage.play(scene);
    t.comment(gaps);
    t.same(doubles, [], "never two owners");
    if (scene.expected === "moves") t.not(to, from);
    if (scene.expected === "stays") {
      t.equal(to, from);
      t.equal(gaps, "nothing changed hands");
    }
  });
}

test("the judge has looked all the time", { skip }, async (t) => {
  t.comment(stage.judge.attention);
  t.ok(stage.judge.samples > 1000);
});
