/** qpid-ha-ts as its users call it, with brokers that are processes of the stand-in. */
import { chmodSync, writeFileSync } from "node:fs";
import { t as suite, test } from "tap";
import { qpidHa } from "../../src/cli/qpid-ha.ts";
import type { BrokerConnections } from "../../src/io/broker-port.ts";
import { BrokerCluster, freePorts } from "../broker/brokers.ts";
import { serveSockets } from "../io/amqp/servers.ts";
import { fakeTerminal } from "./fake-terminal.ts";
import { run } from "./spawned.ts";

const cluster = await BrokerCluster.start();
suite.teardown(() => cluster.stop());
const [b1, b2, b3] = [cluster.broker(1), cluster.broker(2), cluster.broker(3)];
const qpidHaTs = (words: readonly string[], env = {}) => run("qpid-ha-ts", words, env);
const at = ({ port }: { readonly port: number }) => ["-b", `127.0.0.1:${port}`];
const silent = { out: "", err: "" };

/** A configuration of this test; its owner alone can read it. */
function confFile(name: string, text: string, mode = 0o600): string {
  const path = `${cluster.directory}/${name}.conf`;
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test("prints the state, or compares it", async (t) => {
  t.same(await qpidHaTs(["status", ...at(b1)]), { out: "joining\n", err: "", exit: 0 });
  t.same(await qpidHaTs(["ping", ...at(b1)]), { ...silent, exit: 0 });
  t.same(await qpidHaTs(["--expect=joining", "status", ...at(b1)]), { ...silent, exit: 0 });
  t.same(await qpidHaTs(["status", "--expect", "ready", ...at(b1)]), { ...silent, exit: 1 });
  t.same(await qpidHaTs(["status", "--expect", "primary", ...at(b1)]), { ...silent, exit: 1 });
  t.same(await qpidHaTs(["status", "--is-primary", ...at(b1)]), { ...silent, exit: 1 });
  const { out } = await qpidHaTs(["query", ...at(b1)]);
  t.match(out, /^Status: {14}joining\nBroker ID: {11}[0-9a-f-]{36}\nBrokers URL: {9}amqp:tcp:/);
  t.match(out, /\nPublic URL: {10}\nReplicate: {11}all\n$/);
});

test("promotes for cluster managers only, and says that there is a primary", async (t) => {
  t.match(await qpidHaTs(["promote", ...at(b1)]), { exit: 1, out: /--cluster-manager\n$/ });
  t.equal(await b1.status(), "joining");
  const words = ["promote", "--cluster-manager", "--config", b1.configFile];
  t.match(await qpidHaTs(words), { out: "", exit: 0 });
  await Promise.all([b1.waitFor("active"), b2.waitFor("ready"), b3.waitFor("ready")]);
  t.same(await qpidHaTs(["status", "--is-primary", ...at(b1)]), { ...silent, exit: 0 });
  t.same(await qpidHaTs(["status", "--expect=primary", ...at(b1)]), { ...silent, exit: 0 });
  t.same(await qpidHaTs(["status", "--expect=active", ...at(b1)]), { ...silent, exit: 0 });
  await b1.kill();
  await b1.start();
  t.match(await qpidHaTs(["promote", "--cluster-manager", ...at(b1)]), {
    exit: 1,
    out: /^Exception: Exception from Agent: \{u'error_code': 7, u'error_text': 'Joining active/,
  });
});

test("asks all brokers, whether they answer or not", async (t) => {
  await b3.kill();
  const [first, second, third] = cluster.brokers.map(({ port }) => `127.0.0.1:${port}`);
  const lines = `${first} joining\n${second} ready\n${third} [Errno 111] Connection refused\n`;
  t.same(await qpidHaTs(["status", "--all", ...at(b2)]), { out: lines, err: "", exit: 0 });
  const query = await qpidHaTs(["query", "--all", ...at(b2)]);
  t.match(query.out, `Address:             ${second}\nStatus:              ready\n`);
  t.equal(query.exit, 0);
});

test("takes port, account and time limit from a qpidd.conf", async (t) => {
  const conf = confFile("unit", `port=${b2.port}\nlink-heartbeat-interval=20s\n`);
  t.same(await qpidHaTs(["status", "--config", conf]), { out: "ready\n", err: "", exit: 0 });
  const other = { QPID_PORT: String(b1.port) };
  t.same(await qpidHaTs(["status", "--config", conf], other), {
    out: "joining\n",
    err: "",
    exit: 0,
  });
  const absent = await qpidHaTs(["status", "--config", "/nonexistent/qpidd.conf"]);
  t.match(absent, { out: /^IOError: \/nonexistent\/qpidd.conf: ENOENT/, exit: 1 });

  const account = `port=${b2.port}\nha-username=qpid\nha-password=s3cret\n`;
  t.same(await qpidHaTs(["ping", "--config", confFile("account", account)]), {
    ...silent,
    exit: 0,
  });
  const exposed = await qpidHaTs(["ping", "--config", confFile("exposed", account, 0o644)]);
  t.match(exposed, { out: "", err: /has a password and mode 0644: .*chmod 0600/, exit: 0 });
  t.notMatch(exposed.err, /s3cret/);
});

test("a broker that asks for a password gets it, and says so when it is wrong", async (t) => {
  const guarded = await BrokerCluster.prepare({
    count: 1,
    settings: { auth: "yes", "ha-username": "ha", "ha-password": "secret" },
  });
  t.teardown(() => guarded.stop());
  const broker = guarded.broker(1);
  await broker.start();
  const { port } = broker;
  t.match(await qpidHaTs(["status", "--config", broker.configFile]), { out: "joining\n", exit: 0 });
  const address = ["-b", `ha/secret@127.0.0.1:${port}`];
  t.match(await qpidHaTs(["status", ...address]), { out: "joining\n", exit: 0 });
  t.match(await qpidHaTs(["status", "-b", `ha/wrong@127.0.0.1:${port}`]), {
    out: "AuthenticationFailure: Failed to authenticate: 1\n",
    exit: 1,
  });
  t.match(await qpidHaTs(["status", ...address, "--sasl-mechanism", "ANONYMOUS"]), {
    out: /^AuthenticationFailure: No suitable mechanism/,
    exit: 1,
  });
  t.match(await qpidHaTs(["status", ...address, "--sasl-mechanism", "CRAM-MD5"]), {
    out: /"CRAM-MD5" is not supported; use PLAIN or ANONYMOUS/,
    exit: 1,
  });
});

test("fails in words, and in time", async (t) => {
  const [unused = 0] = await freePorts(1);
  t.same(await qpidHaTs(["ping", ...at({ port: unused })]), {
    out: "ConnectError: [Errno 111] Connection refused\n",
    err: "",
    exit: 1,
  });
  t.match(await qpidHaTs([]), { exit: 1, out: /No valid command\n$/ });
  t.match(await qpidHaTs(["status", "surplus", ...at(b2)]), { exit: 1, out: /Wrong number/ });
  t.match(await qpidHaTs(["status", "--nonsense"]), { exit: 2, out: "", err: /'--nonsense'/ });
  t.match(await qpidHaTs(["status", "--timeout", "soon"]), { exit: 2, out: "", err: /"soon"/ });
  t.match(await qpidHaTs(["--help"]), { exit: 0, out: /^usage: qpid-ha-ts/ });
  t.match(await qpidHaTs(["help-all"]), { exit: 0, out: /^usage: qpid-ha-ts/ });
  t.match(await qpidHaTs(["status", "-b", "a:b"]), { exit: 1, out: /^ValueError: "a:b"/ });
  const port = await serveSockets(t, () => undefined);
  for (const command of ["ping", "status", "query"]) {
    t.same(await qpidHaTs([command, "--timeout", "0.05", ...at({ port })]), {
      out: "Timeout: Connection attach timed out\n",
      err: "",
      exit: 1,
    });
  }
});

test("there is always a time limit", async (t) => {
  const limits: number[] = [];
  const recording: BrokerConnections = {
    connect: () => {
      throw new Error("not asked");
    },
    ping: (_, limitMs) => {
      limits.push(limitMs);
      return Promise.resolve({ ok: true, value: null });
    },
    promote: () => Promise.resolve({ type: "unknown", words: "no answer after 10 ms" }),
  };
  const call = async (...words: string[]) => {
    const fake = fakeTerminal();
    return { exit: await qpidHa(words, fake.terminal, recording), out: fake.out() };
  };
  const conf = (interval: string) => confFile("limits", `link-heartbeat-interval=${interval}\n`);
  await call("ping", "-b", "localhost");
  await call("ping", "-b", "localhost", "--timeout", "0");
  await call("ping", "-b", "localhost", "--timeout", "2.5");
  for (const interval of ["5", "2s", "0", "often"]) await call("ping", "--config", conf(interval));
  await call("ping", "--config", confFile("none", "port=5672\n"));
  await call("ping", "--config", conf("5"), "--timeout", "1");
  t.same(limits, [10_000, 600_000, 2500, 5000, 2000, 10_000, 10_000, 10_000, 1000]);
  const promoted = await call("promote", "--cluster-manager", "-b", "localhost");
  t.match(promoted, { exit: 1, out: /^Timeout: no answer after 10 ms; it may still be promoted/ });
});
