/**
 * A new configuration in the running cluster: who has to accept it, what is stopped and started,
 * and what leaves the old one in force.
 * Cases: those of the list "service" in test/cases.txt.
 */
import { test } from "tap";
import type { ClusterConf, ResourceConf, ServiceConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { changeProblem } from "../../src/node/conf-versions.ts";
import { method } from "../fencing/fence-cluster.ts";
import { Cluster, id, service } from "../sim/cluster.ts";
import { outcomeWord } from "../sim/cluster-machine.ts";
import type { ClusterOptions } from "../sim/cluster-options.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { ip, resource, sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { TableDriver } from "./table-driver.ts";

function withServices(version: number, ...services: readonly ServiceConf[]): ClusterConf {
  const sample = sampleConf();
  return { ...sample, version, services: { ...sample.services, services } };
}

/** A service whose tree has these attributes, as the parser leaves them. */
function web(children: readonly ResourceConf[], rest: Partial<ServiceConf> = {}): ServiceConf {
  const attributes: [string, string][] = [["name", "web"]];
  if (rest.domain != null) attributes.push(["domain", rest.domain]);
  if (rest.recovery !== undefined) attributes.push(["recovery", rest.recovery]);
  if (rest.priority !== undefined) attributes.push(["priority", String(rest.priority)]);
  const tree = resource("service", "web", { attributes, children });
  return sampleService("web", [], { ...rest, tree });
}

const two = [script("a"), script("b")];

function cluster(
  first: ClusterConf,
  texts: Readonly<Record<string, ClusterConf>>,
  rest: Partial<ClusterOptions> = {},
): Cluster {
  const time = new VirtualTime();
  const membership = new PerfectMembership(time, [1, 2, 3].map(id));
  const judge = judgeOwners;
  return new Cluster({ conf: first, texts, time, membership, judge, ...rest })
    .boot(1, 2, 3)
    .run(5000);
}

/** Calls of scripts on a node since the last time, `service action` each. */
function fresh(seen: Cluster, node: number): readonly string[] {
  return seen.host(node).calls.splice(0);
}

function reload(seen: Cluster, text: string) {
  for (const node of [1, 2, 3]) fresh(seen, node);
  const box = seen.propose(2, text);
  seen.run(3000);
  return outcomeWord(box.reply);
}

const versions = (seen: Cluster) => [1, 2, 3].map((node) => seen.node(node)?.conf.version);
const files = (seen: Cluster) => [1, 2, 3].map((node) => seen.file(node));

test("case 28: a service goes, one comes, a policy changes: nothing else is touched", async (t) => {
  const old = sampleConf();
  const kept = old.services.services.filter(({ name }) => name !== "service:node3-qpidd-service");
  const changed = kept.map((one) => {
    const recovery = "restart" as const;
    return one.name === "service:qpidd-primary-service" ? { ...one, recovery } : one;
  });
  const services = [...changed, sampleService("n", [script("n")])];
  const next = { ...old, version: 19, services: { ...old.services, services } };
  const seen = cluster(old, { next });
  t.equal(seen.shown(1, "node3-qpidd-service"), "started 3");
  t.equal(reload(seen, "next"), "done");
  t.equal(seen.record(1, "node3-qpidd-service"), null);
  t.same(seen.runningOn("node3-qpidd-service"), []);
  t.equal(seen.runningOn("n").length, 1);
  for (const node of [1, 2, 3]) {
    const calls = fresh(seen, node);
    const first = calls.find((call) => call.startsWith("service:n "));
    t.equal(first, "service:n stop", `node ${node} has stopped it once before anything else`);
    const primary = calls.filter((call) => /primary-service (start|stop)/.test(call));
    t.same(primary, [], "not interrupted");
  }
  t.same(versions(seen), [19, 19, 19]);
  t.same(files(seen), ["next", "next", "next"]);
});

test("case 28: a version that cannot be read leaves everything as it is", async (t) => {
  const seen = cluster(withServices(18, web(two)), {});
  t.equal(reload(seen, "nonsense"), "change-given-up");
  t.same(versions(seen), [18, 18, 18]);
  t.same(files(seen), ["first", "first", "first"]);
  t.match(seen.node(1)?.snapshot.table?.change.last, { accepted: false, text: /no such text/ });
});

test("who takes part and how long it is waited for cannot change, nor go back", async (t) => {
  const first = withServices(18, web(two));
  const older = withServices(18, web([script("a")]));
  const next = withServices(19, web(two));
  const fencing = { ...next, fencing: { ...first.fencing, safeWaitMs: ms(60_000) } };
  const votes = { ...next, nodes: next.nodes.map((node) => ({ ...node, votes: 2 })) };
  const ring = { ...next, totem: { ...next.totem, tokenMs: ms(300) } };
  const seen = cluster(first, { older, fencing, votes, ring });
  t.equal(reload(seen, "older"), "change-given-up");
  t.match(seen.node(3)?.snapshot.table?.change.last?.text, /older or equal the running config/);
  t.equal(reload(seen, "fencing"), "change-given-up");
  const last = () => seen.node(3)?.snapshot.table?.change.last?.text;
  t.match(last(), /safe_wait or the watchdog of <fence_daemon> cannot change/);
  t.equal(reload(seen, "votes"), "change-given-up");
  t.match(last(), /<clusternode> cannot change/);
  t.equal(reload(seen, "ring"), "change-given-up");
  t.match(last(), /<totem>, transport or key cannot change/);
  t.same(versions(seen), [18, 18, 18]);
  t.same(
    fresh(seen, 1).filter((call) => / (start|stop)$/.test(call)),
    [],
  );
});

test("fence devices, delays, the log and accounts change while the cluster runs", (t) => {
  const first = withServices(18, web(two));
  const nodes = first.nodes.map((node) => ({
    ...node,
    fenceMethods: [method("power", "fence_apc nps1")],
    unfence: method("", "fence_ifmib switch").devices,
  }));
  const fencing = { ...first.fencing, postFailDelayMs: ms(9000), agentTimeoutMs: ms(5000) };
  const accounts = [{ type: "uid" as const, name: "broker" }];
  const logging = { ...first.logging, logFile: "/var/log/other" };
  const next = { ...first, version: 19, nodes, fencing, accounts, logging };
  const seen = cluster(first, { next }, { fenceAgent: () => "success" });
  t.equal(reload(seen, "next"), "done");
  t.same(versions(seen), [19, 19, 19]);
  const stopped = fresh(seen, 1).filter((call) => / (start|stop)$/.test(call));
  t.same(stopped, [], "no service is interrupted");
  seen.cut([1, 2], [3]).run(8000);
  t.match(seen.node(1)?.snapshot.fence.describe(id(3)), /waiting for its fence devices/);
  seen.run(6000);
  t.match(seen.node(1)?.snapshot.fence.describe(id(3)), /^fenced \(agent\)/);
  t.end();
});

test("a text that would not fit into a message is refused before it travels", (t) => {
  const first = { conf: withServices(18, web(two)), hash: "a", text: "first" };
  const next = { conf: withServices(19, web(two)), hash: "b", text: "x".repeat(250_000) };
  t.match(changeProblem(first, next), /more than 250000 bytes/);
  t.equal(changeProblem(first, { ...next, text: "next" }), null);
  t.end();
});

test("CHANGE1: one member's refusal keeps the old one in force everywhere", async (t) => {
  const next = withServices(19, web([script("a")]));
  const seen = cluster(withServices(18, web(two)), { next }, { cannotRead: [3] });
  t.equal(reload(seen, "next"), "change-given-up");
  t.match(seen.node(1)?.snapshot.table?.change.last?.text, /node3\.example\.com: .*no such text/);
  t.same(versions(seen), [18, 18, 18]);
});

test("OWN3: a new service is stopped once before anything else is done with it", async (t) => {
  const next = withServices(19, web(two), sampleService("n", [script("n")]));
  const seen = cluster(withServices(18, web(two)), { next });
  for (const node of [1, 2])
    seen.host(node).behaviours.set("/etc/init.d/n stop", { takesMs: 3000 });
  const box = seen.propose(2, "next");
  seen.run(1000);
  t.equal(box.reply?.type, "done");
  const disabled = seen.request(1, "disable", { service: "n" });
  seen.run(1000);
  t.equal(disabled.reply, null);
  seen.run(7000);
  t.equal(disabled.reply?.type, "done");
  t.equal(seen.shown(1, "n"), "disabled (none)");
  const stops = seen.host(1).calls.filter((call) => call === "service:n stop");
  t.equal(stops.length, 2, "one after the other");
});

test("resource case 24: a value that may change needs no stop and no start", async (t) => {
  const first = withServices(18, web(two, { domain: "node1-domain", recovery: "restart" }));
  const next = withServices(19, web(two, { domain: "node2-domain", recovery: "relocate" }));
  const seen = cluster(first, { next });
  t.equal(seen.shown(2, "web"), "started 1");
  t.equal(reload(seen, "next"), "done");
  t.same(
    fresh(seen, 1).filter((call) => / (start|stop)$/.test(call)),
    [],
  );
  t.equal(seen.shown(2, "web"), "started 1", "nor does it move before an event");
});

test("resource case 25: another attribute restarts the service, an interval nothing", async (t) => {
  const actions = [{ name: "status", depth: null, intervalMs: null, timeoutMs: null }];
  const interval = withServices(19, web([script("b", { actions }), script("a")]));
  const domain = withServices(20, web(two, { domain: "node1-domain" }));
  const seen = cluster(withServices(18, web(two)), { interval, domain });
  t.equal(reload(seen, "interval"), "done");
  t.same(
    fresh(seen, 1).filter((call) => / (start|stop)$/.test(call)),
    [],
    "nor another order",
  );
  t.equal(reload(seen, "domain"), "done");
  const calls = fresh(seen, 1).filter((call) => / (start|stop)$/.test(call));
  t.ok(calls.includes("service:web stop") && calls.includes("service:web start"));
  t.equal(seen.shown(2, "web"), "started 1");
});

test("resource case 26: only the parts added to a running service start", async (t) => {
  const next = withServices(19, web([script("a"), script("b"), script("c"), ip("20.0.20.9")]));
  const seen = cluster(withServices(18, web(two)), { next });
  t.equal(reload(seen, "next"), "done");
  t.same(
    fresh(seen, 1).filter((call) => / (start|stop)$/.test(call)),
    ["service:web start"],
  );
  t.same(seen.holders("20.0.20.9"), [1]);
  t.ok(seen.host(1).running.has("service:web /etc/init.d/c"));
});

test("only the parts removed from a running service stop", async (t) => {
  const next = withServices(19, web([script("a")]));
  const seen = cluster(withServices(18, web([...two, ip("20.0.20.9")])), { next });
  t.same(seen.holders("20.0.20.9"), [1]);
  t.equal(reload(seen, "next"), "done");
  t.same(
    fresh(seen, 1).filter((call) => / (start|stop)$/.test(call)),
    ["service:web stop"],
  );
  t.same(seen.holders("20.0.20.9"), []);
  t.same([...seen.host(1).running], ["service:web /etc/init.d/a"]);
  seen.host(1).running.clear();
  seen.run(35_000);
  t.same([...seen.host(1).running], ["service:web /etc/init.d/a"], "it is looked after as before");
});

test("CHANGE2: a stop that fails keeps the old one, and what was stopped comes back", async (t) => {
  const other = sampleService("other", [script("o")]);
  const next = withServices(19, web([script("a")]));
  const seen = cluster(withServices(18, web(two), other), { next });
  seen.host(1).behaviours.set("/etc/init.d/b stop", { code: 1 });
  t.equal(reload(seen, "next"), "change-given-up");
  t.same(versions(seen), [18, 18, 18]);
  t.equal(seen.record(1, "web")?.state, "failed");
  t.equal(seen.runningOn("other").length, 1, "which the new one does not have");
});

test("an affected service that is failed, busy or frozen refuses the change", async (t) => {
  const next = withServices(19, sampleService("other", [script("o")]));
  const seen = cluster(withServices(18, web(two)), { next });
  seen.request(1, "freeze", { service: "web" });
  seen.run(500);
  t.equal(reload(seen, "next"), "change-given-up");
  t.match(seen.node(1)?.snapshot.table?.change.last?.text, /service:web is frozen/);
  seen.request(1, "unfreeze", { service: "web" });
  seen.lock(1, "lock");
  seen.run(500);
  t.equal(reload(seen, "next"), "change-given-up");
  t.match(seen.node(1)?.snapshot.table?.change.last?.text, /locked/);
});

test("a node that comes back with an older file gets the cluster's", async (t) => {
  const next = withServices(19, web([script("a")]), sampleService("n", [script("n")]));
  const seen = cluster(withServices(18, web(two)), { next });
  seen.crash(3).run(9000);
  const box = seen.propose(1, "next");
  seen.run(3000);
  t.equal(box.reply?.type, "done");
  t.equal(seen.file(3), "first");
  seen.boot(3).run(5000);
  t.same(files(seen), ["next", "next", "next"]);
  t.equal(seen.node(3)?.snapshot.table?.node(id(3)).phase, "ready");
  t.ok(seen.host(3).calls.includes("service:n stop"), "it has stopped what it did not know, too");
});

test("TRANSFER1: messages that are ordered while a node reads a file are not lost", async (t) => {
  const other = sampleService("other", [script("o")], { domain: "node1-domain" });
  const next = withServices(19, web([script("a")]), other);
  const slow = { readMs: (node: number) => (node === 3 ? 2000 : 1) };
  const seen = cluster(withServices(18, web(two)), { next }, slow);
  seen.crash(3).run(9000);
  seen.propose(1, "next");
  seen.run(3000).boot(3).run(1000);
  t.equal(seen.node(3)?.snapshot.phase, "transferring");
  const boxes = [
    seen.request(1, "relocate", { service: "web", target: 2 }),
    seen.request(2, "disable", { service: "other" }),
  ];
  seen.run(6000);
  t.same(
    boxes.map(({ reply }) => reply?.type),
    ["done", "done"],
  );
  const tables = [1, 2, 3].map((node) => seen.node(node)?.snapshot.table?.snapshot());
  t.same(tables[2], tables[0]);
  t.same(seen.node(3)?.snapshot.history, seen.node(1)?.snapshot.history);
  t.equal(seen.shown(3, "web"), "started 2");
  t.equal(seen.node(3)?.snapshot.table?.node(id(3)).phase, "ready");
});

test("a node that joins while services are stopped for a change can read what comes", async (t) => {
  const next = withServices(19, sampleService("n", [script("n")]));
  const seen = cluster(withServices(18, web(two)), { next });
  seen.crash(3).run(9000);
  seen.host(1).behaviours.set("/etc/init.d/b stop", { takesMs: 8000 });
  const box = seen.propose(1, "next");
  seen.run(1000).boot(3).run(4000);
  t.match(seen.node(3)?.snapshot.table?.change.pending, { stage: "stopping" });
  seen.run(9000);
  t.equal(box.reply?.type, "done");
  t.same(versions(seen), [19, 19, 19]);
  t.same(files(seen), ["next", "next", "next"]);
});

test("at a cold start the older file of the minority is replaced by the others'", async (t) => {
  const next = withServices(19, web([script("a")]), sampleService("n", [script("n")]));
  const time = new VirtualTime();
  const membership = new PerfectMembership(time, [1, 2, 3].map(id));
  const conf = withServices(18, web(two));
  const seen = new Cluster({ conf, texts: { next }, time, membership, judge: judgeOwners });
  seen.setFile(2, "next").setFile(3, "next").boot(1, 2, 3).run(8000);
  t.same(files(seen), ["next", "next", "next"]);
  t.same(versions(seen), [19, 19, 19]);
  t.equal(seen.node(2)?.snapshot.table?.node(id(1)).phase, "ready");
  t.equal(seen.runningOn("n").length, 1);
});

test("a node with a newer file is not counted, and changes nothing", async (t) => {
  const next = withServices(19, web([script("a")]));
  const seen = cluster(withServices(18, web(two)), { next });
  seen.crash(3).run(9000);
  seen.setFile(3, "next").boot(3).run(5000);
  t.same(versions(seen).slice(0, 2), [18, 18]);
  t.equal(seen.node(3)?.snapshot.table, null);
  t.ok(seen.log.some((line) => /node 3 is not counted: .*cman_tool-ts version -r/.test(line)));
});

test("the owner dies while its service is stopped for the change", async (t) => {
  const next = withServices(19, sampleService("n", [script("n")]));
  const seen = cluster(withServices(18, web(two)), { next });
  seen.host(1).behaviours.set("/etc/init.d/b stop", { takesMs: null });
  const box = seen.propose(2, "next");
  seen.run(1000).crash(1).run(4000);
  t.equal(box.reply, null, "not while it might still be running");
  t.equal(seen.shown(2, "web"), "stopping 1");
  seen.run(9000);
  t.equal(box.reply?.type, "done");
  t.equal(seen.record(2, "web"), null);
  t.equal(seen.runningOn("n").length, 1);
});

test("another membership during the vote ends it; two proposals at once do not mix", async (t) => {
  const next = withServices(19, web([script("a")]));
  const seen = cluster(withServices(18, web(two)), { next });
  const first = seen.propose(1, "next");
  const second = seen.propose(2, "next");
  seen.run(3000);
  const answers = [first, second].map(({ reply }) => outcomeWord(reply));
  t.same(answers.toSorted(), ["change-under-way", "done"]);
  t.equal(seen.record(1, service("web"))?.state, "started");
});

// --- the table alone: what the members' timing can do -------------------------------------------

const guest = sampleService("guest", [script("g")]);

function voting(...services: readonly ServiceConf[]): {
  readonly driver: TableDriver;
  readonly number: number;
} {
  const old = { ...withServices(18, web(two)), fencing: { ...sampleConf().fencing } };
  const first = { ...old, fencing: { ...old.fencing, cleanStart: true } };
  const next = { ...withServices(19, ...services), fencing: first.fencing };
  const driver = new TableDriver(first, { next });
  driver.view(1, 2, 3).ready(1, 2, 3).succeed();
  return { driver, number: driver.propose(2, "next", 19) };
}

test("CHANGE1: the last vote decides; votes of others and of other lives do not count", (t) => {
  const { driver, number } = voting(web(two), guest);
  driver.vote(1, true).vote(1, true).vote(2, true);
  t.same(driver.switched, []);
  t.match(driver.table.change.pending, { stage: "voting", accepted: [1, 2] });
  driver.examined = "another";
  driver.vote(3, true);
  t.same(driver.switched, []);
  driver.examined = "hash of next";
  driver.vote(3, true);
  t.same(driver.switched, [19]);
  t.equal(driver.outcome(number), "done");
  t.end();
});

test("a change of the membership ends the vote, but no later stage", (t) => {
  const early = voting(web(two), guest);
  early.driver.vote(1, true).view(1, 2).vote(1, true).vote(2, true);
  t.equal(early.driver.outcome(early.number), "change-given-up");
  t.match(early.driver.table.change.last?.text, /membership has changed/);
  const late = voting(guest);
  for (const node of [1, 2, 3]) late.driver.vote(node, true);
  t.equal(late.driver.awaited("web"), "stop on 1");
  late.driver.view(1, 2);
  t.equal(late.driver.outcome(late.number), null);
  late.driver.answer();
  t.same(late.driver.switched, [19]);
  t.end();
});

test("a new service starts when every ready node has stopped it once, or has left", (t) => {
  const { driver } = voting(web(two), guest);
  for (const node of [1, 2, 3]) driver.vote(node, true);
  t.match(driver.table.waitingFor(service("guest")), /to have stopped it once/);
  t.match(driver.table.wait(service("guest")), { kind: "operation", nodes: [1, 2, 3], remedy: "" });
  const early = driver.request(1, "enable", { service: "guest" });
  t.equal(driver.outcome(early), "start-before-first-stop");
  const elsewhere = driver.request(1, "relocate", { service: "guest" });
  t.equal(driver.outcome(elsewhere), "relocate-before-first-stop");
  driver.initDone(1, 19).initDone(2, 18).initDone(2, 19);
  t.equal(driver.record("guest").state, "stopped");
  driver.view(1, 2);
  t.equal(driver.record("guest").state, "starting", "node 3 cannot start it any more");
  t.end();
});

test("requests meanwhile: busy, or to be tried again; a disable holds", (t) => {
  const { driver } = voting(web(two, { priority: 7 }));
  for (const node of [1, 2, 3]) driver.vote(node, true);
  t.equal(driver.record("web").state, "stopping");
  t.equal(driver.outcome(driver.request(1, "enable", { service: "web" })), "busy");
  const number = driver.request(1, "disable", { service: "web" });
  driver.succeed();
  t.equal(driver.outcome(number), "done");
  t.same(driver.switched, [19]);
  for (const node of [1, 2, 3]) driver.initDone(node, 19);
  t.equal(driver.record("web").state, "disabled", "an operator's word outlives its definition");
  t.end();
});

test("two services lose parts, one cannot: the other one is restarted whole", (t) => {
  const other = sampleService("other", [script("c"), script("d")]);
  const first = withServices(18, web(two), other);
  const fencing = { ...first.fencing, cleanStart: true };
  const next = withServices(19, web([script("a")]), sampleService("other", [script("c")]));
  const driver = new TableDriver({ ...first, fencing }, { next: { ...next, fencing } });
  driver.view(1, 2, 3).ready(1, 2, 3).succeed();
  const number = driver.propose(1, "next", 19);
  for (const node of [1, 2, 3]) driver.vote(node, true);
  t.same([driver.awaited("web"), driver.awaited("other")], ["repair on 1", "repair on 1"]);
  driver.answer("failed");
  t.equal(driver.outcome(number), "change-given-up");
  driver.succeed();
  t.same([driver.record("web").state, driver.record("other").state], ["started", "started"]);
  t.ok(
    driver.notices.some((line) => /other: stopping .*not used/.test(line)),
    "both restarted",
  );
  t.same(driver.switched, []);
  t.end();
});

test("a service that a change works on cannot be frozen before that has ended", (t) => {
  const other = sampleService("other", [script("o")], { domain: "node2-domain" });
  const first = withServices(18, web(two), other);
  const fencing = { ...first.fencing, cleanStart: true };
  const next = { ...withServices(19, web([script("a")])), fencing };
  const driver = new TableDriver({ ...first, fencing }, { next });
  driver.view(1, 2, 3).ready(1, 2, 3).succeed();
  driver.propose(1, "next", 19);
  for (const node of [1, 2, 3]) driver.vote(node, true);
  const ended = driver.operations.findIndex((one) => one.service === service("web"));
  const [repair] = driver.operations.splice(ended, 1);
  if (repair === undefined) throw new Error("no part is stopped");
  driver.result(repair.operation, "ok");
  t.equal(driver.outcome(driver.request(2, "freeze", { service: "web" })), "held-by-change");
  driver.answer("failed").succeed();
  t.equal(driver.record("web").state, "started", "restarted with all its parts");
  t.end();
});

test("CHANGE2: a part that fails during a change is not restarted with what is gone", (t) => {
  const other = sampleService("other", [script("o")], { domain: "node2-domain" });
  const first = withServices(18, web(two), other);
  const fencing = { ...first.fencing, cleanStart: true };
  const next = { ...withServices(19, web([script("a")])), fencing };
  const driver = new TableDriver({ ...first, fencing }, { next });
  driver.view(1, 2, 3).ready(1, 2, 3).succeed();
  driver.propose(1, "next", 19);
  for (const node of [1, 2, 3]) driver.vote(node, true);
  const at = driver.operations.findIndex((one) => one.service === service("web"));
  const [repair] = driver.operations.splice(at, 1);
  if (repair === undefined) throw new Error("no part is stopped");
  driver.result(repair.operation, "ok", { partial: true });
  const convalesce = driver.request(2, "convalesce", { service: "web" });
  t.equal(driver.outcome(convalesce), "held-by-change");
  driver.checkFails("web", "part-failed");
  t.equal(driver.awaited("web"), "stop on 1");
  driver.succeed();
  t.same(driver.switched, [19]);
  t.equal(driver.record("web").state, "started");
  t.end();
});

test("CHANGE3: a change does not hide a node that might be running a service", (t) => {
  const confined = { domain: "node1-domain" } as const;
  const first = { ...sampleConf(), version: 18 };
  const domains = first.services.domains.map((one) => {
    return { ...one, nodes: [1, 3].map((node) => ({ node: id(node), priority: null })) };
  });
  const kept = sampleService("web", two, confined);
  const wide = { ...first, services: { ...first.services, domains, services: [kept] } };
  const narrow = { ...withServices(19, kept) };
  const without = { ...withServices(19, sampleService("n", [script("n")])) };
  for (const next of [narrow, without]) {
    const driver = new TableDriver(wide, { next });
    driver.view(1, 2).ready(1, 2);
    t.match(driver.table.waitingFor(service("web")), /node3\S* to be fenced or proven clean/);
    const number = driver.propose(1, "next", 19);
    driver.vote(1, true).vote(2, true);
    t.equal(driver.outcome(number), "change-given-up");
    t.match(driver.table.change.last?.text, /node3\S* might be running service:web/);
    t.equal(driver.record("web").state, "stopped");
    driver.fenced(3).succeed();
    driver.propose(1, "next", 19);
    driver.vote(1, true).vote(2, true).succeed();
    t.same(driver.switched, [19], "once it is known to be off");
  }
  t.end();
});

test("its node leaves while parts are stopped: it is stopped, then all switch", (t) => {
  const { driver } = voting(web([script("a")]));
  for (const node of [1, 2, 3]) driver.vote(node, true);
  driver.leaving(1).answer();
  t.equal(driver.awaited("web"), "stop on 1");
  driver.answer();
  t.same(driver.switched, [19]);
  driver.succeed();
  t.equal(driver.shown("web"), "started 2");
  t.end();
});

test("CHANGE2: a service that fails during a change is not started with its old parts", (t) => {
  const other = sampleService("other", [script("o")], { domain: "node2-domain" });
  const first = withServices(18, web(two), other);
  const fencing = { ...first.fencing, cleanStart: true };
  const next = { ...withServices(19, web([script("a")])), fencing };
  const driver = new TableDriver({ ...first, fencing }, { next });
  driver.view(1, 2, 3).ready(1, 2, 3).succeed();
  driver.propose(1, "next", 19);
  for (const node of [1, 2, 3]) driver.vote(node, true);
  const slow = driver.operations.find((one) => one.service === service("other"));
  const quick = driver.operations.find((one) => one.service === service("web"));
  if (slow === undefined || quick === undefined) throw new Error("nothing is stopped");
  driver.operations.length = 0;
  driver.result(quick.operation, "ok").checkFails("web");
  t.equal(driver.awaited("web"), "stop on 1");
  driver.answer();
  t.equal(driver.shown("web"), "stopped (1)");
  t.match(driver.table.wait(service("web")), { kind: "operation", text: /version 19/, remedy: "" });
  t.same(driver.switched, []);
  driver.result(slow.operation, "ok");
  t.same(driver.switched, [19]);
  t.equal(driver.succeed().record("web").state, "started");
  t.end();
});
