/**
 * What happens without a guard: when none can be started any more, and when it is killed together
 * with the daemon, which only fence devices cover: that the others find the address in use is luck.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { join } = await import("node:path");
const { serviceAddress } = await import("../netns/node-files.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, project, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const judge = new OutsideJudge();
const cluster = new RealCluster();
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

test("a node for which no guard can be started hands its services over and ends", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const holder = cluster.net.spawnOnNode(owner, [
    process.execPath,
    join(project, "build/test/e2e/lock-holder.js"),
    "/var/lib/clusterd",
  ]);
  await cluster.until("it tries", () => holder.running);
  const daemon = cluster.daemon(owner);
  for (let guard = cluster.guard(owner); !holder.output().includes("held"); ) {
    if (guard !== 0) process.kill(guard, "SIGKILL");
    await cluster.until("another guard, or the lock", () => {
      const next = cluster.guard(owner);
      return holder.output().includes("held") || (next !== 0 && next !== guard);
    });
    guard = cluster.guard(owner);
  }
  const exit = await daemon.exited;
  t.equal(exit.code, 1);
  t.match(daemon.output(), /no guard can be started: this node hands its services over and ends/);
  t.same(cluster.brokers(owner), []);
  const next = await cluster.started(witness, primary);
  t.not(next, owner);
  const gone = (await cluster.status(witness))?.nodes.find((one) => one.id === owner);
  t.equal(gone?.fence, "clean", "nobody had to be fenced");
  holder.kill("SIGKILL");
  await holder.exited;
  cluster.startDaemon(owner);
  await cluster.allStarted([1, 2, 3], 30_000);
});

test("daemon and guard killed at the same time: only the address in use stops the others", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  process.kill(cluster.guard(owner), "SIGKILL");
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.until("the others try", () => {
    return cluster.daemon(witness).output().includes(`start failed: ${serviceAddress} is in use`);
  });
  t.same(cluster.net.holders(serviceAddress), [owner]);
  t.ok(cluster.brokers(owner).length > 0, "the old primary lives on: as the man page says");
  cluster.startDaemon(owner);
  await cluster.until("the next daemon cleans up", () => {
    return !cluster.net.holders(serviceAddress).includes(owner);
  });
  await cluster.allStarted([1, 2, 3], 40_000);
  t.equal(cluster.net.holders(serviceAddress).length, 1);
});

test("not covered without fence devices and watchdog: both killed, and the node cut off", {
  skip,
}, async (t) => {
  t.same(judge.doubles(), [], "up to here there was never a second owner");
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const guard = cluster.guard(owner);
  cluster.daemon(owner).kill("SIGSTOP");
  process.kill(guard, "SIGKILL");
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.net.cut(owner);
  t.match((await cluster.status(witness))?.watchdog.state, "refused", "there is none here");
  await cluster.until("a second owner, as the man page says", () => {
    const seen = judge.doubles().join("\n");
    return seen.includes("address on nodes") && seen.includes("primary on nodes");
  });
  t.comment(judge.doubles().join("; "));
  const left = cluster.brokers(owner);
  t.not(left.length, 0);
  await cluster.net.heal(owner);
  cluster.startDaemon(owner);
  await cluster.until("the next daemon ends the old one's services", () => {
    const brokers = cluster.brokers(owner);
    const gone = left.every((pid) => !brokers.includes(pid));
    return gone && !cluster.net.holders(serviceAddress).includes(owner);
  });
});
