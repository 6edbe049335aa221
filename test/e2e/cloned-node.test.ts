/**
 * A copy of a node's machine, with its address, its key and its state, is started while the
 * original runs, and while the original is cut off: real daemons, and a judge from outside. The
 * copy is at place 4 of the test network.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { enterNamespaces } from "../netns/enter.ts";
import { calmed } from "./calm-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { nodeAddress, nodeName, serviceAddress } = await import("../netns/node-files.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const original = 1;
const copy = 4;
const state = "var/lib/clusterd";
/** Not so long that each wait of the lease takes a minute. */
const conf = "/tmp/cloned-node.conf";
const cluster = new RealCluster({ nodes: 4, conf });
const judge = new OutsideJudge();

if (skip === false) {
  const text = calmed(readFileSync(publishedConf, "utf8"));
  writeFileSync(conf, text.replace("<rm", '<totem token="1000"/>\n  <rm'));
  await cluster.start();
  for (const node of [1, 2, 3]) {
    // The copy is no node of the cluster: no broker is asked for there before a promotion.
    const settings = cluster.net.path(node, "etc/qpid/qpidd.conf");
    const others = readFileSync(settings, "utf8").replace(`,${nodeAddress(copy)}`, "");
    writeFileSync(settings, others);
  }
  judge.start(cluster.net, serviceAddress);
  for (const node of [1, 2, 3]) cluster.startDaemon(node);
  await cluster.allStarted([1, 2, 3], 40_000);
  await moveTo(original);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

/** Asked for again while the broker there is not ready to be promoted. */
async function moveTo(node: number): Promise<void> {
  const service = primary.replace("service:", "");
  await cluster.until(
    "it is where it is wanted",
    async () => {
      const shown = await cluster.service(2, primary);
      if (shown?.state !== "started") return false;
      if (shown.owner === node) return true;
      await cluster.command(2, "clusvcadm-ts", "-r", service, "-m", nodeName(node));
      return false;
    },
    60_000,
  );
}

/** What the original's disk holds, at the other place of the network, under that address. */
async function startCopy(address: string): Promise<void> {
  const { net } = cluster;
  rmSync(net.path(copy, state), { recursive: true, force: true });
  cpSync(net.path(original, state), net.path(copy, state), { recursive: true });
  // Here all see each other's processes: with the same mark the copy would end the original's.
  rmSync(net.path(copy, `${state}/tracking-token`), { force: true });
  const hosts = readFileSync(net.path(original, "etc/hosts"), "utf8");
  const own = new RegExp(`^${nodeAddress(original)} `, "m");
  writeFileSync(net.path(copy, "etc/hosts"), hosts.replace(own, `${address} `));
  const words = [
    `hostname ${nodeName(original)}`,
    "ip addr flush dev eth0",
    `ip addr add ${address}/24 brd + dev eth0`,
    "ip link set eth0 up",
  ];
  const done = await net.execOnNode(copy, ["sh", "-c", words.join(" && ")]);
  if (done.code !== 0) throw new Error(done.stderr);
  cluster.startDaemon(copy);
}

function brokersOfOthers(): string {
  return JSON.stringify([cluster.brokers(2), cluster.brokers(3)]);
}

async function wholeAgain(): Promise<void> {
  await cluster.until(
    "node 1 is a member again",
    async () => {
      const shown = (await cluster.status(2))?.nodes.find(({ id }) => id === original);
      return shown?.online === true && shown.ready && !/CONTESTED/.test(shown.fence);
    },
    60_000,
  );
  await cluster.allStarted([1, 2, 3], 60_000);
}

test("a copy with another address is refused by all, and ends", { skip }, async (t) => {
  const [sinceMs, before] = [judge.nowMs, brokersOfOthers()];
  await startCopy(nodeAddress(copy));
  const ended = await cluster.daemon(copy).exited;
  t.not(ended.code, 0);
  t.match(cluster.daemon(copy).output(), /another process with node id 1 is alive at 20\.0\.20\.1/);
  t.match(cluster.daemon(original).output(), /a later process at 20\.0\.20\.4 uses this node's id/);
  t.same(judge.doubles(sinceMs), []);
  t.equal(judge.gapsInWords(sinceMs), "nothing changed hands");
  t.equal(brokersOfOthers(), before);
});

test("a copy with the same address: neither has a lease until one is gone", { skip }, async (t) => {
  const [sinceMs, before] = [judge.nowMs, brokersOfOthers()];
  await startCopy(nodeAddress(original));
  await cluster.until("all others say it", () =>
    [2, 3].every((node) => /node1.example.com is there twice/.test(cluster.daemon(node).output())),
  );
  const shown = (await cluster.status(2))?.nodes.find(({ id }) => id === original);
  t.match(shown?.fence, /^CONTESTED: more than one machine uses its id/);
  await cluster.takenOver(2, original);
  await cluster.until("the judge has seen it", () => judge.sawUntil(judge.nowMs - 100));
  t.comment(judge.gapsInWords(sinceMs));
  t.same(judge.doubles(sinceMs), [], "never two owners");
  t.equal(brokersOfOthers(), before, "services of other nodes go on");
  await cluster.net.powerOff(copy);
  await wholeAgain();
  t.same(judge.doubles(sinceMs), [], "never two owners");
  t.match(cluster.daemon(2).output(), /node1.example.com is there only once again/);
});

test("a copy that is started while the original is cut off waits", { skip }, async (t) => {
  await moveTo(original);
  const [sinceMs, before] = [judge.nowMs, brokersOfOthers()];
  await cluster.net.heal(copy);
  await cluster.net.partition([[1], [2, 3, "client", copy]]);
  await startCopy(nodeAddress(original));
  // The copy may get it, or another node, when the original's lease is over.
  await cluster.until(
    "it runs elsewhere",
    () => cluster.net.holders(serviceAddress).some((node) => node !== original),
    40_000,
  );
  await cluster.until("the judge has seen it", () => judge.sawUntil(judge.nowMs - 100));
  t.comment(judge.gapsInWords(sinceMs));
  t.same(judge.doubles(sinceMs), [], "never two owners");
  t.equal(brokersOfOthers(), before, "services of other nodes go on");
  const said = cluster.daemon(2).output();
  t.match(said, /node1.example.com is back on another machine, or was started anew/);
  await cluster.net.powerOff(copy);
  await cluster.net.healAll();
  await cluster.net.cut(copy);
  await wholeAgain();
  t.same(judge.doubles(sinceMs), [], "never two owners");
});

test("it waits also where all others have just started: they remember", { skip }, async (t) => {
  await moveTo(original);
  const sinceMs = judge.nowMs;
  await cluster.net.heal(copy);
  await cluster.net.partition([[1], [2, 3, "client", copy]]);
  // Its guard keeps the promise of its lease; it cannot hand anything over.
  cluster.daemon(original).kill("SIGSTOP");
  for (const node of [2, 3]) cluster.daemon(node).kill("SIGKILL");
  await startCopy(nodeAddress(original));
  for (const node of [2, 3]) cluster.startDaemon(node);
  await cluster.until(
    "it runs elsewhere",
    () => cluster.net.holders(serviceAddress).some((node) => node !== original),
    60_000,
  );
  await cluster.until("the judge has seen it", () => judge.sawUntil(judge.nowMs - 100));
  t.comment(judge.gapsInWords(sinceMs));
  t.same(judge.doubles(sinceMs), [], "never two owners");
  const said = [2, 3].map((node) => cluster.daemon(node).output()).join("\n");
  t.match(said, /node1.example.com is back on another machine, or was started anew/);
});
