/** Unfencing: no services before a node's devices have let it in again. */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";
const broker = "node2-qpidd-service";

class Devices {
  working = true;
  readonly tries: number[] = [];
  readonly cluster: Cluster;

  /** The version whose devices these are. */
  constructor({ from = "first" }: { readonly from?: "first" | "next" } = {}) {
    const unfence = [
      { device: "switch", agent: "fence_ifmib", parameters: [["action", "on"] as const] },
    ];
    const fencing = { overrideTimeMs: ms(3000) };
    const next = { ...sampleConf({ unfence, fencing }), version: 19 };
    const conf = from === "first" ? sampleConf({ unfence, fencing }) : sampleConf({ fencing });
    const nodes = conf.nodes.map((node) => node.id);
    const time = new VirtualTime();
    const membership = new PerfectMembership(time, nodes);
    const unfenceAgent = (node: number) => {
      if (node === 2) this.tries.push(time.nowMs);
      return node !== 2 || this.working ? "success" : "failure";
    };
    const texts = { next };
    this.cluster = new Cluster({ conf, texts, time, membership, judge: judgeOwners, unfenceAgent });
  }
}

test("UNFENCE1: a node is ready for services when its devices have let it in", async (t) => {
  const { cluster, tries } = new Devices();
  cluster.boot(1, 2).run(10_000).boot(3).run(10_000);
  t.equal(tries.length, 1, "once, whoever joins later");
  t.equal(cluster.shown(1, broker), "started 2");
  t.match(cluster.log.join("\n"), /node2 notice: this node is unfenced: by switch/);
});

test("UNFENCE1: while a device fails nothing starts there, and the log says why", async (t) => {
  const devices = new Devices();
  devices.working = false;
  const { cluster, tries } = devices;
  cluster.boot(1, 2, 3).run(10_000);
  t.equal(cluster.node(2)?.snapshot.table?.node(id(2)).phase, "clean");
  t.match(cluster.shown(1, P), /^started [13]$/, "it is known to run nothing");
  t.match(cluster.shown(1, broker), /^(stopped|uninitialized)/);
  t.same(cluster.runningOn(broker), []);
  const failure = "device switch agent fence_ifmib: error from agent (exit 1)";
  const why = `node2 err: unfencing of this node failed: ${failure}; no service starts here`;
  t.ok(cluster.log.join("\n").includes(why));
  t.equal(cluster.node(2)?.unfencing.describe, `unfencing failed: ${failure}`);
  t.equal(cluster.node(1)?.unfencing.describe, null);
  cluster.run(20_000);
  const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0) - 20);
  t.same(pauses.slice(0, 3), [3000, 6000, 12_000], "the pause grows");
  devices.working = true;
  cluster.run(60_000);
  t.equal(cluster.shown(1, broker), "started 2", "it succeeds later");
});

test("UNFENCE2: nothing is unfenced without quorum, and after its loss again", async (t) => {
  const { cluster, tries } = new Devices();
  cluster.boot(2).run(10_000);
  t.equal(tries.length, 0);
  cluster.boot(1).run(10_000);
  t.equal(tries.length, 1);
  cluster.cut([1], [2]).run(10_000).heal().run(10_000);
  t.equal(tries.length, 2);
});

test("devices of a new conf interrupt nobody, and let in who comes back later", async (t) => {
  const { cluster, tries } = new Devices({ from: "next" });
  cluster.boot(1, 2, 3).run(10_000);
  t.same(tries, []);
  cluster.propose(1, "next");
  cluster.run(5000);
  t.equal(cluster.node(2)?.conf.version, 19);
  t.same(tries, [], "nothing has cut it off");
  t.equal(cluster.shown(1, broker), "started 2");
  cluster.cut([2], [1, 3]).run(10_000).heal().run(10_000);
  t.equal(tries.length, 1);
  t.equal(cluster.shown(1, broker), "started 2");
});

test("who missed the conf that cuts it off is unfenced when it takes that over", async (t) => {
  const { cluster, tries } = new Devices({ from: "next" });
  cluster.boot(1, 3).run(10_000);
  cluster.propose(1, "next");
  cluster.run(5000).boot(2).run(15_000);
  t.equal(cluster.node(2)?.conf.version, 19);
  t.equal(tries.length, 1);
  t.equal(cluster.shown(1, broker), "started 2");
});

test("a node that cannot be unfenced leaves like any other", async (t) => {
  const devices = new Devices();
  devices.working = false;
  const { cluster } = devices;
  cluster.boot(1, 2, 3).run(10_000).terminate(2).run(20_000);
  t.equal(cluster.endOf(2), "left");
  t.equal(cluster.node(1)?.snapshot.fence.describe(id(2)), "clean");
});
