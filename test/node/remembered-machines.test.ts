/** A copy of a node and members that have all just started: none of them has heard the original. */
import { test } from "tap";
import { Cluster, id } from "../sim/cluster.ts";
import { HostileMembership } from "../sim/hostile-membership.ts";
import { judgeOwners } from "../sim/judges.ts";
import { Random } from "../sim/random.ts";
import { RingNetwork } from "../sim/ring-network.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";

function started(): { readonly cluster: Cluster; readonly owner: number } {
  const conf = sampleConf();
  const time = new VirtualTime();
  const nodes = conf.nodes.map(({ id }) => id);
  const membership = new HostileMembership(time, nodes, {
    network: new RingNetwork(new Random(1)),
  });
  const options = { conf, time, membership, judge: judgeOwners };
  const cluster = new Cluster(options).boot(1, 2, 3).run(8000);
  return { cluster, owner: cluster.runningOn(P)[0] ?? 0 };
}

test("MACHINE2: what earlier lives saw keeps them off what the original runs", async (t) => {
  const { cluster, owner } = started();
  const others = [1, 2, 3].filter((node) => node !== owner);
  for (const node of others) cluster.crash(node);
  cluster.pause(owner).cut([owner], others);
  cluster.clone(owner);
  cluster.boot(...others).run(2500);
  t.same(cluster.runningOn(P), [owner], "the original has its lease still");
  cluster.run(15_000);
  const [next = 0] = cluster.runningOn(P);
  t.not(next, owner, "and nobody waits for ever");
});

test("MACHINE2: nor is it forgotten with the history that they begin without it", async (t) => {
  const { cluster, owner } = started();
  const others = [1, 2, 3].filter((node) => node !== owner);
  for (const node of others) cluster.killDaemon(node);
  cluster.pause(owner).cut([owner], others);
  cluster.boot(...others).run(600);
  const [one = 0] = others;
  t.equal(cluster.node(one)?.snapshot.phase, "active", "two of three have a history");
  cluster.clone(owner);
  cluster.run(2300);
  t.same(cluster.runningOn(P), [owner], "the original has its lease still");
  cluster.run(15_000);
  t.not(cluster.runningOn(P)[0], owner, "and nobody waits for ever");
});

test("MACHINE2: where all start again on their machines nobody waits", async (t) => {
  const { cluster } = started();
  for (const node of [1, 2, 3]) cluster.killDaemon(node);
  cluster.run(1000).boot(1, 2, 3).run(3000);
  t.equal(cluster.runningOn(P).length, 1);
});

test("MACHINE2: where others remember nobody is held for what a newcomer does", async (t) => {
  const { cluster, owner } = started();
  const [rebooted = 0, other = 0] = [1, 2, 3].filter((node) => node !== owner);
  cluster.killDaemon(other).crash(rebooted).run(200).boot(rebooted).run(12_000);
  cluster.boot(other).run(2000);
  for (const node of [1, 2, 3]) {
    t.equal(cluster.node(node)?.snapshot.table?.node(id(rebooted)).phase, "ready");
  }
});
