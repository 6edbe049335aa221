// The stand-in as a process: start, end, identity, who may connect.
import { readFileSync } from "node:fs";
import { test } from "tap";
import { isAlive, run } from "../netns/child.ts";
import { cleanEnvironment } from "../netns/enter.ts";
import { until } from "../netns/until.ts";
import { BrokerCluster, freePorts, standInProgram } from "./brokers.ts";
import { openConnection, QmfClient } from "./qmf-client.ts";
import { asUuid } from "./qmf-values.ts";

const standIn = (...words: string[]) =>
  run([...standInProgram, ...words], { env: cleanEnvironment(), timeoutMs: 20_000 });

const identity = async (port: number) => {
  const client = await QmfClient.open({ host: "127.0.0.1", port, timeoutMs: 2000 });
  const id = asUuid((await client.habroker())?.["systemId"]);
  client.close();
  return id;
};

test("a daemon listens when its start returns, keeps its identity, and ends at once", async (t) => {
  const directory = t.testdir();
  const [port = 0] = await freePorts(1);
  const pidFile = `${directory}/pid`;
  const options = ["--port", String(port), "--interface=127.0.0.1", "--pidfile", pidFile];
  const all = ["--daemon", ...options, "--data-dir", `${directory}/broker`];
  const ids: string[] = [];
  for (let turn = 0; turn < 2; turn += 1) {
    const startedAtMs = performance.now();
    t.match(await standIn(...all), { code: 0 });
    t.comment(`start returned after ${Math.round(performance.now() - startedAtMs)} ms`);
    const pid = Number(readFileSync(pidFile, "utf8"));
    t.teardown(() => isAlive(pid) && process.kill(pid, "SIGKILL"));
    ids.push(await identity(port));
    const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[3];
    t.equal(Number(session), pid, "in a session of its own");
    const second = await standIn("--daemon", "--data-dir", `${directory}/broker`, "--port", "0");
    t.equal(second.code, 1, "the directory is locked");
    const taken = await standIn("--daemon", ...options, "--no-data-dir");
    t.equal(taken.code, 1, "the port is taken");
    const endedAtMs = performance.now();
    process.kill(pid, "SIGTERM");
    await until(() => !isAlive(pid));
    t.comment(`gone after ${Math.round(performance.now() - endedAtMs)} ms`);
  }
  t.equal(ids[0], ids[1], "the identity is kept with the directory");
});

test("a command line that cannot be read", async (t) => {
  t.match(await standIn("--nonsense"), { code: 1, stderr: /unrecognised option '--nonsense'/ });
  t.match(await standIn("--port"), { code: 1, stderr: /argument for option '--port' is missing/ });
  t.match(await standIn("--ha-replicate", "some"), { code: 1, stderr: /ha-replicate/ });
  t.match(await standIn("--config", "/nowhere"), { code: 1, stderr: /can't read \/nowhere/ });
  t.match(await standIn("--version"), { code: 0, stdout: /qpid-cpp/ });
});

test("with authentication only the right password gets in", async (t) => {
  const settings = { auth: "yes", "ha-username": "ha", "ha-password": "secret" };
  const cluster = await BrokerCluster.prepare({ count: 1, settings });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  await broker.start();
  const target = { host: "127.0.0.1", port: broker.port, timeoutMs: 2000 };
  const admin = { properties: { "qpid.ha-admin": 1 } };
  const enter = (username: string, password: string) =>
    openConnection({ ...target, ...admin, username, password });
  for (const username of ["ha", "ha@QPID"]) {
    const connection = await enter(username, "secret");
    t.ok(connection.is_open());
    connection.close();
  }
  await t.rejects(openConnection(target), { name: "AuthenticationFailure" });
  await t.rejects(enter("ha", "wrong"), { name: "AuthenticationFailure" });
  await t.rejects(enter("someone", "secret"), { name: "AuthenticationFailure" });
});
