/**
 * A machine outside the cluster takes an address of a service while real daemons move it: it goes
 * up at once where no other node can have it, and does not stay beside the stranger.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
if (skip === false) await cluster.start();
suite.teardown(() => cluster.stop());

/** On the interface of the client's machine that is in the cluster's network. */
function stranger(words: "add" | "del") {
  const name = "ip -o -4 route show 20.0.20.0/24 | sed 's/.* dev \\([^ ]*\\).*/\\1/'";
  const script = `ip addr ${words} ${serviceAddress}/24 dev "$(${name})"`;
  return cluster.net.execClient(["sh", "-c", script]);
}

test("ADDRESS2: who answers for an address that has moved is found by the next check", {
  skip,
}, async (t) => {
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 60_000);
  const [owner = 0] = cluster.net.holders(serviceAddress);
  const taken = await stranger("add");
  t.equal(taken.code, 0, taken.stderr);
  const target = owner === 1 ? 2 : 1;
  await cluster.command(target, "clusvcadm-ts", "-r", primary, "-m", `node${target}.example.com`);
  const found = /20\.0\.20\.200 on eth0 is in use by [0-9a-f:]{17}, too/;
  await cluster.until("the stranger is found", () => found.test(cluster.logs()));
  const refused = /20\.0\.20\.200 is in use by [0-9a-f:]{17} on eth0/;
  await cluster.until("it is not put up there again", () => refused.test(cluster.logs()));
  await cluster.until("no node has it", () => cluster.net.holders(serviceAddress).length === 0);
  await stranger("del");
  await cluster.until("the service has it again", async () => {
    await cluster.command(target, "clusvcadm-ts", "-e", primary);
    return cluster.net.holders(serviceAddress).length === 1;
  });
});
