/**
 * An operator's word that a node is off: when it counts, and what follows.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { outcomeWord } from "../sim/cluster-machine.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";

/** Two nodes without fence devices: nobody but an operator can tell what became of a lost one. */
function twoNodes(): Cluster {
  const conf = sampleConf({
    nodes: 2,
    quorum: { twoNode: true, waitForAll: true },
    fencing: { selfFence: "no", postFailDelayMs: ms(0) },
  });
  const time = new VirtualTime();
  const membership = new PerfectMembership(time, [id(1), id(2)]);
  const cluster = new Cluster({ conf, time, membership, judge: judgeOwners });
  return cluster.boot(1, 2).run(5000);
}

test("two nodes: the survivor waits for the operator's word, then takes over", async (t) => {
  const cluster = twoNodes();
  t.equal(cluster.shown(2, P), "started 1");
  cluster.crash(1).run(60_000);
  t.equal(cluster.shown(2, P), "started 1", "for ever, not for some time");
  t.match(cluster.node(2)?.snapshot.fence.describe(id(1)), /cannot be fenced/);
  const word = cluster.acknowledge(2, 1);
  cluster.run(1000);
  t.equal(word.reply?.type, "done");
  t.equal(cluster.shown(2, P), "started 2");
  t.match(cluster.node(2)?.snapshot.fence.describe(id(1)), /^fenced \(override\)/);
});

test("case 22: a member, and who is no victim, cannot be acknowledged", async (t) => {
  const cluster = twoNodes();
  t.equal(outcomeWord(cluster.acknowledge(2, 1).reply), "no-victim");
  t.equal(outcomeWord(cluster.acknowledge(1, 1).reply), "no-victim");
  cluster.run(1000);
  t.equal(cluster.shown(2, P), "started 1");
});

test("a node that is back but not clean yet is not acknowledged: it proves itself", async (t) => {
  const cluster = twoNodes();
  cluster.crash(1).run(10_000);
  cluster.host(1).behaviours.set("/etc/init.d/qpidd stop", { takesMs: 20_000 });
  cluster.boot(1).run(3000);
  t.equal(outcomeWord(cluster.acknowledge(2, 1).reply), "member-again");
  cluster.run(30_000);
  t.match(cluster.shown(2, P), /^started/);
});

test("a word that is overtaken by the victim's return changes nothing", async (t) => {
  const cluster = twoNodes();
  cluster.cut([1], [2]).run(10_000);
  t.equal(cluster.shown(1, P), "started 1");
  cluster.heal().run(20_000);
  t.equal(cluster.runningOn(P).length, 1);
});

test("without quorum nobody is acknowledged", async (t) => {
  const conf = sampleConf({ nodes: 3 });
  const time = new VirtualTime();
  const membership = new PerfectMembership(time, [id(1), id(2), id(3)]);
  const cluster = new Cluster({ conf, time, membership, judge: judgeOwners });
  cluster.boot(1, 2, 3).run(5000).crash(2).crash(3).run(5000);
  t.equal(outcomeWord(cluster.acknowledge(1, 2).reply), "no-quorum");
});
