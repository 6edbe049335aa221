/**
 * Real daemons and brokers without init scripts: clusterd starts, asks and promotes them itself.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { endLoad, startLoad } = await import("./message-load.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { brokersSettled, withoutScripts } = await import("./broker-cluster.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const name = "qpidd-primary-service";
const cluster = new RealCluster({ change: withoutScripts });
const judge = new OutsideJudge();
if (skip === false) {
  await cluster.start();
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

test("case 17: a cold start promotes one broker", { skip }, async (t) => {
  await cluster.allStarted([1, 2, 3]);
  await brokersSettled(cluster, await cluster.started(1, primary));
  t.equal(cluster.net.nodes.flatMap((node) => cluster.brokers(node)).length, 3);
});

test("cases 18, 19, 27: killed, frozen and relocated, with a client that loses nothing", {
  skip,
}, async (t) => {
  const load = startLoad(cluster, 500);
  for (const signal of ["SIGKILL", "SIGSTOP", null] as const) {
    const owner = await cluster.started(1, primary);
    await brokersSettled(cluster, owner);
    const witness = owner === 1 ? 2 : 1;
    if (signal === null) {
      t.match(await cluster.command(witness, "clusvcadm-ts", "-r", name), { code: 0 });
    } else for (const pid of cluster.brokers(owner)) process.kill(pid, signal);
    await cluster.takenOver(witness, owner);
    await brokersSettled(cluster, await cluster.started(witness, primary));
  }
  const { lost, acknowledged, longestGapMs } = await endLoad(load);
  t.equal(lost, 0, `of ${acknowledged} acknowledged messages`);
  t.comment(`longest time without an acknowledgement: ${longestGapMs} ms`);
});

test("case 26: the broker's service is disabled while its broker is primary", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const before = cluster.brokers(owner);
  const own = `node${owner}-qpidd-service`;
  t.match(await cluster.command(owner, "clusvcadm-ts", "-d", own), { code: 0 });
  t.same(cluster.brokers(owner), before);
  t.match(await cluster.command(owner, "clusvcadm-ts", "-r", name), { code: 0 });
  t.same(cluster.brokers(owner), []);
  t.match(await cluster.command(owner, "clusvcadm-ts", "-e", own), { code: 0 });
  await brokersSettled(cluster, await cluster.started(1, primary));
});

test("case 25: all brokers end with the cluster; the last primary is promoted first", {
  skip,
}, async (t) => {
  await cluster.command(1, "clusvcadm-ts", "-r", name, "-m", "node3.example.com");
  const owner = await cluster.started(1, primary);
  await brokersSettled(cluster, owner);
  for (const node of cluster.net.nodes) cluster.daemon(node).kill("SIGTERM");
  for (const node of cluster.net.nodes) await cluster.daemon(node).exited;
  t.same(
    cluster.net.nodes.flatMap((node) => cluster.brokers(node)),
    [],
  );
  cluster.startAll();
  await cluster.allStarted([1, 2, 3]);
  t.equal(await cluster.started(1, primary), owner);
  await brokersSettled(cluster, owner);
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t);
});
