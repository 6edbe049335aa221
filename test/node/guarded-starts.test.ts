/** What is started needs a guard, and what a dead or standing daemon left does not outlive it. */
import { test } from "tap";
import { LeaseClock } from "../../src/node/lease-clock.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import {
  resource,
  type SampleOptions,
  sampleConf,
  script,
  virtualAddress,
} from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";
const ring = { rep: id(1), seq: 8 };

function started(sample: SampleOptions = {}): Cluster {
  const conf = sampleConf(sample);
  const time = new VirtualTime();
  const nodes = conf.nodes.map((node) => node.id);
  const membership = new PerfectMembership(time, nodes);
  const cluster = new Cluster({ conf, time, membership, judge: judgeOwners });
  return cluster.boot(1, 2, 3).run(5000);
}

test("C3: starting needs a lease that is held and one that is guarded", async (t) => {
  const lease = new LeaseClock(4400);
  lease.renew({ ring, startMs: 1000 }, ring);
  t.equal(lease.held(2000), true);
  t.equal(lease.mayStart(2000, true), false, "nobody has confirmed it");
  lease.guard(3000, "kill");
  t.equal(lease.mayStart(2999, true), true);
  t.equal(lease.mayStart(3000, true), false, "the guard may be killing by now");
  lease.guard(0, "kill");
  t.equal(lease.mayStart(2000, true), false, "there is no guard any more");
  lease.guard(9000, "kill");
  t.equal(lease.mayStart(5400, true), false, "what is guarded longer than it lasts has ended");
});

test("without a guard nothing is started, and nothing that runs is touched", async (t) => {
  const cluster = started();
  cluster.killGuard(2).killGuard(3).crash(1).run(12_000);
  t.same(cluster.runningOn(P), []);
  t.same(cluster.runningOn("node2-qpidd-service"), [2]);
  const chosen = cluster.record(2, P)?.owner;
  t.ok(chosen === 2 || chosen === 3, "it waits where it is to run");
  cluster.startGuard(2).startGuard(3).run(2000);
  t.equal(cluster.runningOn(P).length, 1);
});

test("what is stopped while a start waits for the guard does not confuse the two", async (t) => {
  const cluster = started();
  cluster.killGuard(2).killGuard(3).crash(1).run(12_000);
  const chosen = cluster.record(2, P)?.owner ?? 0;
  const broker = `node${chosen}-qpidd-service`;
  cluster.request(chosen, "disable", { service: broker });
  cluster.run(2000);
  t.equal(cluster.record(chosen, broker)?.state, "disabled", "a stop needs no guard");
  cluster.startGuard(2).startGuard(3).run(2000);
  t.same(cluster.runningOn(P), [chosen]);
});

test("without a guard no part of a service is started, either", async (t) => {
  const part = { kind: "independent", restarts: null } as const;
  const children = [script("a", { subtree: part })];
  const tree = resource("service", "broker", { children });
  const cluster = started({ brokers: { tree } });
  const host = cluster.host(2);
  const broker = "node2-qpidd-service";
  host.running.delete([...host.running].find((one) => one.includes(broker)) ?? "");
  cluster.killGuard(2).run(35_000);
  t.equal(cluster.record(2, broker)?.op?.kind, "repair");
  t.same(cluster.runningOn(broker), []);
  cluster.startGuard(2).run(2000);
  t.equal(cluster.record(2, broker)?.op, null);
  t.same(cluster.runningOn(broker), [2]);
});

test("a daemon that is killed leaves neither primary nor address", async (t) => {
  const cluster = started();
  const [owner = 0] = cluster.runningOn(P);
  cluster.killDaemon(owner).run(200);
  t.same(cluster.runningOn(P), []);
  t.same(cluster.holders(virtualAddress), []);
  cluster.run(12_000);
  t.equal(cluster.runningOn(P).length, 1);
  cluster.boot(owner).run(5000);
  t.same(cluster.runningOn(`node${owner}-qpidd-service`), [owner], "it has joined again");
});

test("a daemon that stands still loses its services with its lease, and joins again", async (t) => {
  const cluster = started();
  const [owner = 0] = cluster.runningOn(P);
  cluster.pause(owner).run(2900);
  t.same(cluster.runningOn(P), [owner], "the lease lasts");
  cluster.run(600);
  t.same(cluster.runningOn(P), []);
  cluster.run(8000);
  const [next = 0] = cluster.runningOn(P);
  t.not(next, owner);
  cluster.resume(owner).run(8000);
  t.same(cluster.runningOn(P), [next]);
  t.same(cluster.runningOn(`node${owner}-qpidd-service`), [owner], "it has joined again");
});

test("the judges are awake: without its guard, a daemon that stands still is found", async (t) => {
  const cluster = started();
  const [owner = 0] = cluster.runningOn(P);
  cluster.killGuard(owner).pause(owner);
  t.throws(() => cluster.run(12_000), /two primaries|address twice/);
});
