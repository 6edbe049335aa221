/**
 * The network falls into parts, and the votes with it. A judge
 * from outside looks for a second owner all the time.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { splits, PartitionScenes, tellScene } = await import("./partition-scenes.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const stage = new PartitionScenes();
if (skip === false) await stage.start();
suite.teardown(() => stage.stop());

for (const scene of splits) {
  test(scene.title, { skip }, async (t) => {
    await tellScene(t, stage, scene);
  });
}

test("the judge has looked all the time", { skip }, async (t) => {
  t.comment(stage.judge.attention);
  t.ok(stage.judge.samples > 1000);
});
