/** A node that comes back and has a long clean-up: what is off there is free for the others. */
import { test } from "tap";
import { Cluster } from "../sim/cluster.ts";
import { HostileMembership } from "../sim/hostile-membership.ts";
import { judgeOwners } from "../sim/judges.ts";
import { Random } from "../sim/random.ts";
import { RingNetwork } from "../sim/ring-network.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";
const stopOfP = "/etc/init.d/qpidd-primary stop";

function started(): Cluster {
  const conf = sampleConf();
  const time = new VirtualTime();
  const nodes = conf.nodes.map(({ id }) => id);
  const membership = new HostileMembership(time, nodes, {
    network: new RingNetwork(new Random(1)),
  });
  return new Cluster({ conf, time, membership, judge: judgeOwners }).boot(1, 2, 3).run(8000);
}

/** When another node than the one runs the primary, counted from now. */
function takeoverAfterMs(cluster: Cluster, owner: number): number {
  for (let waitedMs = 100; waitedMs < 60_000; waitedMs += 100) {
    cluster.run(100);
    if (cluster.runningOn(P).some((node) => node !== owner)) return waitedMs;
  }
  return Number.POSITIVE_INFINITY;
}

test("ANNOUNCE2: nobody waits for the stop of another service on a returned node", async (t) => {
  const cluster = started();
  const [owner = 0] = cluster.runningOn(P);
  const stop = "/etc/init.d/qpidd stop";
  cluster.host(owner).behaviours.set(stop, { takesMs: null });
  cluster.killGuard(owner).killDaemon(owner).run(500).boot(owner);
  const waitedMs = takeoverAfterMs(cluster, owner);
  t.ok(waitedMs < 8000, `${waitedMs} ms`);
  t.equal(cluster.node(owner)?.snapshot.clean, false, "its clean-up goes on");
  const own = `node${owner}-qpidd-service`;
  cluster.run(60_000);
  t.same(cluster.runningOn(own), [owner]);
});

test("nor for its own stop, where the guard has verified that nothing is left", async (t) => {
  const cluster = started();
  const [owner = 0] = cluster.runningOn(P);
  cluster.host(owner).behaviours.set(stopOfP, { takesMs: null });
  cluster.killDaemon(owner).run(500).boot(owner);
  const waitedMs = takeoverAfterMs(cluster, owner);
  t.ok(waitedMs < 8000, `${waitedMs} ms`);
  t.equal(cluster.node(owner)?.snapshot.clean, false, "its clean-up goes on");
  const own = `node${owner}-qpidd-service`;
  t.same(cluster.runningOn(own), [], "nor is its own broker started meanwhile");
  cluster.run(60_000);
  t.same(cluster.runningOn(own), [owner]);
});

test("what is not verified is not free: its own stop hangs, and no guard was there", async (t) => {
  const cluster = started();
  const [owner = 0] = cluster.runningOn(P);
  cluster.host(owner).behaviours.set(stopOfP, { takesMs: null });
  cluster.killGuard(owner).killDaemon(owner).run(500).boot(owner);
  const waitedMs = takeoverAfterMs(cluster, owner);
  t.ok(waitedMs > 29_000, `${waitedMs} ms`);
});

test("nor is what its guard could not look at", async (t) => {
  const cluster = started();
  const [owner = 0] = cluster.runningOn(P);
  const host = cluster.host(owner);
  host.behaviours.set(stopOfP, { takesMs: null });
  cluster.killDaemon(owner);
  host.blind = "guard too";
  cluster.run(500).boot(owner);
  host.blind = "nobody";
  const waitedMs = takeoverAfterMs(cluster, owner);
  t.ok(waitedMs > 29_000, `${waitedMs} ms`);
});
