/** F4: a node that is back on another machine, and nodes whose id more than one machine uses. */
import { test } from "tap";
import { acknowledge } from "../../src/fencing/acknowledge.ts";
import { id } from "../sim/cluster.ts";
import { type SampleOptions, sampleConf } from "../sim/sample-conf.ts";
import { FenceCluster, method } from "./fence-cluster.ts";

const safeWaitMs = sampleConf().fencing.safeWaitMs;
const devices = { fenceMethods: [method("power", "fence_apc nps1")] };

/** Three members, of which node 1 is lost and back from elsewhere one second later. */
function moved(options: SampleOptions = { fenceMethods: [] }): FenceCluster {
  const cluster = new FenceCluster(sampleConf(options)).begin(1, 2, 3);
  for (const node of [1, 2, 3]) cluster.ready(node);
  cluster.view([2, 3], { silentMs: { 1: 1000 } }).run(1000);
  cluster.concluded.length = 0;
  return cluster.view([1, 2, 3], { movedMs: { 1: 2000 }, silentMs: { 1: 0 } });
}

test("its word is held until the lease on the machine before must have ended", async (t) => {
  const cluster = moved().ready(1, 2);
  t.same(cluster.concluded, []);
  t.match(cluster.domain(3).describe(id(1)), /back on another machine or kernel/);
  cluster.run(safeWaitMs - 2001);
  t.same(cluster.concluded, []);
  cluster.run(1);
  t.match(cluster.concluded.slice(0, 2), [/^node \d: fenced 1 \(self/, /^node \d: ready 1/]);
  t.equal(cluster.domain(3).describe(id(1)), "clean");
});

test("with devices it is waited for, too, and not shot", async (t) => {
  const cluster = moved(devices);
  // The agents were running already when it came back: their verdict comes first.
  cluster.answerAll("failure");
  cluster.ready(1, 2).run(safeWaitMs);
  t.same(cluster.calls, []);
  t.ok(cluster.concluded.some((text) => text.startsWith("node 2: ready 1")));
});

test("the other machine was heard too long ago: nothing is waited for", async (t) => {
  const cluster = new FenceCluster(sampleConf({ fenceMethods: [] })).begin(1, 2, 3);
  cluster.view([1, 2, 3], { movedMs: { 1: safeWaitMs } }).ready(1, 2);
  t.ok(cluster.concluded.includes("node 2: ready 1"));
});

test("it is lost again: the wait begins anew, with what was heard last", async (t) => {
  const cluster = moved()
    .ready(1, 2)
    .view([2, 3], { silentMs: { 1: 100 } });
  t.match(cluster.domain(2).describe(id(1)), /^victim \(lost\)/);
  cluster.run(safeWaitMs - 101);
  t.same(cluster.concluded, []);
  cluster.run(1);
  t.match(cluster.concluded[0] ?? "", /fenced 1 \(self/);
});

test("nobody remembers the other machine any more: the whole wait counts", async (t) => {
  const cluster = moved()
    .ready(1, 2)
    .view([1, 2, 3])
    .run(safeWaitMs - 1);
  t.same(cluster.concluded, []);
  cluster.run(1);
  t.ok(cluster.concluded.includes("node 2: ready 1"));
});

test("an operator may say that the other machine is off", async (t) => {
  const cluster = moved().ready(1, 2);
  const word = { victim: id(1), by: id(2), who: "operator", at: 1 };
  const message = acknowledge(cluster.domain(2).snapshot(), word);
  if (!message.ok) throw new Error(message.problem);
  cluster.say(message.value);
  t.ok(cluster.concluded.includes("node 3: ready 1"));
});

test("an id that is used twice is said by all, once, and over when nobody hears it", async (t) => {
  const cluster = new FenceCluster(sampleConf({ nodes: 4 })).begin(2, 3, 4);
  const contest = (by: number, contested: boolean) =>
    cluster.say({ type: "fence-contested", node: id(1), by: id(by), contested });
  contest(2, true);
  contest(3, true);
  const alerts = () => cluster.notices.filter((text) => / alert: .* is there twice/.test(text));
  t.equal(alerts().length, 3, "one on each member");
  t.match(cluster.domain(4).describe(id(1)), /^CONTESTED.*node2.example.com, node3.example.com/);
  contest(2, false);
  t.match(cluster.domain(4).describe(id(1)), /^CONTESTED/);
  cluster.view([2, 4]);
  t.notMatch(cluster.domain(4).describe(id(1)), /^CONTESTED/, "who said so has gone");
});
