/**
 * The contract of a clustered qpidd: states, promotion, members, who may connect.
 * Cases: those of the list "broker" in test/cases.txt.
 * QPIDD_BIN=/usr/sbin/qpidd runs it against a real one.
 */
import rhea from "rhea";
import { test } from "tap";
import { until } from "../netns/until.ts";
import { BrokerCluster } from "./brokers.ts";
import { openConnection } from "./qmf-client.ts";
import { asText } from "./qmf-values.ts";
import { fillQueue, idsIn } from "./queue-client.ts";

const target = (port: number) => ({ host: "127.0.0.1", port, timeoutMs: 10_000 });

type Entry = {
  readonly username?: string;
  readonly properties?: Readonly<Record<string, number | boolean>>;
};

/** What a client hears until it is in or out. */
function greeting(port: number, options: Entry = {}): Promise<readonly string[]> {
  const heard: string[] = [];
  const connection = rhea.create_container().create_connection({
    host: "127.0.0.1",
    port,
    reconnect: false,
    ...options,
  });
  return new Promise((resolve) => {
    for (const event of ["connection_open", "connection_error", "connection_close", "error"]) {
      connection.on(event, () => {
        heard.push(event);
        if (event !== "connection_open") return;
        connection.close();
        resolve(heard);
      });
    }
    connection.on("disconnected", ({ error }) => {
      heard.push(error === undefined ? "disconnected" : `disconnected: ${String(error)}`);
      resolve(heard);
    });
    connection.connect();
  });
}

const anonymous: Entry = { username: "anonymous" };
const admin: Entry = { properties: { "qpid.ha-admin": 1 } };
const entered = ["connection_open"];

test("case 1: brokers that just started are joining and know only themselves", async (t) => {
  const cluster = await BrokerCluster.start();
  t.teardown(() => cluster.stop());
  for (const broker of cluster.brokers) {
    t.equal(await broker.status(), "joining");
    t.same(await broker.members(), { [await broker.systemId()]: 0 });
    t.same(await greeting(broker.port), ["disconnected"]);
  }
});

test("a formed cluster", async (t) => {
  const cluster = await BrokerCluster.start();
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  const ids = await Promise.all(cluster.brokers.map((broker) => broker.systemId()));
  const list = (...states: number[]) =>
    Object.fromEntries(states.map((state, index) => [ids[index] ?? "", state]));

  await t.test("case 2: comes from one promotion, and agrees on its members", async (t) => {
    const promotedAtMs = performance.now();
    await b1.promote();
    await b1.waitFor("active");
    await Promise.all([b2.waitFor("ready"), b3.waitFor("ready")]);
    t.comment(`formed after ${Math.round(performance.now() - promotedAtMs)} ms`);
    for (const broker of cluster.brokers) {
      await until(async () => Object.values(await broker.members()).length === 3);
      await until(async () => (await broker.members())[ids[0] ?? ""] === 4);
      t.same(await broker.members(), list(4, 2, 2));
    }
  });

  await t.test("case 3: accepts ordinary clients at the primary only", async (t) => {
    for (const options of [{}, anonymous]) {
      t.same(await greeting(b1.port, options), entered);
      t.same(await greeting(b2.port, options), ["disconnected"], "no word, no error");
      t.same(await greeting(b2.port, { ...options, ...admin }), entered);
    }
    t.same(await greeting(b2.port, { properties: { "qpid.ha-admin": false } }), entered);
    t.equal(await b2.status(), "ready", "an administrative client gets answers");
  });

  await t.test("case 4: does nothing when the primary is promoted again", async (t) => {
    await b1.promote();
    t.equal(await b1.status(), "active");
    t.same(await b1.members(), list(4, 2, 2));
  });

  await t.test("case 5: drops the clients of a killed primary, nothing else changes", async (t) => {
    const connections = [await openConnection(target(b1.port)), (await b1.client()).connection];
    let dropped = 0;
    for (const connection of connections) connection.on("disconnected", () => (dropped += 1));
    const [link] = await b2.ask((client) => client.query("link"));
    t.match([link?.["state"], link?.["host"]].map(asText), ["Operational", "127.0.0.1"]);
    t.equal(Number(link?.["port"]), b1.port);
    t.type(asText(link?.["lastError"]), "string");
    const killedAtMs = performance.now();
    await b1.kill();
    await until(() => dropped === 2);
    t.comment(`they heard of it after ${Math.round(performance.now() - killedAtMs)} ms`);
    for (const broker of [b2, b3]) {
      t.equal(await broker.status(), "ready");
      t.same(await broker.members(), list(4, 2, 2), "the dead one is still listed as active");
    }
    await until(async () => (await b2.linkState()) !== "Operational");
  });

  await t.test("case 6: goes on with a promoted backup", async (t) => {
    const client = await b2.client();
    const startedAtMs = performance.now();
    await client.promote();
    t.comment(`promoted after ${Math.round(performance.now() - startedAtMs)} ms`);
    t.match(await client.status(), /^(recovering|active)$/, "its admin connection stays");
    t.same(await greeting(b2.port), entered, "clients get in at once");
    await b2.waitFor("active");
    await b3.waitFor("ready");
    await until(async () => (await b3.members())[ids[1] ?? ""] === 4);
    t.same(await b3.members(), { [ids[1] ?? ""]: 4, [ids[2] ?? ""]: 2 });
    client.close();
  });
});

test("case 8: two lost brokers of three, recovering until the backup timeout", async (t) => {
  const timeoutMs = 2000;
  const settings = { "ha-backup-timeout": String(timeoutMs / 1000) };
  const cluster = await BrokerCluster.formed({ settings });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  await b1.ask((client) => client.createQueue("q"));
  await fillQueue(b1.port, { queue: "q", count: 10 });
  const dead = await b2.systemId();
  await Promise.all([b1.kill(), b2.kill()]);
  const promotedAtMs = performance.now();
  await b3.promote();
  t.equal(await b3.status(), "recovering");
  const acknowledged = fillQueue(b3.port, { queue: "q", from: 11, count: 1 });
  // What was there can be read before what comes is acknowledged.
  const ids = await idsIn(b3.port, "q");
  t.same(ids.slice(0, 10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "browsed");
  await acknowledged;
  const waitedMs = Math.round(performance.now() - promotedAtMs);
  t.ok(waitedMs > timeoutMs - 100, `acknowledged after ${waitedMs} ms, not before`);
  await b3.waitFor("active");
  t.same((await b3.members())[dead], 1, "who did not come is listed as catching up");
});

test("case 9: a backup that was lost before the primary is not waited for", async (t) => {
  // Whoever waits for it waits longer than this test.
  const cluster = await BrokerCluster.formed({ settings: { "ha-backup-timeout": "600" } });
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  const lost = await b2.systemId();
  await b2.kill();
  await until(async () => (await b3.members())[lost] === undefined);
  await b1.kill();
  const promotedAtMs = performance.now();
  await b3.promote();
  await b3.waitFor("active");
  t.comment(`active after ${Math.round(performance.now() - promotedAtMs)} ms`);
  t.same(Object.values(await b3.members()), [4]);
});

test("case 12: a restarted primary is refused while others are ready", async (t) => {
  const cluster = await BrokerCluster.formed();
  t.teardown(() => cluster.stop());
  const b1 = cluster.broker(1);
  await b1.kill();
  await b1.start();
  t.equal(await b1.status(), "joining");
  const refused = { code: 7, text: /^Joining active cluster, cannot be promoted/ };
  await t.rejects(b1.promote(), refused);
  await t.rejects(b1.promote(), refused, "and for ever");
  await cluster.broker(2).promote();
  t.match(await cluster.broker(2).status(), /^(recovering|active)$/);
  await b1.waitFor("ready");
});

test("case 16: a promotion is accepted while another primary is active", async (t) => {
  const cluster = await BrokerCluster.formed();
  t.teardown(() => cluster.stop());
  await cluster.broker(2).promote();
  t.match(await cluster.broker(2).status(), /^(recovering|active)$/);
  t.equal(await cluster.broker(1).status(), "active", "nobody relies on the broker for this");
});

test("a broker outside of any cluster accepts clients, and knows no promotion", async (t) => {
  const cluster = await BrokerCluster.start({ count: 1, settings: { "ha-cluster": "no" } });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  t.same(await greeting(broker.port), entered);
  const client = await broker.client();
  t.equal(await client.habroker(), null);
  await t.rejects(client.promote(), { code: 1 }, "there is no such object");
  client.close();
});

test("one that replicates single queues is promoted without effect", async (t) => {
  const settings = { "ha-cluster": "no", "ha-queue-replication": "yes" };
  const cluster = await BrokerCluster.start({ count: 1, settings });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  t.same(await greeting(broker.port), entered);
  await broker.promote();
  t.equal(await broker.status(), "standalone");
});

test("a backup with another replication level ends itself, with exit code 0", async (t) => {
  const cluster = await BrokerCluster.prepare({ count: 2 });
  t.teardown(() => cluster.stop());
  const [b1, b2] = [cluster.broker(1), cluster.broker(2)];
  b2.reconfigure("ha-replicate", "none");
  await b1.start();
  await b1.promote();
  await b2.start();
  t.same(await b2.exited, { code: 0, signal: null });
  t.match(b2.log(), /critical/);
  t.equal(await b1.status(), "active");
});
