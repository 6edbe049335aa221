import { writeFileSync } from "node:fs";
import { t as suite, test } from "tap";
import { run } from "../netns/child.ts";
import { cleanEnvironment } from "../netns/enter.ts";
import { BrokerCluster, freePorts } from "./brokers.ts";

const tool = process.env["QPID_HA"] ?? new URL("qpid-ha.js", import.meta.url).pathname;
const program = tool.endsWith(".js") ? [process.execPath, tool] : [tool];
const qpidHa = (...words: string[]) =>
  run([...program, ...words], { env: cleanEnvironment(), timeoutMs: 20_000 });

const cluster = await BrokerCluster.start();
suite.teardown(() => cluster.stop());
const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
const at = (port: number) => ["-b", `127.0.0.1:${port}`];
const silent = { stdout: "", stderr: "" };

test("prints the state, or compares it", async (t) => {
  t.same(await qpidHa("status", ...at(b1.port)), { code: 0, stdout: "joining\n", stderr: "" });
  t.same(await qpidHa("ping", ...at(b1.port)), { code: 0, ...silent });
  t.same(await qpidHa("status", "--expect=joining", ...at(b1.port)), { code: 0, ...silent });
  t.same(await qpidHa("status", "--expect", "ready", ...at(b1.port)), { code: 1, ...silent });
  t.same(await qpidHa("status", "--is-primary", ...at(b1.port)), { code: 1, ...silent });
  t.match(await qpidHa("query", ...at(b1.port)), {
    code: 0,
    stdout: /^Status: {14}joining\nBroker ID: {11}[0-9a-f-]{36}\nBrokers URL: {9}amqp:tcp:/,
  });
});

test("promotes for cluster managers only", async (t) => {
  t.match(await qpidHa("promote", ...at(b1.port)), { code: 1 });
  t.equal(await b1.status(), "joining");
  t.same(await qpidHa("promote", "--cluster-manager", "--config", b1.configFile), {
    code: 0,
    ...silent,
  });
  t.same(await qpidHa("status", "--is-primary", ...at(b1.port)), { code: 0, ...silent });
  t.same(await qpidHa("status", "--expect=primary", ...at(b1.port)), { code: 1, ...silent });
  await b2.waitFor("ready");
  await cluster.broker(3).waitFor("ready");
  await b1.kill();
  await b1.start();
  t.match(await qpidHa("promote", "--cluster-manager", ...at(b1.port)), {
    code: 1,
    stdout: /Exception: Exception from Agent: \{u?'error_code': 7, u?'error_text': .Joining active/,
  });
});

test("asks all addresses", async (t) => {
  await cluster.broker(3).kill();
  const all = await qpidHa("status", "--all", ...at(b2.port));
  const [first, second, third] = cluster.brokers.map(({ port }) => `127.0.0.1:${port}`);
  t.same(all.stdout.split("\n"), [
    `${first} joining`,
    `${second} ready`,
    `${third} [Errno 111] Connection refused`,
    "",
  ]);
  t.equal(all.code, 0);
});

test("fails in words, and in time", async (t) => {
  const [unused = 0] = await freePorts(1);
  t.match(await qpidHa("ping", ...at(unused)), {
    code: 1,
    stdout: /^ConnectError: \[Errno 111\] Connection refused\n/,
  });
  t.match(await qpidHa(), { code: 1, stdout: /No valid command/ });
  t.match(await qpidHa("status", "surplus", ...at(b2.port)), { code: 1, stdout: /Wrong number/ });
  t.match(await qpidHa("status", "--nonsense"), { code: 2, stdout: "" });
  t.match(await qpidHa("--help"), { code: 0, stdout: /replicate/ });
  b2.signal("SIGSTOP");
  t.match(await qpidHa("status", "--timeout", "0.5", ...at(b2.port)), { code: 1, stdout: /.+/ });
  b2.signal("SIGCONT");
});

test("cannot read a heartbeat interval with a unit, as the original", async (t) => {
  const file = `${cluster.directory}/unit.conf`;
  writeFileSync(file, `port=${b2.port}\nlink-heartbeat-interval=2s\n`);
  t.match(await qpidHa("ping", "--config", file), { code: 1, stdout: /^ValueError: / });
  t.same(await qpidHa("ping", "--config", file, "--timeout", "2"), { code: 0, ...silent });
});
