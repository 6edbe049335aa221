/**
 * Acceptance cases of the service manager, on simulated machines over a perfect membership layer.
 * P is the primary service, Qn the broker service of node n.
 * Cases: those of the list "service" in test/cases.txt.
 */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { Cluster, id, service } from "../sim/cluster.ts";
import { outcomeWord } from "../sim/cluster-machine.ts";
import type { ClusterOptions } from "../sim/cluster-options.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { type SampleOptions, sampleConf, virtualAddress } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";
const primaryScript = "/etc/init.d/qpidd-primary";

function newCluster(sample: SampleOptions = {}, rest: Partial<ClusterOptions> = {}): Cluster {
  const conf = sampleConf(sample);
  const time = new VirtualTime();
  const membership = new PerfectMembership(
    time,
    conf.nodes.map((node) => node.id),
  );
  return new Cluster({ conf, time, membership, judge: judgeOwners, ...rest });
}

/** All three nodes up and everything started; P is on node1. */
function started(sample: SampleOptions = {}, rest: Partial<ClusterOptions> = {}): Cluster {
  return newCluster(sample, rest).boot(1, 2, 3).run(5000);
}

test("case 1: services start at quorum, after stop agents ran everywhere", async (t) => {
  const cluster = newCluster().boot(1).run(3000);
  t.equal(cluster.record(1, P), null, "no table without quorum");
  t.ok(cluster.host(1).calls.includes(`service:${P} stop`), "stop ran before quorum");
  cluster.boot(2).run(2000);
  t.ok(cluster.host(2).calls.includes(`service:${P} stop`), "stop ran on the second node first");
  t.equal(cluster.shown(1, "node1-qpidd-service"), "started 1");
  t.equal(cluster.shown(1, "node2-qpidd-service"), "started 2");
  t.equal(cluster.shown(1, "node3-qpidd-service"), "stopped (none)");
  t.equal(cluster.shown(1, P), "stopped (none)", "node3 might be running it: not before its wait");
  cluster.run(9000);
  t.equal(cluster.runningOn(P).length, 1, "starts on exactly one once node3 counts as off");
  t.equal(cluster.shown(1, "node3-qpidd-service"), "stopped (none)");
});

test("case 1: with all nodes present the primary service starts at once", async (t) => {
  const cluster = started();
  t.equal(cluster.shown(2, P), "started 1");
  t.same(cluster.holders(virtualAddress), [1]);
  t.equal(cluster.host(1).announcements > 0, true);
});

test("case 2: nothing of a lost owner starts elsewhere before it is known to be off", async (t) => {
  const cluster = started().crash(1).run(4000);
  t.equal(cluster.shown(2, P), "started 1");
  t.equal(cluster.shown(2, "node1-qpidd-service"), "started 1");
  t.same(cluster.runningOn(P), []);
  t.match(cluster.node(2)?.snapshot.fence.describe(id(1)), /victim/);
  cluster.run(5000);
  t.equal(cluster.shown(2, P), "started 2");
  t.equal(cluster.shown(3, "node1-qpidd-service"), "stopped (1)");
});

test("case 3: the returned node gets its broker back, the primary does not move", async (t) => {
  const cluster = started().crash(1).run(10_000).boot(1).run(3000);
  t.equal(cluster.shown(1, "node1-qpidd-service"), "started 1");
  t.equal(cluster.shown(1, P), "started 2");
});

test("case 4: a failed check relocates, the failing node is not tried", async (t) => {
  const cluster = started();
  cluster.host(1).running.delete(`service:${P} ${primaryScript}`);
  cluster.run(3000);
  t.equal(cluster.shown(1, P), "started 2");
  const record = cluster.record(1, P);
  t.equal(record?.restarts, 1);
  t.equal(record?.lastOwner, 1);
  t.notOk(cluster.host(1).calls.slice(-3).includes(`service:${P} start`));
});

test("case 5: when all others fail it rests stopped, and a retry starts it later", async (t) => {
  const cluster = started();
  for (const node of [2, 3])
    cluster.host(node).behaviours.set(`${primaryScript} start`, { code: 1 });
  cluster.host(1).running.delete(`service:${P} ${primaryScript}`);
  const before = cluster.host(1).calls.filter((call) => call === `service:${P} start`).length;
  cluster.run(4000);
  t.equal(cluster.shown(1, P), "stopped (3)");
  const after = cluster.host(1).calls.filter((call) => call === `service:${P} start`).length;
  t.equal(after, before, "no attempt on node1");
  cluster.run(35_000);
  t.equal(cluster.shown(1, P), "started 1", "the retry takes the first working node");
});

test("case 5: with retry_delay 0 it waits for a node event", async (t) => {
  const never = started({ primary: { retryDelayMs: ms(0) } });
  for (const node of [2, 3]) never.host(node).behaviours.set(`${primaryScript} start`, { code: 1 });
  never.host(1).running.delete(`service:${P} ${primaryScript}`);
  never.run(100_000);
  t.equal(never.shown(1, P), "stopped (3)");
  never.crash(3).run(10_000);
  t.equal(never.shown(1, P), "started 1");
});

test("case 6: a broker restarts in place; failing that, once more, then it rests", async (t) => {
  const cluster = started();
  cluster.host(1).running.delete("service:node1-qpidd-service /etc/init.d/qpidd");
  cluster.run(2000);
  t.equal(cluster.shown(1, "node1-qpidd-service"), "started 1");
  cluster.host(1).behaviours.set("/etc/init.d/qpidd start", { code: 1 });
  cluster.host(1).running.delete("service:node1-qpidd-service /etc/init.d/qpidd");
  const starts = () =>
    cluster.host(1).calls.filter((one) => one === "service:node1-qpidd-service start").length;
  const before = starts();
  cluster.run(5000);
  t.equal(cluster.shown(1, "node1-qpidd-service"), "stopped (1)");
  t.equal(starts() - before, 2, "in place, and once more because no other node is legal");
});

test("case 7: a failed stop ends in failed, which only disable leaves", async (t) => {
  const cluster = started();
  cluster.host(1).behaviours.set(`${primaryScript} stop`, { code: 1 });
  const relocate = cluster.request(2, "relocate", { service: P });
  cluster.run(1000);
  t.equal(outcomeWord(relocate.reply), "stop-failed");
  t.equal(cluster.shown(1, P), "failed (1)");
  const answers = (["enable", "relocate", "stop"] as const).map((operation) => {
    const box = cluster.request(1, operation, { service: P });
    cluster.run(500);
    return outcomeWord(box.reply);
  });
  t.same(answers, ["start-of-failed", "start-of-failed", "stop-of-failed"]);
  cluster.host(1).behaviours.clear();
  const disable = cluster.request(1, "disable", { service: P });
  cluster.run(500);
  t.equal(disable.reply?.type, "done");
  const enable = cluster.request(1, "enable", { service: P });
  cluster.run(500);
  t.equal(enable.reply?.type, "done");
  t.equal(cluster.shown(1, P), "started 1");
});

test("case 8: disable of a failed service whose stop fails again ends disabled", async (t) => {
  const cluster = started();
  cluster.host(1).behaviours.set(`${primaryScript} stop`, { code: 1 });
  cluster.request(2, "relocate", { service: P });
  cluster.run(1000);
  const disable = cluster.request(1, "disable", { service: P });
  cluster.run(500);
  t.equal(outcomeWord(disable.reply), "disabled-unclean");
  t.equal(cluster.record(1, P)?.state, "disabled");
});

test("case 9: relocate to a named node; to an absent one lands elsewhere", async (t) => {
  const cluster = started();
  const moved = cluster.request(3, "relocate", { service: P, target: 2 });
  cluster.run(1000);
  t.same(moved.reply, { type: "done", owner: 2 });
  t.equal(cluster.shown(1, P), "started 2");
  cluster.crash(3).run(12_000);
  const elsewhere = cluster.request(1, "relocate", { service: P, target: 3 });
  cluster.run(1000);
  t.same(elsewhere.reply, { type: "done", owner: 1 });
});

test("case 10: an illegal target interrupts nothing", async (t) => {
  const cluster = started();
  const calls = cluster.host(1).calls.length;
  const refused = cluster.request(1, "relocate", { service: "node1-qpidd-service", target: 2 });
  cluster.run(200);
  t.equal(outcomeWord(refused.reply), "target-not-legal");
  t.equal(cluster.host(1).calls.filter((one, at) => at >= calls && one.endsWith("stop")).length, 0);
});

test("case 11: a relocation that fails everywhere comes back", async (t) => {
  const cluster = started();
  for (const node of [2, 3])
    cluster.host(node).behaviours.set(`${primaryScript} start`, { code: 1 });
  const box = cluster.request(2, "relocate", { service: P });
  cluster.run(2000);
  t.equal(outcomeWord(box.reply), "back-on-origin");
  t.equal(cluster.shown(1, P), "started 1");
});

test("case 12: enable where forbidden, by domain, when started, and of nothing", async (t) => {
  const cluster = started();
  const q2 = "node2-qpidd-service";
  cluster.request(2, "stop", { service: q2 });
  cluster.run(500);
  const forbidden = cluster.request(1, "enable", { service: q2 });
  cluster.run(500);
  t.equal(outcomeWord(forbidden.reply), "start-node-not-legal");
  const byDomain = cluster.request(1, "enable", { service: q2, byDomain: true });
  cluster.run(500);
  t.same(byDomain.reply, { type: "done", owner: 2 });
  const running = cluster.request(1, "enable", { service: P });
  const unknown = cluster.request(1, "enable", { service: "nosuch" });
  cluster.run(500);
  t.equal(outcomeWord(running.reply), "already-started");
  t.equal(outcomeWord(unknown.reply), "unknown-service");
});

test("case 13: disabled is left only by enable", async (t) => {
  const cluster = started();
  const disable = cluster.request(3, "disable", { service: P });
  cluster.run(500);
  t.equal(disable.reply?.type, "done");
  t.equal(cluster.shown(2, P), "disabled (1)");
  t.same(cluster.runningOn(P), []);
  cluster.crash(2).run(12_000).boot(2).run(2000);
  t.equal(cluster.shown(1, P), "disabled (1)");
  const answers = (["relocate", "restart", "stop"] as const).map((operation) => {
    const box = cluster.request(1, operation, { service: P });
    cluster.run(500);
    return outcomeWord(box.reply);
  });
  t.same(answers, ["disabled", "disabled", "done"]);
  t.equal(cluster.record(1, P)?.state, "disabled");
});

test("case 14: a stopped service starts again when a node joins", async (t) => {
  const cluster = started().crash(3).run(12_000);
  const stop = cluster.request(2, "stop", { service: P });
  cluster.run(500);
  t.equal(stop.reply?.type, "done");
  t.equal(cluster.record(1, P)?.state, "stopped");
  cluster.boot(3).run(2000);
  t.equal(cluster.record(1, P)?.state, "started");
});

test("case 16: what is frozen is neither checked nor moved, unfrozen it starts", async (t) => {
  const cluster = started();
  const freeze = cluster.request(3, "freeze", { service: P });
  cluster.run(500);
  t.equal(freeze.reply?.type, "done");
  const checksBefore = cluster.host(1).calls.length;
  cluster.host(1).running.clear();
  cluster.run(70_000);
  const primaryCalls = cluster
    .host(1)
    .calls.slice(checksBefore)
    .filter((one) => one.includes(P));
  t.same(primaryCalls, [], "no status check, no stop, no start");
  t.match(cluster.record(2, P), { state: "started", owner: 1, frozen: true });
  const disable = cluster.request(2, "disable", { service: P });
  cluster.run(500);
  t.equal(outcomeWord(disable.reply), "frozen");
  cluster.crash(1).run(20_000);
  t.match(cluster.record(2, P), { state: "stopped", lastOwner: 1, frozen: true });
  t.same(cluster.runningOn(P), []);
  t.match(cluster.node(2)?.snapshot.table?.waitingFor(service(P)), /unfrozen/);
  const unfreeze = cluster.request(2, "unfreeze", { service: P });
  cluster.run(1000);
  t.equal(unfreeze.reply?.type, "done");
  t.match(cluster.record(3, P), { state: "started", frozen: false });
});

test("case 17: while locked nothing is taken over, and unlocking starts it", async (t) => {
  const cluster = started();
  const lock = cluster.lock(2, "lock");
  cluster.run(500);
  t.equal(lock.reply?.type, "done");
  cluster.crash(1).run(20_000);
  t.equal(cluster.shown(2, P), "stopped (1)");
  t.match(cluster.node(2)?.snapshot.table?.waitingFor(service(P)), /unlocked/);
  const enable = cluster.request(2, "enable", { service: P });
  cluster.boot(1).run(10_000);
  t.equal(outcomeWord(enable.reply), "locked");
  t.equal(cluster.shown(1, "node1-qpidd-service"), "stopped (1)", "nor on a node that returns");
  for (const node of [1, 2, 3])
    t.equal(cluster.node(node)?.snapshot.table?.locked, true, `${node}`);
  const unlock = cluster.lock(3, "unlock");
  cluster.run(2000);
  t.equal(unlock.reply?.type, "done");
  t.equal(cluster.record(1, P)?.state, "started");
  t.equal(cluster.shown(1, "node1-qpidd-service"), "started 1");
});

test("while locked a failed service restarts where it is, whatever its policy", async (t) => {
  const cluster = started();
  cluster.lock(1, "lock");
  cluster.run(500).host(1).running.clear();
  cluster.run(35_000);
  t.equal(cluster.shown(2, P), "started 1");
  t.equal(cluster.record(2, P)?.restarts, 1);
  t.equal(cluster.shown(2, "node1-qpidd-service"), "started 1");
});

test("without quorum a lock cannot be taken, and a new history begins unlocked", async (t) => {
  const cluster = started();
  cluster.lock(1, "lock");
  cluster.run(500).cut([1], [2], [3]).run(5000);
  const lock = cluster.lock(1, "lock");
  cluster.run(500);
  t.equal(outcomeWord(lock.reply), "no-quorum");
  cluster.heal().run(20_000);
  t.equal(cluster.node(1)?.snapshot.table?.locked, false);
  t.equal(cluster.record(1, P)?.state, "started");
});

test("a node that leaves stops its frozen service, which then rests", async (t) => {
  const cluster = started();
  cluster.request(1, "freeze", { service: P });
  cluster.run(500).terminate(1).run(5000);
  t.equal(cluster.endOf(1), "left");
  t.match(cluster.record(2, P), { state: "stopped", lastOwner: 1, frozen: true });
  t.same(cluster.runningOn(P), []);
});

test("case 23: without quorum what could run elsewhere stops, requests are refused", async (t) => {
  const cluster = started().cut([1], [2, 3]).run(3000);
  t.same(cluster.runningOn(P), [], "node1 stopped it when it became inquorate");
  t.same(cluster.runningOn("node1-qpidd-service"), [1], "no other node may run it");
  const box = cluster.request(1, "enable", { service: P });
  cluster.run(100);
  t.equal(outcomeWord(box.reply), "no-quorum");
  t.equal(cluster.node(1)?.quorum.snapshot().quorate, false);
  t.equal(cluster.record(1, P), null);
  cluster.run(8000);
  t.equal(cluster.shown(2, P), "started 2");
  cluster.heal().run(6000);
  t.equal(cluster.shown(1, P), "started 2");
  t.equal(cluster.shown(1, "node1-qpidd-service"), "started 1");
});

test("a request that waits when its node loses quorum ends with that life", async (t) => {
  const cluster = started();
  cluster.host(2).behaviours.set(`${primaryScript} start`, { takesMs: 60_000 });
  const box = cluster.request(1, "relocate", { service: P, target: 2 });
  cluster.run(500).cut([1], [2, 3]).run(3000);
  t.equal(outcomeWord(box.reply), "life-ended");
});

test("case 23: with quorum_loss stop-all everything stops without quorum", async (t) => {
  const cluster = started({ brokers: { boundTo: null } })
    .cut([1], [2, 3])
    .run(3000);
  t.same(cluster.runningOn("node1-qpidd-service"), []);
});

test("case 24: a clean exit stops, others take over without fencing", async (t) => {
  const cluster = started().terminate(1).run(3000);
  t.equal(cluster.shown(2, P), "started 2");
  t.equal(cluster.shown(2, "node1-qpidd-service"), "stopped (1)");
  t.equal(cluster.node(1), null, "the daemon has ended");
  t.notOk(
    cluster.log.some((line) => /must be fenced|counts as off/.test(line)),
    "no fencing",
  );
});

test("case 24: a stop that fails during the exit keeps the service from starting", async (t) => {
  const cluster = started();
  cluster.host(1).behaviours.set(`${primaryScript} stop`, { code: 1 });
  cluster.terminate(1).run(20_000);
  t.equal(cluster.shown(2, P), "failed (1)");
});

test("case 25: of two relocations at once one moves it, the other is refused", async (t) => {
  const cluster = started();
  const starts = () => [1, 2, 3].flatMap((node) => cluster.host(node).calls).length;
  const first = cluster.request(2, "relocate", { service: P });
  const second = cluster.request(3, "relocate", { service: P });
  cluster.run(1000);
  const answers = [first, second].map(({ reply }) => outcomeWord(reply));
  t.same(answers.toSorted(), ["being-relocated", "done"]);
  t.equal(cluster.runningOn(P).length, 1);
  t.ok(starts() > 0);
});

test("case 26: the target dies while starting; the request ends on another node", async (t) => {
  const cluster = started();
  cluster.host(2).behaviours.set(`${primaryScript} start`, { takesMs: 60_000 });
  const box = cluster.request(1, "relocate", { service: P, target: 2 });
  cluster.run(500).crash(2).run(12_000);
  t.equal(box.reply?.type, "done");
  t.equal(cluster.runningOn(P).length, 1);
});

test("case 27: the owner dies while stopping for disable: disabled, never started", async (t) => {
  const cluster = started();
  cluster.host(1).behaviours.set(`${primaryScript} stop`, { takesMs: 60_000 });
  const box = cluster.request(2, "disable", { service: P });
  cluster.run(500).crash(1).run(12_000);
  t.equal(box.reply?.type, "done");
  t.equal(cluster.record(2, P)?.state, "disabled");
});

test("a paused owner kills everything before anybody takes over", async (t) => {
  const cluster = started().pause(1).run(6000);
  cluster.resume(1).run(5000);
  t.equal(cluster.runningOn(P).length <= 1, true);
  cluster.run(10_000);
  t.equal(cluster.runningOn(P).length, 1);
  t.equal(cluster.shown(1, "node1-qpidd-service"), "started 1");
});
