/**
 * Load on primaries that fail, and who judges it.
 * Cases: those of the list "broker" in test/cases.txt.
 * QPIDD_BIN=/usr/sbin/qpidd runs it against a real broker.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "tap";
import { Child } from "../netns/child.ts";
import { cleanEnvironment } from "../netns/enter.ts";
import { until } from "../netns/until.ts";
import { BrokerCluster } from "./brokers.ts";
import { Forwarder } from "./forwarder.ts";
import { LoadRun } from "./load.ts";
import { fillQueue } from "./queue-client.ts";

/** More repetitions than the suite can afford: FAILOVERS=10. */
const failovers = Number(process.env["FAILOVERS"] ?? "2");

test("case 7: no acknowledged message is lost when primaries are killed under load", async (t) => {
  const cluster = await BrokerCluster.formed();
  const address = await Forwarder.open();
  t.teardown(async () => {
    address.close();
    await cluster.stop();
  });
  address.leadTo(cluster.broker(1).port);
  const load = new LoadRun({ host: "127.0.0.1", port: address.port, rate: 0 });
  load.start();
  for (let turn = 0; turn < failovers; turn += 1) {
    const before = load.acknowledged;
    await until(() => load.acknowledged > before + 500);
    const old = cluster.broker((turn % 3) + 1);
    const next = cluster.broker(((turn + 1) % 3) + 1);
    await next.waitFor("ready");
    await old.kill();
    await next.promote();
    address.leadTo(next.port);
    await old.start();
    await old.waitFor("ready");
    await cluster.broker(((turn + 2) % 3) + 1).waitFor("ready");
  }
  const before = load.acknowledged;
  await until(() => load.acknowledged > before + 500);
  const report = await load.finish();
  t.comment(JSON.stringify(report));
  t.equal(report.lost, 0);
  t.equal(report.reordered, 0);
  t.ok(report.acknowledged > 500 * (failovers + 1), `${report.acknowledged} acknowledged`);
  t.ok(report.received >= report.acknowledged);
  t.ok(
    report.received - report.duplicated <= report.sent,
    "what was not acknowledged is there once",
  );
});

test("case 14: a frozen backup is waited for, then dropped, and says ready for ever", async (t) => {
  const settings = { "link-heartbeat-interval": "1" };
  const cluster = await BrokerCluster.formed({ settings });
  const [b1, b3] = [cluster.broker(1), cluster.broker(3)];
  const load = new LoadRun({ host: "127.0.0.1", port: b1.port, rate: 0, stallMs: 10_000 });
  t.teardown(async () => {
    await load.stop();
    await cluster.stop();
  });
  load.start();
  await until(() => load.acknowledged > 100);
  const frozen = await b3.systemId();
  b3.signal("SIGSTOP");
  const frozenAtMs = performance.now();
  await until(async () => (await b1.members())[frozen] === undefined);
  const silentMs = Math.round(performance.now() - frozenAtMs);
  t.ok(silentMs > 900, `dropped after ${silentMs} ms, not before an interval`);
  const before = load.acknowledged;
  await until(() => load.acknowledged > before + 500);
  t.ok(load.longestGapMs > 800, "nothing was acknowledged in between");
  const depth = await b1.depth("load");
  await b1.kill();
  b3.signal("SIGCONT");
  t.equal(await b3.status(), "ready", "a stale backup still says ready");
  t.ok((await b3.depth("load")) < depth, "with fewer messages");
  t.notOk(frozen in (await cluster.broker(2).members()), "the good backup's list lacks it");
});

const programOf = (name: string) => new URL(`${name}.js`, import.meta.url).pathname;

test("the load program prints its report at the end of its time or by a signal", async (t) => {
  const cluster = await BrokerCluster.formed({ count: 1 });
  t.teardown(() => cluster.stop());
  const { port } = cluster.broker(1);
  const run = (name: string, ...rest: string[]) =>
    new Child(
      [process.execPath, programOf("load"), `127.0.0.1:${port}`, "--queue", name, ...rest],
      { env: cleanEnvironment(), logFile: `${cluster.directory}/${name}.log` },
    );
  const timed = run("timed", "--seconds", "0.5");
  const signalled = run("signalled", "--rate", "200");
  t.same(await timed.exited, { code: 0, signal: null });
  await until(async () => (await cluster.broker(1).depth("signalled")) > 10);
  signalled.kill("SIGTERM");
  t.same(await signalled.exited, { code: 0, signal: null });
  for (const child of [timed, signalled]) {
    const report: unknown = JSON.parse(child.output());
    t.match(report, { duplicated: 0, reordered: 0, lost: 0, longestGapMs: Number });
  }
});

test("a receiver of its own judges by the ledger, through a failover", async (t) => {
  const cluster = await BrokerCluster.formed();
  const address = await Forwarder.open();
  t.teardown(async () => {
    address.close();
    await cluster.stop();
  });
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  address.leadTo(b1.port);
  const ledger = `${cluster.directory}/ledger`;
  const run = (name: string, ...rest: string[]) =>
    new Child(
      [process.execPath, programOf(name), `127.0.0.1:${address.port}`, "--ledger", ledger, ...rest],
      { env: cleanEnvironment(), logFile: `${cluster.directory}/${name}.log` },
    );
  const load = run("load", "--rate", "500", "--progress");
  const receiver = run("receive");
  const acknowledged = () => Number(load.output().trim().split("\n").at(-1));
  await until(() => acknowledged() > 200);
  await b1.kill();
  await b2.promote();
  address.leadTo(b2.port);
  const before = acknowledged();
  await until(() => acknowledged() > before + 200);
  load.kill("SIGTERM");
  t.same(await load.exited, { code: 0, signal: null });
  receiver.kill("SIGTERM");
  t.same(await receiver.exited, { code: 0, signal: null });
  const sender = JSON.parse(load.output().trim().split("\n").at(-1) ?? "");
  const report = JSON.parse(receiver.output());
  t.comment(JSON.stringify({ sender, report }));
  t.equal(report.acknowledged, sender.acknowledged);
  t.match(report, { lost: 0, reordered: 0 });
  t.equal(await b2.depth("load"), 0, "it was received, not looked at");
});

test("a receiver finds what was lost, sent twice, or in another order", async (t) => {
  const cluster = await BrokerCluster.formed({ count: 1 });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  await broker.ask((client) => client.createQueue("load"));
  for (const id of [1, 2, 5, 4, 4, 6]) {
    await fillQueue(broker.port, { queue: "load", from: id, count: 1, run: "A" });
  }
  const ledger = `${cluster.directory}/ledger`;
  writeFileSync(ledger, "A 1\nA 2\nA 3\nA 4\nA 5\nB 1\n");
  const receiver = new Child(
    [process.execPath, programOf("receive"), `127.0.0.1:${broker.port}`, "--ledger", ledger],
    { env: cleanEnvironment(), logFile: `${cluster.directory}/receive.log` },
  );
  await until(async () => (await broker.depth("load")) === 0);
  receiver.kill("SIGTERM");
  t.same(await receiver.exited, { code: 1, signal: null });
  const report: unknown = JSON.parse(readFileSync(receiver.logFile, "utf8"));
  t.same(report, {
    acknowledged: 6,
    received: 6,
    duplicated: 1,
    reordered: 1,
    lost: 2,
    lostIds: [3, 1],
  });
});
