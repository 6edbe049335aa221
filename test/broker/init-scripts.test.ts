import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { t: suite, test } = await import("tap");
const { appendFileSync } = await import("node:fs");
const { isAlive } = await import("../netns/child.ts");
const { TestNet } = await import("../netns/test-net.ts");
const { until } = await import("../netns/until.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const net = new TestNet({ nodes: 3 });
if (skip === false) await net.start();
suite.teardown(() => net.stop());
/** For how long the scripts of this node wait for an answer of a broker. */
const waitForAnswers = (node: number, seconds: number) =>
  appendFileSync(net.path(node, "etc/sysconfig/qpidd"), `QPID_HA_TIMEOUT=${seconds}\n`);
// A broker that has not answered for so long on a machine under load will not answer at all.
for (const node of skip === false ? net.nodes : []) waitForAnswers(node, 20);

/** As an agent calls them: hardly any environment. */
const call = (node: number, script: string, ...words: string[]) =>
  net.execOnNode(node, [
    "env",
    "-i",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL=C",
    ...words.filter((word) => word.includes("=")),
    `/etc/init.d/${script}`,
    ...words.filter((word) => !word.includes("=")),
  ]);
const code = async (node: number, script: string, ...words: string[]) =>
  (await call(node, script, ...words)).code;
const inNode = async (node: number, ...argv: string[]) =>
  (await net.execOnNode(node, argv)).stdout.trim();
const pid = async (node: number) => Number(await inNode(node, "cat", "/run/qpidd.pid"));
const state = (node: number) => inNode(node, "/etc/qpid/bin/qpid-ha", "status", "--timeout", "20");

test("tell what became of the broker", { skip }, async (t) => {
  t.equal(await code(1, "qpidd", "status"), 3, "stopped");
  t.equal(await code(1, "qpidd", "start"), 0);
  const first = await pid(1);
  t.equal(await code(1, "qpidd", "start"), 0, "a second start changes nothing");
  t.equal(await pid(1), first);
  const running = await call(1, "qpidd", "status");
  t.match(running, { code: 0, stdout: `qpidd (pid ${first}) is running...\n` });
  process.kill(first, "SIGKILL");
  await until(() => !isAlive(first));
  t.equal(await code(1, "qpidd", "status"), 1, "dead with a pid file");
  await inNode(1, "rm", "/run/qpidd.pid");
  t.equal(await code(1, "qpidd", "status"), 2, "dead with a lock file");
  t.equal(await code(1, "qpidd", "stop"), 0, "not running is stopped");
  t.equal(await code(1, "qpidd", "status"), 3);
});

test("start a broker whose user has no home folder", { skip }, async (t) => {
  t.match(await call(1, "qpidd", "start", "HOME=/nowhere/qpidd"), { code: 0 });
  t.match(await call(1, "qpidd", "status"), { code: 0 });
  t.equal(await code(1, "qpidd", "stop"), 0);
  const refused = await call(1, "qpidd", "start", "QPID_PID_DIR=/proc/nowhere");
  t.match(refused, { code: 1, stdout: /FAILED/, stderr: /\/proc\/nowhere/ });
  const local = net.path(1, "etc/default/qpidd");
  const options = "--pid-dir=/proc/nowhere/run --log-to-file=/var/lib/qpidd/qpidd.log";
  appendFileSync(local, `QPIDD_OPTIONS="${options}"\n`);
  const said = /Can't create PID directory: \/proc\/nowhere\/run.*FAILED/s;
  t.match(await call(1, "qpidd", "start"), { code: 1, stdout: said });
  // What the broker does not say, the script cannot know: it says where to look.
  appendFileSync(local, "QPIDD_OPTIONS= QPID_BIN=/bin/false\n");
  t.match(await call(1, "qpidd", "start"), { code: 1, stdout: /FAILED.*journalctl -t qpidd/s });
  appendFileSync(local, "QPID_BIN=/etc/qpid/bin/qpidd\n");
});

test("say what they cannot do", { skip }, async (t) => {
  t.equal(await code(1, "qpidd", "reload"), 3);
  t.equal(await code(1, "qpidd-primary", "reload"), 3);
  t.equal(await code(1, "qpidd", "nonsense"), 2);
  t.equal(await code(1, "qpidd-primary"), 2);
  t.equal(await code(1, "qpidd", "condrestart"), 0, "nothing to restart");
  t.equal(await code(1, "qpidd", "status"), 3);
  const local = net.path(1, "etc/default/qpidd");
  appendFileSync(local, "QPID_BIN=/nowhere/qpidd\n");
  t.equal(await code(1, "qpidd", "start"), 5, "no broker installed");
  appendFileSync(local, "QPID_BIN=/etc/qpid/bin/qpidd QPID_USER=stranger\n");
  t.equal(await code(1, "qpidd", "start"), 4, "no such user");
  appendFileSync(local, "QPID_USER= QPID_HA=/nowhere/qpid-ha\n");
  t.equal(await code(1, "qpidd-primary", "start"), 5, "no qpid-ha installed");
  appendFileSync(local, "QPID_HA=/etc/qpid/bin/qpid-ha QPIDD_OPTIONS=--nonsense\n");
  t.equal(await code(1, "qpidd", "start"), 1, "the broker refuses to start");
  t.equal(await code(1, "qpidd", "status"), 3);
  appendFileSync(local, "QPIDD_OPTIONS=\n");
  t.equal(await code(1, "qpidd", "start"), 0, "all is well again");
});

test("promote one broker, and stop only what is theirs", { skip }, async (t) => {
  for (const node of net.nodes) t.equal(await code(node, "qpidd", "start"), 0);
  t.match(await call(1, "qpidd-primary", "status"), {
    code: 1,
    stdout: "qpidd is not primary\n",
  });
  t.equal(await code(1, "qpidd-primary", "start"), 0);
  t.match(await call(1, "qpidd-primary", "status"), { code: 0, stdout: "qpidd is primary\n" });
  t.equal(await code(1, "qpidd-primary", "start"), 0, "a second start changes nothing");
  await until(async () => (await state(2)) === "ready" && (await state(3)) === "ready");
  const [primary, backup] = [await pid(1), await pid(2)];
  t.equal(await code(1, "qpidd", "stop"), 0);
  t.equal(await code(1, "qpidd", "restart"), 0);
  t.equal(await code(2, "qpidd-primary", "stop"), 0);
  t.ok(isAlive(primary), "the primary is not stopped as broker");
  t.ok(isAlive(backup), "the backup is not stopped as primary");
  const second = await call(2, "qpidd-primary", "start");
  t.match(second, { code: 7, stdout: /there is a primary at 20\.0\.20\.1/ });
  t.equal(await state(2), "ready");
});

test("see and stop a frozen primary", { skip }, async (t) => {
  const frozen = await pid(1);
  waitForAnswers(1, 1);
  process.kill(frozen, "SIGSTOP");
  const status = await call(1, "qpidd", "status");
  t.match(status, { code: 1, stdout: `qpidd (pid ${frozen}) runs, but does not answer\n` });
  t.equal(await code(1, "qpidd-primary", "status"), 1);
  t.equal(await code(1, "qpidd-primary", "stop"), 0);
  t.notOk(isAlive(frozen), "it cannot wake up as a second primary");
  waitForAnswers(1, 20);
  t.equal(await code(2, "qpidd-primary", "start"), 0);
  await until(async () => (await state(2)) === "active" && (await state(3)) === "ready");
  t.pass("another one is promoted");
});

test("report a refused promotion", { skip }, async (t) => {
  const primary = await pid(2);
  t.equal(await code(2, "qpidd-primary", "stop"), 0);
  t.notOk(isAlive(primary), "stopped as primary");
  t.equal(await code(1, "qpidd", "start"), 0);
  const refused = await call(1, "qpidd-primary", "start");
  t.match(refused, { code: 7, stdout: /this one is joining|Joining active cluster/ });
  t.ok(isAlive(await pid(1)), "the broker itself stays");
});
