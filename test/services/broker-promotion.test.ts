/**
 * The service that promotes a broker follows what the nodes see of their brokers: on three nodes,
 * each with a service for its own broker, and one service that promotes.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import { test } from "tap";
import type { BrokerState } from "../../src/brokers/broker-state.ts";
import { ofNodes } from "../../src/services/table/broker-records.ts";
import { service } from "../sim/cluster.ts";
import { Brokers, brokerConf, nodes, own, primary, sightOf } from "./broker-driver.ts";

test("case 17: at a cold start one broker is promoted, once all have been seen", async (t) => {
  const driver = new Brokers().begin(1, 2, 3);
  t.equal(driver.primary, "stopped (none)");
  t.match(driver.wait, /^brokers: that of node1.* and node2.* and node3.* is about to start$/);
  driver.is(1, "joining");
  t.match(driver.wait, /only 1 of 3 brokers are joining/);
  driver.is(2, "joining");
  t.match(driver.wait, /node3.* may still come, and be ready/);
  t.equal(driver.operations.length, 0);
  driver.is(3, "joining");
  t.equal(driver.awaited(primary), "start on 1");
  t.equal(driver.operations.length, 1);
});

test("case 17: a broker that does not come is waited for ten seconds", async (t) => {
  const driver = new Brokers().begin(1, 2, 3).is(1, "joining").is(2, "joining").silent(3);
  t.equal(driver.operations.length, 0);
  driver.tick(9000);
  t.equal(driver.operations.length, 0);
  driver.tick(1100);
  t.equal(driver.awaited(primary), "start on 1");
  const [first] = driver.table.conf.nodes;
  if (first === undefined) throw new Error("no node");
  t.equal(driver.table.promotionObstacle(service(primary), first.id), null, "the wait is over");
  driver.answer();
  t.equal(driver.table.snapshot().brokers.waitingSince, null);
});

test("case 24: one of three brokers is not promoted until a second one joins", async (t) => {
  const driver = new Brokers().begin(1, 2, 3).is(1, "joining").silent(2).silent(3);
  for (let round = 0; round < 6; round += 1) driver.tick(10_100);
  t.equal(driver.primary, "stopped (none)");
  t.match(
    driver.wait,
    /only 1 of 3 brokers are joining, and node2.* and node3.* may hold messages/,
  );
  driver.is(2, "joining").tick(10_100);
  t.equal(driver.awaited(primary), "start on 1");
});

test("case 24: nodes that are off do not count", async (t) => {
  const driver = new Brokers().begin(1, 2).is(1, "joining").is(2, "joining");
  t.equal(driver.awaited(primary), "start on 1");
});

test("a broker that is being asked counts as one that comes", async (t) => {
  const driver = new Brokers().view(1, 2, 3).ready(1, 2, 3);
  for (const node of nodes) driver.gone(node);
  driver.succeed();
  for (const node of nodes) driver.sees(node, { type: "pending" });
  t.equal(driver.primary, "stopped (none)");
  for (const node of nodes) driver.is(node, "joining");
  t.equal(driver.awaited(primary), "start on 1");
});

test("where no broker ever answers, the service is placed as any other", async (t) => {
  const driver = new Brokers().begin(1, 2, 3).silent(1).silent(2);
  t.equal(driver.primary, "stopped (none)");
  driver.silent(3);
  t.equal(driver.awaited(primary), "start on 1");
});

test("where brokers are not seen at all, a start waits ten seconds for them", async (t) => {
  const driver = new Brokers().begin(1, 2, 3).tick(9000);
  t.equal(driver.primary, "stopped (none)");
  driver.tick(1100);
  t.equal(driver.awaited(primary), "start on 1");
});

test("case 18: when the primary dies, the service goes to a broker that is ready", async (t) => {
  const driver = new Brokers().serving();
  t.equal(driver.primary, "started 1");
  driver.gone(1).checkFails(primary);
  t.equal(driver.awaited(primary), "stop on 1");
  driver.answer();
  t.equal(driver.awaited(primary), "start on 2");
});

test("with recovery=restart, too: its own broker has nothing any more", async (t) => {
  const driver = new Brokers(brokerConf({ recovery: "restart" }))
    .serving()
    .gone(1)
    .checkFails(primary);
  driver.answer();
  t.equal(driver.awaited(primary), "start on 2");
});

test("case 20: a stale broker is not promoted, even if it is preferred", async (t) => {
  const driver = new Brokers().serving();
  driver.is(1, "active", ["active", null, "ready"]).gone(1).checkFails(primary).answer();
  t.equal(driver.awaited(primary), "start on 3");
});

test("case 20: only stale brokers: none is promoted until an operator forces it", async (t) => {
  const driver = new Brokers().serving().is(1, "active", ["active"]).gone(1).checkFails(primary);
  driver.answer();
  t.equal(driver.primary, "stopped (1)");
  t.match(driver.wait, /only stale backups: node2.* the last list of the primary does not have it/);
  for (let round = 0; round < 4; round += 1) driver.tick(10_100);
  t.equal(driver.notices.filter((line) => line.startsWith("alert: ")).length, 1);
  t.match(driver.notices.join("\n"), /alert: .*clusvcadm-ts -r .* -m node2\S* -F/);
  const plain = driver.request(2, "relocate", { service: primary });
  t.equal(driver.outcome(plain), "no-promotable-broker");
  driver.request(2, "relocate", { service: primary, target: 3, byDomain: true });
  t.equal(driver.awaited(primary), "start on 3");
  t.match(
    driver.notices.join("\n"),
    /warning: .*promoted on node3.*: its broker may lack acknowledged messages/,
  );
});

test("a broker may be promoted whose node is leaving: another one is waited for", async (t) => {
  const driver = new Brokers().serving().is(3, "catchup").leaving(2).answer();
  driver.is(2, "ready").gone(1).checkFails(primary).answer();
  t.equal(driver.primary, "stopped (1)");
  driver.is(3, "ready");
  t.equal(driver.awaited(primary), "start on 3");
});

test("a disabled broker that may be primary is not taken for off", async (t) => {
  const driver = new Brokers().serving();
  driver.request(1, "disable", { service: own(1) });
  driver.answer();
  driver.silent(1);
  driver.request(1, "stop", { service: primary });
  driver.answer("failed");
  driver.request(1, "disable", { service: primary });
  driver.answer("failed");
  const enabled = driver.request(2, "enable", { service: primary });
  t.equal(driver.outcome(enabled), "no-promotable-broker");
  t.match(driver.notices.join("\n"), /the broker of node1\S* may still be the primary/);
});

test("case 22: a promotion that is refused goes on to the next broker", async (t) => {
  const driver = new Brokers().serving().gone(1).checkFails(primary).answer();
  t.equal(driver.awaited(primary), "start on 2");
  driver.answer("failed").answer();
  t.equal(driver.awaited(primary), "start on 3");
});

test("case 22: at a cold start the next broker is asked, and the first one no more", async (t) => {
  const driver = new Brokers().begin(1, 2, 3).is(1, "joining").is(2, "joining").is(3, "joining");
  t.equal(driver.awaited(primary), "start on 1");
  driver.refuses(1).answer("failed").answer();
  t.equal(driver.awaited(primary), "start on 2");
  t.equal(driver.shown(own(1)), "started 1", "its own service has not failed");
  driver.refuses(2).answer("failed").answer();
  t.equal(driver.awaited(primary), "start on 3");
  driver.refuses(3).answer("failed").answer();
  t.match(driver.wait, /no promotable broker \(3 joining that refuses promotion\)/);
});

test("case 23: brokers that all catch up are a standstill, and an operator is told", async (t) => {
  const driver = new Brokers().serving().is(2, "catchup").is(3, "catchup");
  driver.gone(1).checkFails(primary).answer();
  t.match(driver.wait, /no promotable broker \(2 catchup\)/);
  driver.is(1, "joining");
  t.match(driver.wait, /no promotable broker \(1 joining, 2 catchup\)/);
  t.equal(driver.operations.length, 0);
  for (let round = 0; round < 4; round += 1) driver.tick(10_100);
  const alert = driver.notices.find((line) => line.startsWith("alert: ")) ?? "";
  t.match(alert, /clusvcadm-ts -R \S*node2-qpidd-service; .*; clusvcadm-ts -e \S*primary/);
  driver.is(2, "ready");
  t.equal(driver.awaited(primary), "start on 2");
});

test("case 27: a relocation goes to a ready broker, and nowhere where none is", async (t) => {
  const driver = new Brokers().serving();
  driver.is(2, "catchup").is(3, "joining");
  const refused = driver.request(2, "relocate", { service: primary });
  t.equal(driver.outcome(refused), "no-promotable-broker");
  t.equal(driver.primary, "started 1");
  driver.is(3, "ready");
  const there = driver.request(2, "relocate", { service: primary, target: 2 });
  t.equal(driver.outcome(there), "broker-not-promotable");
  t.equal(driver.primary, "started 1");
  driver.request(2, "relocate", { service: primary });
  driver.answer();
  t.equal(driver.awaited(primary), "start on 3");
});

test("PROMOTE13: a primary stays where it is until it was seen active", async (t) => {
  const driver = new Brokers().serving();
  driver.request(2, "relocate", { service: primary, target: 3 });
  driver.gone(1).answer().succeed();
  t.equal(driver.primary, "started 3");
  const early = driver.request(2, "relocate", { service: primary, target: 2 });
  t.equal(driver.outcome(early), "no-promotable-broker");
  driver.is(3, "recovering", [null, null, "recovering"]);
  const soon = driver.request(2, "restart", { service: primary });
  t.equal(driver.outcome(soon), "no-promotable-broker");
  t.match(driver.notices.join("\n"), /the primary on node3\S* is not active yet/);
  driver.is(3, "active", [null, "ready", "active"]);
  driver.request(2, "relocate", { service: primary, target: 2 });
  t.equal(driver.awaited(primary), "stop on 3");
});

test("PROMOTE13: an operator may move it all the same, and one that ends moves", async (t) => {
  const driver = new Brokers().serving();
  driver.request(2, "relocate", { service: primary, target: 3 });
  driver.gone(1).answer().succeed();
  driver.request(2, "relocate", { service: primary, target: 2, byDomain: true });
  t.equal(driver.awaited(primary), "stop on 3");
  const other = new Brokers().serving();
  other.request(2, "relocate", { service: primary, target: 3 });
  other.gone(1).answer().succeed();
  other.gone(3).checkFails(primary).answer();
  t.equal(other.awaited(primary), "start on 2");
});

test("case 27: a forced relocation interrupts the service all the same", async (t) => {
  const driver = new Brokers().serving().is(2, "catchup").is(3, "catchup");
  driver.request(2, "relocate", { service: primary, byDomain: true });
  t.equal(driver.awaited(primary), "stop on 1");
  driver.answer();
  t.equal(driver.awaited(primary), "start on 2");
});

test("a restart that would lose the messages is refused; else it moves the primary", async (t) => {
  const driver = new Brokers().serving().is(2, "catchup").is(3, "catchup");
  const refused = driver.request(1, "restart", { service: primary });
  t.equal(driver.outcome(refused), "no-promotable-broker");
  driver.is(2, "ready");
  driver.request(1, "restart", { service: primary });
  driver.answer();
  t.equal(driver.awaited(primary), "start on 2");
});

test("a service that a user has stopped is not started by what a broker does", async (t) => {
  const driver = new Brokers().serving();
  driver.request(1, "stop", { service: primary });
  driver.answer().is(2, "catchup").is(2, "ready");
  t.equal(driver.primary, "stopped (1)");
  t.equal(driver.operations.length, 0);
});

test("PROMOTE7: of two primaries the one dies whose node does not own the service", async (t) => {
  const driver = new Brokers().serving();
  driver.is(3, "active", ["ready", "ready", "active"]);
  t.same(driver.killed, [3]);
  t.match(
    driver.notices.join("\n"),
    /crit: .*more than one primary: node1\S* active, node3\S* act/,
  );
  driver.gone(3);
  t.same(driver.killed, [3]);
  t.equal(driver.primary, "started 1");
});

test("a primary that nobody has asked for is adopted", async (t) => {
  const driver = new Brokers().serving();
  driver.request(1, "disable", { service: primary });
  driver.answer().is(3, "active");
  const beside = driver.request(1, "enable", { service: primary, target: 1 });
  t.equal(driver.outcome(beside), "broker-not-promotable");
  driver.request(1, "enable", { service: primary });
  t.equal(driver.awaited(primary), "start on 3");
  const { table } = driver;
  const [adopted, other] = [table.conf.nodes[2], table.conf.nodes[1]];
  if (adopted === undefined || other === undefined) throw new Error("three nodes");
  t.equal(table.promotionObstacle(service(primary), adopted.id), null);
  t.match(table.promotionObstacle(service(primary), other.id), /node3.* is active already/);
});

test("a node that was lost with the primary delays nothing once it is off", async (t) => {
  const driver = new Brokers().serving().view(2, 3);
  t.equal(driver.operations.length, 0);
  driver.fenced(1);
  t.equal(driver.awaited(primary), "start on 2");
});

test("a backup whose node comes back and cleans up delays no failover", async (t) => {
  const driver = new Brokers().serving().view(1, 2).fenced(3).view(1, 2, 3);
  driver.gone(1).checkFails(primary).answer();
  t.equal(driver.awaited(primary), "start on 2");
});

test("it fails back to a better node only once the broker there is ready", async (t) => {
  const sample = brokerConf({ domain: "best" });
  const [first] = sample.nodes;
  if (first === undefined) throw new Error("no node");
  const rules = { ordered: true, restricted: false, nofailback: false };
  const best = { name: "best", ...rules, nodes: [{ node: first.id, priority: 1 }] };
  const domains = [...sample.services.domains, best];
  const conf = { ...sample, services: { ...sample.services, domains } };
  const driver = new Brokers(conf).serving();
  t.equal(driver.primary, "started 1");
  driver.gone(1).checkFails(primary).answer().succeed();
  t.equal(driver.primary, "started 2");
  driver.is(2, "active", ["catchup", "active", "ready"]).is(1, "catchup");
  t.equal(driver.operations.length, 0);
  driver.is(2, "active", ["ready", "active", "ready"]).is(1, "ready");
  t.equal(driver.awaited(primary), "stop on 2");
  driver.answer();
  t.equal(driver.awaited(primary), "start on 1");
});

test("a snapshot carries what is known of brokers", async (t) => {
  const driver = new Brokers().serving();
  const snapshot = driver.table.snapshot();
  t.equal(snapshot.brokers.sights.length, 3);
  t.match(snapshot.brokers.primary, { node: 1, ended: false });
  t.same(JSON.parse(JSON.stringify(snapshot)), snapshot);
});

test("case 25: after a start of the whole cluster the last primary comes first", async (t) => {
  const driver = new Brokers().begin(1, 2, 3);
  const [, second, third] = driver.table.conf.nodes;
  if (second === undefined || third === undefined) throw new Error("three nodes");
  const joining = (node: number) => sightOf(node, "joining");
  driver.sees(1, joining(1), { node: third.id, at: 1000 });
  driver.sees(2, joining(2), { node: second.id, at: 2000 });
  driver.sees(3, joining(3));
  t.equal(driver.awaited(primary), "start on 2");
  t.match(driver.table.lastPromotion, { node: 2, at: 2000 });
  driver.answer().is(2, "active", ["ready", "active", "ready"]);
  t.match(driver.table.lastPromotion, { node: 2, at: driver.nowMs });
  driver.nowMs += 5000;
  driver.is(2, "active", ["ready", "active", "catchup"]);
  t.match(driver.table.lastPromotion, { node: 2, at: driver.nowMs - 5000 });
});

test("case 25: a start without anything in memory tells when there was a primary", async (t) => {
  const driver = new Brokers().serving();
  const before = driver.nowMs;
  t.equal(driver.table.freshStart(service(primary)), null, "there had been none");
  for (const node of nodes) driver.gone(node);
  driver.checkFails(primary).answer();
  driver.nowMs += 60_000;
  for (const node of nodes) driver.is(node, "joining");
  driver.answer();
  driver.is(1, "active", ["active"]);
  const start = driver.table.freshStart(service(primary));
  t.match(start, { node: 1, at: driver.nowMs, before: { node: 1, at: before } });
  t.equal(driver.table.freshStart(service(own(1))), null, "it is the promoting service's");
  const words =
    /there was a primary on node1\S* \(promoted at 1970-01-01 00:16:40Z\), and no broker/;
  t.match(
    driver.notices.findLast((line) => line.startsWith("warning: ")),
    words,
  );
  const decisions = driver.table.decisions(service(primary)).map(({ text }) => text);
  t.match(decisions.join("\n"), words, "--why shows it");
  driver.is(2, "ready", ["active", "ready"]).is(1, "active", ["active", "ready"]);
  driver.gone(1).checkFails(primary).answer();
  driver.is(2, "active", [null, "active"]);
  t.same(driver.table.freshStart(service(primary)), start, "a ready broker loses nothing");
});

test("case 25: the last primary is waited for, and then it is told what is lost", async (t) => {
  const driver = new Brokers().begin(1, 2, 3);
  const [, , third] = driver.table.conf.nodes;
  if (third === undefined) throw new Error("three nodes");
  driver.sees(1, sightOf(1, "joining"), { node: third.id, at: 1000 }).is(2, "joining").silent(3);
  t.match(driver.wait, /the broker of node3\S* may still be the primary/);
  driver.gone(3).tick(10_100).tick(10_100);
  t.equal(driver.awaited(primary), "start on 1");
  t.match(driver.notices.join("\n"), /warning: .*there was a primary on node3/);
});

test("SIGHT1: the list of a primary that is recovering decides nothing yet", async (t) => {
  const driver = new Brokers().serving().gone(1).checkFails(primary).answer().succeed();
  t.equal(driver.primary, "started 2");
  driver.is(2, "recovering", [null, "recovering"]).gone(2).checkFails(primary).answer();
  t.equal(driver.awaited(primary), "start on 3");
});

test("SIGHT1: it decides once that primary is active", async (t) => {
  const driver = new Brokers().serving().gone(1).checkFails(primary).answer().succeed();
  driver.is(2, "recovering", [null, "recovering"]).is(2, "active", [null, "active"]);
  driver.gone(2).checkFails(primary).answer();
  t.match(driver.wait, /only stale backups: node3/);
});

test("SIGHT1: without any list the backups' own lists count", async (t) => {
  const driver = new Brokers().begin(1, 2, 3).is(1, "recovering", ["recovering"]);
  const lists: readonly BrokerState[] = ["active", "ready", "ready"];
  driver.is(2, "ready", lists).is(3, "ready", lists).succeed();
  t.equal(driver.primary, "started 1");
  driver.gone(1).checkFails(primary).answer();
  t.equal(driver.awaited(primary), "start on 2");
});

const cold = (): Brokers => {
  const driver = new Brokers().begin(1, 2, 3).is(1, "joining").is(2, "joining").is(3, "joining");
  return driver.succeed().is(1, "active", ["active"]);
};
const together: readonly BrokerState[] = ["active", "ready", "ready"];

test("READY4: backups that have come after the only list of a primary are good", async (t) => {
  const driver = cold().is(2, "ready", together).is(3, "ready", together);
  driver.checkFails(primary).answer();
  t.equal(driver.awaited(primary), "start on 2");
});

test("READY4: but not one that has been with another primary", async (t) => {
  const driver = cold().is(2, "ready", [null, "ready", "active"]);
  driver.checkFails(primary).answer();
  t.match(driver.wait, /only stale backups: node2/);
});

test("READY4: nor one that a list of the primary had, and the last one has not", async (t) => {
  const driver = cold().is(1, "active", ["active", "ready"]).is(1, "active", ["active"]);
  driver.is(2, "ready", together).checkFails(primary).answer();
  t.match(driver.wait, /only stale backups: node2/);
});

test("READY4: nor any, when the primary was not heard for a while", async (t) => {
  const driver = cold().silent(1).is(2, "ready", together).is(3, "ready", together).gone(1);
  driver.checkFails(primary).answer();
  t.match(driver.wait, /only stale backups: node2/);
});

test("SIGHT1: a second primary does not change which backups are good", async (t) => {
  const driver = new Brokers().serving();
  driver.is(3, "active", [null, null, "active"]);
  t.same(driver.killed, [3]);
  driver.gone(3).gone(1).checkFails(primary).answer();
  t.equal(driver.awaited(primary), "start on 2");
});

test("SIGHT1: when the first primary ends, the list of the other one counts", async (t) => {
  const driver = new Brokers().serving();
  driver.is(3, "active", [null, "ready", "active"]).gone(1);
  t.match(driver.table.snapshot().brokers.primary, { node: 3, ended: false });
  t.equal(driver.table.snapshot().brokers.primary?.members?.length, 2);
});

test("SIGHT2: a memory counts for nothing after a promotion in this history", async (t) => {
  const driver = new Brokers().serving();
  const seen = driver.table.lastPromotion;
  t.match(seen, { node: 1, seen: true });
  const [, second] = driver.table.conf.nodes;
  if (second === undefined) throw new Error("three nodes");
  driver.sees(2, sightOf(2, "ready"), { node: second.id, at: driver.nowMs + 1e9 });
  t.same(driver.table.lastPromotion, seen);
});

test("what is known of a node goes with the node", async (t) => {
  const before = new Brokers().serving().table.snapshot().brokers;
  const [first, second] = new Brokers().table.conf.nodes;
  if (first === undefined || second === undefined) throw new Error("three nodes");
  const left = ofNodes(before, new Set([second.id]));
  t.same(
    left.sights.map(({ node }) => Number(node)),
    [2],
  );
  t.same([left.primary, left.promoted], [null, null]);
  t.same(ofNodes(before, new Set([first.id])).primary, before.primary);
});

test("what was said in an earlier life counts for nothing", async (t) => {
  const driver = new Brokers().serving();
  const life = driver.life(2);
  driver.view(1, 3).fenced(2).view(1, 2, 3).ready(2).succeed();
  const sight = sightOf(2, "active");
  const at = driver.nowMs;
  const [node] = driver.table.conf.nodes.filter(({ id }) => Number(id) === 2);
  if (node === undefined) throw new Error("no node 2");
  driver.say({ type: "broker-seen", node: node.id, life, sight, remembers: null, at });
  t.same(driver.killed, []);
  t.equal(driver.table.brokerSight(node.id), null);
});
