/** Which broker is that of this machine, and as whom it is asked. */
import { test } from "tap";
import { chooseCredentials } from "../../src/brokers/broker-account.ts";
import { qpiddConfPath, readOwnBroker, sourceOf } from "../../src/brokers/own-broker.ts";

const paths: readonly (readonly [what: string, settings: readonly string[], path: string])[] = [
  ["the default", [], "/etc/qpid/qpidd.conf"],
  ["another variable", ["MY_QPID_CONFIG=/a\nQPID_CONFIGS=/b\n"], "/etc/qpid/qpidd.conf"],
  ["a plain assignment", ["QPID_CONFIG=/etc/a.conf\n"], "/etc/a.conf"],
  ["quotes", ["QPID_CONFIG='/etc/a b.conf'\n"], "/etc/a b.conf"],
  ["an export, and a comment", ['export QPID_CONFIG="/etc/a.conf" # ours\n'], "/etc/a.conf"],
  ["behind another assignment", ["A=1 QPID_CONFIG=/etc/a.conf B=2"], "/etc/a.conf"],
  ["the last one counts", ["QPID_CONFIG=/a\nQPID_CONFIG=/b", "QPID_CONFIG=/c"], "/c"],
  ["a comment", ["#QPID_CONFIG=/etc/a.conf\n"], "/etc/qpid/qpidd.conf"],
  ["a computation", ["QPID_CONFIG=$HOME/a.conf\n"], "/etc/qpid/qpidd.conf"],
];

for (const [what, settings, path] of paths) {
  test(`the file of the broker: ${what}`, (t) => {
    t.equal(qpiddConfPath(settings), path);
    t.end();
  });
}

const plain = { type: "plain", username: "u", password: "p w" };
const brokers: readonly (readonly [conf: string, broker: object | string])[] = [
  ["", "ha-cluster is not set to yes"],
  ["ha-cluster=no\nport=1\n", "ha-cluster is not set to yes"],
  ["ha-cluster=yes", { host: "127.0.0.1", port: 5672, credentials: { type: "anonymous" } }],
  ["ha-cluster=on\nport=5673\ninterface=10.1.1.1,10.2.2.2", { host: "10.1.1.1", port: 5673 }],
  ["ha-cluster=on\ninterface=0.0.0.0", { host: "127.0.0.1", log: "the system log" }],
  ["ha-cluster=on\nlog-to-file=/var/log/q.log", { log: "/var/log/q.log" }],
  ["ha-cluster=on\ninterface=[::]", { host: "::1" }],
  ["ha-cluster=on\ninterface=eth0", "its interface is no address"],
  ["ha-cluster=1\nha-username=u\nha-password=p w", { credentials: plain }],
  ["ha-cluster=1\nha-username=u\nha-password=p w\nha-mechanism=PLAIN", { credentials: plain }],
  ["ha-cluster=1\nha-mechanism=PLAIN", "ha-mechanism is PLAIN and there is no ha-username"],
  [
    "ha-cluster=1\nha-username=u\nha-mechanism=GSSAPI",
    'ha-mechanism is "GSSAPI", and only PLAIN and ANONYMOUS are supported',
  ],
];

for (const [conf, broker] of brokers) {
  test(`a qpidd.conf with ${JSON.stringify(conf)}`, (t) => {
    const read = readOwnBroker(conf);
    if (typeof broker === "string") t.same(read, { ok: false, problem: broker });
    else t.match(read, { ok: true, value: broker });
    t.end();
  });
}

test("a connection has five heartbeats of the broker's resource", (t) => {
  const source = sourceOf(new Map([["heartbeat", "4"]]));
  t.match(readOwnBroker("ha-cluster=yes", source), { value: { idleMs: 20_000 } });
  t.match(readOwnBroker("ha-cluster=yes"), { value: { idleMs: 10_000 } });
  t.end();
});

test("a user is not needed for ANONYMOUS, and not used with it", (t) => {
  const account = { username: "u", password: "p" };
  t.match(chooseCredentials("anonymous", account), { value: { type: "anonymous" } });
  t.match(chooseCredentials("ANONYMOUS PLAIN", account), { value: { type: "plain" } });
  t.match(chooseCredentials("DIGEST-MD5", account), { problem: "unsupported" });
  t.end();
});
