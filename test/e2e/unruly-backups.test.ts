/**
 * Real daemons, and backups without init scripts that are not what they seem: left behind by the
 * primary, started with an old store, closed to clusterd, or ending right after each start. The
 * primary and its client go on, none of these is promoted, and the operator is told why.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import type { Test } from "tap";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { readFileSync, writeFileSync } = await import("node:fs");
const { serviceAddress } = await import("../netns/node-files.ts");
const { endLoad, goesOn, startLoad } = await import("./message-load.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const broker = await import("./broker-cluster.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const { skipReal } = await import("../broker/real-broker.ts");
const skip = entry.type === "unsupported" ? entry.reason : skipReal;

const name = "qpidd-primary-service";
const logFile = "/var/lib/qpidd/qpidd.log";
const passwordFile = "etc/qpid/clusterd.password";
const account = `user="clusterd" password_file="/${passwordFile}"`;
const withAccount = (published: string) =>
  broker
    .withoutScripts(published)
    .replace(/ name="(qpidd|qpidd-primary)"([^>]*)\/>/g, ` name="$1" ${account}$2/>`);
const cluster = new RealCluster({ change: withAccount });
const { nodes } = cluster.net;
const judge = new OutsideJudge();
let load: ReturnType<typeof startLoad>;
if (skip === false) {
  await cluster.start();
  broker.takeOrders(cluster, {
    "link-heartbeat-interval": "1",
    store: "/var/lib/qpidd/store",
    "log-to-file": logFile,
  });
  for (const node of nodes) setPassword(node, "right");
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await broker.restingNodes(cluster);
  load = startLoad(cluster, 100, "--durable");
  await goesOn(cluster, load, 100);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

function setPassword(node: number, password: string): void {
  writeFileSync(cluster.net.path(node, passwordFile), `${password}\n`, { mode: 0o600 });
}

/** Changes the broker's configuration and ends it; returns the text that was there before. */
function reconfigure(node: number, settings: Readonly<Record<string, string>>): string {
  const file = cluster.net.path(node, "etc/qpid/qpidd.conf");
  const before = readFileSync(file, "utf8");
  broker.setBroker(cluster, node, settings);
  broker.killBroker(cluster, node);
  return before;
}

/** The primary is killed, and the good backup takes over; the other one was not even asked. */
async function failover(t: Test, nodes: { owner: number; bad: number; good: number }) {
  const { owner, bad, good } = nodes;
  const asked = broker.promotionsAsked(cluster, bad).length;
  broker.killBroker(cluster, owner);
  await cluster.takenOver(good, owner);
  t.equal(await cluster.started(good, primary), good);
  t.equal(broker.promotionsAsked(cluster, bad).length, asked);
}

async function shown(node: number, ...words: readonly string[]): Promise<string> {
  return (await cluster.command(node, "clustat-ts", ...words)).stdout;
}

test("a backup that the primary has left behind is not promoted, though it says ready", {
  skip,
}, async (t) => {
  const [owner, bad, good] = await broker.restingNodes(cluster);
  await broker.orderBroker(cluster, bad, "link", "pause");
  await goesOn(cluster, load, 100);
  t.equal(await broker.brokerState(cluster, bad), "ready");
  await failover(t, { owner, bad, good });
  t.equal(await broker.brokerState(cluster, bad), "ready");
  const reason = `node${bad}\\S* not taken: .*the last list of the primary does not have it`;
  t.match(await shown(good, "--why", name), new RegExp(reason));
  await broker.orderBroker(cluster, bad, "link", "resume");
  t.equal((await broker.restingNodes(cluster))[0], good);
  await goesOn(cluster, load, 100);
});

test("a broker with the store of an earlier time is not promoted before it has caught up", {
  skip,
}, async (t) => {
  const [owner, bad, good] = await broker.restingNodes(cluster);
  const own = `node${bad}-qpidd-service`;
  t.match(await cluster.command(bad, "clusvcadm-ts", "-d", own), { code: 0 });
  await goesOn(cluster, load, 100);
  const before = reconfigure(bad, { "catchup-rate": "0" });
  t.match(await cluster.command(bad, "clusvcadm-ts", "-e", own), { code: 0 });
  await cluster.until("it has come back", async () => {
    return (await broker.brokerState(cluster, bad)) === "catchup";
  });
  await failover(t, { owner, bad, good });
  const reason = `node${bad}\\S* not taken: .*its broker is catchup`;
  t.match(await shown(good, "--why", name), new RegExp(reason));
  writeFileSync(cluster.net.path(bad, "etc/qpid/qpidd.conf"), before);
  await broker.orderBroker(cluster, bad, "catchup-rate", "none");
  t.equal((await broker.restingNodes(cluster))[0], good);
  await goesOn(cluster, load, 100);
});

test("a broker that clusterd may not ask is left alone, not promoted, and quoted", {
  skip,
}, async (t) => {
  const [owner, bad, good] = await broker.restingNodes(cluster);
  const own = `node${bad}-qpidd-service`;
  const refusal = async (words: string): Promise<void> => {
    await cluster.until(`it refuses: ${words}`, async () => {
      const text = await shown(bad, "--why", own);
      return text.includes(`\nBroker here: refusing: ${words}`);
    });
    const long = await shown(bad, "-l");
    t.match(long, `  Broker Here     : refusing: ${words}`);
    t.match(long, `node${bad}.example.com silent (it refuses clusterd: ${words}`);
  };
  setPassword(bad, "wrong");
  const setRules = (text: string) =>
    writeFileSync(cluster.net.path(bad, "etc/qpid/qpidd.acl"), text);
  setRules("acl allow all all\n");
  const account = { "ha-username": "clusterd", "ha-password": "right" };
  const auth = { auth: "yes", ...account, "acl-file": "/etc/qpid/qpidd.acl" };
  const before = reconfigure(bad, auth);
  const wrong = "Failed to authenticate: 1";
  await refusal(wrong);
  const refusing = cluster.brokers(bad);
  t.match(cluster.daemon(bad).output(), `the broker refuses clusterd: ${wrong}`);
  await failover(t, { owner, bad, good });
  const reason = `its broker does not answer: it refuses clusterd: ${wrong}`;
  t.match(await shown(good, "--why", name), new RegExp(`node${bad}\\S* not taken: .*${reason}`));
  setPassword(bad, "right");
  t.equal((await broker.restingNodes(cluster))[0], good);
  t.same(cluster.brokers(bad), refusing, "it was not restarted for that");
  setRules("acl deny all access query\nacl allow all all\n");
  reconfigure(bad, {});
  await refusal("unauthorized-access: ACL denied QMF query of ");
  const denied = cluster.brokers(bad);
  await goesOn(cluster, load, 200);
  t.same(cluster.brokers(bad), denied, "nor for this");
  writeFileSync(cluster.net.path(bad, "etc/qpid/qpidd.conf"), before);
  broker.killBroker(cluster, bad);
  t.equal((await broker.restingNodes(cluster))[0], good);
});

test("case 30: a broker that ends right after each start, with status 0", {
  skip,
}, async (t) => {
  const [owner, bad] = await broker.restingNodes(cluster);
  const before = await cluster.service(owner, primary);
  const [pid] = cluster.brokers(owner);
  const old = reconfigure(bad, { "ha-replicate": "none" });
  const words = "each time before it was ready: see its log (/var/lib/qpidd/qpidd.log)";
  await cluster.until("it has ended three times", () => {
    const log = cluster.daemon(bad).output();
    return log.includes(`the broker has ended: it has ended 3 times, ${words}`);
  });
  t.match(broker.brokerLog(cluster, bad), "critical ha-replicate is none, but all on the primary");
  let why = "";
  await cluster.until("the operator is told", async () => {
    why = await shown(bad, "--why", `node${bad}-qpidd-service`);
    return why.includes(words);
  });
  t.match(why, /stopping on \S+: status check failed: .*it has ended \d+ times/);
  t.match(why, "recovering: restart in place");
  await goesOn(cluster, load, 100);
  t.same(cluster.brokers(owner), [pid], "the primary goes on");
  t.match(await cluster.service(owner, primary), { owner, transition: before?.transition ?? -1 });
  writeFileSync(cluster.net.path(bad, "etc/qpid/qpidd.conf"), old);
  t.equal((await broker.restingNodes(cluster))[0], owner);
});

test("nothing that was acknowledged is lost", { skip }, async (t) => {
  const { lost, acknowledged } = await endLoad(load);
  t.equal(lost, 0, `of ${acknowledged} acknowledged messages`);
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t);
});
