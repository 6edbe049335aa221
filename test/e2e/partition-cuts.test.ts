/**
 * The owner of the primary is cut off, wholly or in one direction, and comes back at several
 * moments. A judge from outside looks for a second owner all the time.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { cuts, oneWayCuts, PartitionScenes, tellScene } = await import("./partition-scenes.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const stage = new PartitionScenes();
let oneWay: string | null = null;
if (skip === false) {
  await stage.start();
  oneWay = await stage.cluster.net.oneWayProblem();
}
suite.teardown(() => stage.stop());

/** After the takeover: see failover.test.ts; all of them: `npm run partitions`. */
const scenes = [...cuts.filter(({ title }) => /missed|stopped/.test(title)), ...oneWayCuts];

for (const scene of scenes) {
  test(scene.title, { skip: skip || (scene.oneWay === true && (oneWay ?? false)) }, async (t) => {
    await tellScene(t, stage, scene);
  });
}

test("the judge has looked all the time", { skip }, async (t) => {
  t.comment(stage.judge.attention);
  t.ok(stage.judge.samples > 1000);
});
