// The contract of a clustered qpidd. QPIDD_BIN=/usr/sbin/qpidd runs it against a real one.
import { test } from "tap";
import { until } from "../netns/until.ts";
import { BrokerCluster } from "./brokers.ts";
import { openConnection } from "./qmf-client.ts";

const target = (port: number) => ({ host: "127.0.0.1", port, timeoutMs: 2000 });

/** Whether an ordinary client gets in; false when the connection ends before it is open. */
const accepts = (port: number, username?: string) =>
  openConnection({
    ...target(port),
    ...(username === undefined ? {} : { username, password: "x" }),
  })
    .then((connection) => {
      connection.close();
      return true;
    })
    .catch(() => false);

test("brokers that just started are joining and know only themselves", async (t) => {
  const cluster = await BrokerCluster.start();
  t.teardown(() => cluster.stop());
  for (const broker of cluster.brokers) {
    t.equal(await broker.status(), "joining");
    t.same(await broker.members(), { [await broker.systemId()]: 0 });
  }
});

test("a formed cluster", async (t) => {
  const cluster = await BrokerCluster.formed();
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  const ids = await Promise.all(cluster.brokers.map((broker) => broker.systemId()));
  const list = (...states: number[]) =>
    Object.fromEntries(states.map((state, index) => [ids[index] ?? "", state]));

  await t.test("agrees on its members", async (t) => {
    for (const broker of cluster.brokers) {
      await until(async () => (await broker.members())[ids[0] ?? ""] === 4);
      t.same(await broker.members(), list(4, 2, 2));
    }
  });

  await t.test("accepts ordinary clients at the primary only", async (t) => {
    t.ok(await accepts(b1.port));
    t.notOk(await accepts(b2.port));
    t.notOk(await accepts(b2.port, "someone"));
    t.equal(await b2.status(), "ready", "an administrative client gets in");
  });

  await t.test("does nothing when the primary is promoted again", async (t) => {
    await b1.promote();
    t.equal(await b1.status(), "active");
    t.same(await b1.members(), list(4, 2, 2));
  });

  await t.test("tells its listeners of a killed primary, and nothing else changes", async (t) => {
    const connections = [await openConnection(target(b1.port)), (await b1.client()).connection];
    let dropped = 0;
    for (const connection of connections) connection.on("disconnected", () => (dropped += 1));
    const killedAtMs = performance.now();
    await b1.kill();
    await until(() => dropped === 2);
    t.comment(`they heard of it after ${Math.round(performance.now() - killedAtMs)} ms`);
    for (const broker of [b2, b3]) {
      t.equal(await broker.status(), "ready");
      t.equal((await broker.members())[ids[0] ?? ""], 4, "still listed as active");
    }
    t.not(await b2.linkState(), "Operational");
  });

  await t.test("goes on with a promoted backup", async (t) => {
    const client = await b2.client();
    const startedAtMs = performance.now();
    await client.promote();
    t.comment(`promoted after ${Math.round(performance.now() - startedAtMs)} ms`);
    t.match(await client.status(), /^(recovering|active)$/);
    t.ok(await accepts(b2.port), "clients get in at once");
    await b2.waitFor("active");
    await b3.waitFor("ready");
    t.same(await b3.members(), { [ids[1] ?? ""]: 4, [ids[2] ?? ""]: 2 });
    client.close();
  });
});

test("two lost brokers of three: recovering until the backup timeout", async (t) => {
  const cluster = await BrokerCluster.formed({ settings: { "ha-backup-timeout": "2" } });
  t.teardown(() => cluster.stop());
  await cluster.broker(1).ask((client) => client.createQueue("q"));
  await until(async () => (await cluster.broker(3).depth("q")) === 0);
  await Promise.all([cluster.broker(1).kill(), cluster.broker(2).kill()]);
  const b3 = cluster.broker(3);
  await b3.promote();
  const promotedAtMs = performance.now();
  t.equal(await b3.status(), "recovering");
  const connection = await openConnection(target(b3.port));
  const sender = connection.open_sender("q");
  let acceptedAtMs = 0;
  connection.on("accepted", () => {
    acceptedAtMs = performance.now();
  });
  connection.once("sendable", () => sender.send({ body: "first" }));
  const browser = connection.open_receiver({ source: { address: "q", distribution_mode: "copy" } });
  await new Promise((resolve) => browser.once("message", resolve));
  t.equal(acceptedAtMs, 0, "browsed before it is acknowledged");
  await until(() => acceptedAtMs > 0);
  const waitedMs = acceptedAtMs - promotedAtMs;
  t.ok(waitedMs > 1500 && waitedMs < 6000, `acknowledged after ${Math.round(waitedMs)} ms`);
  t.equal(await b3.status(), "active");
  connection.close();
});

test("a backup that was lost before the primary is not waited for", async (t) => {
  const cluster = await BrokerCluster.formed();
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  const lost = await b2.systemId();
  await b2.kill();
  await until(async () => (await b3.members())[lost] === undefined);
  await b1.kill();
  await b3.promote();
  await b3.waitFor("active", 5000);
  t.same(Object.values(await b3.members()), [4]);
});

test("a restarted primary is refused while others are ready", async (t) => {
  const cluster = await BrokerCluster.formed();
  t.teardown(() => cluster.stop());
  const b1 = cluster.broker(1);
  await b1.kill();
  await b1.start();
  t.equal(await b1.status(), "joining");
  await t.rejects(b1.promote(), { code: 7, text: /^Joining active cluster, cannot be promoted/ });
  await cluster.broker(2).promote();
  t.match(await cluster.broker(2).status(), /^(recovering|active)$/);
  await b1.waitFor("ready");
});

test("a promotion is accepted while another primary is active", async (t) => {
  const cluster = await BrokerCluster.formed();
  t.teardown(() => cluster.stop());
  await cluster.broker(2).promote();
  t.match(await cluster.broker(2).status(), /^(recovering|active)$/);
  t.equal(await cluster.broker(1).status(), "active", "nobody relies on the broker for this");
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
  t.equal(await b1.status(), "active");
});
