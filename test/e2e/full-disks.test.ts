/**
 * The disks of all nodes are full: services move, and a daemon that was killed comes back. Real
 * daemons, each with a small file system for its state and its log, and a judge from outside.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { enterNamespaces } from "../netns/enter.ts";
import { calmed } from "./calm-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const conf = "/tmp/full-disks.conf";
const cluster = new RealCluster({ conf });
const judge = new OutsideJudge();
const { nodes } = cluster.net;
const logging = '<logging to_logfile="yes" logfile="/var/log/cluster/clusterd.log"/>';

async function onEach(script: string): Promise<void> {
  for (const node of nodes) await cluster.net.execOnNode(node, ["sh", "-c", script]);
}

if (skip === false) {
  const text = calmed(readFileSync(publishedConf, "utf8"));
  writeFileSync(conf, text.replace("<rm", `${logging}\n  <rm`));
  await cluster.start();
  for (const path of ["/var/lib/clusterd", "/var/log/cluster"]) {
    await onEach(`mkdir -p ${path} && mount -t tmpfs -o size=64k tmpfs ${path}`);
  }
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted(nodes, 30_000);
  await onEach("for at in lib/clusterd log/cluster; do cat /dev/zero >/var/$at/fill; done");
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

test("the address moves to a node whose disk is full", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const asked = await cluster.command(witness, "clusvcadm-ts", "-r", "qpidd-primary-service");
  t.match(asked, { code: 0 });
  await cluster.takenOver(witness, owner);
  t.same(judge.doubles(), []);
});

test("a daemon that was killed comes back", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const before = cluster.daemon(owner);
  before.kill("SIGKILL");
  await before.exited;
  cluster.startDaemon(owner);
  await cluster.takenOver(witness, owner);
  await cluster.allStarted(nodes, 40_000);
  t.same(cluster.net.holders(serviceAddress).length, 1);
  t.same(judge.doubles(), []);
});
