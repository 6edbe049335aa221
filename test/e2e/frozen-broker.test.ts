/**
 * Real daemons, and a primary broker whose process stands still, with scripts that wait for its
 * answer for longer than the test: clusterd kills it and the primary starts elsewhere. Meanwhile a
 * judge from outside looks for a second primary.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { appendFileSync, readFileSync, writeFileSync } = await import("node:fs");
const { serviceAddress } = await import("../netns/node-files.ts");
const { brokerState, brokersSettled } = await import("./broker-cluster.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { realAccounts, skipAccounts } = await import("../broker/real-broker.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
const judge = new OutsideJudge();
if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    appendFileSync(cluster.net.path(node, "etc/sysconfig/qpidd"), "QPID_HA_TIMEOUT=3600\n");
  }
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

test("every daemon shows the broker of its node", { skip }, async (t) => {
  await cluster.allStarted([1, 2, 3]);
  const owner = await cluster.started(1, primary);
  await brokersSettled(cluster, owner);
  const long = await cluster.command(owner, "clustat-ts", "-l");
  t.equal(long.stdout.match(/^ {2}Broker Here {5}: active$/gm)?.length, 2, long.stdout);
  const brokers = [1, 2, 3].map((node) => {
    return `node${node}\\.example\\.com ${node === owner ? "active" : "ready"}`;
  });
  t.match(long.stdout, new RegExp(`^  Brokers {9}: ${brokers.join(", ")}$`, "m"));
  const why = await cluster.command(owner, "clustat-ts", "--why", "qpidd-primary-service");
  t.match(why.stdout, /^Broker here: active$/m, why.stderr);
});

test("a frozen primary is killed, and the primary starts elsewhere", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const [frozen = 0] = cluster.brokers(owner);
  const beganMs = performance.now();
  process.kill(frozen, "SIGSTOP");
  await cluster.until("it is killed", () => !cluster.brokers(owner).includes(frozen));
  const killedMs = performance.now() - beganMs;
  await cluster.takenOver(witness, owner);
  const tookMs = performance.now() - beganMs;
  t.comment(
    `killed ${killedMs.toFixed(0)} ms after SIGSTOP, started after ${tookMs.toFixed(0)} ms`,
  );
  t.match(cluster.daemon(owner).output(), /the broker is frozen: .*; it is killed now/);
  t.match(cluster.daemon(owner).output(), new RegExp(`broker is killed: .*\\b${frozen} \\(`));
  await cluster.allStarted([1, 2, 3]);
  const next = await cluster.started(witness, primary);
  t.not(next, owner);
  await brokersSettled(cluster, next);
  t.same(cluster.net.holders(serviceAddress), [next]);
});

test("nobody is moved to a broker that has just frozen, and nothing is interrupted", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const backup = owner === 1 ? 2 : 1;
  await brokersSettled(cluster, owner);
  const before = await cluster.service(owner, primary);
  const [frozen = 0] = cluster.brokers(backup);
  process.kill(frozen, "SIGSTOP");
  const target = `node${backup}.example.com`;
  const moved = await cluster.command(owner, "clusvcadm-ts", "-r", primary, "-m", target);
  t.not(moved.code, 0);
  t.match(moved.stderr, /its broker does not answer: .*; -F relocates it nevertheless/);
  const after = await cluster.service(owner, primary);
  t.match(after, { state: "started", owner, transition: before?.transition ?? 0 });
  await cluster.until("it is killed", () => !cluster.brokers(backup).includes(frozen));
  await brokersSettled(cluster, owner);
});

test("a frozen backup is killed and restarted, and the primary stays", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const backup = owner === 1 ? 2 : 1;
  const [frozen = 0] = cluster.brokers(backup);
  process.kill(frozen, "SIGSTOP");
  await cluster.until("it is killed", () => !cluster.brokers(backup).includes(frozen));
  await cluster.until("another one is ready", async () => {
    return cluster.brokers(backup).length > 0 && (await brokerState(cluster, backup)) === "ready";
  });
  t.equal(await cluster.started(owner, primary), owner);
});

test("a wrong password is shown in the broker's words, and --check reads its file", {
  skip: skip || skipAccounts,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const backup = owner === 1 ? 2 : 1;
  const file = cluster.net.path(backup, "etc/qpid/qpidd.conf");
  const before = readFileSync(file, "utf8");
  const text = before.replace("auth=no", "auth=yes").replace("interval=0.1", "interval=2");
  const rules = "/etc/qpid/qpidd.acl";
  writeFileSync(cluster.net.path(backup, rules.slice(1)), "acl allow all all\n");
  const accounts = realAccounts === undefined ? "" : `sasl-config=${realAccounts}\n`;
  const account = `ha-username=ha\nha-password=wrong\n${accounts}`;
  writeFileSync(file, `${text}${account}acl-file=${rules}\n`);
  // What the broker is started with takes precedence over its file.
  const options = "QPIDD_OPTIONS=--ha-password=secret\n";
  appendFileSync(cluster.net.path(backup, "etc/sysconfig/qpidd"), options);
  for (const pid of cluster.brokers(backup)) process.kill(pid, "SIGKILL");
  const service = `node${backup}-qpidd-service`;
  let shown = "";
  await cluster.until("it refuses", async () => {
    shown = (await cluster.command(backup, "clustat-ts", "--why", service)).stdout;
    return shown.includes("Broker here: refusing: ");
  });
  t.match(shown, /^Broker here: refusing: Failed to authenticate: 1$/m);
  t.match(cluster.daemon(backup).output(), /the broker refuses clusterd: Failed to authenticate/);
  const checked = await cluster.command(backup, "clusterd", "--check", "-c", cluster.conf);
  const where = /^\/etc\/qpid\/qpidd\.conf:4: warning: link-maintenance-interval: /m;
  t.match(checked, { code: 0, stderr: where });
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t);
});
