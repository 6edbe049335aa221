/** What is shown of fencing while it goes on. */
import { test } from "tap";
import { noOwnBroker } from "../../src/life/broker-observer.ts";
import { reportStatus } from "../../src/life/status-report.ts";
import { ms } from "../../src/model/time.ts";
import { FencingProgress } from "../../src/node/fencing-progress.ts";
import { method } from "../fencing/fence-cluster.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

test("the board counts down to the next try, and says what runs", async (t) => {
  const board = new FencingProgress();
  t.equal(board.describe(id(3), 0), null);
  board.note({ type: "arm", node: id(3), afterMs: ms(6000) }, 1000);
  t.equal(board.describe(id(3), 2500), "next in 5 s");
  t.equal(board.describe(id(3), 9000), "next in 0 s");
  const use = { device: "apc", agent: "fence_apc", parameters: [] };
  const victim = sampleConf().nodes[2]?.name;
  if (victim === undefined) throw new Error("no node");
  const order = { type: "agent", victim, method: "power", use, action: null } as const;
  board.note({ type: "run", node: id(3), run: 1, order: { ...order, optional: false } }, 7000);
  t.equal(board.describe(id(3), 9000), "running power.apc fence_apc since 2 s");
  board.note({ type: "disarm", node: id(3) }, 9000);
  t.equal(board.describe(id(3), 9000), null);
});

test("a victim is shown with its delay, its agent, its failures, its end", async (t) => {
  const fencing = { postFailDelayMs: ms(4000) };
  const conf = sampleConf({ fencing, fenceMethods: [method("power", "fence_apc nps1")] });
  const time = new VirtualTime();
  const membership = new PerfectMembership(
    time,
    conf.nodes.map((node) => node.id),
  );
  let works = false;
  const cluster = new Cluster({
    conf,
    time,
    membership,
    fenceAgent: () => (works ? "success" : "failure"),
    fenceTakesMs: () => 2000,
  });
  const shown = (node: number, of: number): string => {
    const parts = {
      node: cluster.node(node),
      self: node,
      ring: { state: "operational", counters: {}, rotation: null } as const,
      tracking: "marks" as const,
      watchdog: { state: "unused", text: "" } as const,
      broker: noOwnBroker,
      configHash: "hash",
      addresses: new Map<number, string>(),
      joined: () => null,
      failovers: cluster.failovers(node),
    };
    const now = { wallMs: time.nowMs, boottimeMs: time.nowMs };
    return reportStatus(conf, parts, now).nodes.find((one) => one.id === of)?.fence ?? "";
  };
  cluster.boot(1, 2, 3).run(10_000).crash(3).run(3300);
  t.equal(shown(1, 3), "victim (lost), waiting for its fence devices; next in 3 s");
  t.equal(shown(2, 3), "victim (lost), waiting for its fence devices");
  cluster.run(4000);
  const busy = "victim (lost), fenced by node1.example.com now";
  t.equal(shown(1, 3), `${busy}; running power.nps1 fence_apc since 1 s`);
  t.equal(shown(2, 3), busy);
  cluster.run(2000);
  t.match(shown(1, 3), /^victim, failed 1 times: .*error from agent \(exit 1\); next in [23] s$/);
  works = true;
  cluster.run(10_000);
  t.match(shown(2, 3), /^fenced \(agent\) by node1\.example\.com at 1970-01-12T\d\d:\d\d:\d\dZ$/);
  cluster.boot(3).run(10_000);
  t.equal(shown(2, 3), "clean");
});
