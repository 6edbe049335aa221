/**
 * The example of the Apache Qpid manual as printed, value by value, and the example of this
 * project, which is the same configuration made well-formed.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { startupWarnings } from "../../src/config/host/startup-warnings.ts";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import type { ResourceConf } from "../../src/model/conf.ts";
import { parseClusterConf } from "./parsed-conf.ts";

const root = new URL("../../../", import.meta.url);
const published = readFileSync(
  fileURLToPath(new URL("test/golden/qpid-manual-cluster.conf", root)),
  "utf8",
);
const example = readFileSync(fileURLToPath(new URL("conf/cluster.conf.example", root)), "utf8");

function load(text: string) {
  const { conf, complaints } = parseClusterConf(text, { file: "cluster.conf" });
  if (conf === null) throw new Error(complaints.map(formatComplaint).join("\n"));
  return { conf, complaints };
}

test("the published example loads with one warning about its malformed comment", async (t) => {
  t.same(load(published).complaints.map(formatComplaint), [
    "cluster.conf:20: warning: text inside <cluster> is ignored; it ends with " +
      '"-->", so the "<!--" that should open this comment is missing ' +
      '(text starts "status_poll_interval is the interval in seconds")',
  ]);
});

test("the published example gets the documented defaults of ring and quorum", async (t) => {
  const { conf } = load(published);
  t.equal(conf.name, "qpid-test");
  t.equal(conf.version, 18);
  t.equal(conf.clusterId, 55582);
  t.same(conf.totem, {
    transport: "udp",
    port: 5405,
    multicast: { address: "239.192.217.247", ttl: 1 },
    tokenMs: 1000,
    tokenRetransmitMs: 238,
    holdMs: 180,
    joinMs: 50,
    consensusMs: 1200,
    mergeMs: 200,
    failRecvMs: 2000,
    seqnoUnchangedVisits: 30,
    missCountVisits: 5,
    windowFrames: 50,
    maxFramesPerVisit: 17,
    widens: true,
    netmtuBytes: 1500,
    secauth: true,
    keyFile: null,
  });
  t.same(conf.quorum, {
    expectedVotes: 3,
    twoNode: false,
    waitForAll: false,
    tieBreaker: null,
    lastManStandingMs: null,
  });
  t.same(conf.nodes, [
    { id: 1, name: "node1.example.com", votes: 1, fenceMethods: [], unfence: [] },
    { id: 2, name: "node2.example.com", votes: 1, fenceMethods: [], unfence: [] },
    { id: 3, name: "node3.example.com", votes: 1, fenceMethods: [], unfence: [] },
  ]);
});

test("the published example gets the documented defaults of fencing and logging", async (t) => {
  const { conf } = load(published);
  t.same(conf.fencing, {
    postJoinDelayMs: 6000,
    postFailDelayMs: 0,
    overrideTimeMs: 3000,
    cleanStart: false,
    skipUndefined: false,
    agentTimeoutMs: 60_000,
    selfFence: "auto",
    leaseMs: 3200,
    killTimeoutMs: 1000,
    safeWaitMs: 4442,
    watchdog: { device: "/dev/watchdog", timeoutMs: 5000, safeWaitMs: 9282 },
  });
  t.same(conf.logging, {
    priority: { totem: "info", quorum: "info", fencing: "info", services: "info" },
    logFile: null,
  });
});

test("the published example has three restricted domains of one node each", async (t) => {
  const { services } = load(published).conf;
  t.same(
    services.domains,
    [1, 2, 3].map((node) => ({
      name: `node${node}-domain`,
      ordered: false,
      restricted: true,
      nofailback: false,
      nodes: [{ node, priority: null }],
    })),
  );
});

function qpiddScript(name: string, service: string, line: number): ResourceConf {
  const attributes: [string, string][] = [
    ["name", name],
    ["file", `/etc/init.d/${name}`],
    ["service_name", service],
  ];
  const written = ["file", "name"].map(
    (one) => [one, Object.fromEntries(attributes)[one] ?? ""] as const,
  );
  return { type: "script", key: name, line, attributes, written, actions: [], children: [] };
}

test("the published example has four services with their references resolved", async (t) => {
  const { services } = load(published).conf;
  t.equal(services.enabled, true);
  t.equal(services.statusPollIntervalMs, 1000);
  t.equal(services.statusChildMax, 5);
  const [first, second, third, primary] = services.services;
  for (const [index, service] of [first, second, third].entries()) {
    const name = `node${index + 1}-qpidd-service`;
    const { tree, ...rest } = service ?? { tree: null };
    t.match(rest, {
      name: `service:${name}`,
      domain: `node${index + 1}-domain`,
      autostart: true,
      exclusive: false,
      recovery: "restart",
      depend: null,
      dependMode: "hard",
      maxRestarts: 0,
      restartExpireMs: 0,
      priority: 0,
      retryDelayMs: 30_000,
    });
    t.same(tree?.children, [qpiddScript("qpidd", name, 57 + 3 * index)]);
  }
  t.match(primary, { name: "service:qpidd-primary-service", domain: null, recovery: "relocate" });
  t.same(primary?.tree.children, [
    qpiddScript("qpidd-primary", "qpidd-primary-service", 68),
    {
      type: "ip",
      key: "20.0.20.200",
      line: 70,
      attributes: [
        ["address", "20.0.20.200"],
        ["monitor_link", "yes"],
        ["nfslock", "0"],
        ["sleeptime", "0"],
      ],
      written: [
        ["address", "20.0.20.200"],
        ["monitor_link", "yes"],
        ["sleeptime", "0"],
      ],
      actions: [],
      children: [],
    },
  ]);
});

test("the example of this project loads without a complaint", async (t) => {
  t.same(load(example).complaints, []);
});

test("the two examples differ in nothing but line numbers", async (t) => {
  const withoutLines = (text: string): string =>
    JSON.stringify(load(text).conf, (key, value) => (key === "line" ? 0 : value));
  t.equal(withoutLines(example), withoutLines(published));
});

test("the published example starts with a warning each about key and fencing", async (t) => {
  const [key = "", fencing = "", ...others] = startupWarnings(load(published).conf);
  t.match(key, "no keyfile: cluster traffic is protected only by the cluster name");
  t.match(fencing, "no fence devices for node1.example.com, node2.example.com");
  t.match(fencing, "self-fencing in use");
  t.match(fencing, "after 4.4 s, 9.3 s if it has a watchdog");
  t.same(others, []);
});
