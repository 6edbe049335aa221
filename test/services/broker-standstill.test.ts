/**
 * A standstill of brokers: the primary has ended before any backup had copied it. What is said of
 * it, and the restarts that end it where the configuration permits them.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import { test } from "tap";
import { service } from "../sim/cluster.ts";
import { Brokers, brokerConf, own, primary } from "./broker-driver.ts";

const restarting = (fencing = {}) =>
  new Brokers(
    brokerConf({}, { hangRecovery: "restart", fencing: { cleanStart: true, ...fencing } }),
  );

/** The primary of node 1 has ended while the others were catching up, and waits as a new broker. */
function standsStill(driver: Brokers): Brokers {
  driver.serving().is(2, "catchup").is(3, "catchup").gone(1).checkFails(primary).answer();
  return driver.is(1, "joining");
}

const alerts = (driver: Brokers) => driver.notices.filter((line) => line.startsWith("alert: "));
const says = (driver: Brokers, words: RegExp) => driver.notices.some((line) => words.test(line));
const busy = (driver: Brokers) =>
  driver.operations.map(({ service: name, operation }) => `${operation.kind} ${name}`);

/** The operations of the broker of the node succeed. */
function succeeds(driver: Brokers, node: number): void {
  for (;;) {
    const at = driver.operations.findIndex((one) => one.service === service(own(node)));
    const [awaited] = at < 0 ? [] : driver.operations.splice(at, 1);
    if (awaited === undefined) return;
    driver.result(awaited.operation, "ok");
  }
}

/** The broker of the node is being restarted: it stops, starts, and answers as joining. */
function restarts(driver: Brokers, node: number): void {
  if (driver.record(own(node)).state !== "stopping") throw new Error(`${own(node)} is not stopped`);
  driver.gone(node);
  succeeds(driver, node);
  driver.sees(node, { type: "pending" }).is(node, "joining");
}

test("case 23: it is no alarm before the time is up, and then names the commands", async (t) => {
  const driver = standsStill(new Brokers());
  t.match(driver.wait, /no promotable broker \(1 joining, 2 catchup\)/);
  driver.tick(2100).tick(27_800);
  t.same(alerts(driver), []);
  t.match(driver.remedy, /^if this lasts for 30 s, the commands/);
  driver.tick(200);
  t.match(
    alerts(driver)[0],
    /clusvcadm-ts -R \S*node2-qpidd-service; .*; clusvcadm-ts -e \S*primary/,
  );
  t.match(driver.remedy, /^this loses .*: clusvcadm-ts -R/);
  for (let round = 0; round < 12; round += 1) driver.tick(10_100);
  t.equal(alerts(driver).length, 1);
  t.same(busy(driver), [], "nothing is restarted");
});

test("case 23: what passes by itself is no alarm, and the time begins anew", async (t) => {
  const driver = standsStill(new Brokers()).tick(25_000).is(2, "ready").succeed();
  t.equal(driver.primary, "started 2");
  driver.is(2, "active", ["catchup", "active", "catchup"]).is(1, "catchup");
  driver.gone(2).checkFails(primary).answer().tick(25_000);
  t.match(driver.wait, /no promotable broker \(2 catchup\)/);
  t.same(alerts(driver), []);
  driver.tick(5100);
  t.equal(alerts(driver).length, 1);
});

test("case 23: HANG2: brokers that catch up are restarted, then the last primary's", async (t) => {
  const driver = standsStill(restarting());
  driver.tick(29_000);
  t.match(
    driver.remedy,
    /^if this lasts for 30 s, the brokers are restarted, which loses the mess/,
  );
  t.same(busy(driver), []);
  driver.tick(1100);
  t.same(busy(driver), [`stop service:${own(2)}`, `stop service:${own(3)}`]);
  const begun =
    /warning: .*for 30 s: restarting that of node2\S*, then that of node3\S*, then that of/;
  t.ok(says(driver, begun));
  t.match(driver.wait, /they are restarted, since none could be promoted; service:node2/);
  restarts(driver, 2);
  t.same(busy(driver), [`stop service:${own(3)}`], "that of node 3 is still to come");
  restarts(driver, 3);
  t.same(busy(driver), [`stop service:${own(1)}`], "nothing is promoted in between");
  restarts(driver, 1);
  t.equal(driver.awaited(primary), "start on 1");
  t.ok(says(driver, /warning: .*promoted on node1.*there was a primary on node1/));
  const [first] = driver.table.conf.nodes;
  if (first === undefined) throw new Error("no node");
  t.equal(driver.table.promotionObstacle(service(primary), first.id), null);
  driver.is(1, "active", ["active", "joining", "joining"]).answer();
  t.equal(driver.primary, "started 1");
  t.match(driver.table.snapshot().brokers, { standstill: null, restartedOnce: false });
  t.same(alerts(driver), []);
});

test("case 23: HANG2: where all refuse, only the last one is restarted", async (t) => {
  const driver = restarting().begin(1, 2, 3).is(1, "joining").is(2, "joining").is(3, "joining");
  for (const node of [1, 2, 3]) driver.refuses(node).answer("failed").answer();
  driver.tick(29_900);
  t.same(busy(driver), []);
  driver.tick(200);
  t.same(busy(driver), [`stop service:${own(1)}`]);
  restarts(driver, 1);
  t.equal(driver.awaited(primary), "start on 1");
});

test("HANG1: nothing is restarted while a broker may hold messages unseen", async (t) => {
  const driver = standsStill(restarting()).view(1, 2).tick(30_100);
  t.match(driver.wait, /no promotable broker/);
  driver.tick(10_000);
  t.match(alerts(driver)[0], /not restarted, since the broker of node3\S* does not answer: its no/);
  t.same(busy(driver), []);
  driver.fenced(3, false).tick(10_000);
  t.match(driver.remedy, /nothing has proven that node3\S* is off, and its broker may hold/);
  t.same(busy(driver), []);
  driver.view(1, 2, 3).ready(3).tick(10_000);
  t.match(driver.wait, /no promotable broker/);
  t.same(
    busy(driver).filter((one) => one.includes(own(2))),
    [],
  );
  succeeds(driver, 3);
  driver.is(3, "joining");
  t.same(busy(driver), [`stop service:${own(2)}`], "once it is known what it has");
});

test("HANG1: a node that a device has switched off counts, and that of the primary", async (t) => {
  const verified = standsStill(restarting()).view(1, 2).fenced(3).tick(30_100);
  t.same(busy(verified), [`stop service:${own(2)}`]);
  const driver = restarting().serving().is(2, "catchup").is(3, "catchup");
  driver.view(2, 3).fenced(1, false).tick(30_100);
  t.same(busy(driver), [`stop service:${own(3)}`], "its lease has ended the primary");
  restarts(driver, 3);
  t.same(busy(driver), [`stop service:${own(2)}`]);
  restarts(driver, 2);
  t.equal(driver.awaited(primary), "start on 2");
  t.ok(says(driver, /warning: .*primary on node1.*its store, if it has one, will be discarded/));
});

test("HANG1: a broker whose service cannot be restarted keeps the others running", async (t) => {
  const frozen = standsStill(restarting());
  frozen.request(2, "freeze", { service: own(3) });
  frozen.tick(40_000);
  t.same(busy(frozen), []);
  t.match(alerts(frozen)[0], /not restarted, since service:node3-qpidd-service is frozen; this lo/);
  frozen.request(2, "unfreeze", { service: own(3) });
  t.equal(busy(frozen).length, 2);
});

test("HANG2: a broker that is ready after all ends the restarts", async (t) => {
  const driver = standsStill(restarting()).tick(30_100);
  restarts(driver, 2);
  driver.is(3, "ready");
  t.equal(driver.awaited(primary), "start on 3", "though its service is being restarted");
});

test("HANG3: a broker that has started and is not seen yet is still the last one", async (t) => {
  const driver = standsStill(restarting()).tick(30_100);
  restarts(driver, 2);
  driver.gone(3);
  succeeds(driver, 3);
  driver.gone(3).tick(2000);
  t.same(busy(driver), [], "it comes");
  driver.is(3, "joining").gone(1);
  succeeds(driver, 1);
  driver.gone(1).tick(2000);
  t.match(driver.wait, /the broker of node1\S* is not there yet/);
  t.same(busy(driver), [], "no other one is the last");
  driver.is(1, "joining");
  t.equal(driver.awaited(primary), "start on 1");
});

test("HANG4: restarts that lead to nothing are not repeated, and that is told", async (t) => {
  const driver = standsStill(restarting()).tick(30_100);
  restarts(driver, 2);
  restarts(driver, 3);
  driver.gone(1);
  succeeds(driver, 1);
  driver.sees(1, { type: "pending" }).refuses(1);
  t.match(alerts(driver)[0], /have led to nothing: the broker of node1.*last, refuses to be/);
  t.equal(driver.awaited(primary), "start on 2", "the usual choice goes on");
  driver.refuses(2).answer("failed").answer();
  driver.refuses(3).answer("failed").answer();
  for (let round = 0; round < 6; round += 1) driver.tick(10_100);
  t.match(alerts(driver).at(-1), /they were restarted once for that; this loses/);
  t.same(busy(driver), []);
});

test("HANG4: a broker that does not come back is not waited for without end", async (t) => {
  const driver = standsStill(restarting()).tick(30_100);
  restarts(driver, 2);
  for (let round = 0; round < 59; round += 1) driver.tick(2000);
  t.match(driver.wait, /service:node3-qpidd-service is stopping/);
  driver.tick(2100);
  t.match(alerts(driver)[0], /have led to nothing: service:node3-qpidd-service is stopping/);
});

test("the loss of a member does not leave the restarts half-way", async (t) => {
  const driver = standsStill(restarting()).tick(30_100);
  restarts(driver, 3);
  driver.view(1, 3).tick(2000);
  t.match(driver.wait, /the broker of node2\S* does not answer: its node is lost/);
  driver.fenced(2).tick(2000);
  t.same(busy(driver).at(-1), `stop service:${own(1)}`);
  restarts(driver, 1);
  t.equal(driver.awaited(primary), "start on 1");
});

test("when the last broker is lost, another one is the last", async (t) => {
  const driver = standsStill(restarting()).tick(30_100);
  restarts(driver, 2);
  restarts(driver, 3);
  driver.view(2, 3).fenced(1).tick(2000);
  t.same(busy(driver).at(-1), `stop service:${own(2)}`);
  restarts(driver, 2);
  t.equal(driver.awaited(primary), "start on 2");
});

test("an operator who stops the service meanwhile has ended the restarts", async (t) => {
  const driver = standsStill(restarting()).tick(30_100);
  driver.request(1, "disable", { service: primary });
  driver.succeed();
  t.equal(driver.table.snapshot().brokers.standstill, null);
  t.equal(driver.shown(own(2)), "started 2", "what has begun is completed");
  driver.is(2, "joining").is(3, "joining");
  t.same(busy(driver), []);
  driver.request(1, "enable", { service: primary });
  t.equal(driver.awaited(primary), "start on 1");
});

test("a snapshot carries restarts that are under way", async (t) => {
  const driver = standsStill(restarting()).tick(30_100);
  const { table } = driver;
  const snapshot = table.snapshot();
  t.match(snapshot.brokers, { restartedOnce: true, standstill: { restarts: { last: null } } });
  t.same(JSON.parse(JSON.stringify(snapshot)), snapshot);
});

test("stale brokers are restarted by nobody: they hold messages", async (t) => {
  const driver = restarting().serving().is(1, "active", ["active"]).gone(1).checkFails(primary);
  driver.answer();
  for (let round = 0; round < 8; round += 1) driver.tick(10_100);
  t.match(driver.wait, /only stale backups/);
  t.equal(alerts(driver).length, 1);
  t.same(busy(driver), []);
});
