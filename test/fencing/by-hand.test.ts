/** What an operator's agents did: nobody does it again, and it says nothing of a later life. */
import { test } from "tap";
import type { FenceMessage } from "../../src/fencing/fence-messages.ts";
import { ms } from "../../src/model/time.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { FenceCluster, method } from "./fence-cluster.ts";

const P = "qpidd-primary-service";

function five(): FenceCluster {
  const fencing = { postFailDelayMs: ms(10_000) };
  const conf = sampleConf({ nodes: 5, fenceMethods: [method("power", "fence_apc nps1")], fencing });
  const cluster = new FenceCluster(conf).begin(1, 2, 3, 4, 5);
  for (const node of [1, 2, 3, 4, 5]) cluster.ready(node, 7);
  cluster.concluded.length = 0;
  return cluster;
}

type External = Extract<FenceMessage, { readonly type: "fence-external" }>;

function external(
  cluster: FenceCluster,
  victim: number,
  outcome: External["outcome"] = "success",
): External {
  const mark = cluster.domain(1).mark(id(victim));
  const rest = { by: id(2), outcome, text: "by erika" };
  return { type: "fence-external", victim: id(victim), ...mark, ...rest };
}

test("a member that was fenced by hand is not fenced again when it is lost", async (t) => {
  const cluster = five();
  cluster.say(external(cluster, 4)).view([1, 2, 3, 5]).run(1);
  t.same(cluster.calls, []);
  t.equal(cluster.concluded[0], "node 1: fenced 4 (external: by erika)");
  t.equal(cluster.concluded.length, 4, "all members know it");
  t.match(cluster.domain(3).describe(id(4)), /^fenced \(external\) by node1/);
});

test("while an operator's agents are running nobody else's begin", async (t) => {
  const cluster = five();
  const begun = external(cluster, 4, "begun");
  cluster.say(begun).view([1, 2, 3, 5]).run(59_000);
  t.same(cluster.calls, [], "longer than post_fail_delay");
  cluster.say({ ...begun, outcome: "success" }).run(1);
  t.equal(cluster.concluded[0], "node 1: fenced 4 (external: by erika)");
  t.equal(cluster.concluded.length, 4);
});

test("an operator's agents that fail, hang, or end with their node do not block", async (t) => {
  const failed = five();
  const begun = external(failed, 4, "begun");
  failed.say(begun).view([1, 2, 3, 5]).run(20_000);
  failed.say({ ...begun, outcome: "failure" }).run(10_000);
  t.equal(failed.calls.length, 1, "after post_fail_delay");
  const gone = five();
  gone
    .say(external(gone, 4, "begun"))
    .view([1, 3, 5])
    .run(10_000);
  t.equal(gone.calls.length, 2, "node2 ran them, and is a victim itself");
  const hanging = five();
  hanging
    .say(external(hanging, 4, "begun"))
    .view([1, 2, 3, 5])
    .run(60_000);
  t.equal(hanging.calls.length, 1, "after agent_timeout");
});

test("a victim that is fenced by hand during its delay is off", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1000);
  cluster.say(external(cluster, 4)).run(1);
  t.same(cluster.calls, []);
  t.equal(cluster.concluded.length, 4);
});

test("agents that are running come first, and what was said counts after them", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(10_000);
  t.equal(cluster.calls.length, 1);
  cluster.say(external(cluster, 4)).run(1000);
  t.same(cluster.concluded, []);
  cluster.answer("failure").run(1);
  t.equal(cluster.concluded[0], "node 1: fenced 4 (external: by erika)");
});

test("a word about an earlier life, or an earlier loss, is not believed", async (t) => {
  const cluster = five();
  const early = external(cluster, 4);
  cluster.view([1, 2, 3, 5]).view([1, 2, 3, 4, 5]).ready(4, 8);
  cluster.say(early).view([1, 2, 3, 5]).run(1000);
  t.same(
    cluster.concluded.filter((one) => one.includes("fenced")),
    [],
  );
  t.match(cluster.notices.join("\n"), /has begun a new life since/);
  const first = external(cluster, 4);
  cluster.view([1, 2, 3, 4, 5]).view([1, 2, 3, 5]).run(1000);
  cluster.say(first).run(1000);
  t.same(
    cluster.concluded.filter((one) => one.includes("fenced")),
    [],
  );
});

test("a node that is ready again since it was fenced by hand is fenced when lost", async (t) => {
  const cluster = five();
  cluster.say(external(cluster, 4)).ready(4, 8).view([1, 2, 3, 5]).run(10_000);
  t.equal(cluster.calls.length, 1);
});

test("a member that forms another ring since it was fenced by hand was not off", async (t) => {
  const cluster = five();
  cluster.say(external(cluster, 4)).view([1, 2, 3, 4]).view([1, 2, 3]).run(1000);
  t.same(
    cluster.concluded.filter((one) => one.includes("fenced 4")),
    [],
  );
  cluster.run(10_000);
  t.ok(
    cluster.calls.some(({ output }) => output.node === id(4)),
    "its devices decide",
  );
});

test("the word survives the executor, and whoever joins has it", async (t) => {
  const cluster = five();
  cluster.say(external(cluster, 4)).adopt(3, 2);
  t.same(cluster.domain(3).snapshot(), cluster.domain(2).snapshot());
  cluster.view([2, 3, 5]).run(1);
  t.ok(cluster.concluded.includes("node 3: fenced 4 (external: by erika)"));
  t.notOk(
    cluster.concluded.some((one) => one.includes("fenced 1")),
    "node1 is a victim like any",
  );
});

test("services of a node that was fenced by hand start elsewhere at once", async (t) => {
  const fencing = { postFailDelayMs: ms(60_000) };
  const conf = sampleConf({ fenceMethods: [method("power", "fence_apc nps1")], fencing });
  const time = new VirtualTime();
  const nodes = conf.nodes.map((node) => node.id);
  const membership = new PerfectMembership(time, nodes);
  const cluster = new Cluster({ conf, time, membership, judge: judgeOwners });
  cluster.boot(1, 2, 3).run(10_000);
  const owner = cluster.runningOn(P)[0] ?? 0;
  const [other = 0] = [1, 2, 3].filter((node) => node !== owner);
  cluster.fencedByHand(other, owner).run(5000);
  t.match(cluster.shown(other, P), /^started/);
  t.match(cluster.node(other)?.snapshot.fence.describe(id(owner)), /^fenced \(external\)/);
});
