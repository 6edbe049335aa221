/**
 * ccs-ts on three real daemons: one line adds a service everywhere, all nodes are compared, and all
 * of them are ended from one.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { enterNamespaces } from "../netns/enter.ts";
import { calmed } from "./calm-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const onNode = "/etc/cluster/cluster.conf";
const nodes = [1, 2, 3];
const cluster = new RealCluster({ conf: onNode });
const textOf = (node: number) => readFileSync(join(cluster.net.rootOf(node), onNode), "utf8");

if (skip === false) {
  await cluster.start();
  const published = calmed(readFileSync(publishedConf, "utf8"));
  for (const node of nodes) writeFileSync(join(cluster.net.rootOf(node), onNode), published);
  cluster.startAll();
  await cluster.allStarted(nodes, 30_000);
}
suite.teardown(() => cluster.stop());

test("one line adds a service and brings it into force on all nodes", { skip }, async (t) => {
  const address = serviceAddress.replace(/\d+$/, "201");
  const part = ["--addsubservice", "test-group", "ip", `address=${address}`, "sleeptime=0"];
  const edit = ["--addservice", "test-group", ...part, "--activate"];
  const added = await cluster.command(2, "ccs-ts", ...edit);
  t.same({ code: added.code, err: added.stderr }, { code: 0, err: "" });
  const owner = await cluster.started(1, "service:test-group");
  t.same(cluster.net.holders(address), [owner]);
  for (const node of nodes) {
    await cluster.until("every node keeps it", () => textOf(node) === textOf(2));
  }
  const checked = await cluster.command(3, "ccs-ts", "--checkconf");
  t.equal(checked.code, 0, checked.stderr);
  t.match(checked.stdout, /^(node\d.example.com: (version \d+ \(\w{12}\))\n){3}\S+: \2\n$/);
  const inForce = await cluster.command(3, "ccs-ts", "--getconf");
  t.equal(inForce.stdout, textOf(2));
});

test("all nodes are ended from one, and nothing is left on any", { skip }, async (t) => {
  const before = nodes.map((node) => cluster.daemon(node).output().length);
  const stopped = await cluster.command(2, "ccs-ts", "--stopall");
  t.equal(stopped.code, 0, stopped.stderr);
  t.match(stopped.stdout, /service:test-group is stopped\n[\s\S]*all services are stopped; /);
  for (const node of nodes) {
    t.same(await cluster.daemon(node).exited, { code: 0, signal: null }, `node ${node}`);
    const said = cluster
      .daemon(node)
      .output()
      .slice(before[node - 1]);
    t.match(said, /all members leave, as a user on node2.example.com orders it/, `node ${node}`);
    t.notMatch(said, /fencing node|quorum is lost/, `node ${node}`);
    t.same(cluster.brokers(node), []);
  }
  t.same(cluster.net.holders(serviceAddress), []);
  const start = await cluster.command(2, "ccs-ts", "--startall");
  const names = "node1.example.com, node2.example.com, node3.example.com";
  t.match(start, { code: 1, stderr: new RegExp(`on ${names}: systemctl start clusterd`) });
});
