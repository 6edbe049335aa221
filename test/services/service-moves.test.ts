/** A service that chooses a broker moves only to one that has just answered. */
import { test } from "tap";
import type { ClusterConf } from "../../src/model/conf.ts";
import { Brokers, brokerConf, primary } from "./broker-driver.ts";

/** Served by node 1; no question is answered until the test says so. */
function served(conf?: ClusterConf): Brokers {
  const driver = new Brokers(conf).serving();
  driver.answersLooks = false;
  return driver;
}

/** Served by node 2, and node 1 is the better one. */
function servedByWorse(): Brokers {
  const sample = brokerConf({ domain: "best" });
  const [first] = sample.nodes;
  if (first === undefined) throw new Error("no node");
  const rules = { ordered: true, restricted: false, nofailback: false };
  const best = { name: "best", ...rules, nodes: [{ node: first.id, priority: 1 }] };
  const domains = [...sample.services.domains, best];
  const driver = served({ ...sample, services: { ...sample.services, domains } });
  driver.gone(1).checkFails(primary).answer().succeed();
  return driver;
}

const lists = ["ready", "active", "ready"] as const;

test("MOVE1: the service is stopped when the broker it is to move to has answered", async (t) => {
  const driver = served();
  const number = driver.request(3, "relocate", { service: primary, target: 2 });
  t.match(driver.looks, [{ node: 2, life: driver.life(2) }]);
  t.equal(driver.awaited(primary), "nothing");
  t.equal(driver.primary, "started 1");
  driver.looked();
  t.equal(driver.awaited(primary), "stop on 1");
  driver.answer();
  t.equal(driver.awaited(primary), "start on 2");
  driver.answer();
  t.equal(driver.outcome(number), "done");
});

test("MOVE1: one that does not answer interrupts nothing, and who has asked is told", async (t) => {
  const driver = served();
  const number = driver.request(1, "relocate", { service: primary });
  driver.looked("its broker does not answer: no answer within 2000 ms");
  t.equal(driver.awaited(primary), "nothing");
  t.equal(driver.primary, "started 1");
  t.equal(driver.outcome(number), "broker-not-promotable");
  t.match(driver.notices.at(-1), /not moved to node2.*: its broker does not answer: no answer/);
});

test("the broker that was asked is the one that is promoted", async (t) => {
  const driver = served();
  driver.request(1, "relocate", { service: primary });
  const [look] = driver.looks;
  driver.looked().answer();
  t.equal(driver.awaited(primary), `start on ${look?.node}`);
});

test("an operator's permission needs no answer", async (t) => {
  const driver = served();
  driver.request(1, "relocate", { service: primary, target: 2, byDomain: true });
  t.same(driver.looks, []);
  t.equal(driver.awaited(primary), "stop on 1");
});

test("without brokers that decide, nobody is asked", async (t) => {
  const driver = new Brokers(brokerConf({}, { qpid: "off" })).begin(1, 2, 3);
  driver.answersLooks = false;
  driver.request(1, "relocate", { service: primary, target: 2 });
  t.same(driver.looks, []);
  t.equal(driver.awaited(primary), "stop on 1");
});

test("a second relocation is refused while a broker is being asked", async (t) => {
  const driver = served();
  driver.request(1, "relocate", { service: primary, target: 2 });
  const second = driver.request(1, "relocate", { service: primary, target: 3 });
  t.equal(driver.outcome(second), "being-relocated");
  t.equal(driver.looks.length, 1);
});

test("a restart ends the primary, so it asks, too", async (t) => {
  const driver = served();
  const number = driver.request(3, "restart", { service: primary });
  t.equal(driver.awaited(primary), "nothing");
  const second = driver.request(3, "restart", { service: primary });
  t.equal(driver.outcome(second), "being-relocated");
  const [look] = driver.looks;
  driver.looked().answer();
  t.equal(driver.awaited(primary), `start on ${look?.node}`);
  driver.answer();
  t.equal(driver.outcome(number), "done");
});

test("MOVE2: what was done meanwhile counts more than the answer", async (t) => {
  const driver = served();
  const number = driver.request(1, "relocate", { service: primary, target: 2 });
  driver.checkFails(primary);
  t.equal(driver.awaited(primary), "stop on 1");
  driver.looked();
  t.equal(driver.operations.length, 1, "no second stop");
  t.equal(driver.outcome(number), "overtaken");
});

test("MOVE2: a service that was started anew meanwhile is not moved", async (t) => {
  const driver = served();
  const number = driver.request(1, "relocate", { service: primary, target: 2 });
  driver.checkFails(primary).succeed().looked();
  t.equal(driver.awaited(primary), "nothing");
  t.equal(driver.outcome(number), "overtaken");
});

test("MOVE2: nor one that was frozen or locked, or whose target has fallen behind", async (t) => {
  const changes: Readonly<Record<string, (driver: Brokers) => unknown>> = {
    frozen: (driver) => driver.request(1, "freeze", { service: primary }),
    locked: (driver) => driver.lock(1, true),
    leaving: (driver) => driver.leaving(2),
    stale: (driver) => driver.is(1, "active", ["active", "catchup", "ready"]),
    gone: (driver) => driver.gone(2),
  };
  for (const [what, change] of Object.entries(changes)) {
    const driver = served();
    const number = driver.request(1, "relocate", { service: primary, target: 2 });
    change(driver);
    driver.looked();
    t.equal(driver.primary, "started 1", what);
    t.equal(driver.outcome(number), "overtaken", what);
  }
});

test("MOVE2: a membership ends the question, and an answer to it counts no more", async (t) => {
  const driver = served();
  const number = driver.request(1, "relocate", { service: primary, target: 2 });
  driver.view(1, 2);
  t.equal(driver.outcome(number), "overtaken");
  driver.looked();
  t.equal(driver.awaited(primary), "nothing");
  const second = driver.request(1, "relocate", { service: primary, target: 2 });
  t.equal(driver.looks.length, 1, "it can be asked for again");
  driver.looked();
  t.equal(driver.awaited(primary), "stop on 1");
  t.equal(driver.outcome(second), null);
});

test("a failback asks, too, and is tried again when the broker is seen anew", async (t) => {
  const driver = servedByWorse();
  t.equal(driver.primary, "started 2");
  driver.is(2, "active", lists).is(1, "ready");
  t.match(driver.looks, [{ node: 1 }]);
  driver.is(1, "ready", lists);
  t.equal(driver.looks.length, 1, "asked once");
  driver.looked("its broker does not answer: no answer within 2000 ms");
  t.equal(driver.primary, "started 2");
  driver.is(1, "ready").looked();
  t.equal(driver.awaited(primary), "stop on 2");
});

test("a failback waits for the primary to be active, and follows then", async (t) => {
  const driver = servedByWorse();
  driver.is(2, "recovering").is(1, "ready");
  t.same(driver.looks, []);
  driver.is(2, "active", lists);
  t.match(driver.looks, [{ node: 1 }]);
});

test("MOVE3: a service that a user has placed stays there until a better node comes", async (t) => {
  const driver = servedByWorse();
  driver.is(2, "active", lists).is(1, "ready").looked().succeed();
  t.equal(driver.primary, "started 1");
  driver.is(1, "active", ["active", "ready", "ready"]).is(2, "ready").is(3, "ready");
  driver.request(1, "relocate", { service: primary, target: 2 });
  driver.looked().succeed();
  driver.is(2, "active", lists).is(1, "ready", lists);
  t.same(driver.looks, []);
  t.equal(driver.primary, "started 2");
  driver.view(1, 2).fenced(3).view(1, 2, 3).ready(3).is(2, "active", lists);
  t.same(driver.looks, []);
  driver.view(2, 3).fenced(1).view(1, 2, 3).ready(1).is(2, "active", [null, "active", "ready"]);
  t.same(driver.looks, [], "its broker is not there yet");
  driver.is(2, "active", lists).is(1, "ready", lists);
  t.match(driver.looks, [{ node: 1 }]);
});
