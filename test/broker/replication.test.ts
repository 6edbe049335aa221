/**
 * What backups have of the primary's queues, and when a send is acknowledged.
 * QPIDD_BIN=/usr/sbin/qpidd runs it against a real broker.
 */
import rhea, { type Connection, type Message } from "rhea";
import { test } from "tap";
import { until } from "../netns/until.ts";
import { type Broker, BrokerCluster } from "./brokers.ts";
import { openConnection } from "./qmf-client.ts";
import { asMap, asText } from "./qmf-values.ts";
import { browseQueue, fillQueue, idsIn } from "./queue-client.ts";
import { skipReal } from "./real-broker.ts";

const oneTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const brokerObject = "org.apache.qpid.broker:broker:amqp-broker";

const create = (broker: Broker, name: string, properties?: Readonly<Record<string, unknown>>) =>
  broker.ask((client) => client.createQueue(name, properties));
const remove = (broker: Broker, name: string) =>
  broker.ask((client) => client.call(brokerObject, "delete", { type: "queue", name, options: {} }));
/** Identity of a queue, as replication sees it. */
const identity = (broker: Broker, name: string) =>
  broker.ask(async (client) => {
    const queue = (await client.query("queue")).find((one) => asText(one["name"]) === name);
    const id = asMap(queue?.["arguments"])["qpid.ha-uuid"];
    return Buffer.isBuffer(id) ? id.toString("hex") : "";
  });
/** The name of the queue that the broker makes for a dynamic receiver. */
async function openDynamic(
  connection: Connection,
  properties: Readonly<Record<string, string | boolean>>,
): Promise<string> {
  const receiver = connection.open_receiver({
    source: { address: "", dynamic: true, dynamic_node_properties: properties },
  });
  await new Promise((resolve) => receiver.once("receiver_open", resolve));
  return asText(receiver.source.address);
}

/** Takes so many messages away and acknowledges them. */
async function consume(broker: Broker, queue: string, count: number): Promise<void> {
  const connection = await openConnection({
    host: "127.0.0.1",
    port: broker.port,
    timeoutMs: 10_000,
  });
  let taken = 0;
  const receiver = connection.open_receiver({ source: queue, credit_window: 0 });
  receiver.add_credit(count);
  receiver.on("message", () => {
    taken += 1;
  });
  await until(() => taken === count);
  connection.close();
}

test("a queue is replicated with its messages, without them, or not at all", async (t) => {
  const cluster = await BrokerCluster.formed({ count: 2 });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  for (const level of ["all", "configuration", "none"]) {
    await create(b1, level, { "qpid.replicate": level });
    await fillQueue(b1.port, { queue: level, count: 10 });
  }
  await create(b1, "default", {});
  const { connection } = await b1.client();
  const [plain, temporary, asked] = await Promise.all([
    openDynamic(connection, {}),
    openDynamic(connection, { exclusive: true, "auto-delete": true }),
    openDynamic(connection, { exclusive: true, "auto-delete": true, "qpid.replicate": "all" }),
  ]);
  await create(b1, "last");
  await until(async () => (await b2.depth("last")) === 0);
  t.equal(await b2.depth("all"), 10);
  t.equal(await b2.depth("configuration"), 0);
  t.equal(await b2.depth("none"), -1);
  t.equal(await b2.depth("default"), 0, "ha-replicate is all");
  t.equal(await b2.depth(plain), 0, "as is the queue of a dynamic receiver");
  t.equal(await b2.depth(temporary), -1, "but not one that ends with its owner");
  t.equal(await b2.depth(asked), 0, "unless asked for");
  t.equal(await identity(b2, "all"), await identity(b1, "all"));
  await consume(b1, "all", 4);
  await until(async () => (await b2.depth("all")) === 6);
  await remove(b1, "configuration");
  await until(async () => (await b2.depth("configuration")) === -1);
  await b1.kill();
  await b2.promote();
  t.same(await idsIn(b2.port, "all"), [5, 6, 7, 8, 9, 10], "in order");
});

test("a promoted broker is always right: the others delete what it does not have", async (t) => {
  const cluster = await BrokerCluster.formed({ settings: { "link-heartbeat-interval": "1" } });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await create(b1, "kept");
  await create(b1, "again");
  await fillQueue(b1.port, { queue: "kept", count: 10 });
  await fillQueue(b1.port, { queue: "again", count: 5 });
  const stale = await b3.systemId();
  b3.signal("SIGSTOP");
  await until(async () => (await b1.members())[stale] === undefined);
  await fillQueue(b1.port, { queue: "kept", from: 11, count: 20 });
  await create(b1, "new");
  await remove(b1, "again");
  await create(b1, "again");
  await fillQueue(b1.port, { queue: "again", from: 101, count: 7 });
  t.equal(await b2.depth("kept"), 30, "acknowledged means that b2 has it");
  t.equal(await b2.depth("again"), 7);
  await b1.kill();
  b3.signal("SIGCONT");
  t.equal(await b3.status(), "ready", "it does not know that it is stale");
  await b3.promote();
  await b3.waitFor("active");
  await b2.waitFor("ready");
  await until(async () => (await b2.depth("kept")) === 10, { describe: () => b2.log() });
  t.equal(await b2.depth("new"), -1, "a queue that the primary does not know");
  await until(async () => (await b2.depth("again")) === 5);
  t.equal(await identity(b2, "again"), await identity(b3, "again"));
  await b3.kill();
  await b2.promote();
  t.same(await idsIn(b2.port, "kept"), oneTo(10));
  t.same(await idsIn(b2.port, "again"), oneTo(5));
});

test("a backup that comes back gets what it lacks, and no more", async (t) => {
  const cluster = await BrokerCluster.formed({ count: 2 });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  await create(b1, "q");
  await fillQueue(b1.port, { queue: "q", count: 2500 });
  await b2.kill();
  await consume(b1, "q", 100);
  await fillQueue(b1.port, { queue: "q", from: 2501, count: 100 });
  await b2.start();
  await b2.waitFor("ready");
  t.equal(await b2.depth("q"), 2500, "more than one window");
  await b1.kill();
  await b2.promote();
  t.same(await idsIn(b2.port, "q"), oneTo(2600).slice(100));
});

test("a message is acknowledged when it was consumed, whatever the backups have", async (t) => {
  const cluster = await BrokerCluster.formed({
    count: 2,
    settings: { "link-heartbeat-interval": "60" },
  });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  await create(b1, "q");
  await fillQueue(b1.port, { queue: "q", count: 3 });
  b2.signal("SIGSTOP");
  let acknowledged = false;
  const sending = fillQueue(b1.port, { queue: "q", from: 4, count: 1 }).then(() => {
    acknowledged = true;
  });
  await until(async () => (await b1.depth("q")) === 4);
  await consume(b1, "q", 3);
  t.notOk(acknowledged, "the others were consumed, this one was not");
  await consume(b1, "q", 1);
  await sending;
  b2.signal("SIGCONT");
  await until(async () => (await b2.depth("q")) === 0);
});

test("a primary without backups acknowledges alone", async (t) => {
  const cluster = await BrokerCluster.formed({ count: 2 });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  await create(b1, "q");
  await b2.kill();
  await fillQueue(b1.port, { queue: "q", count: 10 });
  t.equal(await b1.depth("q"), 10);
});

test("a backup drops a silent primary, keeps its state, and finds it again", async (t) => {
  const heartbeatMs = 1000;
  const cluster = await BrokerCluster.formed({ settings: { "link-heartbeat-interval": "1" } });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  const ids = { b1: await b1.systemId(), b2: await b2.systemId() };
  const frozenAtMs = performance.now();
  b1.signal("SIGSTOP");
  await until(async () => (await b2.linkState()) !== "Operational");
  const silentMs = Math.round(performance.now() - frozenAtMs);
  t.ok(silentMs > 1.4 * heartbeatMs, `dropped after ${silentMs} ms, not before two intervals`);
  t.equal(await b2.status(), "ready");
  t.equal((await b2.members())[ids.b1], 4, "and still lists it as active");
  b1.signal("SIGCONT");
  await until(async () => (await b2.linkState()) === "Operational");
  await until(async () => (await b1.members())[ids.b2] === 2);
});

test("an expected backup that does not come in time has to catch up again", async (t) => {
  const settings = { "ha-backup-timeout": "1", "link-heartbeat-interval": "60" };
  const cluster = await BrokerCluster.formed({ settings });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  const late = await b3.systemId();
  b3.signal("SIGSTOP");
  await b1.kill();
  await b2.promote();
  await b2.waitFor("active");
  t.equal((await b2.members())[late], 1, "listed as catching up");
  b3.signal("SIGCONT");
  await until(async () => (await b2.members())[late] === 2);
  await b3.waitFor("ready");
});

test("a frozen primary that wakes up is a second one", async (t) => {
  const cluster = await BrokerCluster.formed({ settings: { "ha-backup-timeout": "1" } });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  b1.signal("SIGSTOP");
  await b2.promote();
  await b2.waitFor("active");
  b1.signal("SIGCONT");
  t.equal(await b1.status(), "active");
  t.equal(await b2.status(), "active", "nobody tells them");
});

/** Two messages, as a backup gives them back that was promoted. */
async function throughFailover(cluster: BrokerCluster, sent: readonly Message[]) {
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  await create(b1, "q");
  const connection = await openConnection({
    host: "127.0.0.1",
    port: b1.port,
    timeoutMs: 10_000,
  });
  const sender = connection.open_sender("q");
  let accepted = 0;
  connection.on("accepted", () => {
    accepted += 1;
  });
  await new Promise((resolve) => sender.once("sendable", resolve));
  for (const message of sent) sender.send(message);
  await until(() => accepted === sent.length);
  const before = await browseQueue(b1.port, "q");
  connection.close();
  await b1.kill();
  await b2.promote();
  return { before, after: await browseQueue(b2.port, "q") };
}

const properties = { application_properties: { id: 7, text: "x" } };
const original = { ...properties, message_id: "no uuid", to: "somewhere", body: "text" };

test("a message comes back from a backup with what AMQP 0-10 has left of it", async (t) => {
  const cluster = await BrokerCluster.formed({ count: 2 });
  t.teardown(() => cluster.stop());
  const uuid = "01234567-89ab-cdef-0123-456789abcdef";
  const bytes = rhea.message.data_section(Buffer.from([1]));
  const second = { ...properties, message_id: uuid, body: bytes };
  const { before, after } = await throughFailover(cluster, [original, second]);
  t.match(before[0], original, "unchanged at the primary");
  t.match(after[0], { to: "qpid.ha-q:q", content_type: "text/plain", ...properties });
  t.equal(after[0]?.message_id, undefined);
  t.equal(asText(asMap(after[0]?.body)["content"]), "text", "a section of bytes");
  t.equal(after[1]?.message_id, uuid);
});

test("a stand-in can be told to leave messages as they are", { skip: skipReal }, async (t) => {
  const settings = { "lossy-translation": "no" };
  const cluster = await BrokerCluster.formed({ count: 2, settings });
  t.teardown(() => cluster.stop());
  const { after } = await throughFailover(cluster, [original]);
  t.match(after[0], original);
});
