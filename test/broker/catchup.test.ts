/**
 * Backups that are still copying, and brokers that are still checking their peers.
 * Cases: those of the list "broker" in test/cases.txt.
 * With the stand-in the copying stands still until it is told to go on; a real broker (QPIDD_BIN)
 * needs enough messages instead (CATCHUP_MESSAGES).
 */
import { test } from "tap";
import { until } from "../netns/until.ts";
import { type Broker, BrokerCluster } from "./brokers.ts";
import { openAdmin, QmfClient } from "./qmf-client.ts";
import { fillQueue } from "./queue-client.ts";
import { isReal } from "./real-broker.ts";

const usualMessages = isReal ? "300000" : "2000";
const messages = Number(process.env["CATCHUP_MESSAGES"] ?? usualMessages);
const settings: Record<string, string> = isReal ? {} : { "catchup-rate": "0" };
const goOn = async (...brokers: readonly Broker[]) => {
  if (!isReal) await Promise.all(brokers.map((broker) => broker.order("catchup-rate", "none")));
};
const stillCatchingUp = { code: 7, text: /^Still catching up/ };
const joiningActive = { code: 7, text: /^Joining active cluster/ };

test("case 10: a backup that is catching up cannot be promoted, and gets ready", async (t) => {
  const cluster = await BrokerCluster.prepare({ count: 2, settings });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  await b1.start();
  await b1.promote();
  await b1.ask((client) => client.createQueue("q"));
  await fillQueue(b1.port, { queue: "q", count: messages });
  await b2.start();
  await b2.waitFor("catchup");
  await t.rejects(b2.promote(), stillCatchingUp);
  t.equal(await b2.status(), "catchup");
  await goOn(b2);
  await b2.waitFor("ready", 30_000);
  t.equal(await b2.depth("q"), messages);
});

test("case 11: the primary dies while all others are catching up, the cluster hangs", async (t) => {
  const cluster = await BrokerCluster.prepare({ settings });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await b1.start();
  await b1.promote();
  await b1.ask((client) => client.createQueue("q"));
  await fillQueue(b1.port, { queue: "q", count: messages });
  await Promise.all([b2.start(), b3.start()]);
  await Promise.all([b2.waitFor("catchup"), b3.waitFor("catchup")]);
  await b1.kill();
  for (const broker of [b2, b3]) {
    t.equal(await broker.status(), "catchup");
    await t.rejects(broker.promote(), stillCatchingUp);
  }
  await b1.start();
  t.equal(await b1.status(), "joining");
  await t.rejects(b1.promote(), joiningActive);
  await b2.kill();
  await b2.start();
  await t.rejects(b2.promote(), joiningActive);
  await b3.kill();
  await b3.start();
  await b3.promote();
  await goOn(b1, b2);
  await Promise.all([b1.waitFor("ready"), b2.waitFor("ready")]);
  t.equal(await b3.status(), "active", "the last one restarted saw only joining brokers");
});

test("case 13: a promotion waits for the checks of the broker, within their limit", async (t) => {
  const heartbeatMs = 2000;
  const interval = String(heartbeatMs / 1000);
  const cluster = await BrokerCluster.prepare({
    settings: { "link-heartbeat-interval": interval },
  });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await Promise.all([b2.start(), b3.start()]);
  b2.signal("SIGSTOP");
  const startedAtMs = performance.now();
  await b1.start();
  const waits = await b1.client(60_000);
  const promotion = waits.promote();
  const other = await b1.client();
  t.equal(await other.status(), "joining", "other connections are served meanwhile");
  const behind = waits.status();
  await promotion;
  t.match(await behind, /^(recovering|active)$/, "its own has stood still");
  const waitedMs = Math.round(performance.now() - startedAtMs);
  t.comment(`answered ${waitedMs} ms after the start`);
  t.ok(waitedMs > 2 * heartbeatMs - 100, "not before the limit of the checks");
  t.match(await other.status(), /^(recovering|active)$/);
  waits.close();
  other.close();
});

test("a promotion takes effect later, though its caller has gone", async (t) => {
  const cluster = await BrokerCluster.prepare({ settings: { "link-heartbeat-interval": "60" } });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await Promise.all([b2.start(), b3.start()]);
  b2.signal("SIGSTOP");
  await b1.start();
  const client = await QmfClient.open({ host: "127.0.0.1", port: b1.port, timeoutMs: 5000 });
  await t.rejects(client.promote(), { name: "Timeout" });
  client.close();
  t.equal(await b1.status(), "joining");
  b2.signal("SIGCONT");
  await b1.waitFor("active");
  t.equal(await b1.status(), "active", "nobody waited for it");
});

test("without a whole second of heartbeats a check has no limit", async (t) => {
  const cluster = await BrokerCluster.prepare({ settings: { "link-heartbeat-interval": "0.9" } });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await Promise.all([b2.start(), b3.start()]);
  b2.signal("SIGSTOP");
  await b1.start();
  const client = await QmfClient.open({ host: "127.0.0.1", port: b1.port, timeoutMs: null });
  let answered = false;
  const promotion = client.promote().then(() => {
    answered = true;
  });
  const startedAtMs = performance.now();
  // Longer than the limit would be with an interval of one second.
  await until(() => performance.now() - startedAtMs > 2500);
  t.equal(await b1.status(), "joining");
  t.notOk(answered);
  b2.signal("SIGCONT");
  await promotion;
  t.match(await b1.status(), /^(recovering|active)$/);
  client.close();
});

test("after setBrokersUrl in state joining a promotion hangs for ever", async (t) => {
  const cluster = await BrokerCluster.start({ count: 2 });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  const url = `amqp:tcp:127.0.0.1:${b1.port},tcp:127.0.0.1:${b2.port}`;
  const name = "org.apache.qpid.ha:habroker:ha-broker";
  await b1.ask((client) => client.call(name, "setBrokersUrl", { url }));
  const client = await QmfClient.open({ host: "127.0.0.1", port: b1.port, timeoutMs: 5000 });
  await t.rejects(client.promote(), { name: "Timeout" });
  t.equal(await b1.status(), "joining");
  await b2.promote();
  await b2.waitFor("active");
  await b1.waitFor("ready");
  client.close();
});

test("when every worker waits in a promotion, the broker answers nobody", async (t) => {
  const workers = 3;
  const settings = { "link-heartbeat-interval": "30", "worker-threads": String(workers) };
  const cluster = await BrokerCluster.prepare({ settings });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await Promise.all([b2.start(), b3.start()]);
  b2.signal("SIGSTOP");
  await b1.start();
  const target = { host: "127.0.0.1", port: b1.port };
  const patient = () => QmfClient.open({ ...target, timeoutMs: null });
  const clients = await Promise.all(Array.from({ length: workers }, patient));
  const bystander = await patient();
  t.equal(await bystander.status(), "joining");
  const hasty = await openAdmin({ ...target, timeoutMs: 4000 });
  const dropped = new Promise((resolve) => hasty.once("disconnected", resolve));
  const promotions = clients.map((client) => client.promote());
  // Nobody sees from outside when the last worker is occupied: asked until no answer comes.
  let asked = bystander.status();
  while (await answersWithin(asked, 1000)) asked = bystander.status();
  await t.rejects(QmfClient.open({ ...target, timeoutMs: 1000 }), { name: "Timeout" });
  await dropped;
  t.pass("who waits for heartbeats goes");
  b2.signal("SIGCONT");
  await Promise.all(promotions);
  t.match(await asked, /^(joining|recovering|active)$/, "answered after all");
  t.match(await b1.status(), /^(recovering|active)$/);
  for (const client of [...clients, bystander]) client.close();
});

async function answersWithin(question: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  return Promise.race([question.then(() => true), limit]).finally(() => clearTimeout(timer));
}
