/**
 * A broker as a process: options, start, end, identity, log.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "tap";
import { Child, isAlive, run as runProgram } from "../netns/child.ts";
import { cleanEnvironment } from "../netns/enter.ts";
import { until } from "../netns/until.ts";
import { BrokerCluster, brokerProgram, freePorts } from "./brokers.ts";
import { openAdmin, openConnection, QmfClient } from "./qmf-client.ts";
import { asUuid } from "./qmf-values.ts";
import { skipReal } from "./real-broker.ts";

/** Its log goes to either of the two. */
const broker = async (...words: string[]) => {
  const run = { env: cleanEnvironment(), timeoutMs: 20_000 };
  const { code, stdout, stderr } = await runProgram([...brokerProgram, ...words], run);
  return { code, said: `${stdout}${stderr}` };
};

const identity = async (port: number) => {
  const client = await QmfClient.open({ host: "127.0.0.1", port, timeoutMs: 2000 });
  const id = asUuid((await client.query("system"))[0]?.["systemId"]);
  client.close();
  return id;
};

test("a daemon listens when its start returns, keeps its identity, and ends at once", async (t) => {
  const directory = t.testdir();
  const [port = 0] = await freePorts(1);
  const pidFile = `${directory}/pid`;
  const options = [
    "--port",
    String(port),
    "--interface=127.0.0.1",
    "--pidfile",
    pidFile,
    "--auth=no",
  ];
  const all = ["--daemon", ...options, "--data-dir", `${directory}/broker`];
  const ids: string[] = [];
  for (let turn = 0; turn < 2; turn += 1) {
    const startedAtMs = performance.now();
    t.match(await broker(...all), { code: 0 });
    t.comment(`start returned after ${Math.round(performance.now() - startedAtMs)} ms`);
    const pid = Number(readFileSync(pidFile, "utf8"));
    t.teardown(() => isAlive(pid) && process.kill(pid, "SIGKILL"));
    ids.push(await identity(port));
    const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[3];
    t.equal(Number(session), pid, "in a session of its own");
    const second = await broker("--daemon", "--data-dir", `${directory}/broker`, "--port", "0");
    t.equal(second.code, 1, "the directory is locked");
    const taken = await broker("--daemon", ...options, "--no-data-dir");
    t.equal(taken.code, 1, "the port is taken");
    const endedAtMs = performance.now();
    process.kill(pid, "SIGTERM");
    await until(() => !isAlive(pid));
    t.comment(`gone after ${Math.round(performance.now() - endedAtMs)} ms`);
  }
  t.equal(ids[0], ids[1], "the identity is kept with the directory");
});

test("a command line that cannot be read", async (t) => {
  t.match(await broker("--nonsense"), { code: 1, said: /unrecognised option '--nonsense'/ });
  t.match(await broker("--port"), { code: 1, said: /argument for option '--port' is missing/ });
  t.match(await broker("--ha-replicate", "some"), {
    code: 1,
    said: /Invalid replication value: some/,
  });
  t.match(await broker("--config", "/nowhere"), {
    code: 1,
    said: /cannot read configuration file \/nowhere/,
  });
  t.match(await broker("--version"), { code: 0, said: /qpid-cpp/ });
});

test("settings that the broker does not start with", async (t) => {
  const directory = t.testdir();
  let files = 0;
  const file = (text: string) => {
    files += 1;
    const path = `${directory}/${files}.conf`;
    writeFileSync(path, text);
    return path;
  };
  t.match(await broker("--config", file("")), { code: 1, said: /cannot read configuration file/ });
  const unmanaged = file("ha-cluster=yes\nmgmt-enable=no\n");
  t.match(await broker("--config", unmanaged), { code: 1, said: /management/ });
  t.match(await broker("--worker-threads", "0"), { code: 1, said: /worker-threads/ });
  t.match(await broker("--port", "65536"), { code: 1, said: /port/ });
  t.match(await broker("--link-heartbeat-interval", "2h"), { code: 1, said: /heartbeat/ });
  const acl = file("acl nonsense\n");
  t.match(await broker("--port=0", "--acl-file", acl), { code: 1, said: /ACL format error/ });
  t.match(await broker("--port=0", "--acl-file=/nowhere/acl"), { code: 1, said: /nowhere/ });
});

test("the command line wins over the file", async (t) => {
  const [port = 0] = await freePorts(1);
  const path = `${t.testdir()}/qpidd.conf`;
  writeFileSync(path, `auth=no\nport=1\nha-replicate=none # and no cluster\n`);
  const child = new Child([...brokerProgram, "--config", path, `--port=${port}`], {
    env: cleanEnvironment(),
    logFile: `${path}.log`,
  });
  t.teardown(() => child.kill("SIGKILL"));
  await until(() => /listening on .*port/i.test(child.output()), {
    describe: () => child.output(),
  });
  t.match(await identity(port), /^[\da-f-]{36}$/);
});

test("a signal ends the broker with code 0, and without a word to its clients", async (t) => {
  const cluster = await BrokerCluster.start({ count: 2 });
  t.teardown(() => cluster.stop());
  for (const [index, signal] of (["SIGTERM", "SIGINT"] as const).entries()) {
    const broker = cluster.broker(index + 1);
    const connection = await openAdmin({ host: "127.0.0.1", port: broker.port, timeoutMs: 10_000 });
    const heard: string[] = [];
    const gone = new Promise((resolve) => connection.on("disconnected", resolve));
    for (const event of ["connection_close", "connection_error"]) {
      connection.on(event, () => heard.push(event));
    }
    const signalledAtMs = performance.now();
    broker.signal(signal);
    t.same(await broker.exited, { code: 0, signal: null });
    t.comment(`gone after ${Math.round(performance.now() - signalledAtMs)} ms`);
    await gone;
    t.same(heard, [], "no Close");
  }
});

test("without a directory the identity is another one at every start", async (t) => {
  const cluster = await BrokerCluster.start({ count: 1 });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  const first = await broker.systemId();
  await broker.kill();
  const startedAtMs = performance.now();
  await broker.start();
  t.not(await broker.systemId(), first);
  t.comment(`answers ${Math.round(performance.now() - startedAtMs)} ms after its start`);
});

test("the log tells states, links, promotions and clients, with times", {
  skip: skipReal,
}, async (t) => {
  const cluster = await BrokerCluster.formed({ count: 2 });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  const target = { host: "127.0.0.1", timeoutMs: 10_000 };
  (await openConnection({ ...target, port: b1.port })).close();
  await t.rejects(openConnection({ ...target, port: b2.port }));
  await b1.kill();
  await until(() => /link to .* down/.test(b2.log()));
  const time = String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
  const has = (log: string, text: string) =>
    t.match(log, new RegExp(`${time} \\[HA\\] ${text}`, "m"));
  for (const text of [
    "joining -> recovering",
    "recovering -> active",
    "promote received in state joining",
    "promote answered: ok",
    "client accepted",
  ]) {
    has(b1.log(), text);
  }
  for (const text of [
    "joining -> catchup",
    "catchup -> ready",
    `link to 127.0.0.1:${b1.port} up`,
    `link to 127.0.0.1:${b1.port} down`,
    "client dropped in state ready",
  ]) {
    has(b2.log(), text);
  }
});
