/**
 * Management over AMQP 1.0. QPIDD_BIN=/usr/sbin/qpidd runs it against a real broker.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import type { Connection, Message } from "rhea";
import { t as suite, test } from "tap";
import { until } from "../netns/until.ts";
import { BrokerCluster } from "./brokers.ts";
import { openAdmin, openConnection } from "./qmf-client.ts";
import { asList, asMap, asText } from "./qmf-values.ts";
import { fillQueue } from "./queue-client.ts";

const habroker = "org.apache.qpid.ha:habroker:ha-broker";
const brokerObject = "org.apache.qpid.broker:broker:amqp-broker";

const cluster = await BrokerCluster.formed({ count: 1 });
suite.teardown(() => cluster.stop());
const broker = cluster.broker(1);
const target = { host: "127.0.0.1", port: broker.port, timeoutMs: 5000 };
const client = await broker.client();
suite.teardown(() => client.close());

test("case 15: answers failures with their codes", async (t) => {
  const query = (body: Readonly<Record<string, unknown>>) => client.request("_query_request", body);
  await t.rejects(query({ _what: "SCHEMA" }), { code: 1 });
  await t.rejects(query({}), { code: 1 });
  t.same(await client.query("nosuchclass"), []);
  const unknown = { _what: "OBJECT", _object_id: { _object_name: "a:b:c" } };
  t.same((await query(unknown)).messages[0]?.body, []);
  await t.rejects(client.call(habroker, "nosuchmethod", {}), { code: 2 });
  await t.rejects(client.call("a:b:c", "promote", {}), { code: 1 });
  await t.rejects(client.request("_method_request", { _method_name: "promote" }), { code: 4 });
  await client.createQueue("twice");
  await t.rejects(client.createQueue("twice"), { code: 7, text: /^object already exists/ });
  const unnamed = { type: "nonsense", name: "x", properties: {}, strict: true };
  const failure = { code: 7, text: /^unknown object type/ };
  await t.rejects(client.call(brokerObject, "create", unnamed), failure);
  const absent = { type: "queue", name: "absent", options: {} };
  await t.rejects(client.call(brokerObject, "delete", absent), { code: 7, text: /No such queue/ });
});

test("sends texts as binary, identities as uuid, times as nanoseconds", async (t) => {
  const { messages } = await client.request("_query_request", {
    _what: "OBJECT",
    _object_id: { _object_name: habroker },
  });
  const object = asMap(asList(messages[0]?.body)[0]);
  const values = asMap(object["_values"]);
  t.ok(Buffer.isBuffer(values["status"]));
  t.equal(asText(values["status"]), "active");
  t.match(values["systemId"], { length: 16 });
  t.match(object["_update_ts"], { length: 8 }, "beyond 2^53");
  t.equal(asText(asMap(object["_object_id"])["_object_name"]), habroker);
  t.type(messages[0]?.correlation_id, "string");
});

const properties = { "x-amqp-0-10.app-id": "qmf2", "qmf.opcode": "_query_request" };
const request = {
  subject: "broker",
  application_properties: properties,
  body: { _what: "OBJECT", _schema_id: { _class_name: "habroker" } },
};

/** Names of the answers that come to a receiver. */
function collectAnswers(connection: Connection): unknown[] {
  const answers: unknown[] = [];
  connection.on("message", ({ message }) => answers.push(message?.correlation_id));
  return answers;
}

const dynamicSource = (level: string) => ({
  source: { address: "", dynamic: true, dynamic_node_properties: { "qpid.replicate": level } },
});

test("case 15: is silent when a part of the request is missing or too large", async (t) => {
  const connection = await openAdmin(target);
  const receiver = connection.open_receiver(dynamicSource("none"));
  await new Promise((resolve) => receiver.once("receiver_open", resolve));
  const replyTo = asText(receiver.source.address);
  const answers = collectAnswers(connection);
  const sender = connection.open_sender("qmf.default.direct");
  await new Promise((resolve) => connection.once("sendable", resolve));
  const complete = { ...request, reply_to: replyTo };
  const { subject: _, ...noSubject } = complete;
  const { "x-amqp-0-10.app-id": __, ...noId } = properties;
  const { "qmf.opcode": ___, ...noOpcode } = properties;
  const odd = { ...properties, "qmf.opcode": "_nonsense_request" };
  const large = { ...request.body, padding: ["x".repeat(40_000), "x".repeat(40_000)] };
  const silent: Readonly<Record<string, Message>> = {
    "no subject": { ...noSubject },
    "no id": { ...complete, application_properties: noId },
    "no opcode": { ...complete, application_properties: noOpcode },
    "odd opcode": { ...complete, application_properties: odd },
    "no reply-to": { ...complete, reply_to: "" },
    "too large": { ...complete, body: large },
  };
  for (const [name, message] of Object.entries(silent)) {
    sender.send({ ...message, correlation_id: name });
  }
  sender.send({ ...complete, correlation_id: "complete" });
  await until(() => answers.length > 0);
  t.same(answers, ["complete"], "the only one answered, although the last one sent");
  connection.close();
});

test("answers go where the reply-to says", async (t) => {
  const connection = await openAdmin(target);
  const answers = collectAnswers(connection);
  const { types } = connection.container;
  for (const kind of ["direct", "topic"]) {
    const descriptor = `apache.org:legacy-amqp-${kind}-binding:string`;
    const filter = { any: types.wrap_described(`own.${kind}`, descriptor) };
    const address = `qmf.default.${kind}`;
    const receiver = connection.open_receiver({ source: { address, filter } });
    await new Promise((resolve) => receiver.once("receiver_open", resolve));
  }
  const relay = connection.open_sender({ target: {} });
  await new Promise((resolve) => relay.once("sendable", resolve));
  const direct = { ...request, reply_to: "qmf.default.direct/own.direct" };
  const topic = { ...request, reply_to: "qmf.default.topic/own.topic" };
  relay.send({ ...direct, to: "qmf.default.direct/broker", correlation_id: "a slash: dropped" });
  relay.send({ ...topic, to: "qmf.default.direct", correlation_id: "by topic" });
  relay.send({ ...direct, to: "qmf.default.direct", correlation_id: 17 });
  await until(() => answers.length > 1);
  t.same(answers, ["by topic", "17"], "numbers come back as text");
  connection.close();
});

test("the queue of a dynamic receiver is one like others", async (t) => {
  const connection = await openAdmin(target);
  const [other, own] = ["none", "all"].map((level) =>
    connection.open_receiver(dynamicSource(level)),
  );
  await new Promise((resolve) => own?.once("receiver_open", resolve));
  const names = () =>
    client.query("queue").then((all) => all.map((queue) => asText(queue["name"])));
  t.ok((await names()).includes(asText(own?.source.address)));
  t.ok((await names()).includes(asText(other?.source.address)));
  connection.close();
  await until(async () => !(await names()).includes(asText(own?.source.address)));
});

test("objects tell what a manager wants to know", async (t) => {
  const [ha] = await client.query("habroker");
  t.equal(asText(ha?.["name"]), "ha-broker");
  t.equal(asText(ha?.["brokersUrl"]), `amqp:tcp:127.0.0.1:${broker.port}`, "normalised");
  t.equal(asText(ha?.["replicateDefault"]), "all");
  const [member] = asList(ha?.["members"]).map(asMap);
  t.equal(asText(member?.["protocol"]), "tcp");
  t.equal(asText(member?.["host-name"]), "127.0.0.1");
  t.equal(Number(member?.["port"]), broker.port);
  t.match(member?.["system-id"], { length: 16 });
  const [system] = await client.query("system");
  t.same(system?.["systemId"], ha?.["systemId"]);
  await client.createQueue("three", { durable: true, "qpid.replicate": "all" });
  await fillQueue(broker.port, { queue: "three", count: 3 });
  const [whole] = await client.query("broker");
  t.ok(Number(whole?.["msgDepth"]) >= 3);
  t.ok(Number(whole?.["queueCount"]) >= 1);
  t.ok(whole?.["uptime"], "in nanoseconds");
  const queues = await client.query("queue");
  const three = queues.find((queue) => asText(queue["name"]) === "three");
  t.match(three, { msgDepth: 3, durable: true });
  t.equal(asText(asMap(three?.["arguments"])["qpid.replicate"]), "all");
  const one = { _object_name: "org.apache.qpid.broker:queue:three" };
  const body = { _what: "OBJECT", _object_id: one };
  const { messages } = await client.request("_query_request", body);
  t.equal(asList(messages[0]?.body).length, 1, "found by its name too");
});

test("case 15: sends more than a hundred objects in parts", async (t) => {
  for (let index = 0; index < 249; index += 1) await client.createQueue(`many${index}`);
  const { messages } = await client.request("_query_request", {
    _what: "OBJECT",
    _schema_id: { _class_name: "queue" },
  });
  const own = messages.flatMap(({ body }) => asList(body)).length;
  t.ok(own >= 250, `${own} queues`);
  t.equal(messages.length, Math.ceil(own / 100));
  const partial = messages.map((one) => "partial" in asMap(one.application_properties));
  t.same(partial, [...messages.slice(1).map(() => true), false]);
});

test("echoes, counts and deletes", async (t) => {
  const echo = await client.call(brokerObject, "echo", { sequence: 7, body: "text" });
  t.equal(echo["sequence"], 7);
  t.equal(asText(echo["body"]), "text");
  await client.call(brokerObject, "delete", { type: "queue", name: "twice", options: {} });
  const names = (await client.query("queue")).map((one) => asText(one["name"]));
  t.notOk(names.includes("twice"));
});

test("introduces itself, and keeps silent clients alive as they ask for", async (t) => {
  const idleMs = 2000;
  const connection = await openAdmin({ ...target, timeoutMs: 2 * idleMs });
  t.match(connection.properties, { product: "qpid-cpp", version: String, platform: String });
  t.ok(Number(connection.idle_time_out) >= idleMs, "the client's limit holds for both");
  const openedAtMs = performance.now();
  // Longer than the client waits for a frame: it hears something meanwhile.
  await until(() => performance.now() - openedAtMs > 2.2 * idleMs);
  t.ok(connection.is_open());
  connection.close();
});

test("refuses links to nodes that do not exist", async (t) => {
  const connection = await openConnection(target);
  for (const address of ["nosuchqueue", "qmf.default.direct/broker"]) {
    const sender = connection.open_sender(address);
    const error = await new Promise((resolve) =>
      sender.once("sender_error", () => resolve(sender.error)),
    );
    t.match(error, {
      condition: "amqp:not-found",
      description: new RegExp(`Node not found: ${address}`),
    });
  }
  connection.close();
});

test("every broker tells its listeners of each change of the members", async (t) => {
  const cluster = await BrokerCluster.formed();
  t.teardown(() => cluster.stop());
  const told: number[][] = [[], [], []];
  const events: Message[] = [];
  for (const [index, broker] of cluster.brokers.entries()) {
    const { connection } = await broker.client();
    const { types } = connection.container;
    const pattern = "agent.ind.event.org_apache_qpid_ha.#";
    const descriptor = "apache.org:legacy-amqp-topic-binding:string";
    const receiver = connection.open_receiver({
      source: {
        address: "qmf.default.topic",
        filter: { topic: types.wrap_described(pattern, descriptor) },
      },
    });
    receiver.on("message", ({ message }) => {
      if (message !== undefined) events.push(message);
      const values = asMap(asMap(asList(message?.body)[0])["_values"]);
      told[index]?.push(asList(values["members"]).length);
    });
    await new Promise((resolve) => receiver.once("receiver_open", resolve));
  }
  await cluster.broker(3).kill();
  await until(() => told[0]?.at(-1) === 2 && told[1]?.at(-1) === 2);
  await cluster.broker(1).kill();
  t.equal(told[1]?.at(-1), 2, "the loss of the primary is no event");
  await cluster.broker(2).promote();
  await until(() => told[1]?.at(-1) === 1);
  t.pass("but the promotion is");
  const [event] = events;
  t.match(event?.subject, /^agent\.ind\.event\.org_apache_qpid_ha\.membersUpdate\.info\./);
  t.match(event?.application_properties, {
    "qmf.opcode": "_data_indication",
    "qmf.content": "_event",
  });
});
