// Backups that are still copying. With the stand-in the copying is slowed down; a real broker
// (QPIDD_BIN) needs enough messages instead: CATCHUP_MESSAGES=300000.
import { test } from "tap";
import { until } from "../netns/until.ts";
import { type Broker, BrokerCluster, isReal } from "./brokers.ts";
import { openConnection } from "./qmf-client.ts";

const messages = Number(process.env["CATCHUP_MESSAGES"] ?? "2000");
const settings: Record<string, string> = isReal ? {} : { "catchup-rate": "1000" };

async function fill(broker: Broker, count: number): Promise<void> {
  await broker.ask((client) => client.createQueue("q"));
  const connection = await openConnection({
    host: "127.0.0.1",
    port: broker.port,
    timeoutMs: 5000,
  });
  const sender = connection.open_sender("q");
  let sent = 0;
  let accepted = 0;
  connection.on("sendable", () => {
    while (sent < count && sender.sendable()) {
      sender.send({ body: `message ${sent}` });
      sent += 1;
    }
  });
  connection.on("accepted", () => {
    accepted += 1;
  });
  await until(() => accepted === count, { timeoutMs: 60_000 });
  connection.close();
}

test("a backup that is catching up cannot be promoted, and gets ready", async (t) => {
  const cluster = await BrokerCluster.prepare({ count: 2, settings });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  await b1.start();
  await b1.promote();
  await fill(b1, messages);
  await b2.start();
  await b2.waitFor("catchup");
  await t.rejects(b2.promote(), { code: 7, text: /^Still catching up/ });
  await b2.waitFor("ready", 30_000);
  t.equal(await b2.depth("q"), messages);
});

test("the primary dies while all others are catching up: the cluster hangs", async (t) => {
  const cluster = await BrokerCluster.prepare({ settings });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await b1.start();
  await b1.promote();
  await fill(b1, messages);
  await Promise.all([b2.start(), b3.start()]);
  await Promise.all([b2.waitFor("catchup"), b3.waitFor("catchup")]);
  await b1.kill();
  for (const broker of [b2, b3]) {
    t.equal(await broker.status(), "catchup");
    await t.rejects(broker.promote(), { code: 7, text: /^Still catching up/ });
  }
  const joining = { code: 7, text: /^Joining active cluster/ };
  await b1.start();
  t.equal(await b1.status(), "joining");
  await t.rejects(b1.promote(), joining);
  await b2.kill();
  await b2.start();
  await t.rejects(b2.promote(), joining);
  await b3.kill();
  await b3.start();
  await b3.promote();
  await Promise.all([b1.waitFor("ready"), b2.waitFor("ready")]);
  t.equal(await b3.status(), "active", "the last one restarted saw only joining brokers");
});

test("a promotion waits for the checks of a starting broker, within their limit", async (t) => {
  const cluster = await BrokerCluster.prepare({ settings: { "link-heartbeat-interval": "1" } });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await Promise.all([b2.start(), b3.start()]);
  b2.signal("SIGSTOP");
  await b1.start();
  const startedAtMs = performance.now();
  const promotion = b1.promote();
  t.equal(await b1.status(), "joining", "other questions are answered meanwhile");
  await promotion;
  const waitedMs = performance.now() - startedAtMs;
  t.ok(waitedMs > 1500 && waitedMs < 6000, `answered after ${Math.round(waitedMs)} ms`);
  t.match(await b1.status(), /^(recovering|active)$/);
});
