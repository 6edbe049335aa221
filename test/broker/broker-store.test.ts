/**
 * What a broker finds again after its death: nothing, or what its store has kept.
 */
import { appendFileSync } from "node:fs";
import { test } from "tap";
import { BrokerStore } from "./broker-store.ts";
import { type Broker, BrokerCluster } from "./brokers.ts";
import type { QueueOutline } from "./peer-protocol.ts";
import { fillQueue, idsIn } from "./queue-client.ts";
import { skipReal } from "./real-broker.ts";

const durable = { durable: true, "qpid.replicate": "all" };
const oneTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const skip = skipReal;

async function storing(count: number): Promise<BrokerCluster> {
  const cluster = await BrokerCluster.prepare({ count });
  for (const broker of cluster.brokers) broker.configure("store", `${broker.configFile}.store`);
  return cluster;
}

async function promoted(broker: Broker): Promise<void> {
  await broker.promote();
  await broker.waitFor("active");
}

test("without a store everything is gone with the process", async (t) => {
  const cluster = await BrokerCluster.formed({ count: 1 });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  await broker.ask((client) => client.createQueue("q"));
  await fillQueue(broker.port, { queue: "q", count: 10 });
  await broker.kill();
  await broker.start();
  t.equal(await broker.depth("q"), -1);
});

test("a store keeps durable queues, and what is left in them", { skip }, async (t) => {
  const cluster = await storing(1);
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  await broker.start();
  await promoted(broker);
  await broker.ask((client) => client.createQueue("kept", durable));
  await broker.ask((client) => client.createQueue("dropped", durable));
  await broker.ask((client) => client.createQueue("fleeting"));
  for (const queue of ["kept", "dropped", "fleeting"]) {
    await fillQueue(broker.port, { queue, count: 10, durable: true });
  }
  const gone = { type: "queue", name: "dropped", options: {} };
  const name = "org.apache.qpid.broker:broker:amqp-broker";
  await broker.ask((client) => client.call(name, "delete", gone));
  for (const _ of ["once", "and again"]) {
    await broker.kill();
    await broker.start();
    await promoted(broker);
    t.equal(await broker.depth("kept"), 10);
    t.equal(await broker.depth("dropped"), -1);
    t.equal(await broker.depth("fleeting"), -1);
    t.same(await idsIn(broker.port, "kept"), oneTo(10));
  }
});

/** Two stores after a total stop: that of the last primary has 20 messages, the other one 10. */
async function unequal() {
  const cluster = await storing(2);
  const [last, former] = [cluster.broker(1), cluster.broker(2)];
  await Promise.all([last.start(), former.start()]);
  await promoted(last);
  await former.waitFor("ready");
  await last.ask((client) => client.createQueue("q", durable));
  await fillQueue(last.port, { queue: "q", count: 10, durable: true });
  await former.kill();
  await fillQueue(last.port, { queue: "q", from: 11, count: 10, durable: true });
  await last.kill();
  await Promise.all([last.start(), former.start()]);
  return { cluster, last, former };
}

test("the first one promoted recovers, the others discard", { skip }, async (t) => {
  const { cluster, last, former } = await unequal();
  t.teardown(() => cluster.stop());
  t.equal(await last.depth("q"), 20);
  t.equal(await former.depth("q"), 10, "each has recovered its own");
  await promoted(last);
  await former.waitFor("ready");
  t.equal(await former.depth("q"), 20);
  t.match(former.log(), /discarded 1 recovered queues/);
  await last.kill();
  await promoted(former);
  t.same(await idsIn(former.port, "q"), oneTo(20));
});

test("the wrong one promoted first loses what it never had", { skip }, async (t) => {
  const { cluster, last, former } = await unequal();
  t.teardown(() => cluster.stop());
  await promoted(former);
  await last.waitFor("ready");
  t.equal(await last.depth("q"), 10, "although it had all of them");
  await Promise.all([last.kill(), former.kill()]);
  await last.start();
  t.equal(await last.depth("q"), 10, "and its store has followed");
});

test("a line that was cut off by the death of the writer is none", async (t) => {
  const file = `${t.testdir()}/store`;
  const outline: QueueOutline = {
    name: "q",
    uuid: "u",
    level: "all",
    durable: true,
    queueArguments: {},
  };
  const store = new BrokerStore(file);
  const journal = store.journal(outline);
  journal?.placed("a", Buffer.from("first"));
  journal?.placed("b", null);
  journal?.placed("c", Buffer.from("third"));
  journal?.removed("a");
  journal?.placed("d", Buffer.alloc(0));
  journal?.arranged(["d", "c", "b"]);
  appendFileSync(file, '{"type":"placed","queue":"q","id":"e","con');
  const [queue] = new BrokerStore(file).recover();
  t.same(queue?.outline, outline);
  t.same([...(queue?.messages.keys() ?? [])], ["c"]);
});
