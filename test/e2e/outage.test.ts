/**
 * The whole network is away for a while, or all machines are starved: nobody is quorate, or has a
 * lease. The brokers that have the messages go on, so that nothing acknowledged is lost. Real
 * daemons, stand-in brokers that replicate in memory, a client at the virtual address, and a judge
 * from outside.
 */
import { readFileSync } from "node:fs";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { endLoad, startLoad } = await import("./message-load.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
const judge = new OutsideJudge();
const { nodes } = cluster.net;
if (skip === false) {
  await cluster.start();
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted(nodes);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

function stateFile(node: number): string {
  return cluster.net.path(node, "var/lib/qpidd/ha-state");
}

async function brokersInStep(): Promise<void> {
  await cluster.until("two ready brokers", async () => {
    const states = nodes.map((node) => readFileSync(stateFile(node), "utf8"));
    return states.filter((state) => / ready\s*$/.test(state)).length === nodes.length - 1;
  });
}

/** What takes all nodes their quorum, or their leases, at once; and what ends it. */
type Outage = {
  readonly title: string;
  readonly begin: () => Promise<void>;
  readonly lasts: (sinceMs: number) => Promise<void>;
  readonly end: () => Promise<void>;
};

function networkAway(seconds: number): Outage {
  return {
    title: `all ports are down for ${seconds} s`,
    begin: async () => {
      for (const node of nodes) await cluster.net.cut(node);
    },
    lasts: async (sinceMs) => {
      await cluster.until("no node is quorate", async () => {
        const seen = await Promise.all(nodes.map((node) => cluster.status(node)));
        return seen.every((status) => status?.quorum.quorate === false);
      });
      const over = (): boolean => performance.now() - sinceMs > seconds * 1000;
      await cluster.until(`${seconds} s`, over, 30_000);
    },
    end: async () => {
      for (const node of nodes) await cluster.net.heal(node);
    },
  };
}

/** Their guards do not, and see all leases end. */
const daemonsStandStill: Outage = {
  title: "all daemons stand still beyond their leases",
  begin: async () => {
    for (const node of nodes) cluster.daemon(node).kill("SIGSTOP");
  },
  lasts: async () => undefined,
  end: async () => {
    for (const node of nodes) cluster.daemon(node).kill("SIGCONT");
  },
};

for (const outage of [networkAway(3), networkAway(20), daemonsStandStill]) {
  const title = `${outage.title}: no acknowledged message is lost`;
  test(title, { skip, timeout: 200_000 }, async (t) => {
    await brokersInStep();
    const load = startLoad(cluster, 200);
    const owner = await cluster.started(1, primary);
    await cluster.until("messages are acknowledged", () => /^[1-9]\d*$/m.test(load.output()));
    const backups = nodes.filter((node) => node !== owner);
    const before = backups.map((node) => cluster.brokers(node));
    const sinceMs = performance.now();
    await outage.begin();
    await outage.lasts(sinceMs);
    await cluster.until("nobody holds the address", () => {
      return cluster.net.holders(serviceAddress).length === 0;
    });
    await outage.end();
    await cluster.allStarted(nodes, 90_000);
    // A backup that came back after the others had become quorate begins anew.
    const after = backups.map((node) => cluster.brokers(node));
    t.ok(
      after.some((pids, index) => JSON.stringify(pids) === JSON.stringify(before[index])),
      "a broker of a backup is the same process",
    );
    await brokersInStep();
    const { acknowledged, lost } = await endLoad(load);
    t.ok(acknowledged > 0);
    t.equal(lost, 0, `of ${acknowledged} acknowledged messages`);
    t.comment(`${acknowledged} acknowledged, ${lost} lost`);
  });
}

test("there never was a second holder or a second primary", { skip }, async (t) => {
  t.same(judge.doubles(), []);
  t.ok(judge.samples > 0);
  t.comment(judge.attention);
});
