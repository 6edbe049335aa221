/** LEAVEALL1: all members leave at once, when nothing runs any more. */
import { test } from "tap";
import { Cluster, id } from "../sim/cluster.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { Random } from "../sim/random.ts";
import { type SampleOptions, sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const primary = "qpidd-primary-service";

function clusterOf(nodes: number, rest: SampleOptions = {}) {
  const conf = sampleConf({ nodes, ...rest });
  const time = new VirtualTime();
  const membership = new PerfectMembership(
    time,
    conf.nodes.map((node) => node.id),
  );
  const cluster = new Cluster({ conf, time, membership, judge: judgeOwners });
  return cluster.boot(...cluster.nodes).run(20_000);
}

/** What the command does before it orders the members to leave. */
function stopEverything(cluster: Cluster, from: number): void {
  cluster.lock(from, "lock");
  cluster.run(100);
  for (const { name } of cluster.conf.services.services) {
    cluster.request(from, "stop", { service: name });
  }
  cluster.run(20_000);
}

const alive = (cluster: Cluster) => cluster.nodes.filter((node) => cluster.node(node) !== null);
const fencing = (cluster: Cluster) =>
  cluster.log.filter((line) => /fencing node|killed/.test(line));

test("the order is refused while services may start or still run", (t) => {
  const cluster = clusterOf(3);
  const early = cluster.lock(2, "leave-all");
  cluster.run(1000);
  t.match(early.reply, { type: "refused", why: "not-locked" });
  cluster.lock(1, "lock");
  const running = cluster.lock(2, "leave-all");
  cluster.run(1000);
  t.match(running.reply, { type: "refused", why: "services-running" });
  t.same(alive(cluster), [1, 2, 3]);
  t.match(cluster.shown(1, primary), /^started/);
  t.end();
});

test("all members leave, nobody is fenced, and the next start is an ordinary one", (t) => {
  for (const nodes of [2, 3]) {
    const quorum = nodes === 2 ? { quorum: { twoNode: true } } : {};
    const cluster = clusterOf(nodes, quorum);
    stopEverything(cluster, 2);
    t.same(cluster.runningOn(primary), []);
    const order = cluster.lock(2, "leave-all");
    cluster.run(20_000);
    t.match(order.reply, { type: "done" });
    t.same(alive(cluster), [], `${nodes} nodes have ended`);
    t.same(fencing(cluster), []);
    cluster.boot(...cluster.nodes).run(30_000);
    t.match(cluster.shown(1, primary), /^started/, "the services are not locked any more");
  }
  t.end();
});

test("members that die around the order hold nobody up, and nothing runs twice", (t) => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const random = new Random(seed);
    const cluster = clusterOf(3);
    stopEverything(cluster, 1);
    const victim = 2 + random.below(2);
    cluster.run(Math.floor(random.between(0, 30)));
    cluster.lock(1, "leave-all");
    cluster
      .run(Math.floor(random.between(0, 60)))
      .crash(victim)
      .run(60_000);
    // If the death came before the order, the new ring may have lost it: it is given once more.
    if (cluster.node(1) !== null) cluster.lock(1, "leave-all");
    cluster.run(60_000);
    const left = alive(cluster).filter((node) => cluster.node(node)?.snapshot.history !== null);
    t.same(left, [], `seed ${seed}: no member is left`);
    cluster.boot(...cluster.nodes.filter((node) => cluster.node(node) === null)).run(60_000);
    t.match(cluster.shown(1, primary), /^started/, `seed ${seed}`);
  }
  t.end();
});

test("a node without quorum refuses the order", (t) => {
  const cluster = clusterOf(3);
  cluster.crash(2).crash(3).run(20_000);
  const order = cluster.lock(1, "leave-all");
  cluster.run(1000);
  t.match(order.reply, { why: "no-quorum" });
  t.ok(cluster.node(id(1)));
  t.end();
});
