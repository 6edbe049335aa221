/**
 * Real daemons and brokers: the primary dies before a backup has copied it. What an operator is
 * told ends that, and so do the restarts that the configuration permits.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { serviceAddress } = await import("../netns/node-files.ts");
const { calmed } = await import("./calm-conf.ts");
const { endLoad, startLoad } = await import("./message-load.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { brokerState, brokersSettled } = await import("./broker-cluster.ts");
const { primary, project, publishedConf, RealCluster } = await import("./real-cluster.ts");
const { skipReal } = await import("../broker/real-broker.ts");
const skip = entry.type === "unsupported" ? entry.reason : skipReal;

const name = "qpidd-primary-service";
/** Every node has a copy of its own, below its private /etc. */
const onNode = "/etc/cluster/cluster.conf";
const cluster = new RealCluster({ conf: onNode });
const directory = mkdtempSync(join(tmpdir(), "clusterd-standstill-"));
const judge = new OutsideJudge();
const { nodes } = cluster.net;

function configuration(version: number, recovery: "report" | "restart"): string {
  const hang = `qpid_hang_timeout="4" qpid_hang_recovery="${recovery}"`;
  return calmed(readFileSync(publishedConf, "utf8"))
    .replace(/config_version="\d+"/, `config_version="${version}"`)
    .replace("<rm ", `<rm ${hang} `);
}

const fileOf = (node: number, path: string) => join(cluster.net.rootOf(node), path);

if (skip === false) {
  await cluster.start();
  for (const node of nodes) writeFileSync(fileOf(node, onNode), configuration(100, "report"));
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

/** Brokers that start from now on copy that many messages a second. */
function setCatchupRate(rate: number): void {
  for (const node of nodes) {
    const file = fileOf(node, "etc/qpid/qpidd.conf");
    const text = readFileSync(file, "utf8").replace(/^catchup-rate=.*\n/m, "");
    writeFileSync(file, rate === 0 ? `${text}catchup-rate=0\n` : text);
  }
}

/** Messages that nobody receives, so that there is something to copy. */
async function leaveMessages(): Promise<void> {
  const ledger = join(directory, "ledger");
  const program = join(project, "build/test/broker/load.js");
  const words = [program, `${serviceAddress}:5672`, "--ledger", ledger];
  const client = cluster.net.spawnClient([process.execPath, ...words]);
  const acknowledged = () => existsSync(ledger) && readFileSync(ledger, "utf8").length > 0;
  await cluster.until("messages are acknowledged", acknowledged);
  client.kill("SIGTERM");
  await client.exited;
  rmSync(ledger);
}

/** Waits until these are the states of the brokers of nodes 1, 2 and 3. */
function areStates(...expected: readonly string[]): Promise<void> {
  return cluster.until(`brokers ${expected.join()}`, async () => {
    const states = await Promise.all(nodes.map((node) => brokerState(cluster, node)));
    return states.join() === expected.join();
  });
}

/** Kills the brokers of the backups, which then copy nothing, and the primary. Returns its node. */
async function standStill(): Promise<number> {
  const owner = await cluster.started(1, primary);
  await brokersSettled(cluster, owner);
  await leaveMessages();
  setCatchupRate(0);
  for (const node of nodes.filter((one) => one !== owner)) {
    for (const pid of cluster.brokers(node)) process.kill(pid, "SIGKILL");
  }
  await areStates(...nodes.map((node) => (node === owner ? "active" : "catchup")));
  for (const pid of cluster.brokers(owner)) process.kill(pid, "SIGKILL");
  setCatchupRate(1);
  return owner;
}

const whyOf = async () => (await cluster.command(1, "clustat-ts", "--why", name)).stdout;
const all = () => nodes.flatMap((node) => cluster.brokers(node));

test("case 23: with report nothing is restarted, and the commands that are named end it", {
  skip,
}, async (t) => {
  await cluster.allStarted(nodes, 60_000);
  const owner = await standStill();
  await areStates(...nodes.map((node) => (node === owner ? "joining" : "catchup")));
  const before = all();
  const tally = /no promotable broker \([^)]*2 catchup/;
  await cluster.until("the service waits", async () => tally.test(await whyOf()));
  const plain = (await cluster.command(1, "clustat-ts")).stdout;
  t.match(plain, new RegExp(`Note: \\S*${name} waits for brokers: ${tally.source}`));
  let help = "";
  await cluster.until("commands are named", async () => {
    [help = ""] = /(?<=To help it: this loses ).*/.exec(await whyOf()) ?? [];
    return help !== "";
  });
  t.match(cluster.logs(), /not started: brokers: no promotable broker .*clusvcadm-ts -R/);
  t.same(all(), before);
  const refused = await cluster.command(1, "clusvcadm-ts", "-e", name);
  t.not(refused.code, 0);
  t.match(refused.stderr, /no promotable broker/);
  const commands = help.slice(help.indexOf("clusvcadm-ts")).split("; ");
  t.equal(commands.length, 4);
  for (const command of commands) {
    const [program = "", ...words] = command.split(" ");
    await cluster.command(1, program, ...words);
  }
  await brokersSettled(cluster, await cluster.started(1, primary));
  t.match(await whyOf(), /Note: what brokers had in memory since node\S* was promoted \(2\d\d\d-/);
});

test("case 22: a joining broker that refuses gives way to the next one, and runs on", {
  skip,
}, async (t) => {
  await cluster.allStarted(nodes);
  const owner = await standStill();
  await areStates(...nodes.map((node) => (node === owner ? "joining" : "catchup")));
  const before = cluster.brokers(owner);
  // They start beside brokers that are joining, too, so they may be promoted; that of the last
  // primary, which comes first, has seen them catch up.
  for (const node of nodes.filter((one) => one !== owner)) {
    for (const pid of cluster.brokers(node)) process.kill(pid, "SIGKILL");
  }
  const next = await cluster.started(1, primary);
  t.not(next, owner);
  await brokersSettled(cluster, next);
  t.same(cluster.brokers(owner), before, "its own service has not failed");
  const why = await whyOf();
  t.match(why, new RegExp(`stopping on node${owner}\\S*: start failed: .*Joining active cluster`));
});

test("case 23: with restart the service returns by itself, and it is told what was lost", {
  skip,
}, async (t) => {
  await cluster.allStarted(nodes);
  writeFileSync(fileOf(1, onNode), configuration(101, "restart"));
  t.match(await cluster.command(1, "cman_tool-ts", "version", "-r"), { code: 0 });
  const owner = await standStill();
  await cluster.until("restarts", async () => (await whyOf()).includes("restarting that of node"));
  t.equal(await cluster.started(1, primary, 40_000), owner, "its store is the newest");
  await brokersSettled(cluster, owner);
  const why = await whyOf();
  const lost = /for \d+ s: restarting that of node.*which is promoted; this loses the messages of/;
  t.match(why, lost);
  t.match(why, /promoted on node.*, and messages may be lost: there was a primary on node/);
  t.match(why, new RegExp(`Note: what brokers had in memory since node${owner}\\S* was promoted`));
  const load = startLoad(cluster, 200);
  const acknowledged = () => Number(load.output().trim().split("\n").at(-1));
  await cluster.until("acknowledgements", () => acknowledged() > 200);
  t.equal((await endLoad(load)).lost, 0);
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t);
});
