import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "tap";
import {
  formatBrokerAddress,
  parseBrokersUrl,
  parseQpiddConf,
  parseQpiddInterval,
} from "../../src/brokers/qpidd-conf.ts";

test("reads settings, comments and units", (t) => {
  const { settings, findings } = parseQpiddConf(`# a comment
port = 5673
ha-cluster=YES   # in a cluster
ha-brokers-url=amqp:user/pass@tcp:node1:5673,[fe80::1],node3
ha-replicate=all
auth=off
link-maintenance-interval=100ms
link-heartbeat-interval=10
worker-threads=4
no-data-dir=1
`);
  t.same(findings, []);
  t.same(settings.port, { value: 5673, line: 2 });
  t.same(settings.cluster, { value: true, line: 3 });
  t.same(settings.brokersUrl.value.map(formatBrokerAddress), [
    "node1:5673",
    "[fe80::1]:5672",
    "node3:5672",
  ]);
  t.same(settings.replicate, { value: "all", line: 5 });
  t.same(settings.authenticates, { value: false, line: 6 });
  t.same(settings.linkMaintenanceMs, { value: 100, line: 7 });
  t.same(settings.linkHeartbeatMs, { value: 10_000, line: 8 });
  t.same(settings.workerThreads, { value: 4, line: 9 });
  t.same(settings.withoutDirectory, { value: true, line: 10 });
  t.same(settings.backupTimeoutMs, { value: 10_000, line: null });
  t.same(settings.directory, { value: null, line: null });
  t.end();
});

test("intervals are seconds unless they have a unit", (t) => {
  const given = ["2", "0.1", ".5", "2s", "20ms", "5us", "1000000ns"];
  t.same(given.map(parseQpiddInterval), [2000, 100, 500, 2000, 20, 0.005, 1]);
  for (const text of ["", "s", "2 s", "2m", "-1", "1e3", "2sms"]) {
    t.equal(parseQpiddInterval(text), null, text);
  }
  t.end();
});

test("what the broker would not start with is a finding with its line", (t) => {
  const { findings, settings } = parseQpiddConf(`port=5672
what is this
port=5673
auth=perhaps
ha-replicate=some
`);
  t.same(
    findings.map(({ line, key, cause }) => [line, key, cause]),
    [
      [2, "", "the line is not a setting; the broker does not start"],
      [3, "port", "line 1 sets it, too; the broker does not start"],
      [5, "ha-replicate", 'the value "some" cannot be read'],
      [4, "auth", 'the value "perhaps" cannot be read'],
    ],
  );
  t.ok(findings.every(({ remedy }) => remedy !== ""));
  t.equal(settings.port.value, 5672);
  t.end();
});

test("a list has a line for each element", (t) => {
  const text = "log-enable=notice+\nlog-enable=info+:HA\ninterface=10.0.0.1\ninterface=lo\n";
  const { findings, written } = parseQpiddConf(text);
  t.same(findings, []);
  t.same(written.get("interface"), { value: "10.0.0.1", line: 3 });
  t.end();
});

test("QPIDD1: a secret is not repeated", (t) => {
  const text = "ha-brokers-url=amqp:qpid/s3cret@node 1\nha-password=s3cret\nha-password=s3cret2\n";
  const { findings } = parseQpiddConf(text);
  t.equal(findings.length, 2);
  t.notMatch(JSON.stringify(findings), /s3cret/);
  t.end();
});

test("addresses of a URL", (t) => {
  t.same(parseBrokersUrl(""), { ok: true, value: [] });
  t.same(parseBrokersUrl("amqp:tcp:a:1,tcp:b"), {
    ok: true,
    value: [
      { host: "a", port: 1 },
      { host: "b", port: 5672 },
    ],
  });
  for (const text of ["a,,b", "a:0", "a:70000", "a:b", "a b"]) {
    t.match(parseBrokersUrl(text), { ok: false }, text);
  }
  t.end();
});

test("any text is read", (t) => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom("port=1", "ha-brokers-url=,", "auth", "=", "link-heartbeat-interval=.s"),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const { settings, findings } = parseQpiddConf(lines.join("\n"));
      return settings.port.value > 0 && findings.every(({ cause, remedy }) => cause && remedy);
    }),
  );
  t.end();
});

test("the example that is installed has nothing to complain of", (t) => {
  const path = new URL("../../../conf/qpidd.conf.example", import.meta.url);
  const { findings, settings } = parseQpiddConf(readFileSync(path, "utf8"));
  t.same(findings, []);
  t.equal(settings.cluster.value, true);
  t.end();
});
