/**
 * What tests can order a stand-in to do otherwise, and that it does nothing else then.
 */
import { test } from "tap";
import { until } from "../netns/until.ts";
import { type Broker, BrokerCluster } from "./brokers.ts";
import { QmfClient } from "./qmf-client.ts";
import { fillQueue } from "./queue-client.ts";
import { skipReal } from "./real-broker.ts";

const skip = skipReal;
const patient = { "link-heartbeat-interval": "60" };
const at = (broker: Broker) => `127.0.0.1:${broker.port}`;

async function pair(settings: Readonly<Record<string, string>>) {
  const cluster = await BrokerCluster.formed({ count: 2, settings });
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  await b1.ask((client) => client.createQueue("q"));
  await until(async () => (await b2.depth("q")) === 0);
  return { cluster, b1, b2 };
}

/** One message more, and whether it is acknowledged by now. */
function sendOne(broker: Broker) {
  const sending = { acknowledged: false, done: Promise.resolve() };
  sending.done = fillQueue(broker.port, { queue: "q", count: 1 }).then(() => {
    sending.acknowledged = true;
  });
  return sending;
}

test("catching up is slow, stands still, and goes on", { skip }, async (t) => {
  const cluster = await BrokerCluster.prepare({ count: 2, settings: { "catchup-rate": "0" } });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  await b1.start();
  await b1.promote();
  await b1.ask((client) => client.createQueue("q"));
  await fillQueue(b1.port, { queue: "q", count: 200 });
  await b2.start();
  await b2.waitFor("catchup");
  const startedAtMs = performance.now();
  await b2.order("catchup-rate", 200);
  await b2.waitFor("ready");
  const tookMs = Math.round(performance.now() - startedAtMs);
  t.ok(tookMs > 600, `${tookMs} ms for 200 messages`);
  t.equal(await b2.depth("q"), 200);
  await b2.kill();
  await b2.start();
  await b2.waitFor("catchup");
  await b2.order("catchup-rate", "none");
  await b2.waitFor("ready");
});

test("a paused link holds acknowledgements back, and is dropped", { skip }, async (t) => {
  const { cluster, b1, b2 } = await pair({ "link-heartbeat-interval": "1" });
  t.teardown(() => cluster.stop());
  const backup = await b2.systemId();
  await b2.order("link", "pause");
  const sending = sendOne(b1);
  await until(async () => (await b1.depth("q")) === 1);
  t.equal(await b2.depth("q"), 0);
  t.notOk(sending.acknowledged);
  await until(async () => (await b1.members())[backup] === undefined);
  await sending.done;
  await until(async () => (await b2.linkState()) !== "Operational");
  t.equal(await b2.status(), "ready");
  await b2.order("link", "resume");
  await until(async () => (await b1.members())[backup] === 2);
  t.equal(await b2.depth("q"), 1);
});

test("a link is cut in one direction", { skip }, async (t) => {
  const { cluster, b1, b2 } = await pair(patient);
  t.teardown(() => cluster.stop());
  await b2.order("cut", at(b1), "in");
  const first = sendOne(b1);
  await until(async () => (await b1.depth("q")) === 1);
  t.equal(await b2.depth("q"), 0, "hears nothing");
  await b2.order("heal", at(b1));
  await first.done;
  t.equal(await b2.depth("q"), 1);
  await b2.order("cut", at(b1), "out");
  const second = sendOne(b1);
  await until(async () => (await b2.depth("q")) === 2);
  t.notOk(second.acknowledged, "hears, but is not heard");
  await b2.order("heal", at(b1));
  await second.done;
  await b1.order("cut", at(b2), "out");
  const third = sendOne(b1);
  await until(async () => (await b1.depth("q")) === 3);
  t.equal(await b2.depth("q"), 2, "the other end can be told just as well");
  await b1.order("heal", at(b2));
  await third.done;
});

test("while the way is cut no connection comes about", { skip }, async (t) => {
  const { cluster, b1, b2 } = await pair({ "link-heartbeat-interval": "1" });
  t.teardown(() => cluster.stop());
  const backup = await b2.systemId();
  await b2.order("cut", at(b1), "both");
  await until(async () => (await b1.members())[backup] === undefined);
  await until(async () => (await b2.linkState()) !== "Operational");
  await b2.kill();
  await b1.order("cut", at(b2), "in");
  await b2.start();
  t.equal(await b2.status(), "joining");
  await b2.promote();
  t.equal(await b2.status(), "active", "its checks have met nobody");
  t.equal(await b1.status(), "active", "two primaries, each on its side");
});

test("answers of management are late, kept back, or never come", { skip }, async (t) => {
  const cluster = await BrokerCluster.start({ count: 1 });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  const target = { host: "127.0.0.1", port: broker.port };
  const client = await QmfClient.open({ ...target, timeoutMs: null });
  const hasty = await QmfClient.open({ ...target, timeoutMs: 3000 });
  await broker.order("answers", "delay", 300);
  const askedAtMs = performance.now();
  t.equal(await client.status(), "joining");
  t.ok(performance.now() - askedAtMs > 250);
  await broker.order("answers", "hold");
  const held = client.status();
  await t.rejects(hasty.status(), { name: "Timeout" });
  await broker.order("answers", "drop");
  await t.rejects(hasty.status(), { name: "Timeout" });
  await broker.order("answers", "normal");
  t.equal(await held, "joining");
  t.equal(await hasty.status(), "joining");
  for (const one of [client, hasty]) one.close();
});

test("a promotion is refused, or takes effect when it is let go", { skip }, async (t) => {
  const cluster = await BrokerCluster.start({ count: 1 });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  await broker.order("promote", "refuse", "Not today, cannot be promoted.");
  await t.rejects(broker.promote(), { code: 7, text: "Not today, cannot be promoted." });
  await broker.order("promote", "hold");
  const client = await QmfClient.open({ host: "127.0.0.1", port: broker.port, timeoutMs: 3000 });
  await t.rejects(client.promote(), { name: "Timeout" });
  client.close();
  t.equal(await broker.status(), "joining");
  await broker.order("promote", "normal");
  await broker.waitFor("active");
  await t.rejects(broker.order("nonsense"), { message: /no such order/ });
  await t.rejects(broker.order("exit-at", "nowhere"), { message: /no such point/ });
});

test("the process dies at a chosen point of a promotion", { skip }, async (t) => {
  const killed = { code: null, signal: "SIGKILL" };
  for (const point of ["promote-received", "promoted", "promote-answered"]) {
    await t.test(point, async (t) => {
      const cluster = await BrokerCluster.start({ count: 1 });
      t.teardown(() => cluster.stop());
      const broker = cluster.broker(1);
      await broker.order("exit-at", point);
      const client = await broker.client();
      const gone = new Promise((resolve) => client.connection.once("disconnected", resolve));
      let answered = false;
      const promotion = client.promote().then(
        () => {
          answered = true;
        },
        () => {},
      );
      t.same(await broker.exited, killed);
      await gone;
      await promotion;
      t.equal(answered, point === "promote-answered");
      t.equal(broker.log().includes("-> recovering"), point !== "promote-received");
      client.close();
    });
  }
});

test("identities of messages are the same at primary and backup", { skip }, async (t) => {
  const { cluster, b1, b2 } = await pair(patient);
  t.teardown(() => cluster.stop());
  await fillQueue(b1.port, { queue: "q", count: 50 });
  const { ids } = await b1.order("dump", "q");
  t.equal(new Set(Array.isArray(ids) ? ids : []).size, 50);
  t.same((await b2.order("dump", "q"))["ids"], ids);
  await t.rejects(b1.order("dump", "absent"), { message: /no queue absent/ });
});
