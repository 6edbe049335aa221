/**
 * clusterd is killed: its guard ends the services and certifies that, so that they start elsewhere
 * without a wait for the lease. Without the guard's word the others wait.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const { AddressSampler } = await import("./address-sampler.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
if (skip === false) await cluster.start();
suite.teardown(() => cluster.stop());

const fenceOf = async (witness: number, node: number): Promise<string> =>
  (await cluster.status(witness))?.nodes.find(({ id }) => id === node)?.fence ?? "";

test("clusterd is killed", { skip }, async (t) => {
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 60_000);
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const sampler = new AddressSampler(() => cluster.net.holders(serviceAddress));
  sampler.start();
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.daemon(owner).exited;
  await cluster.takenOver(witness, owner);
  t.match(await fenceOf(witness, owner), /^fenced \(certificate\) by /);
  t.match(cluster.daemon(owner).output(), /certifies to the other nodes that nothing of this node/);
  t.match(
    cluster.daemon(witness).output(),
    /a guard certifies that the daemon of node \d has ended/,
  );
  t.match(cluster.daemon(witness).output(), /the process of node \d has ended/);
  t.same(cluster.brokers(owner), [], "its broker has ended");
  const next = (await cluster.service(witness, primary))?.owner ?? 0;
  const parts =
    "detected \\d+, ring \\d+, off \\d+ \\(certificate\\), .*" +
    "start \\d+ \\(queue \\d+, .*address \\d+, .*promoted \\d+, agreed \\d+\\)";
  const line = `node${owner}\\S* -> node${next}\\S* in \\d+ ms \\(node-lost\\): ${parts}`;
  await cluster.until("the new owner says what the failover took", () =>
    new RegExp(`${primary} failover ${line}`).test(cluster.daemon(next).output()),
  );
  t.match((await cluster.command(next, "clustat-ts", "--why", primary)).stdout, new RegExp(line));
  const said = [1, 2, 3].filter((node) => cluster.daemon(node).output().includes("(node-lost)"));
  t.same(said, [next], "no other node does");

  await t.test("and started again while the guard still certifies", async (t) => {
    cluster.startDaemon(owner);
    await cluster.allStarted([1, 2, 3], 60_000);
    t.equal(await fenceOf(witness, owner), "clean");
    t.notMatch(cluster.daemon(witness).output(), /is contested/, "copies contest nothing");
  });

  sampler.stop();
  t.same(sampler.doubles, [], `never on two nodes (${sampler.samples} samples)`);
});

test("clusterd and its guard are killed: nobody certifies", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  process.kill(cluster.guard(owner), "SIGKILL");
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.daemon(owner).exited;
  await cluster.until("the lease must have ended", async () =>
    /^fenced/.test(await fenceOf(witness, owner)),
  );
  t.match(await fenceOf(witness, owner), /^fenced \(self\) by /);
});
