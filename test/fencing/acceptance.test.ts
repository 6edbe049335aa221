/**
 * Acceptance cases of fencing on whole simulated clusters.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import { formatDomain } from "../../src/cli/fence-text.ts";
import { OperatorFencing } from "../../src/life/operator-fencing.ts";
import type { FencingConf, QuorumConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { outcomeWord } from "../sim/cluster-machine.ts";
import type { ClusterOptions } from "../sim/cluster-options.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { method } from "./fence-cluster.ts";

const P = "qpidd-primary-service";

type Given = Pick<ClusterOptions, "fenceAgent" | "fenceTakesMs"> & {
  readonly nodes?: number;
  readonly quorum?: Partial<QuorumConf>;
  readonly fencing?: Partial<FencingConf>;
};

/** A cluster whose nodes have one device each. */
function given({ nodes = 3, quorum = {}, fencing = {}, ...agents }: Given): Cluster {
  const fenceMethods = [method("power", "fence_apc nps1")];
  const conf = sampleConf({ nodes, quorum, fencing, fenceMethods });
  const time = new VirtualTime();
  const ids = conf.nodes.map((node) => node.id);
  const membership = new PerfectMembership(time, ids);
  return new Cluster({ conf, time, membership, judge: judgeOwners, ...agents });
}

function listing(cluster: Cluster, node: number): string {
  const fencing = new OperatorFencing({
    conf: () => sampleConf(),
    performer: { fence: () => Promise.reject(new Error("nothing is run")) },
    node: () => cluster.node(node),
    push: () => undefined,
    log: () => undefined,
  });
  return formatDomain(fencing.status(), { nodes: true });
}

const logged = (cluster: Cluster, text: string) =>
  cluster.log.filter((line) => line.includes(text)).length;

test("case 8: services move only after the agent, and the listing shows the victim", async (t) => {
  const cluster = given({ fenceAgent: () => "success", fenceTakesMs: () => 5000 });
  cluster.boot(1, 2, 3).run(10_000).crash(1).run(2500);
  t.equal(cluster.shown(2, P), "started 1");
  t.match(
    listing(cluster, 3),
    "fence domain\nmember count  2\nvictim count  1\nvictim now    1\nmaster nodeid 2\n" +
      "wait state    fencing\nmembers       2 3\nall nodes\n" +
      "nodeid 1 member 0 victim 1 last fence master 0 how none\n",
  );
  cluster.run(20_000);
  t.match(cluster.shown(2, P), /^started [23]$/);
  t.equal(logged(cluster, "fence node1.example.com success (agent)"), 2, "once on each member");
  t.match(listing(cluster, 2), /victim count {2}0\n.*nodeid 1 .* last fence master 2 how agent\n/s);
});

test("case 9: an agent that fails twice is tried three times, with pauses", async (t) => {
  let left = 2;
  const times: number[] = [];
  const cluster = given({
    fenceAgent: () => {
      times.push(cluster.log.length);
      left -= 1;
      return left < 0 ? "success" : "failure";
    },
  });
  cluster.boot(1, 2, 3).run(10_000).crash(1).run(2300);
  t.equal(times.length, 1);
  t.match(
    cluster.node(2)?.snapshot.fence.describe(id(1)),
    /^victim, failed 1 times: .*error from agent/,
  );
  cluster.run(2800);
  t.equal(times.length, 1, "override_time has not passed");
  cluster.run(400);
  t.equal(times.length, 2);
  cluster.run(20_000);
  t.equal(times.length, 3);
  t.equal(logged(cluster, "node2 err: fence node1.example.com failed (round"), 2);
  t.match(cluster.shown(2, P), /^started [23]$/);
});

test("case 13: the executor dies in the middle of a run: the next one repeats it", async (t) => {
  const runs: number[] = [];
  const cluster = given({
    nodes: 5,
    fenceTakesMs: () => 3000,
    fenceAgent: (victim) => {
      runs.push(victim);
      return "success";
    },
  });
  cluster.boot(1, 2, 3, 4, 5).run(10_000).crash(5).run(3000).crash(1).run(20_000);
  t.same(runs.toSorted(), [1, 5], "the run of node1 ended with it");
  t.equal(logged(cluster, "node3 notice: fence node5.example.com success (agent)"), 1);
  t.equal(logged(cluster, "node3 notice: fencing node node5.example.com (by node2"), 1);
});

test("case 17: two_node, cut: the node whose device has a delay wins", async (t) => {
  const two = { twoNode: true, waitForAll: true };
  const cluster = given({
    nodes: 2,
    quorum: two,
    fenceAgent: () => "success",
    fenceTakesMs: (victim) => (victim === 1 ? 4000 : 1000),
  });
  cluster.boot(1, 2).run(10_000).cut([1], [2]).run(30_000);
  t.equal(cluster.endOf(2), "fenced");
  t.ok(cluster.node(1), "node1 survives");
  t.equal(cluster.shown(1, P), "started 1");
});

test("case 18: two_node, cut, no device answers: nothing moves, nor by request", async (t) => {
  const cluster = given({ nodes: 2, quorum: { twoNode: true, waitForAll: true } });
  cluster.boot(1, 2).run(10_000);
  t.equal(cluster.shown(2, P), "started 1");
  cluster.cut([1], [2]).run(60_000);
  t.same(cluster.runningOn(P), [1]);
  const asked = cluster.request(2, "relocate", { service: P });
  cluster.run(1000);
  t.equal(outcomeWord(asked.reply), "fencing-awaited");
  for (const [node, other] of [
    [1, 2],
    [2, 1],
  ] as const) {
    const text = cluster.node(node)?.snapshot.fence.describe(id(other)) ?? "";
    t.match(text, /^victim, failed [3-9] times: .*error from agent/, `seen by node${node}`);
  }
  t.equal(logged(cluster, "success (agent)"), 0);
});

/** Three nodes that wait ten seconds before they fence, and whom they have fenced. */
function patient() {
  const fenced: number[] = [];
  const cluster = given({
    fencing: { postFailDelayMs: ms(10_000) },
    fenceAgent: (victim) => {
      fenced.push(victim);
      return "success";
    },
  });
  return { cluster, fenced };
}

test("case 19: a node that returns during post_fail_delay is not fenced", async (t) => {
  const { cluster, fenced } = patient();
  cluster.boot(1, 2, 3).run(10_000).killGuard(1).killDaemon(1).run(4000).boot(1).run(30_000);
  t.same(fenced, []);
  t.match(cluster.shown(2, P), /^started/);
  t.equal(logged(cluster, "node1.example.com is back and clean, not fenced"), 3);
});

test("a machine that is back before its lease has ended is waited for, not fenced", async (t) => {
  const { cluster, fenced } = patient();
  cluster.boot(1, 2, 3).run(10_000).crash(1).run(4000).boot(1).run(30_000);
  t.same(fenced, []);
  t.match(cluster.shown(2, P), /^started/);
  t.equal(logged(cluster, "node1.example.com is back on another machine, or was started anew"), 3);
  t.equal(logged(cluster, "fence node1.example.com success (self): the other lease has ended"), 3);
});

test("case 20: inquorate: no agent; quorum returns: after post_join_delay", async (t) => {
  const fenced: number[] = [];
  const cluster = given({
    fenceAgent: (victim) => {
      fenced.push(victim);
      return "success";
    },
  });
  cluster.boot(1, 2, 3).run(10_000).crash(2).crash(3).run(60_000);
  t.same(fenced, []);
  cluster.boot(2).run(6000);
  t.same(fenced, [], "post_join_delay is 6 s");
  cluster.run(1000);
  t.same(fenced, [3]);
});

test("case 21: a cold start without node3: fenced after 6 s, or never", async (t) => {
  const start = (fencing: Partial<FencingConf>, runMs: number): readonly number[] => {
    const fenced: number[] = [];
    const fenceAgent = (victim: number) => {
      fenced.push(victim);
      return "success" as const;
    };
    given({ fencing, fenceAgent }).boot(1, 2).run(runMs);
    return fenced;
  };
  t.same(start({}, 6000), []);
  t.same(start({}, 7000), [3]);
  t.same(start({ cleanStart: true }, 60_000), []);
  t.same(start({ postJoinDelayMs: null }, 600_000), []);
});

test("case 21: post_join_delay -1: none until node3 is acknowledged", async (t) => {
  const cluster = given({ fencing: { postJoinDelayMs: null } })
    .boot(1, 2)
    .run(60_000);
  t.match(cluster.node(1)?.snapshot.fence.describe(id(3)), /^victim \(unseen\)/);
  t.equal(outcomeWord(cluster.acknowledge(1, 3).reply), "done");
  cluster.run(1000);
  t.match(cluster.node(2)?.snapshot.fence.describe(id(3)), /^fenced \(override\)/);
});
