/**
 * The fence domain: victims, delays, who fences, what a failure leads to, and when one is off.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { id } from "../sim/cluster.ts";
import { type SampleOptions, sampleConf } from "../sim/sample-conf.ts";
import { FenceCluster, method } from "./fence-cluster.ts";

const { safeWaitMs } = sampleConf().fencing;
const devices = [method("power", "fence_apc nps1")];
const victimFour = "by 1: default nps1 of node4.example.com";

/** Five nodes with devices, all of them members and ready. */
function five(options: SampleOptions = {}): FenceCluster {
  const conf = sampleConf({ nodes: 5, fenceMethods: devices, ...options });
  const cluster = new FenceCluster(conf).begin(1, 2, 3, 4, 5);
  for (const node of [1, 2, 3, 4, 5]) cluster.ready(node);
  cluster.concluded.length = 0;
  return cluster;
}

const selfFencing = { fenceMethods: [] };
const selfFence = (selfFence: "no") => ({ selfFence });

test("case 8: a lost member is fenced by the lowest one, all learn it once", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1);
  t.same(cluster.calls.length, 1, "one agent, on one node");
  t.equal(cluster.call(), victimFour);
  t.match(
    cluster.domain(2).describe(id(4)),
    /^victim \(lost\), fenced by node1\.example\.com now$/,
  );
  t.same(cluster.concluded, []);
  cluster.answer("success", "switched off");
  const text = "fenced 4 (agent: method power: switched off)";
  t.same(
    cluster.concluded,
    [1, 2, 3, 5].map((node) => `node ${node}: ${text}`),
  );
  t.equal(cluster.domain(3).describe(id(4)), "fenced (agent) by node1.example.com");
  t.equal(cluster.domain(3).describe(id(5)), "clean");
  cluster.run(600_000);
  t.same(cluster.calls, []);
});

test("post_fail_delay holds the agent back, or post_join_delay", async (t) => {
  const fencing = { postFailDelayMs: ms(3000), postJoinDelayMs: ms(6000) };
  const failed = five({ fencing }).view([1, 2, 3, 5]).run(2999);
  t.same(failed.calls, []);
  t.match(failed.domain(1).describe(id(4)), /waiting for its fence devices/);
  t.equal(failed.run(1).call(), victimFour);
  const grown = five({ fencing }).view([1, 2, 3, 5], { grown: true }).run(5999);
  t.same(grown.calls, []);
  t.equal(grown.run(1).call(), victimFour);
});

test("case 21: a delay of -1 means for ever, until the node shows up clean", async (t) => {
  const cluster = five({ fencing: { postFailDelayMs: null } }).view([1, 2, 3, 5]);
  cluster.run(10_000_000);
  t.same(cluster.calls, []);
  cluster.view([1, 2, 3, 4, 5]).ready(4, 2);
  t.ok(cluster.concluded.includes("node 1: ready 4"));
  t.equal(cluster.domain(1).describe(id(4)), "clean");
});

test("case 13: when the executor is lost the next one begins anew, one result", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1);
  t.equal(cluster.call(), victimFour);
  cluster.view([2, 3, 5]).run(1);
  cluster.calls.shift();
  t.same(
    cluster.calls.map(({ by, output }) => [by, output.node]),
    [
      [2, 4],
      [2, 1],
    ],
  );
  cluster.answerAll("success");
  const fenced = cluster.concluded.filter((one) => one.startsWith("node 3: fenced 4"));
  t.equal(fenced.length, 1);
});

test("F1: a second begin of another member is ignored", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1);
  const since = cluster.domain(1).snapshot().victims[0]?.since ?? 0;
  cluster.say({ type: "fence-begin", victim: id(4), since, by: id(2) });
  t.equal(cluster.calls.length, 1);
  t.equal(cluster.domain(2).snapshot().victims[0]?.by, 1);
  const done = { type: "fence-done", victim: id(4), since, how: "agent", at: 1 } as const;
  cluster.say({ ...done, by: id(2), text: "not the executor" });
  t.same(cluster.concluded, []);
});

test("messages about an earlier loss of the node change nothing", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1);
  const since = cluster.domain(1).snapshot().victims[0]?.since ?? 0;
  cluster.view([1, 2, 3, 4, 5]).view([1, 2, 3, 5]).run(1);
  const before = JSON.stringify(cluster.domain(2).snapshot());
  const old = { victim: id(4), since, by: id(1), text: "old" };
  cluster.say({ type: "fence-done", ...old, how: "agent", at: 1 });
  cluster.say({ type: "fence-failed", ...old });
  cluster.say({ type: "fence-begin", victim: id(4), since, by: id(2) });
  t.equal(JSON.stringify(cluster.domain(2).snapshot()), before);
  t.same(cluster.concluded, []);
});

test("case 9: failing rounds follow each other with a growing pause, without end", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1);
  const pauses = Array.from({ length: 7 }, () => {
    cluster.answer("failure", "no answer");
    const from = cluster.time.nowMs;
    while (cluster.calls.length === 0 && cluster.time.nowMs - from < 100_000) cluster.run(1000);
    return cluster.time.nowMs - from;
  });
  t.same(pauses, [3000, 6000, 12_000, 24_000, 48_000, 60_000, 60_000]);
  cluster.answer("failure", "no answer");
  t.equal(cluster.domain(3).describe(id(4)), "victim, failed 8 times: no answer");
  t.same(cluster.concluded, []);
  cluster.run(60_000).answer("success");
  t.equal(cluster.concluded.length, 4);
});

test("a new conf has a waiting victim tried at once, by the devices that it names", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1);
  cluster.answer("failure", "no link");
  t.same(cluster.calls, [], "a pause");
  const mended = sampleConf({ nodes: 5, fenceMethods: [method("power", "fence_apc nps2")] });
  cluster.all({ type: "conf", conf: mended }).run(1);
  t.equal(cluster.call(), "by 1: default nps2 of node4.example.com");
  cluster.all({ type: "conf", conf: sampleConf({ nodes: 5, fenceMethods: devices }) }).run(1);
  t.equal(cluster.calls.length, 1, "what has begun goes on, and nothing beside it");
  cluster.answer("success", "switched off");
  t.equal(cluster.domain(2).describe(id(4)), "fenced (agent) by node1.example.com");
});

test("a new conf that gives a victim devices, or takes them away, decides for it", async (t) => {
  const none = sampleConf({ nodes: 5, fencing: selfFence("no"), fenceMethods: [] });
  const some = sampleConf({ nodes: 5, fencing: selfFence("no"), fenceMethods: devices });
  const given = new FenceCluster(none).begin(1, 2, 3, 4, 5);
  for (const node of [1, 2, 3, 4, 5]) given.ready(node);
  given.view([1, 2, 3, 5]).run(60_000);
  t.same(given.calls, []);
  t.match(given.domain(1).describe(id(4)), /cannot be fenced: no device/);
  given.all({ type: "conf", conf: some }).run(1);
  t.equal(given.call(), victimFour);
  const taken = five({ fencing: { postFailDelayMs: null } });
  taken.view([1, 2, 3, 5], { silentMs: { 4: 0 } });
  taken.all({ type: "conf", conf: sampleConf({ nodes: 5, ...selfFencing }) });
  taken.run(safeWaitMs - 1);
  t.match(taken.domain(1).describe(id(4)), /waiting for its lease to end/);
  t.same(taken.concluded, []);
  taken.run(1);
  t.equal(taken.concluded.length, 4);
});

test("agents that were about to begin when a new conf took them away do not", async (t) => {
  const cluster = five().view([1, 2, 3, 5], { silentMs: { 4: 0 } });
  const since = cluster.domain(1).mark(id(4)).since;
  cluster.all({ type: "conf", conf: sampleConf({ nodes: 5, ...selfFencing }) });
  cluster.all({
    type: "message",
    message: { type: "fence-begin", victim: id(4), since, by: id(1) },
  });
  cluster.run(0);
  t.same(cluster.calls, []);
  cluster.run(safeWaitMs - 1);
  t.same(cluster.concluded, []);
  cluster.run(1);
  t.equal(cluster.concluded.length, 4, "its lease has ended");
});

test("F3: a new conf does not shorten a safe wait", async (t) => {
  const cluster = five(selfFencing).view([1, 2, 3, 5], { silentMs: { 4: 0 } });
  cluster.run(safeWaitMs - 1000);
  cluster.all({ type: "conf", conf: sampleConf({ nodes: 5, ...selfFencing }) }).run(999);
  t.same(cluster.concluded, []);
  cluster.run(1);
  t.equal(cluster.concluded.length, 4);
});

test("case 12: victims are fenced in parallel: who cannot be fenced delays no other", async (t) => {
  const cluster = five().view([1, 2, 3]).run(1);
  t.equal(cluster.calls.length, 2);
  cluster.calls.shift();
  cluster.answer("success");
  t.ok(cluster.concluded.every((one) => one.includes("fenced 5")));
});

test("case 19: a node that is back and clean before an agent ran is not fenced", async (t) => {
  const cluster = five({ fencing: { postFailDelayMs: ms(10_000) } }).view([1, 2, 3, 5]);
  cluster.run(4000).view([1, 2, 3, 4, 5]).run(500).ready(4, 2).run(200_000);
  t.same(cluster.calls, []);
  t.match(cluster.notices.join("\n"), /node4\.example\.com is back and clean, not fenced/);
  t.equal(cluster.concluded.filter((one) => one.endsWith("ready 4")).length, 5);
});

test("a node that is back but never clean is fenced after agent_timeout", async (t) => {
  const fencing = { agentTimeoutMs: ms(20_000) };
  const cluster = five({ fencing }).view([1, 2, 3, 5]).view([1, 2, 3, 4, 5]).run(19_999);
  t.same(cluster.calls, []);
  t.equal(cluster.run(1).call(), victimFour);
});

test("case 19: a `ready` that comes while an agent runs waits for its verdict", async (t) => {
  for (const outcome of ["success", "failure"] as const) {
    const cluster = five().view([1, 2, 3, 5]).run(1).view([1, 2, 3, 4, 5]).ready(4, 7);
    t.same(cluster.concluded, [], "held");
    cluster.answer(outcome);
    const mine = cluster.concluded.filter((one) => one.startsWith("node 2:"));
    const fenced = "node 2: fenced 4 (agent: method power: agent success)";
    t.same(mine, outcome === "success" ? [fenced, "node 2: ready 4"] : ["node 2: ready 4"]);
    cluster.run(600_000);
    t.same(cluster.calls, [], "no further round");
  }
});

test("case 20: an inquorate node runs nothing and releases nobody", async (t) => {
  const cluster = five({ fencing: { postFailDelayMs: ms(1000) } }).view([1, 2, 3, 5]);
  cluster.all({ type: "inquorate" }).run(100_000);
  t.same(cluster.calls, []);
  t.match(cluster.domain(1).describe(id(4)), /waiting for quorum/);
  const self = five(selfFencing).view([1, 2, 3, 5]).all({ type: "inquorate" }).run(100_000);
  t.same(self.concluded, []);
});

test("case 20: quorum regained, the victims wait for post_join_delay", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1).all({ type: "inquorate" });
  cluster.calls.shift();
  cluster.begin(1, 2, 3, 5).run(5999);
  t.same(cluster.calls, []);
  t.equal(cluster.run(1).call(), victimFour);
});

test("a verdict of an agent that was begun for an earlier loss is not believed", async (t) => {
  const pair = [method("power", "fence_apc nps1", "fence_apc nps2")];
  const cluster = five({ fenceMethods: pair }).view([1, 2, 3, 5]).run(1);
  cluster.view([1, 2, 3, 4, 5]).view([1, 2, 3, 5]).run(1);
  t.equal(cluster.calls.length, 2, "the old `off nps1` is under way, a new one is asked for");
  cluster.answer("success", "late");
  t.equal(cluster.calls.length, 1, "the new round still waits for its own first step");
  const called = cluster.answerAll("success");
  t.same(
    called.map((one) => one.replace(/^by 1: (\S+ \S+) .*/, "$1")),
    ["off nps1", "off nps2", "on nps1", "on nps2"],
  );
  t.equal(cluster.concluded.length, 4);
});

test("an executor that begins a new life begins again what it had begun", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1);
  cluster.calls.shift();
  // Its old and its new life meet in one change of the ring: nobody saw it leave.
  cluster.adopt(1, 2).view([1, 2, 3, 5]).run(100);
  t.equal(cluster.call(), victimFour);
  cluster.answer("success");
  t.equal(cluster.concluded.length, 4);
});

test("who comes back while its executor has lost its memory is not fenced again", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1);
  cluster.calls.shift();
  cluster.adopt(1, 2).view([1, 2, 3, 4, 5]).ready(4, 2);
  t.ok(cluster.concluded.includes("node 2: ready 4"), "released at once");
  t.equal(cluster.domain(2).describe(id(4)), "clean");
  t.same(cluster.run(120_000).calls, []);
});

test("the executor stays when a lower node is proven clean meanwhile", async (t) => {
  const fencing = { postFailDelayMs: ms(5000) };
  const cluster = five({ fencing }).view([2, 3, 4]).run(1000).view([1, 2, 3, 4]).run(1000);
  cluster.ready(1, 2).run(10_000);
  t.equal(cluster.calls.length, 1);
  t.equal(cluster.call(), "by 2: default nps1 of node5.example.com");
});

test("when all members are victims, the first one proven clean fences", async (t) => {
  const cluster = five({ fencing: { postFailDelayMs: ms(1000) } })
    .view([1, 2, 3])
    .run(100);
  cluster.view([3, 4, 5]).run(100).view([1, 4, 5]).run(5000);
  t.same(cluster.calls, [], "1, 4 and 5 are back and not proven, 2 and 3 are absent");
  cluster.ready(5, 2).run(1000);
  const called = cluster.calls.map(({ by, output }) => `${output.node} by ${by}`);
  t.same(called.toSorted(), ["2 by 5", "3 by 5"]);
});

test("case 21: at a cold start who was not seen is fenced after post_join_delay", async (t) => {
  const conf = sampleConf({ fenceMethods: devices });
  const cluster = new FenceCluster(conf).begin(1, 2).run(5999);
  t.same(cluster.calls, []);
  t.equal(cluster.domain(1).describe(id(1)), "clean");
  t.match(cluster.domain(1).describe(id(3)), /^victim \(unseen\)/);
  t.equal(cluster.run(1).call(), "by 1: default nps1 of node3.example.com");
});

test("cold start: who joins in time is no victim", async (t) => {
  const conf = sampleConf({ fenceMethods: devices });
  const cluster = new FenceCluster(conf).begin(1, 2).run(3000);
  cluster.view([1, 2, 3], { grown: true }).run(100_000);
  t.same(cluster.calls, []);
  t.same(cluster.domain(3).snapshot().victims, []);
});

test("an unseen node that joins while its agent runs waits for the verdict", async (t) => {
  const conf = sampleConf({ fenceMethods: devices });
  const cluster = new FenceCluster(conf).begin(1, 2).run(6000);
  cluster.view([1, 2, 3], { grown: true }).ready(3);
  t.same(
    cluster.concluded.filter((one) => one.endsWith("ready 3")),
    [],
  );
  cluster.answer("failure");
  t.equal(cluster.concluded.filter((one) => one.endsWith("ready 3")).length, 3);
});

test("case 21: clean_start: nobody is a victim before it was seen", async (t) => {
  const conf = sampleConf({ fenceMethods: devices, fencing: { cleanStart: true } });
  const cluster = new FenceCluster(conf).begin(1, 2).run(100_000);
  t.same(cluster.calls, []);
  t.equal(cluster.domain(1).describe(id(3)), "clean");
  t.equal(cluster.view([1]).run(1).call(), "by 1: default nps1 of node2.example.com");
});

test("skip_undefined: who cannot be fenced is no victim until it is lost", async (t) => {
  const fencing = { selfFence: "no", skipUndefined: true } as const;
  const cluster = new FenceCluster(sampleConf({ fencing })).begin(1, 2).run(100_000);
  t.same(cluster.domain(1).snapshot().victims, []);
  cluster.view([1]).run(100_000);
  const why = "victim (lost), cannot be fenced: no device, and no self-fencing; start it again";
  t.equal(cluster.domain(1).describe(id(2)), why);
  t.same(cluster.concluded, []);
});

test("two_node without devices: nobody fences itself, both sides being quorate", async (t) => {
  const conf = sampleConf({ nodes: 2, quorum: { twoNode: true } });
  const cluster = new FenceCluster(conf).begin(1, 2).view([1]).run(1_000_000);
  t.same(cluster.concluded, []);
  t.match(cluster.domain(1).describe(id(2)), /cannot be fenced/);
});

test("F3: without devices a node counts as off when D has passed since it was heard", async (t) => {
  const cluster = five(selfFencing)
    .view([1, 2, 3, 5], { silentMs: { 4: 2000 } })
    .run(safeWaitMs - 2001);
  t.same(cluster.concluded, []);
  t.match(cluster.domain(1).describe(id(4)), /waiting for its lease to end/);
  cluster.run(1);
  t.equal(cluster.concluded.length, 4);
  t.equal(cluster.concluded[0], "node 1: fenced 4 (self: its lease has ended)");
  t.same(cluster.calls, [], "no agent");
});

test("F3: a member that heard the victim later makes everybody wait longer", async (t) => {
  const cluster = five(selfFencing)
    .view([1, 2, 3], { silentMs: { 4: safeWaitMs - 464, 5: safeWaitMs - 464 } })
    .run(400);
  cluster.view([1, 2, 3, 5], { silentMs: { 4: 1000 } }).run(safeWaitMs - 1001);
  t.same(cluster.concluded, []);
  t.equal(cluster.run(1).concluded.length, 4);
});

test("F3: a node that fences itself and is back is released by `ready` only", async (t) => {
  const cluster = five(selfFencing)
    .view([1, 2, 3, 5])
    .run(safeWaitMs - 464);
  cluster.view([1, 2, 3, 4, 5], { silentMs: { 4: 9000 } }).run(100_000);
  t.same(cluster.concluded, [], "its lease goes on: it is a member");
  cluster.ready(4, 2);
  t.same(new Set(cluster.concluded.map((one) => one.slice(8))), new Set(["ready 4"]));
  t.ok(cluster.messages.length < 3, "and nobody repeats itself meanwhile");
});

const softwareLast = { fencing: { selfFence: "software" } } as const;

test("self-fencing that was asked for follows the devices", async (t) => {
  for (const selfFence of ["software", "watchdog"] as const) {
    const asked = five({ fencing: { selfFence } });
    const cluster = asked
      .view([1, 2, 3, 5])
      .run(1)
      .answer("failure")
      .run(safeWaitMs - 1);
    t.same(cluster.concluded, [], selfFence);
    cluster.run(1);
    t.equal(cluster.concluded[3], "node 5: fenced 4 (self: method self: lease ended)");
  }
});

test("a safe wait inside a method survives a change of members", async (t) => {
  const cluster = five(softwareLast).view([1, 2, 3, 5]).run(1).answer("failure").run(3000);
  cluster.view([1, 2, 3], { silentMs: { 4: 3000, 5: 0 } }).run(safeWaitMs - 3000);
  t.ok(cluster.concluded.includes("node 2: fenced 4 (self: method self: lease ended)"));
});

test("F3: a safe wait inside a method does not release a node that is back", async (t) => {
  const cluster = five(softwareLast).view([1, 2, 3, 5]).run(1).answer("failure").run(3000);
  cluster.view([1, 2, 3, 4, 5], { silentMs: { 4: 0 } }).run(50_000);
  t.notOk(cluster.concluded.some((one) => one.includes("fenced 4")));
  cluster.ready(4, 2);
  t.equal(cluster.concluded.filter((one) => one.endsWith("ready 4")).length, 5);
});

test("a node that leaves cleanly is no victim", async (t) => {
  const cluster = five()
    .all({ type: "left", node: id(4) })
    .view([1, 2, 3, 5])
    .run(100_000);
  t.same(cluster.calls, []);
  t.equal(cluster.domain(1).describe(id(4)), "clean");
});

test("a node that was fenced, came back and left cleanly is clean", async (t) => {
  const cluster = five().view([1, 2, 3, 5]).run(1).answer("success");
  t.match(cluster.domain(1).describe(id(4)), /^fenced \(agent\)/);
  cluster
    .view([1, 2, 3, 4, 5])
    .all({ type: "left", node: id(4) })
    .view([1, 2, 3, 5]);
  t.equal(cluster.domain(1).describe(id(4)), "clean");
});

test("a joiner that adopts the state has the same victims and past", async (t) => {
  const cluster = five().view([1, 2, 3]).run(1);
  cluster.answer("success").answer("failure");
  t.match(cluster.domain(1).describe(id(4)), /^fenced \(agent\) by node1/);
  cluster.view([1, 2, 3, 4]);
  t.same(cluster.domain(4).snapshot(), cluster.domain(1).snapshot());
  t.match(cluster.domain(4).describe(id(5)), /^victim, failed 1 times/);
  t.equal(cluster.domain(4).describe(id(4)), "clean", "it is back");
});
