/** What a service waits for: every kind, with what an operator can do, and the nodes' verdicts. */
import { test } from "tap";
import type { ServiceConf } from "../../src/model/conf.ts";
import { service } from "../sim/cluster.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { TableDriver } from "./table-driver.ts";

const web = "web";

function conf(services: readonly ServiceConf[], { cleanStart } = { cleanStart: true }) {
  const sample = sampleConf({ fencing: { cleanStart } });
  return { ...sample, services: { ...sample.services, services } };
}

function plain(name: string, rest: Partial<ServiceConf> = {}): ServiceConf {
  return sampleService(name, [script(name)], rest);
}

function started(...services: readonly ServiceConf[]): TableDriver {
  return new TableDriver(conf(services)).view(1, 2, 3).ready(1, 2, 3).succeed();
}

function failStarts(driver: TableDriver): TableDriver {
  while (driver.operations.length > 0) {
    driver.answer(driver.awaited(web).startsWith("start") ? "failed" : "ok");
  }
  return driver;
}

function asked(driver: TableDriver, operation: "stop" | "freeze" | "disable" | "restart") {
  driver.request(3, operation, { service: web });
  return driver;
}

type Row = {
  readonly driver: () => TableDriver;
  readonly text: RegExp;
  readonly nodes?: readonly number[];
  readonly remedy: RegExp;
};

const rows: Readonly<Record<string, Row>> = {
  fencing: {
    driver: () => started(plain(web)).view(2, 3),
    text: /^node1\.example\.com to be fenced or proven clean$/,
    nodes: [1],
    remedy: /fence_ack-ts node1\.example\.com/,
  },
  "unseen-node": {
    driver: () => new TableDriver(conf([plain(web)], { cleanStart: false })).view(1, 2).ready(1, 2),
    text: /^node3\.example\.com to be fenced or proven clean/,
    nodes: [3],
    remedy: /^start clusterd on node3\.example\.com, or: /,
  },
  operation: {
    driver: () => asked(started(plain(web)), "restart"),
    text: /^stop on node1\.example\.com$/,
    nodes: [1],
    remedy: /^$/,
  },
  repair: {
    driver: () => asked(started(plain(web)), "stop").answer("failed"),
    text: /^repair by hand/,
    remedy: /clusvcadm-ts -d service:web/,
  },
  unfreeze: {
    driver: () => asked(asked(started(plain(web)), "stop").succeed(), "freeze"),
    text: /^being unfrozen/,
    remedy: /clusvcadm-ts -U service:web/,
  },
  unlock: {
    driver: () => {
      const driver = asked(started(plain(web)), "stop").succeed();
      driver.lock(1, true);
      return driver;
    },
    text: /^the services to be unlocked/,
    remedy: /clusvcadm-ts -u/,
  },
  dependency: {
    driver: () => {
      const a = plain("a", { autostart: false });
      return started(a, plain(web, { depend: a.name }));
    },
    text: /^service:a, on which it depends, to be started$/,
    remedy: /clustat-ts --why service:a/,
  },
  "empty-node": {
    driver: () => {
      const only = { domain: "node1-domain" };
      return started(plain("x", { exclusive: true, ...only }), plain(web, only));
    },
    text: /^a node without an exclusive service: one of node1\.example\.com$/,
    nodes: [1],
    remedy: /relocate or stop/,
  },
  node: {
    driver: () =>
      started(plain(web, { domain: "node1-domain" }))
        .view(2, 3)
        .fenced(1),
    text: /^a ready node that may run it$/,
    nodes: [1],
    remedy: /^start one of: node1\.example\.com$/,
  },
  retry: {
    driver: () => failStarts(started(plain(web)).checkFails(web)),
    text: /^its next attempt, 30 s after the last event$/,
    remedy: /clusvcadm-ts -e service:web/,
  },
  request: {
    driver: () => asked(started(plain(web)), "stop").succeed(),
    text: /^an event or a request: it was stopped$/,
    remedy: /clusvcadm-ts -e service:web/,
  },
};

for (const [kind, row] of Object.entries(rows)) {
  test(`a service says what it waits for: ${kind}`, async (t) => {
    const driver = row.driver();
    const wait = driver.table.wait(service(web));
    t.match(wait, { kind, text: row.text, remedy: row.remedy });
    t.same(wait?.nodes, row.nodes ?? []);
    t.equal(wait?.at ?? null, kind === "retry" ? Math.ceil(driver.nowMs / 1000) + 30 : null);
  });
}

test("a started service, and one that an operator has disabled, waits for nothing", async (t) => {
  t.equal(started(plain(web)).table.wait(service(web)), null);
  const disabled = asked(started(plain(web)), "disable").succeed();
  t.equal(disabled.table.wait(service(web)), null);
});

test("a decision to start names every node, and marks the one that was taken", async (t) => {
  const driver = started(plain("other", { domain: "node1-domain" }), plain(web));
  asked(driver, "stop").succeed();
  driver.request(1, "enable", { service: web, byDomain: true });
  driver.succeed();
  const [, decision] = driver.table.decisions(service(web)).toReversed();
  t.match(decision, { text: "starting on node2.example.com (enable)" });
  t.same(
    decision?.nodes.map(({ node, fit, reason }) => `${node} ${fit}: ${reason}`),
    ["1 false: best, 1 services", "2 true: best, 0 services", "3 false: best, 0 services"],
  );
});

test("the end of a chain gives for every node the reason why it was not chosen", async (t) => {
  const driver = started(plain(web)).view(1, 2).checkFails(web);
  failStarts(driver);
  const decision = driver.table.decisions(service(web)).at(-1);
  t.match(decision?.text, /no node could start it, next attempt in 30 s/);
  t.same(
    decision?.nodes.map(({ node, fit, reason }) => `${node} ${fit}: ${reason}`),
    ["1 false: already tried", "2 false: already tried", "3 false: lost"],
  );
});

test("the present verdicts: which nodes may run it, and why the others may not", async (t) => {
  const services = [plain("x", { exclusive: true }), plain(web, { domain: "node2-domain" })];
  const driver = started(...services).view(1, 2);
  t.same(
    driver.table.verdicts(service(web)).map(({ node, fit, reason }) => `${node} ${fit}: ${reason}`),
    ["1 false: runs the exclusive service:x", "2 true: best, 0 services", "3 false: lost"],
  );
});

test("a service whose only nodes are not unfenced waits for their unfencing", async (t) => {
  const driver = new TableDriver(conf([plain(web, { domain: "node1-domain" })]));
  driver.view(1, 2, 3).clean(1).ready(2, 3);
  t.match(driver.table.wait(service(web)), {
    kind: "node",
    text: /^the unfencing of node1\.example\.com$/,
    nodes: [1],
    remedy: /log/,
  });
  t.equal(driver.ready(1).succeed().shown(web), "started 1");
});
