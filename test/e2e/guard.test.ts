/**
 * What is left of the services when the daemon itself is killed or stands still: three real
 * daemons, and a judge from outside that looks for a second owner all the time.
 */
import type { Test } from "tap";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
const judge = new OutsideJudge();
if (skip === false) {
  await cluster.start();
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 30_000);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

/** The node with the primary, another one, and the guard of the first, which is ready. */
async function scene(): Promise<{ owner: number; witness: number; guard: number }> {
  const owner = await cluster.started(1, primary);
  await cluster.until("its guard", () => {
    const ready = `the guard is process ${cluster.guard(owner)}`;
    return cluster.daemon(owner).output().includes(ready);
  });
  return { owner, witness: owner === 1 ? 2 : 1, guard: cluster.guard(owner) };
}

async function takenOver(t: Test, witness: number, owner: number): Promise<void> {
  const sinceMs = judge.nowMs;
  await cluster.takenOver(witness, owner, 20_000);
  const untilMs = judge.nowMs;
  await cluster.until("the judge has seen it", () => judge.sawUntil(untilMs));
  t.comment(judge.gapsInWords(sinceMs));
}

function bare(node: number): boolean {
  return !cluster.net.holders(serviceAddress).includes(node) && cluster.brokers(node).length === 0;
}

test("every daemon has a guard of its own", { skip }, async (t) => {
  const guards = [1, 2, 3].map((node) => cluster.guard(node));
  t.equal(new Set(guards).size, 3);
  t.notOk(guards.includes(0));
});

test("a guard that is killed is replaced, and nothing else happens", { skip }, async (t) => {
  const { owner, guard } = await scene();
  const brokers = cluster.brokers(owner);
  process.kill(guard, "SIGKILL");
  await cluster.until("another guard", () => ![0, guard].includes(cluster.guard(owner)));
  await cluster.until("it is running", () =>
    cluster
      .daemon(owner)
      .output()
      .includes(`the guard is process ${cluster.guard(owner)}`),
  );
  t.same(cluster.net.holders(serviceAddress), [owner]);
  t.same(cluster.brokers(owner), brokers);
  t.equal(await cluster.started(owner, primary), owner);
});

test("a guard that stands still is replaced", { skip }, async (t) => {
  const { owner, guard } = await scene();
  process.kill(guard, "SIGSTOP");
  await cluster.until("another guard", () => ![0, guard].includes(cluster.guard(owner)));
  t.match(cluster.daemon(owner).output(), /the guard did not answer/);
  t.same(cluster.net.holders(serviceAddress), [owner]);
});

test("SIGKILL of clusterd: the guard ends the services and certifies it", { skip }, async (t) => {
  const { owner, witness, guard } = await scene();
  const killedMs = performance.now();
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.until("nothing is left", () => bare(owner));
  const tookMs = performance.now() - killedMs;
  t.comment(`services and address were gone after ${Math.round(tookMs)} ms`);
  await takenOver(t, witness, owner);
  t.match(cluster.daemon(witness).output(), /fence node\d\.example\.com success \(certificate\)/);
  await cluster.until("the guard ends", () => cluster.guard(owner) !== guard);
  cluster.startDaemon(owner);
  await cluster.allStarted([1, 2, 3], 30_000);
  t.equal(cluster.net.holders(serviceAddress).length, 1);
});

test("SIGKILL and a restart at once: the new daemon waits for the old guard", {
  skip,
}, async (t) => {
  const { owner } = await scene();
  cluster.daemon(owner).kill("SIGKILL");
  cluster.startDaemon(owner);
  await cluster.until("nothing is left", () => bare(owner));
  await cluster.until("somebody has the address", () => {
    return cluster.net.holders(serviceAddress).length === 1;
  });
  await cluster.allStarted([1, 2, 3], 30_000);
  t.same(cluster.net.holders(serviceAddress), [await cluster.started(1, primary)]);
  t.ok(cluster.daemon(owner).running);
});

test("SIGSTOP of clusterd: the guard acts when the lease ends; SIGCONT: it joins again", {
  skip,
}, async (t) => {
  const { owner, witness } = await scene();
  const daemon = cluster.daemon(owner);
  const stoppedMs = performance.now();
  process.kill(daemon.pid, "SIGSTOP");
  await cluster.until("nothing is left", () => bare(owner));
  const tookMs = performance.now() - stoppedMs;
  t.comment(`services and address were gone after ${Math.round(tookMs)} ms`);
  await takenOver(t, witness, owner);
  await cluster.until("12 s are over", () => performance.now() - stoppedMs > 12_000);
  t.ok(bare(owner), "still nothing there");
  process.kill(daemon.pid, "SIGCONT");
  await cluster.allStarted([1, 2, 3], 30_000);
  t.ok(daemon.running, "the same process");
  t.not(await cluster.started(owner, primary), owner);
});

test("SIGTERM of clusterd leaves no guard behind", { skip }, async (t) => {
  const { owner } = await scene();
  const daemon = cluster.daemon(owner);
  daemon.kill("SIGTERM");
  t.equal((await daemon.exited).code, 0);
  t.equal(cluster.guard(owner), 0);
  t.notMatch(daemon.output(), /guard: clusterd has ended/);
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t, 1000);
});
