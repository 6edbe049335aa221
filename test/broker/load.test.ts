import { test } from "tap";
import { Child } from "../netns/child.ts";
import { cleanEnvironment } from "../netns/enter.ts";
import { until } from "../netns/until.ts";
import { BrokerCluster } from "./brokers.ts";
import { Forwarder } from "./forwarder.ts";
import { LoadRun } from "./load.ts";

/** More repetitions than the suite can afford: FAILOVERS=10. */
const failovers = Number(process.env["FAILOVERS"] ?? "2");

test("no acknowledged message is lost when primaries are killed under load", async (t) => {
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
});

test("a message is not acknowledged while an attached backup is silent", async (t) => {
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
  const silentMs = performance.now() - frozenAtMs;
  t.ok(silentMs > 900 && silentMs < 5000, `dropped after ${Math.round(silentMs)} ms`);
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

test("the load program prints its report at the end of its time or by a signal", async (t) => {
  const cluster = await BrokerCluster.formed({ count: 1 });
  t.teardown(() => cluster.stop());
  const { port } = cluster.broker(1);
  const program = new URL("load.js", import.meta.url).pathname;
  const run = (name: string, ...rest: string[]) =>
    new Child([process.execPath, program, `127.0.0.1:${port}`, "--queue", name, ...rest], {
      env: cleanEnvironment(),
      logFile: `${cluster.directory}/${name}.log`,
    });
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
