/**
 * Real daemons and brokers: which broker becomes primary, and which does not, while a client sends.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { endLoad, goesOn, startLoad } = await import("./message-load.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { brokerState, brokersSettled, setBroker } = await import("./broker-cluster.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const name = "qpidd-primary-service";

/** The published configuration, with a failover domain for the primary that prefers node 3. */
function preferring(published: string): string {
  const nodes = [3, 1, 2].map(
    (node, at) => `<failoverdomainnode name="node${node}.example.com" priority="${at + 1}"/>`,
  );
  const domain = `<failoverdomain name="pref" ordered="1" nofailback="1">${nodes.join("")}`;
  return published
    .replace("</failoverdomains>", `${domain}</failoverdomain></failoverdomains>`)
    .replace(`<service name="${name}"`, `<service name="${name}" domain="pref"`);
}

const cluster = new RealCluster({ change: preferring });
const judge = new OutsideJudge();
if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    // A backup that is silent for some seconds is left behind.
    setBroker(cluster, node, { "link-heartbeat-interval": "1" });
  }
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

/** The broker of the node stands still, and its service is frozen, so that nobody kills it. */
async function standStill(node: number): Promise<number> {
  const frozen = await cluster.command(node, "clusvcadm-ts", "-Z", `node${node}-qpidd-service`);
  if (frozen.code !== 0) throw new Error(frozen.stdout);
  const [pid = 0] = cluster.brokers(node);
  process.kill(pid, "SIGSTOP");
  return pid;
}

const thaw = (node: number) =>
  cluster.command(node, "clusvcadm-ts", "-U", `node${node}-qpidd-service`);

test("case 17: at a cold start the preferred node becomes primary", { skip }, async (t) => {
  await cluster.allStarted([1, 2, 3]);
  t.equal(await cluster.started(1, primary), 3);
  await brokersSettled(cluster, 3);
});

test("case 27: a relocation leaves the old broker as a backup", { skip }, async (t) => {
  const moved = await cluster.command(3, "clusvcadm-ts", "-r", name, "-m", "node1.example.com");
  t.match(moved, { code: 0 });
  t.equal(await cluster.started(3, primary), 1);
  await brokersSettled(cluster, 1);
});

test("case 20: a stale broker is not promoted, though its node is preferred", {
  skip,
}, async (t) => {
  const load = startLoad(cluster, 500);
  await goesOn(cluster, load);
  const stale = await standStill(3);
  await goesOn(cluster, load);
  for (const pid of cluster.brokers(1)) process.kill(pid, "SIGKILL");
  process.kill(stale, "SIGCONT");
  await cluster.takenOver(3, 1);
  t.equal(await cluster.started(3, primary), 2);
  const why = (await cluster.command(3, "clustat-ts", "--why", name)).stdout;
  t.match(why, /node3\S* not taken: .*the last list of the primary (does not have it|shows it as)/);
  await goesOn(cluster, load);
  t.match(await thaw(3), { code: 0 });
  await brokersSettled(cluster, 2);
  const { lost, acknowledged } = await endLoad(load);
  t.equal(lost, 0, `of ${acknowledged} acknowledged messages`);
});

test("case 20: with only stale brokers nothing is promoted until that is forced", {
  skip,
}, async (t) => {
  const load = startLoad(cluster, 500);
  await goesOn(cluster, load);
  const stale = [await standStill(1), await standStill(3)];
  await goesOn(cluster, load);
  load.kill("SIGKILL");
  for (const pid of cluster.brokers(2)) process.kill(pid, "SIGKILL");
  for (const pid of stale) process.kill(pid, "SIGCONT");
  let waits = "";
  await cluster.until("nothing is promoted", async () => {
    waits = (await cluster.service(3, primary))?.waitingFor ?? "";
    return waits.includes("only stale backups");
  });
  for (const node of [1, 3])
    t.match(waits, new RegExp(`node${node}\\S* the last list of the prim`));
  const plain = await cluster.command(3, "clusvcadm-ts", "-e", name);
  t.not(plain.code, 0);
  t.match(plain.stderr, /only stale backups/);
  t.equal((await cluster.service(3, primary))?.state, "stopped");
  const order = ["-r", name, "-m", "node3.example.com", "-F"] as const;
  t.match(await cluster.command(1, "clusvcadm-ts", ...order), { code: 0 });
  t.equal(await cluster.started(1, primary), 3);
  t.match(cluster.logs(), /messages may be lost: its broker may lack acknowledged messages/);
  for (const node of [1, 3]) t.match(await thaw(node), { code: 0 });
  await brokersSettled(cluster, 3);
});

test("a relocation without a ready broker is refused, and nothing is interrupted", {
  skip,
}, async (t) => {
  const load = startLoad(cluster, 200);
  await goesOn(cluster, load);
  const [broker] = cluster.brokers(3);
  const still = [await standStill(1), await standStill(2)];
  await cluster.until("both are missed", async () => {
    const states = await Promise.all([1, 2].map((node) => brokerState(cluster, node)));
    return states.every((state) => state !== "ready");
  });
  const refused = await cluster.command(1, "clusvcadm-ts", "-r", name);
  t.not(refused.code, 0);
  t.match(refused.stderr, /no other broker may be promoted: .*; -F relocates it nevertheless/);
  t.equal(await cluster.started(1, primary), 3);
  t.same(cluster.brokers(3), [broker]);
  for (const pid of still) process.kill(pid, "SIGCONT");
  for (const node of [1, 2]) t.match(await thaw(node), { code: 0 });
  await brokersSettled(cluster, 3);
  const order = ["-r", name, "-m", "node1.example.com"] as const;
  t.match(await cluster.command(1, "clusvcadm-ts", ...order), { code: 0 });
  t.equal(await cluster.started(1, primary), 1);
  await brokersSettled(cluster, 1);
  t.equal((await endLoad(load)).lost, 0);
});

test("case 26: the service of the primary's own broker is disabled, and enabled again", {
  skip,
}, async (t) => {
  const [broker] = cluster.brokers(1);
  const own = "node1-qpidd-service";
  t.match(await cluster.command(1, "clusvcadm-ts", "-d", own), { code: 0 });
  t.same(cluster.brokers(1), [broker], "the process of a primary belongs to the primary service");
  t.equal(await brokerState(cluster, 1), "active");
  t.match(await cluster.command(1, "clusvcadm-ts", "-r", name), { code: 0 });
  t.not(await cluster.started(1, primary), 1);
  t.same(cluster.brokers(1), [], "nothing restarts it");
  t.match(await cluster.command(1, "clusvcadm-ts", "-e", own), { code: 0 });
  await brokersSettled(cluster, await cluster.started(1, primary));
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t);
});
