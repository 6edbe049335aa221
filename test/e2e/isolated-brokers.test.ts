/**
 * Brokers whose nodes are cut off, and whose heartbeats are too long to say so in time: the nodes
 * of the other brokers end the connections once a fence device has switched the lost node off.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { FenceSwitch, withFence } = await import("../bench/failover/fence-switch.ts");
const { brokerState, restingNodes, setBroker, withoutScripts } = await import(
  "./broker-cluster.ts"
);
const { RealCluster } = await import("./real-cluster.ts");
const { endLoad, startLoad } = await import("./message-load.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const fenced = { totem: "", fencing: "device", recovery: "relocate" } as const;
const cluster = new RealCluster({
  change: (published) => withFence(withoutScripts(published), fenced),
});
const fence = new FenceSwitch(cluster.net);
if (skip === false) {
  await cluster.start();
  await fence.start();
  for (const node of cluster.net.nodes) {
    const late = { "link-heartbeat-interval": "120", "ha-backup-timeout": "120" };
    setBroker(cluster, node, late);
  }
  cluster.startAll();
}
suite.teardown(async () => {
  fence.stop();
  await cluster.stop();
});

/** The node that was switched off has its network and its power again. */
async function switchedOn(node: number): Promise<void> {
  await cluster.net.heal(node);
  cluster.startDaemon(node);
}

test("a primary that is cut off: the other backup comes to the new one", { skip }, async (t) => {
  const [owner, ...others] = await restingNodes(cluster);
  const load = startLoad(cluster, 500);
  await cluster.net.cut(owner);
  await cluster.takenOver(others[0], owner);
  await cluster.until("one is active, one ready", async () => {
    const states = await Promise.all(others.map((node) => brokerState(cluster, node)));
    return states.includes("active") && states.includes("ready");
  });
  t.match(cluster.logs(), /is off: connections of this node's broker with it are ended/);
  await switchedOn(owner);
  const { lost, acknowledged } = await endLoad(load);
  t.equal(lost, 0, `of ${acknowledged} acknowledged messages`);
});

test("a backup that is cut off: the primary goes on without it", { skip }, async (t) => {
  const [owner, backup] = await restingNodes(cluster);
  const load = startLoad(cluster, 500);
  const acknowledged = (): number => Number(load.output().trim().split("\n").at(-1));
  await cluster.until("messages are acknowledged", () => acknowledged() > 0);
  await cluster.net.cut(backup);
  await cluster.until("the backup is off", async () => {
    const seen = (await cluster.status(owner))?.nodes ?? [];
    return seen.find(({ id }) => id === backup)?.fence.startsWith("fenced") === true;
  });
  const before = acknowledged();
  await cluster.until("more messages are acknowledged", () => acknowledged() > before + 50);
  await switchedOn(backup);
  await restingNodes(cluster);
  const { lost, acknowledged: all } = await endLoad(load);
  t.equal(lost, 0, `of ${all} acknowledged messages`);
});
