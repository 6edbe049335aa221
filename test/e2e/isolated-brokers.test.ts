/**
 * Brokers whose nodes are cut off, and whose heartbeats are too long to say so in time: the nodes
 * of the other brokers end the connections once a fence device has switched the lost node off.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { fenceDevices, fencedNode, writeFenceAgent } = await import(
  "../bench/failover/instant-fence.ts"
);
const { brokersSettled, brokerState, withoutScripts } = await import("./broker-cluster.ts");
const { publishedConf, primary, RealCluster } = await import("./real-cluster.ts");
const { endLoad, startLoad } = await import("./message-load.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const directory = mkdtempSync(join(tmpdir(), "clusterd-isolated-"));
const conf = join(directory, "cluster.conf");
const nodes = [1, 2, 3].map((id) => fencedNode(id, true)).join("");
const members = `<clusternodes>${nodes}</clusternodes>${fenceDevices(true)}`;
const published = withoutScripts(readFileSync(publishedConf, "utf8"));
writeFileSync(conf, published.replace(/<clusternodes>.*<\/clusternodes>/s, members));
const cluster = new RealCluster({ conf });
if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    writeFenceAgent(cluster, node);
    const file = join(cluster.net.rootOf(node), "etc/qpid/qpidd.conf");
    const lines = readFileSync(file, "utf8").split("\n");
    const others = lines.filter((line) => !/^(link-heartbeat|ha-backup-timeout)/.test(line));
    const slow = ["link-heartbeat-interval=120", "ha-backup-timeout=120", ...others];
    writeFileSync(file, slow.join("\n"));
  }
  cluster.startAll();
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

async function settled(): Promise<number> {
  await cluster.allStarted([1, 2, 3]);
  const owner = await cluster.started(1, primary);
  await brokersSettled(cluster, owner);
  return owner;
}

test("a primary that is cut off: the other backup comes to the new one", { skip }, async (t) => {
  const owner = await settled();
  const load = startLoad(cluster, 500);
  await cluster.net.cut(owner);
  const witness = owner === 1 ? 2 : 1;
  await cluster.takenOver(witness, owner);
  await cluster.until("one is active, one ready", async () => {
    const others = cluster.net.nodes.filter((node) => node !== owner);
    const states = await Promise.all(others.map((node) => brokerState(cluster, node)));
    return states.includes("active") && states.includes("ready");
  });
  t.match(cluster.logs(), /is off: the connections of the broker with it are ended/);
  await cluster.net.heal(owner);
  const { lost, acknowledged } = await endLoad(load);
  t.equal(lost, 0, `of ${acknowledged} acknowledged messages`);
});

test("a backup that is cut off: the primary goes on without it", { skip }, async (t) => {
  const owner = await settled();
  const load = startLoad(cluster, 500);
  const acknowledged = (): number => Number(load.output().trim().split("\n").at(-1));
  await cluster.until("messages are acknowledged", () => acknowledged() > 0);
  const [backup = 0] = cluster.net.nodes.filter((node) => node !== owner);
  await cluster.net.cut(backup);
  await cluster.until("the backup is off", async () => {
    const seen = (await cluster.status(owner))?.nodes ?? [];
    return seen.find(({ id }) => id === backup)?.fence.startsWith("fenced") === true;
  });
  const before = acknowledged();
  await cluster.until("more messages are acknowledged", () => acknowledged() > before + 50);
  await cluster.net.heal(backup);
  await settled();
  const { lost, acknowledged: all } = await endLoad(load);
  t.equal(lost, 0, `of ${all} acknowledged messages`);
});
