/**
 * How long the others wait for a node with a watchdog, and what the watchdog is good for.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { LastHeard } from "../../src/node/last-heard.ts";
import type { Hello } from "../../src/services/table/table-sync.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { type SampleOptions, sampleConf, watchdogFencing } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";
const { watchdog } = watchdogFencing;

function started(fencing: SampleOptions["fencing"]): Cluster {
  const conf = sampleConf(fencing === undefined ? {} : { fencing });
  const time = new VirtualTime();
  const nodes = conf.nodes.map((node) => node.id);
  const membership = new PerfectMembership(time, nodes);
  const cluster = new Cluster({ conf, time, membership, judge: judgeOwners });
  return cluster.boot(1, 2, 3).run(5000);
}

/** When another node runs the primary, counted from now. */
function takeoverAfterMs(cluster: Cluster, owner: number): number {
  for (let waitedMs = 100; waitedMs < 30_000; waitedMs += 100) {
    cluster.run(100);
    if (cluster.runningOn(P).some((node) => node !== owner)) return waitedMs;
  }
  return Number.POSITIVE_INFINITY;
}

test("HEARD1: who has not said that it has none may have a watchdog", async (t) => {
  const identity = { self: id(1), machine: "machine 1", watchdog: true };
  const heard = new LastHeard(sampleConf({ fencing: { watchdog } }).fencing, identity);
  const say = (has: boolean): void => {
    const words: Pick<Hello, "node" | "watchdog"> = { node: id(2), watchdog: has };
    heard.note(words);
  };
  t.equal(heard.waited(id(2), 5000), 5000 - (9282 - 4442));
  say(false);
  t.equal(heard.waited(id(2), 5000), 5000);
  say(true);
  t.equal(heard.waited(id(2), 5000), 160);
  const plain = new LastHeard(sampleConf().fencing, { ...identity, watchdog: false });
  t.equal(plain.waited(id(2), 5000), 5000, "in software mode there are none");
});

test("the others wait for the watchdog of a lost node, not for one without", async (t) => {
  const without = started(undefined);
  const [one = 0] = without.runningOn(P);
  const shortMs = takeoverAfterMs(without.crash(one), one);
  const all = started({ watchdog });
  const [two = 0] = all.runningOn(P);
  const longMs = takeoverAfterMs(all.crash(two), two);
  t.ok(shortMs > 4000 && shortMs < 5500, `${shortMs} ms`);
  t.ok(longMs > 9000 && longMs < 10_500, `${longMs} ms`);
});

test("case 26: a survivor that was started anew counts from its own start", async (t) => {
  const waits = [false, true].map((anew) => {
    const cluster = started(undefined);
    const [owner = 0] = cluster.runningOn(P);
    const others = [1, 2, 3].filter((node) => node !== owner);
    const [survivor = 0] = others;
    cluster.cut([owner], others).run(1000);
    if (anew) cluster.killDaemon(survivor).boot(survivor);
    return takeoverAfterMs(cluster, owner);
  });
  const [kept = 0, anew = 0] = waits;
  t.ok(kept < 4000, `${kept} ms after the first second`);
  t.ok(anew >= 4400, `${anew} ms after its start`);
});

test("case 24: daemon and guard are killed: the machine is reset before a takeover", async (t) => {
  const cluster = started(watchdogFencing);
  const [owner = 0] = cluster.runningOn(P);
  cluster.killGuard(owner).killDaemon(owner).run(3900);
  t.same(cluster.runningOn(P), [owner], "nobody is there to end it");
  cluster.run(1200);
  t.equal(cluster.resets, 1);
  t.same(cluster.runningOn(P), []);
  cluster.run(8000);
  t.equal(cluster.runningOn(P).length, 1);
});

/** Cut off, its stop hangs, and at the end of its lease nobody is left to kill anything. */
function lastMoment(fencing: SampleOptions["fencing"]): Cluster {
  const cluster = started(fencing);
  const [owner = 0] = cluster.runningOn(P);
  cluster.host(owner).behaviours.set("/etc/init.d/qpidd-primary stop", { takesMs: null });
  const others = [1, 2, 3].filter((node) => node !== owner);
  return cluster.cut([owner], others).run(3100).killGuard(owner).killDaemon(owner);
}

test("the safe wait covers a reset that comes as late as it can", async (t) => {
  const cluster = lastMoment(watchdogFencing).run(20_000);
  t.equal(cluster.resets, 1);
  t.equal(cluster.runningOn(P).length, 1);
});

test("the judges are awake: a safe wait that does not cover the reset is found", async (t) => {
  const safeWaitMs = ms(6000);
  const fencing = { ...watchdogFencing, safeWaitMs, watchdog: { ...watchdog, safeWaitMs } };
  const hasty = lastMoment(fencing);
  t.throws(() => hasty.run(20_000), /two primaries|address twice/);
});

test("case 28: a process that cannot be killed: the machine is reset", async (t) => {
  const cluster = started(watchdogFencing);
  const [owner = 0] = cluster.runningOn(P);
  cluster.host(owner).undying = true;
  cluster.pause(owner).run(3200 + 5000);
  t.equal(cluster.resets, 1);
  t.same(cluster.runningOn(P), []);
});

test("case 28: a loser that is clean is not reset, cut off for however long", async (t) => {
  const cluster = started(watchdogFencing);
  const [owner = 0] = cluster.runningOn(P);
  const others = [1, 2, 3].filter((node) => node !== owner);
  cluster.cut([owner], others).run(60_000);
  t.equal(cluster.runningOn(P).filter((node) => node !== owner).length, 1);
  t.equal(cluster.resets, 0);
  cluster.heal().run(8000);
  t.same(cluster.runningOn(`node${owner}-qpidd-service`), [owner]);
});

test("case 29: a node that leaves is not reset; one whose daemon crashed neither", async (t) => {
  const cluster = started(watchdogFencing);
  cluster.terminate(3).run(20_000).killDaemon(2).run(20_000);
  t.equal(cluster.resets, 0);
});
