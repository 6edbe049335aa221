/**
 * Who gets in, and who may do what. A real broker (QPIDD_BIN) needs accounts: QPIDD_SASL_CONFIG
 * names a folder of its SASL settings with the accounts `ha` and `guest`, both of them with the
 * password `secret`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import rhea, { type Connection } from "rhea";
import { test } from "tap";
import { run } from "../netns/child.ts";
import { cleanEnvironment } from "../netns/enter.ts";
import { until } from "../netns/until.ts";
import { parseRules } from "./access-control.ts";
import { BrokerCluster } from "./brokers.ts";
import { openConnection, QmfClient } from "./qmf-client.ts";
import { asList, asMap } from "./qmf-values.ts";
import { fillQueue } from "./queue-client.ts";
import { realAccounts, skipAccounts } from "./real-broker.ts";

const skip = skipAccounts;
const tool = process.env["QPID_HA"] ?? new URL("qpid-ha.js", import.meta.url).pathname;
const qpidHa = tool.endsWith(".js") ? [process.execPath, tool] : [tool];
const admin = { properties: { "qpid.ha-admin": 1 } };

/** The brokers themselves need a rule, too. */
const owners = "acl allow ha@QPID all all\nacl deny all all\n";

/** Brokers that ask for a password; none is started yet. */
async function guarded(count: number, rules: string | null = owners): Promise<BrokerCluster> {
  const own = { "ha-username": "ha", "ha-password": "secret", "ha-mechanism": "PLAIN" };
  const settings = { auth: "yes", ...own };
  const cluster = await BrokerCluster.prepare({ count, rules, settings });
  if (realAccounts !== undefined) return cluster;
  const accounts = join(cluster.directory, "sasl");
  mkdirSync(accounts);
  writeFileSync(join(accounts, "accounts"), "# of the tests\nguest:secret\n");
  for (const broker of cluster.brokers) broker.configure("sasl-config", accounts);
  return cluster;
}

/** Who comes without any authentication: what happens first. */
function enterBare(port: number): Promise<string> {
  const connection = rhea.create_container().create_connection({
    host: "127.0.0.1",
    port,
    reconnect: false,
    ...admin,
  });
  const first = new Promise<string>((resolve) => {
    for (const event of ["connection_open", "disconnected"]) {
      connection.on(event, () => resolve(event));
    }
    for (const event of ["connection_error", "protocol_error", "error"]) {
      connection.on(event, () => {});
    }
  });
  connection.connect();
  return first.finally(() => connection.close());
}

test("without authentication everybody gets in, with any password or none", async (t) => {
  const cluster = await BrokerCluster.start({ count: 1 });
  t.teardown(() => cluster.stop());
  const { port } = cluster.broker(1);
  const target = { host: "127.0.0.1", port, timeoutMs: 10_000, ...admin };
  t.equal(await enterBare(port), "connection_open");
  for (const credentials of [{}, { username: "anybody", password: "anything" }]) {
    const connection = await openConnection({ ...target, ...credentials });
    t.ok(connection.is_open());
    connection.close();
  }
});

test("with authentication only the right password gets in", { skip }, async (t) => {
  const cluster = await guarded(1);
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  await broker.start();
  const target = { host: "127.0.0.1", port: broker.port, timeoutMs: 10_000, ...admin };
  const enter = (username: string, password: string) =>
    openConnection({ ...target, username, password });
  for (const username of ["ha", "ha@QPID", "guest"]) {
    const connection = await enter(username, "secret");
    t.ok(connection.is_open());
    connection.close();
  }
  const refused = { name: "AuthenticationFailure" };
  await t.rejects(openConnection(target), refused, "nobody is anonymous");
  await t.rejects(enter("ha", "wrong"), refused);
  await t.rejects(enter("stranger", "secret"), refused);
  t.equal(await enterBare(broker.port), "disconnected");
  const status = [...qpidHa, "status", "--config", broker.configFile];
  const asked = await run(status, { env: cleanEnvironment(), timeoutMs: 60_000 });
  t.match(asked, { code: 0, stdout: "joining\n" }, "the tool takes the broker's own credentials");
});

test("brokers know each other by their credentials", { skip }, async (t) => {
  const cluster = await guarded(3);
  t.teardown(() => cluster.stop());
  const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
  b3.reconfigure("ha-password", "wrong");
  await Promise.all(cluster.brokers.map((broker) => broker.start()));
  const open = (port: number) =>
    QmfClient.open({
      host: "127.0.0.1",
      port,
      timeoutMs: 20_000,
      username: "ha",
      password: "secret",
    });
  const [first, second] = [await open(b1.port), await open(b2.port)];
  t.teardown(() => [first, second].map((client) => client.close()));
  await first.promote();
  await until(async () => (await second.status()) === "ready");
  const states = asList((await first.habroker())?.["members"]).map((one) => asMap(one)["status"]);
  t.same(states.map(Number).sort(), [2, 4], "a wrong password leads nowhere");
});

test("without a rule for them, brokers with authentication end themselves", { skip }, async (t) => {
  for (const rules of [null, "acl deny ha@QPID create link\nacl allow all all\n"]) {
    const cluster = await guarded(1, rules);
    t.teardown(() => cluster.stop());
    const broker = cluster.broker(1);
    await broker.start();
    t.same(await broker.exited, { code: 0, signal: null }, "a clean end, for whoever restarts it");
    t.match(broker.log(), /critical.* cluster may be misconfigured: .*(ACL|federation link)/);
  }
});

const rules = `# owners may do everything, guests may read one queue
group owners ha@QPID
acl allow owners all all
acl allow guest@QPID access queue name=open
acl allow guest@QPID access queue name=qmf.default.direct
acl allow guest@QPID access exchange
acl allow guest@QPID bind exchange
acl deny guest@QPID create queue name=own
acl allow guest@QPID create queue
acl allow guest@QPID consume queue
acl allow guest@QPID publish exchange name=qmf.default.direct
acl deny guest@QPID access query name=link
acl allow guest@QPID access query
acl allow guest@QPID access method name=create
acl deny all all
`;

test("what a user may not do is refused", { skip }, async (t) => {
  const cluster = await guarded(1, rules);
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  await broker.start();
  const target = { host: "127.0.0.1", port: broker.port, timeoutMs: 20_000 };
  const owner = await QmfClient.open({ ...target, username: "ha", password: "secret" });
  await owner.promote();
  for (const name of ["open", "closed"]) await owner.createQueue(name);
  const user = { username: "guest", password: "secret" };
  const guest = await QmfClient.open({ ...target, ...user });
  t.equal(await guest.status(), "active", "may ask");
  await t.rejects(guest.promote(), { code: 6 }, "a method that is not allowed");
  await t.rejects(guest.createQueue("own"), { code: 7, text: /^unauthorized-access/ });
  const unauthorized = { condition: "amqp:unauthorized-access" };
  const connection = await openConnection({ ...target, ...user });
  t.match(await refusal(connection, "receiver", "closed"), unauthorized);
  t.match(await refusal(connection, "sender", "open"), unauthorized);
  t.equal(await refusal(connection, "receiver", "open"), null);
  connection.close();
  await t.rejects(fillQueue(broker.port, { queue: "open", count: 1 }), "nor without a name");
  await t.rejects(guest.query("link"), "the connection ends");
  owner.close();
});

/** The error of a link that the broker refuses, or null. */
function refusal(
  connection: Connection,
  kind: "receiver" | "sender",
  queue: string,
): Promise<unknown> {
  const link = kind === "sender" ? connection.open_sender(queue) : connection.open_receiver(queue);
  return new Promise((resolve) => {
    link.once(`${kind}_error`, () => resolve(link.error));
    // A link that is refused is opened first and closed at once, before the next one is opened.
    link.once(`${kind}_open`, () => {
      connection.open_receiver("qmf.default.direct").once("receiver_open", () => resolve(null));
    });
  });
}

test("rules that cannot be read", async (t) => {
  t.match(parseRules(["acl allow all all"]), { ok: true });
  for (const line of ["acl permit all all", "acl allow all", "nonsense", "acl allow a b c d"]) {
    t.match(parseRules([line]), { ok: false, problem: /ACL format error/ });
  }
});
