/**
 * What operators, and the window of last_man_standing, change of the votes of a whole cluster.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import type { QuorumConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { type SampleOptions, sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";

function clusterOf(nodes: number, quorum: Partial<QuorumConf> = {}, rest: SampleOptions = {}) {
  const conf = sampleConf({ nodes, quorum, ...rest });
  const time = new VirtualTime();
  const ids = conf.nodes.map((node) => node.id);
  const membership = new PerfectMembership(time, ids);
  return new Cluster({ conf, time, membership, judge: judgeOwners });
}

const verdict = (cluster: Cluster, node: number) => cluster.node(node)?.quorum.snapshot();
const told = (cluster: Cluster, level: string) =>
  cluster.log.filter((line) => line.includes(` ${level}: `)).join("\n");

test("case 4: two of three wait for all, until an operator ends it: quorate at once", async (t) => {
  const cluster = clusterOf(3, { waitForAll: true }).boot(1, 2).run(5000);
  t.match(verdict(cluster, 1), {
    quorate: false,
    reason: "waiting for all: not seen node3.example.com",
  });
  const unsure = cluster.change(2, { type: "cancel-wait" });
  t.match(unsure.answer, { accepted: false, text: /node3\.example\.com may still be running/ });
  const sentence = "node node3.example.com is powered off";
  t.match(unsure.answer?.text, new RegExp(`--force '${sentence}'$`));
  const sure = cluster.change(2, { type: "cancel-wait" }, sentence);
  cluster.run(100);
  t.same(sure.answer, { accepted: true, text: "" });
  for (const node of [1, 2]) t.equal(verdict(cluster, node)?.quorate, true, `node ${node}`);
  cluster.run(20_000);
  t.match(cluster.shown(1, P), /^started/);
  const again = cluster.change(2, { type: "cancel-wait" });
  t.match(again.answer, { accepted: false, text: /does not wait/ });
});

test("case 4: the third appears: quorate; it leaves: still quorate", async (t) => {
  const cluster = clusterOf(3, { waitForAll: true }).boot(1, 2).run(5000).boot(3).run(2000);
  t.equal(verdict(cluster, 1)?.quorate, true);
  cluster.terminate(3).run(10_000);
  t.match(verdict(cluster, 1), { quorate: true, votes: 2, quorum: 2 });
});

test("case 6: the window passes, then less is expected, by all at one point", async (t) => {
  const lms = { waitForAll: true, lastManStandingMs: ms(10_000) };
  const cluster = clusterOf(5, lms).boot(1, 2, 3, 4, 5).run(5000);
  cluster.crash(4).crash(5).run(2300);
  t.match(verdict(cluster, 1), { expectedVotes: 5, quorum: 3, quorate: true });
  cluster.run(9800);
  t.match(verdict(cluster, 1), { expectedVotes: 5 }, "not before the window has passed");
  cluster.run(300);
  for (const node of [1, 2, 3]) t.match(verdict(cluster, node), { expectedVotes: 3, quorum: 2 });
  t.match(told(cluster, "notice"), /3 votes are expected .* last_man_standing .* wants it/);
  cluster.crash(3).run(5000);
  t.match(verdict(cluster, 2), { quorate: true, votes: 2 });
  cluster.boot(3).run(5000);
  t.match(verdict(cluster, 3), { quorate: true, votes: 3, expectedVotes: 3, quorum: 2 });
});

test("case 6: one more is lost before the window has passed: nothing is lowered", async (t) => {
  const lms = { waitForAll: true, lastManStandingMs: ms(10_000) };
  const cluster = clusterOf(5, lms).boot(1, 2, 3, 4, 5).run(5000);
  cluster.crash(4).crash(5).run(8000).crash(3).run(60_000);
  t.match(verdict(cluster, 1), { quorate: false, votes: 2, expectedVotes: 5, quorum: 3 });
});

test("case 7: `expected 1` on the isolated node: refused; with the sentence: alert", async (t) => {
  const cluster = clusterOf(3).boot(1, 2, 3).run(5000).cut([1], [2, 3]).run(3000);
  t.equal(verdict(cluster, 1)?.quorate, false);
  const refused = cluster.change(1, { type: "expected", expected: 1 });
  const names = "node2.example.com, node3.example.com";
  t.equal(refused.answer?.accepted, false);
  t.match(refused.answer?.text, new RegExp(`^${names} may still be running; if it is true`));
  const wrong = cluster.change(1, { type: "expected", expected: 1 }, "they are off");
  t.match(wrong.answer, { accepted: false, text: /not the sentence to be confirmed now/ });
  cluster.crash(2).crash(3);
  const sentence = `nodes ${names} are powered off`;
  const forced = cluster.change(1, { type: "expected", expected: 1 }, sentence);
  cluster.run(200);
  t.same(forced.answer, { accepted: true, text: "" });
  t.match(verdict(cluster, 1), { quorate: true, votes: 1, expectedVotes: 1, quorum: 1 });
  t.match(told(cluster, "alert"), /1 votes are expected .* the absent nodes are said to be off/);
});

test("`expected` needs no sentence when all who are absent have left cleanly", async (t) => {
  const waiting = clusterOf(3, { waitForAll: true }).boot(1, 2, 3).run(5000);
  waiting.terminate(3).run(5000).terminate(2).run(5000);
  t.equal(verdict(waiting, 1)?.quorate, false);
  const order = waiting.change(1, { type: "expected", expected: 1 });
  waiting.run(200);
  t.equal(order.answer?.accepted, true);
  t.equal(verdict(waiting, 1)?.quorate, true);
  const plain = clusterOf(3).boot(1, 2, 3).run(5000).terminate(3).run(5000);
  const refused = plain.change(1, { type: "expected", expected: 2 });
  t.match(refused.answer?.text, /node3\.example\.com could become quorate by themselves/);
});

test("do_cmd_set_expected: what the sums refuse is refused on the spot", async (t) => {
  const cluster = clusterOf(3).boot(1, 2, 3).run(5000);
  const order = (expected: number) => cluster.change(1, { type: "expected", expected }).answer;
  t.match(order(2), { accepted: false, text: /3 votes are present, fewer cannot be expected/ });
  t.match(order(9), { accepted: false, text: "quorum would be 5, only 3 votes are present" });
  t.equal(verdict(cluster, 1)?.expectedVotes, 3);
  const more = cluster.change(2, { type: "expected", expected: 4 });
  cluster.run(100);
  t.equal(more.answer?.accepted, true);
  for (const node of [1, 2, 3]) t.match(verdict(cluster, node), { expectedVotes: 4, quorum: 3 });
});

test("do_cmd_set_votes: all members count the new votes", async (t) => {
  const cluster = clusterOf(3, { waitForAll: true }).boot(1, 2, 3).run(5000);
  const order = cluster.change(2, { type: "votes", node: id(1), votes: 3 });
  cluster.run(100);
  t.same(order.answer, { accepted: true, text: "" });
  for (const node of [1, 2, 3]) {
    t.match(verdict(cluster, node), { votes: 5, expectedVotes: 5, quorum: 3 });
  }
  cluster.cut([1], [2, 3]).run(3000);
  t.equal(verdict(cluster, 1)?.quorate, true);
  t.equal(verdict(cluster, 2)?.quorate, false);
});

test("ORDER2: an order that a change of members overtakes is answered, and not done", async (t) => {
  const cluster = clusterOf(3).boot(1, 2, 3).run(5000).cut([1, 2], [3]).run(1500);
  const order = cluster.change(1, { type: "expected", expected: 4 });
  cluster.run(2000);
  t.match(order.answer, { accepted: false, text: /membership has changed meanwhile/ });
  t.match(verdict(cluster, 1), { expectedVotes: 3, quorum: 2 });
  const none = clusterOf(3).boot(1).run(1);
  const early = none.change(1, { type: "expected", expected: 1 });
  t.match(early.answer, { accepted: false, text: /try again/ });
});

test("auto_tie_breaker: of two halves that with node1 goes on, the other stops", async (t) => {
  const tieBreaker = [1, 2, 3, 4].map(id);
  const cluster = clusterOf(4, { tieBreaker, waitForAll: true }).boot(1, 2, 3, 4).run(5000);
  cluster.cut([1, 2], [3, 4]).run(3000);
  t.equal(verdict(cluster, 2)?.quorate, true);
  t.equal(verdict(cluster, 4)?.quorate, false);
  cluster.run(20_000);
  t.match(cluster.shown(1, P), /^started [12]$/);
  cluster.heal().run(20_000);
  t.match(verdict(cluster, 4), { quorate: true, votes: 4 });
  t.match(told(cluster, "notice"), /votes 2 of 4 expected, quorum 3: .*decided for these by node1/);
});
