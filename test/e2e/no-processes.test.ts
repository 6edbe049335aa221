/**
 * No process can be started any more: the pids cgroup of the owner's clusterd and guard is full.
 * Its address must go at the end of the lease all the same. A judge from outside looks all the time
 * for a second holder.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { ProcessLimit } = await import("../netns/process-limit.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const skip = entry.type === "unsupported" ? entry.reason : (ProcessLimit.problem() ?? false);

const cluster = new RealCluster();
const judge = new OutsideJudge();
let limit: InstanceType<typeof ProcessLimit> | null = null;
if (skip === false) {
  await cluster.start();
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 30_000);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
  limit?.remove();
});

/** The node with the primary, where from now on nothing can be started, and another one. */
async function exhausted(): Promise<{ owner: number; witness: number }> {
  const owner = await cluster.started(1, primary);
  limit = new ProcessLimit([cluster.daemon(owner).pid, cluster.guard(owner)]);
  return { owner, witness: owner === 1 ? 2 : 1 };
}

async function recovered(owner: number): Promise<void> {
  limit?.remove();
  limit = null;
  if (!cluster.daemon(owner).running) cluster.startDaemon(owner);
  await cluster.allStarted([1, 2, 3], 40_000);
}

test("an owner that is cut off drops its address though nothing can be started", {
  skip,
}, async (t) => {
  const { owner, witness } = await exhausted();
  const cutMs = performance.now();
  const sinceMs = judge.nowMs;
  await cluster.net.cut(owner);
  await cluster.until("the address is gone", () => !holders().includes(owner));
  t.comment(`the address was gone ${Math.round(performance.now() - cutMs)} ms after the cut`);
  await cluster.takenOver(witness, owner);
  t.same(judge.doubles(sinceMs), []);
  await cluster.net.heal(owner);
  await recovered(owner);
});

test("checks and a stop that there is no room for are no failures", { skip }, async (t) => {
  const { owner, witness } = await exhausted();
  const sinceMs = judge.nowMs;
  const said = (words: RegExp) => words.test(cluster.daemon(owner).output());
  await cluster.until("a check has had no room", () => said(/status .* could not be tried/));
  const asked = cluster.command(witness, "clusvcadm-ts", "-r", "qpidd-primary-service");
  await cluster.until("a stop has had no room", () => said(/stop .* could not be tried/), 60_000);
  const shown = await cluster.service(witness, primary);
  t.equal(shown?.owner, owner, "it is not believed to be off");
  t.not(shown?.state, "failed");
  limit?.remove();
  limit = null;
  t.match(await asked, { code: 0 });
  await cluster.takenOver(witness, owner);
  t.same(judge.doubles(sinceMs), []);
  await recovered(owner);
});

test("the guard of a killed clusterd drops the address though nothing can be started", {
  skip,
}, async (t) => {
  const { owner, witness } = await exhausted();
  const sinceMs = judge.nowMs;
  const killedMs = performance.now();
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.until("the address is gone", () => !holders().includes(owner));
  t.comment(`the address was gone ${Math.round(performance.now() - killedMs)} ms after the kill`);
  await cluster.takenOver(witness, owner);
  t.same(judge.doubles(sinceMs), []);
  await recovered(owner);
});

function holders(): readonly number[] {
  return cluster.net.holders(serviceAddress);
}
