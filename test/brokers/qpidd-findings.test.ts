/** Cases: those of the list "broker" in test/cases.txt. */
import { readFileSync } from "node:fs";
import { test } from "tap";
import { parseQpiddConf } from "../../src/brokers/qpidd-conf.ts";
import {
  heartbeatInForceMs,
  qpiddFindings,
  replicateDifferences,
} from "../../src/brokers/qpidd-findings.ts";

const context = {
  nodes: [
    { name: "node1.example.com", hosts: ["node1", "10.0.0.1"] },
    { name: "node2.example.com", hosts: ["node2", "10.0.0.2"] },
  ],
  processors: 4,
  selfKillMs: 6400,
};

const wise = new Map([
  ["ha-cluster", "yes"],
  ["ha-brokers-url", "node1,10.0.0.2"],
  ["ha-replicate", "all"],
  ["link-maintenance-interval", "0.1"],
  ["link-heartbeat-interval", "10"],
  ["auth", "no"],
  ["data-dir", "/var/lib/qpidd"],
]);

/** A wise file with other values; null: without the setting. */
function confWith(changes: Readonly<Record<string, string | null>>): string {
  const settings = new Map<string, string | null>([...wise, ...Object.entries(changes)]);
  return [...settings]
    .flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}\n`]))
    .join("");
}

const findingsOf = (changes: Readonly<Record<string, string | null>>, processors = 4) =>
  qpiddFindings(parseQpiddConf(confWith(changes)), { ...context, processors });

test("a wise file has no findings", (t) => {
  t.same(findingsOf({}), []);
  t.end();
});

test("case 29: each unwise setting is named, with what follows and what to write", (t) => {
  const heartbeat = "link-heartbeat-interval";
  const rules = { "acl-file": "/etc/qpid/qpidd.acl" };
  const account = { "ha-username": "qpid", "ha-password": "secret" };
  const table: readonly (readonly [Readonly<Record<string, string | null>>, string, RegExp])[] = [
    [{ "ha-cluster": null }, "ha-cluster", /takes a promotion without effect/],
    [{ "ha-cluster": "no" }, "ha-cluster", /takes a promotion without effect/],
    [{ "ha-brokers-url": null }, "ha-brokers-url", /stays alone/],
    [{ "ha-brokers-url": "node1:5673" }, "ha-brokers-url", /does not list node2.*node1:5673/],
    [{ [heartbeat]: null }, heartbeat, /240 s.*without a limit/],
    [{ [heartbeat]: "2s" }, heartbeat, /cannot read a unit/],
    [{ [heartbeat]: "0.5" }, heartbeat, /0 switches heartbeats off/],
    [{ [heartbeat]: "500ms" }, heartbeat, /0 switches heartbeats off/],
    [{ [heartbeat]: "0" }, heartbeat, /0 switches heartbeats off/],
    [{ [heartbeat]: "2.5" }, heartbeat, /uses 2/],
    [{ [heartbeat]: "120" }, heartbeat, /up to 240 s/],
    [{ [heartbeat]: "6" }, heartbeat, /accepts messages alone, .* up to 6.4 s/],
    [{ "link-maintenance-interval": null }, "link-maintenance-interval", /default is 2 s/],
    [{ "link-maintenance-interval": "5" }, "link-maintenance-interval", /up to 5 s/],
    [{ "link-maintenance-interval": "0" }, "link-maintenance-interval", /above 0/],
    [{ "data-dir": null }, "data-dir", /keeps its identity where/],
    [{ "no-data-dir": "yes" }, "no-data-dir", /another identity/],
    [{ "worker-threads": "2" }, "worker-threads", /it is 2: each promotion/],
    [{ auth: null, ...rules, "ha-username": "qpid" }, "ha-password", /cannot connect/],
    [{ auth: "yes", ...rules, "ha-password": "secret" }, "ha-username", /cannot connect/],
    [{ auth: "yes", ...account }, "acl-file", /no broker lets another one replicate/],
  ];
  t.match(findingsOf({ auth: "yes", ...account })[0], { remedy: /"acl allow qpid@QPID all all"/ });
  for (const [changes, key, cause] of table) {
    const [found, ...others] = findingsOf(changes);
    t.same(others, [], JSON.stringify(changes));
    t.match(found, { key, cause, remedy: /\S/ }, JSON.stringify(changes));
    const given = changes[key];
    t.equal(found?.line === null, given === null || given === undefined);
  }
  t.match(findingsOf({}, 2), [{ key: "worker-threads", line: null, cause: /default here is 3/ }]);
  t.match(qpiddFindings(parseQpiddConf("# nothing\n"), context)[0], { cause: /is empty/ });
  t.end();
});

test("case 29: the files of one cluster must agree on ha-replicate", (t) => {
  const file = (path: string, level: string | null) => {
    return { path, conf: parseQpiddConf(confWith({ "ha-replicate": level })) };
  };
  t.same(replicateDifferences([]), []);
  t.same(replicateDifferences([file("node1", "all"), file("node2", "all")]), []);
  const differences = replicateDifferences([
    file("node1", "all"),
    file("node2", "configuration"),
    file("node3", null),
  ]);
  t.match(differences, [
    { path: "node2", key: "ha-replicate", line: 3, cause: /configuration here and all in node1/ },
    { path: "node3", key: "ha-replicate", line: null, cause: /none here/ },
  ]);
  t.end();
});

test("the heartbeat in force is in whole seconds", (t) => {
  const inForce = (value: string) =>
    heartbeatInForceMs(parseQpiddConf(confWith({ "link-heartbeat-interval": value })).settings);
  t.same(["10", "2s", "2900ms", "0.9"].map(inForce), [10_000, 2000, 2000, null]);
  t.end();
});

test("the example that is installed is wise", (t) => {
  const path = new URL("../../../conf/qpidd.conf.example", import.meta.url);
  const conf = parseQpiddConf(readFileSync(path, "utf8"));
  const nodes = ["node1", "node2", "node3"].map((name) => ({ name, hosts: [] }));
  t.same(qpiddFindings(conf, { nodes, processors: 2, selfKillMs: 6400 }), []);
  t.end();
});
