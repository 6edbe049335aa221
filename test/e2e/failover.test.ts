/**
 * Three real daemons with the published configuration: what an operator does, and what goes wrong.
 * Meanwhile a judge from outside looks for a second holder of the address, or a second primary.
 * Cases: those of the list "service" in test/cases.txt.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { primary, publishedConf, RealCluster } = await import("./real-cluster.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster({ conf: publishedConf });
const judge = new OutsideJudge();
if (skip === false) {
  await cluster.start();
  judge.start(cluster.net, serviceAddress);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

test("three daemons form a cluster and start every service once", { skip }, async (t) => {
  cluster.startAll();
  await cluster.allStarted([1, 2, 3]);
  const owner = await cluster.started(1, primary);
  t.same(cluster.net.holders(serviceAddress), [owner]);
  for (const node of [1, 2, 3]) {
    const status = await cluster.status(node);
    t.equal(status?.quorum.quorate, true);
    t.same(
      status?.nodes.map((one) => [one.online, one.ready]),
      Array(3).fill([true, true]),
    );
  }
  t.match(cluster.daemon(1).output(), /:20: warning: .*missing/);
  t.match(cluster.daemon(1).output(), /^1 warning$/m);
});

test("clustat-ts shows rgmanager's layout", { skip }, async (t) => {
  const shown = await cluster.command(2, "clustat-ts");
  t.equal(shown.code, 0);
  const lines = shown.stdout.split("\n");
  t.match(lines[0], /^Cluster Status for qpid-test @ /);
  t.equal(lines[1], "Member Status: Quorate");
  t.ok(lines.includes(" node2.example.com                           2 Online, Local, rgmanager"));
  const row = " service:node3-qpidd-service    node3.example.com              started       ";
  t.ok(lines.includes(row), shown.stdout);
});

test("case 12: exit codes of requests that change nothing", { skip }, async (t) => {
  const nosuch = await cluster.command(1, "clusvcadm-ts", "-e", "nosuch");
  t.equal(nosuch.code, 252);
  t.match(nosuch.stdout, /Service does not exist/);
  const running = await cluster.command(1, "clusvcadm-ts", "-e", "qpidd-primary-service");
  t.equal(running.code, 0);
  t.match(running.stdout, /\.\.\.Service is already running/);
  const illegal = await cluster.command(
    1,
    "clusvcadm-ts",
    ...["-r", "node1-qpidd-service", "-m", "node2.example.com"],
  );
  t.equal(illegal.code, 241);
  t.match(illegal.stdout, /Service not runnable/);
});

test("a second daemon on a node is refused", { skip }, async (t) => {
  const first = cluster.daemon(1);
  const second = cluster.startDaemon(1);
  const exit = await second.exited;
  t.equal(exit.code, 1);
  t.match(second.output(), /another clusterd/);
  t.ok(first.running);
  cluster.adopt(1, first);
});

test("case 9: relocation to a named node", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const target = owner === 2 ? 3 : 2;
  const name = `node${target}.example.com`;
  const moved = await cluster.command(1, "clusvcadm-ts", "-r", "qpidd-primary-service", "-m", name);
  t.equal(moved.code, 0, moved.stdout);
  t.equal(
    moved.stdout,
    `Trying to relocate service:qpidd-primary-service to ${name}...Success\n` +
      `service:qpidd-primary-service is now running on ${name}\n`,
  );
  await cluster.allStarted([1, 2, 3]);
  t.same(cluster.net.holders(serviceAddress), [target]);
  const [past] = (await cluster.service(target, primary))?.failovers ?? [];
  t.match(past, { kind: "relocate", from: owner, to: target });
  const { totalMs = null, phases = [] } = past ?? {};
  t.equal(
    phases.reduce((sum, { ms }) => sum + ms, 0),
    totalMs,
    "the phases are the whole",
  );
  t.same(
    phases.map(({ phase, node }) => [phase, node]),
    [
      ["stop", owner],
      ["start", target],
    ],
  );
});

test("case 13: disable and enable", { skip }, async (t) => {
  const disabled = await cluster.command(3, "clusvcadm-ts", "-d", "qpidd-primary-service");
  t.equal(disabled.code, 0, disabled.stdout);
  t.same(cluster.net.holders(serviceAddress), []);
  const relocate = await cluster.command(1, "clusvcadm-ts", "-r", "qpidd-primary-service");
  t.equal(relocate.code, 248);
  t.match(relocate.stdout, /Invalid operation for resource/);
  const enabled = await cluster.command(1, "clusvcadm-ts", "-e", "qpidd-primary-service");
  t.equal(enabled.code, 0, enabled.stdout);
  await cluster.allStarted([1, 2, 3]);
});

test("case 4: a killed primary broker moves the service, and comes back as backup", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  for (const pid of cluster.brokers(owner)) process.kill(pid, "SIGKILL");
  await cluster.until("failover", async () => {
    const service = await cluster.service(1, primary);
    return service?.state === "started" && service.owner !== owner;
  });
  await cluster.allStarted([1, 2, 3]);
  t.same(cluster.net.holders(serviceAddress), [await cluster.started(1, primary)]);
});

test("case 24: SIGTERM hands over without fencing", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const leaving = cluster.daemon(owner);
  leaving.kill("SIGTERM");
  const exit = await leaving.exited;
  t.equal(exit.code, 0, leaving.output());
  t.same(cluster.brokers(owner), [], "its brokers are stopped");
  const next = await cluster.started(witness, primary);
  t.not(next, owner);
  const gone = (await cluster.status(witness))?.nodes.find((one) => one.id === owner);
  t.equal(gone?.fence, "clean");
  t.notMatch(cluster.daemon(witness).output(), /must be fenced/);
  cluster.startDaemon(owner);
  await cluster.allStarted([1, 2, 3]);
});

test("cases 2, 3, 23: an isolated owner stops first, then others take over", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const sinceMs = judge.nowMs;
  await cluster.net.cut(owner);
  await cluster.until("the owner stops", () => cluster.net.holders(serviceAddress).length === 0);
  const service = await cluster.service(witness, primary);
  t.equal(service?.owner, owner, "the others still show the old owner");
  await cluster.until("takeover", async () => {
    const now = await cluster.service(witness, primary);
    return now?.state === "started" && now.owner !== owner;
  });
  t.same(cluster.brokers(owner), [], "nothing runs on the isolated node");
  const shown = await cluster.command(owner, "clustat-ts");
  t.match(shown.stdout, /^Service states unavailable: Operation requires quorum$/m);
  t.match(shown.stdout, /^Member Status: Inquorate$/m);
  const refused = await cluster.command(owner, "clusvcadm-ts", "-e", "qpidd-primary-service");
  t.equal(refused.code, 247);
  const next = await cluster.started(witness, primary);
  await cluster.net.heal(owner);
  await cluster.allStarted([1, 2, 3]);
  t.equal(await cluster.started(owner, primary), next, "it does not move back");
  t.comment(judge.gapsInWords(sinceMs));
});

test("fencing case 23: at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t, 1000);
});
