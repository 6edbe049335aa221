// Management over AMQP 1.0. QPIDD_BIN=/usr/sbin/qpidd runs it against a real broker.
import { t as suite, test } from "tap";
import { until } from "../netns/until.ts";
import { BrokerCluster } from "./brokers.ts";
import { openAdmin, openConnection } from "./qmf-client.ts";
import { asList, asMap, asText } from "./qmf-values.ts";

const habroker = "org.apache.qpid.ha:habroker:ha-broker";
const brokerObject = "org.apache.qpid.broker:broker:amqp-broker";

const cluster = await BrokerCluster.formed({ count: 1 });
suite.teardown(() => cluster.stop());
const broker = cluster.broker(1);
const target = { host: "127.0.0.1", port: broker.port, timeoutMs: 5000 };
const client = await broker.client();
suite.teardown(() => client.close());

test("answers failures with their codes", async (t) => {
  const query = (body: Readonly<Record<string, unknown>>) => client.request("_query_request", body);
  await t.rejects(query({ _what: "SCHEMA" }), { code: 1 });
  t.same(await client.query("nosuchclass"), []);
  const unknown = { _what: "OBJECT", _object_id: { _object_name: "a:b:c" } };
  t.same((await query(unknown)).messages[0]?.body, []);
  await t.rejects(client.call(habroker, "nosuchmethod", {}), { code: 2 });
  await t.rejects(client.call("a:b:c", "promote", {}), { code: 1 });
  await client.createQueue("twice");
  await t.rejects(client.createQueue("twice"), { code: 7 });
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

test("is silent when subject, reply-to or application id is missing", async (t) => {
  const connection = await openAdmin(target);
  const receiver = connection.open_receiver({
    source: { address: "", dynamic: true, dynamic_node_properties: { "qpid.replicate": "none" } },
  });
  const replyTo = await new Promise<string>((resolve) =>
    receiver.once("receiver_open", () => resolve(receiver.source.address)),
  );
  const answers: unknown[] = [];
  connection.on("message", ({ message }) => answers.push(message?.correlation_id));
  const sender = connection.open_sender("qmf.default.direct");
  await new Promise((resolve) => connection.once("sendable", resolve));
  const properties = { "x-amqp-0-10.app-id": "qmf2", "qmf.opcode": "_query_request" };
  const request = {
    subject: "broker",
    reply_to: replyTo,
    application_properties: properties,
    body: { _what: "OBJECT", _schema_id: { _class_name: "habroker" } },
  };
  const { subject: _, ...noSubject } = request;
  const { "x-amqp-0-10.app-id": __, ...noId } = properties;
  sender.send({ ...noSubject, correlation_id: "no subject" });
  sender.send({ ...request, application_properties: noId, correlation_id: "no id" });
  sender.send({ ...request, reply_to: "", correlation_id: "no reply-to" });
  sender.send({ ...request, correlation_id: "complete" });
  await until(() => answers.length > 0);
  t.same(answers, ["complete"], "the only one answered, although the last one sent");
  connection.close();
});

test("sends more than a hundred objects in parts", async (t) => {
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
});
