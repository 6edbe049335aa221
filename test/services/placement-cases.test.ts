/**
 * Acceptance cases of the service manager about placement, dependencies, recovery windows and
 * checks. In most of them operations of the table wait for the test's word; checks need machines.
 * Cases: those of the list "service" in test/cases.txt.
 */
import { test } from "tap";
import type { FailoverDomainConf, ServiceConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { ServiceTable } from "../../src/services/table/service-table.ts";
import type { TableInput, TableOutput } from "../../src/services/table/table-events.ts";
import { Cluster, id, service } from "../sim/cluster.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { Random } from "../sim/random.ts";
import { type SampleOptions, sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { TableDriver } from "./table-driver.ts";

function plain(name: string, rest: Partial<ServiceConf> = {}): ServiceConf {
  return sampleService(name, [script(name)], rest);
}

function conf(
  services: readonly ServiceConf[],
  { domains = [], ...setup }: SampleOptions & { domains?: readonly FailoverDomainConf[] } = {},
) {
  const sample = sampleConf({ fencing: { cleanStart: true }, ...setup });
  const all = [...sample.services.domains, ...domains];
  return { ...sample, services: { ...sample.services, services, domains: all } };
}

/** All three nodes ready, everything started. */
function started(...services: readonly ServiceConf[]): TableDriver {
  return new TableDriver(conf(services)).view(1, 2, 3).ready(1, 2, 3).succeed();
}

// --- recovery windows ---------------------------------------------------------------------------

const window = { maxRestarts: 2, restartExpireMs: ms(300_000) };

/** The service's place after each of several failures, so many seconds apart. */
function afterFailures(rest: Partial<ServiceConf>, seconds: readonly number[]): readonly string[] {
  const driver = started(plain("p", rest));
  return seconds.map((pause) => {
    driver.nowMs += pause * 1000;
    return driver.checkFails("p").succeed().shown("p");
  });
}

test("case 15: two failures in 100 s restart in place, a third relocates", async (t) => {
  const places = afterFailures(window, [50, 50, 50]);
  t.same(places, ["started 1", "started 1", "started 2"]);
});

test("case 15: failures 301 s apart always restart in place", async (t) => {
  t.same(afterFailures(window, [301, 301, 301, 301]), Array(4).fill("started 1"));
});

test("case 15: restart-disable: the third disables, so does a failing start", async (t) => {
  const policy = { ...window, recovery: "restart-disable" as const };
  t.same(afterFailures(policy, [50, 50, 50]), ["started 1", "started 1", "disabled (1)"]);
  const failing = started(plain("p", policy)).checkFails("p").answer().answer("failed").succeed();
  t.equal(failing.shown("p"), "disabled (1)");
});

// --- failover domains ---------------------------------------------------------------------------

function ordered(nofailback: boolean, flags: Partial<FailoverDomainConf> = {}): FailoverDomainConf {
  const nodes = [
    { node: id(1), priority: 1 },
    { node: id(2), priority: 2 },
    { node: id(3), priority: null },
  ];
  return { name: "order", ordered: true, restricted: false, nofailback, nodes, ...flags };
}

function inOrder(nofailback: boolean, flags: Partial<FailoverDomainConf> = {}): TableDriver {
  const domains = [ordered(nofailback, flags)];
  return new TableDriver(conf([plain("p", { domain: "order" })], { domains }));
}

test("case 18: an ordered domain is followed down, and back up", async (t) => {
  const driver = inOrder(false).view(1, 2, 3).ready(1, 2, 3).succeed();
  t.equal(driver.shown("p"), "started 1");
  driver.view(2, 3).fenced(1).succeed();
  t.equal(driver.shown("p"), "started 2");
  driver.view(1, 2, 3).ready(1).succeed();
  t.equal(driver.shown("p"), "started 1");
});

test("failures are logged above the level notice", async (t) => {
  const relocate = conf([plain("p", { recovery: "relocate", retryDelayMs: ms(30_000) })]);
  const driver = new TableDriver(relocate).view(1, 2, 3).ready(1, 2, 3).succeed();
  const said = () => driver.notices.splice(0);
  said();
  driver.checkFails("p");
  t.match(said()[0], /^warning: service:p: stopping on .*: status check failed: dead/);
  driver.answer();
  said();
  while (driver.operations[0]?.operation.kind === "start") {
    said();
    driver.answer("failed");
    t.match(said()[0], /^warning: service:p: stopping on .*: start failed: agent says no/);
    driver.answer();
  }
  t.match(said().at(-1), /^alert: service:p: stopped: no node could start it/);
});

test("a start that never ends delays neither a disable nor the leave of its node", async (t) => {
  const driver = new TableDriver(conf([plain("p")])).view(1, 2, 3).ready(1, 2, 3);
  const started = driver.operations[0]?.operation;
  t.equal(started?.kind, "start");
  const disabled = driver.request(1, "disable", { service: "p" });
  t.same(driver.aborted, [started?.id]);
  driver.answer("failed");
  t.equal(driver.operations[0]?.operation.kind, "stop", "not before the start has ended");
  driver.answer();
  t.equal(driver.shown("p"), "disabled (1)");
  t.equal(driver.outcome(disabled), "done");

  driver.aborted.length = 0;
  driver.request(1, "enable", { service: "p", target: 1 });
  const again = driver.operations[0]?.operation.id;
  driver.leaving(1);
  t.same(driver.aborted, [again]);
  driver.answer("failed").answer();
  t.equal(driver.operations[0]?.operation.node, 2, "another node takes it");
});

test("only a node that is fenced, or has left, is off when a start is ordered", async (t) => {
  const driver = new TableDriver(conf([plain("p")])).view(1, 2, 3).ready(1, 2, 3).succeed();
  const off: (readonly string[])[] = [];
  driver.onStep = (_, outputs) => {
    for (const one of outputs) if (one.type === "run") off.push(one.off);
  };
  const restart = () => {
    driver.request(1, "relocate", {
      service: "p",
      target: driver.record("p").owner === id(1) ? 2 : 1,
    });
    driver.succeed();
    return off.splice(0).at(-1);
  };
  t.same(restart(), []);
  driver.view(1, 2);
  t.same(restart(), [], "lost");
  t.same(driver.fenced(3) && restart(), ["node3.example.com"]);
  t.same(driver.view(1, 2, 3) && restart(), [], "back, but it has not said what it runs");
  driver.ready(3).leaving(3);
  t.same(restart(), [], "leaving");
  t.same(driver.left(3).view(1, 2) && restart(), ["node3.example.com"]);
});

test("case 18: with nofailback it stays, but a fresh start takes the best", async (t) => {
  const driver = inOrder(true).view(1, 2, 3).ready(1, 2, 3).succeed();
  t.equal(driver.shown("p"), "started 1");
  driver.view(2, 3).fenced(1).succeed().view(1, 2, 3).ready(1).succeed();
  t.equal(driver.shown("p"), "started 2");
  driver.request(3, "stop", { service: "p" });
  driver.succeed().view(1, 2).fenced(3).succeed();
  t.equal(driver.shown("p"), "started 1");
});

test("case 18: with nofailback an owner outside the domain gives it back", async (t) => {
  const nodes = [{ node: id(1), priority: 1 }];
  const driver = inOrder(true, { nodes }).view(1, 2, 3).ready(2, 3).succeed();
  t.equal(driver.shown("p"), "started 2");
  t.equal(driver.ready(1).succeed().shown("p"), "started 1");
});

test("case 19: a restricted domain without members: stopped, until one is back", async (t) => {
  const nodes = [1, 2].map((node) => ({ node: id(node), priority: null }));
  const flags = { name: "two", ordered: false, restricted: true, nofailback: false };
  const domains = [{ ...flags, nodes }];
  const driver = new TableDriver(conf([plain("p", { domain: "two" })], { nodes: 5, domains }));
  driver.view(1, 2, 3, 4, 5).ready(1, 2, 3, 4, 5).succeed();
  t.equal(driver.shown("p"), "started 1");
  driver.view(3, 4, 5).fenced(1).fenced(2).succeed();
  t.equal(driver.record("p").state, "stopped", "not failed");
  driver.view(2, 3, 4, 5).ready(2).succeed();
  t.equal(driver.shown("p"), "started 2");
});

// --- exclusive services -------------------------------------------------------------------------

test("case 20: nothing is placed beside an exclusive service, a target is refused", async (t) => {
  const driver = started(plain("x", { exclusive: true }), plain("p"));
  t.same([driver.shown("x"), driver.shown("p")], ["started 1", "started 2"]);
  const number = driver.request(3, "relocate", { service: "p", target: 1 });
  t.equal(driver.outcome(number), "target-occupied");
  t.same(driver.operations, [], "untouched");
  driver.view(1, 3).fenced(2).succeed();
  t.equal(driver.shown("p"), "started 3", "never on node 1");
});

/** Services a, b and c fill the three nodes, x is exclusive and finds none. */
function crowded(): TableDriver {
  const own = (node: number) => ({ domain: `node${node}-domain` });
  const driver = started(
    plain("a", own(1)),
    plain("b", own(2)),
    plain("c", own(3)),
    plain("x", { exclusive: true }),
  );
  if (driver.shown("x") !== "stopped (none)") throw new Error("x was placed");
  return driver;
}

const emptied: Readonly<Record<string, (driver: TableDriver) => unknown>> = {
  "a service is stopped": (driver) => driver.request(1, "stop", { service: "b" }),
  "a service is disabled": (driver) => driver.request(1, "disable", { service: "b" }),
  "a service fails to stop": (driver) => {
    driver.request(1, "stop", { service: "b" });
    driver.answer("failed");
  },
};
for (const [what, empty] of Object.entries(emptied)) {
  test(`case 20: an exclusive service waits until one becomes empty: ${what}`, async (t) => {
    const driver = crowded();
    t.match(driver.table.waitingFor(service("x")), /exclusive/);
    driver.tick(1_000_000);
    t.equal(driver.shown("x"), "stopped (none)", "time alone does not help");
    empty(driver);
    driver.succeed();
    t.equal(driver.shown("x"), "started 2");
  });
}

test("case 20: a service kept out by an exclusive one starts when that is gone", async (t) => {
  const only = { domain: "node1-domain" };
  const driver = started(plain("x", { exclusive: true, ...only }), plain("p", only));
  t.equal(driver.shown("p"), "stopped (none)");
  driver.request(2, "disable", { service: "x" });
  t.equal(driver.succeed().shown("p"), "started 1");
});

test("case 20: what a user has stopped does not start because a node is free", async (t) => {
  const driver = crowded();
  driver.request(1, "stop", { service: "x" });
  driver.request(1, "stop", { service: "b" });
  t.equal(driver.succeed().shown("x"), "stopped (none)");
});

test("case 20: enabling an exclusive service without an empty node is refused", async (t) => {
  const driver = crowded();
  for (const byDomain of [false, true]) {
    const number = driver.request(1, "enable", { service: "x", byDomain });
    t.equal(driver.outcome(number), "no-empty-node");
  }
});

// --- dependencies -------------------------------------------------------------------------------

function dependent(dependMode: "hard" | "soft"): TableDriver {
  const a = plain("a", { domain: "node1-domain" });
  return started(a, plain("b", { depend: a.name, dependMode, domain: "node2-domain" }));
}

test("case 21: enable is refused while the dependency is not started", async (t) => {
  const driver = dependent("hard");
  driver.request(1, "disable", { service: "a" });
  driver.succeed();
  t.equal(driver.record("b").state, "stopped");
  const early = driver.request(2, "enable", { service: "b" });
  t.equal(driver.outcome(early), "dependency-not-started");
  driver.request(1, "enable", { service: "a" });
  driver.succeed();
  t.equal(driver.shown("b"), "started 2", "it follows");
});

test("case 21: a hard dependent is stopped with its dependency, a soft one goes on", async (t) => {
  for (const [mode, state] of [
    ["hard", "stopped"],
    ["soft", "started"],
  ] as const) {
    const driver = dependent(mode);
    driver.request(1, "stop", { service: "a" });
    t.equal(driver.succeed().record("b").state, state, mode);
  }
});

test("case 21: a hard dependency lost while its dependent is starting counts", async (t) => {
  const driver = dependent("hard");
  driver.request(2, "restart", { service: "b" });
  driver.answer();
  t.equal(driver.awaited("b"), "start on 2");
  const start = driver.operations.shift();
  driver.request(1, "stop", { service: "a" });
  driver.succeed();
  if (start === undefined) throw new Error("no start");
  driver.result(start.operation, "ok").succeed();
  t.equal(driver.record("b").state, "stopped");
});

test("case 21: a soft dependent is recovered, restarted and moved without it", async (t) => {
  const a = plain("a", { domain: "node1-domain" });
  const b = plain("b", { depend: a.name, dependMode: "soft" });
  const driver = started(a, b);
  driver.request(1, "disable", { service: "a" });
  driver.succeed().checkFails("b").succeed();
  t.equal(driver.record("b").state, "started", "recovered");
  for (const operation of ["restart", "relocate"] as const) {
    const number = driver.request(1, operation, { service: "b" });
    t.equal(driver.succeed().outcome(number), "done", operation);
  }
  driver.request(1, "stop", { service: "b" });
  driver.succeed();
  const first = driver.request(1, "enable", { service: "b" });
  t.equal(driver.outcome(first), "dependency-not-started", "a first start");
});

// --- autostart ----------------------------------------------------------------------------------

test("case 22: after formation, autostart off is disabled, autostart on starts", async (t) => {
  const driver = started(plain("off", { autostart: false }), plain("on"));
  t.same([driver.record("off").state, driver.record("on").state], ["disabled", "started"]);
  t.match(driver.table.decisions(service("off")).at(-1)?.text, /autostart is off/);
});

// --- checks -------------------------------------------------------------------------------------

/** One service started on node 1, with this check interval and scan period. */
function checked(intervalMs: number | null, scanMs: number | null, names = ["p"]): Cluster {
  const actions =
    intervalMs === null
      ? []
      : [{ name: "status", depth: null, intervalMs: ms(intervalMs), timeoutMs: null }];
  const services = names.map((name) => sampleService(name, [script(name, { actions })]));
  const sample = conf(services);
  const statusPollIntervalMs = scanMs === null ? null : ms(scanMs);
  const time = new VirtualTime();
  const membership = new PerfectMembership(time, [1, 2, 3].map(id));
  const settings = { ...sample, services: { ...sample.services, statusPollIntervalMs } };
  return new Cluster({ conf: settings, time, membership }).boot(1).boot(2, 3).run(5000);
}

/** Seconds until the death of the service's process is known. */
function noticedAfter(cluster: Cluster, name: string): number {
  const [owner = 0] = cluster.runningOn(name);
  cluster.host(owner).running.delete(`service:${name} /etc/init.d/${name}`);
  for (let seconds = 0; seconds < 60; seconds += 1) {
    if (cluster.record(owner, name)?.state !== "started") return seconds;
    if (cluster.runningOn(name).length > 0) return seconds;
    cluster.run(1000);
  }
  return 60;
}

test("case 29: how soon a death is noticed by the checks alone", async (t) => {
  t.ok(noticedAfter(checked(1000, 1000), "p") <= 3, "an interval of its own");
  t.ok(noticedAfter(checked(null, 1000), "p") <= 3, "an explicit poll interval lowers it");
  const late = noticedAfter(checked(null, null), "p");
  t.ok(late > 3 && late <= 42, "the agent's interval, at the next scan");
});

test("case 29: a check that hangs in one service does not delay the others", async (t) => {
  const cluster = checked(1000, 1000, ["p", "q"]);
  const [owner = 0] = cluster.runningOn("q");
  for (const node of [1, 2, 3]) {
    cluster.host(node).behaviours.set("/etc/init.d/q status", { takesMs: null });
  }
  cluster.run(5000);
  t.ok(noticedAfter(cluster, "p") <= 3);
  t.same(cluster.runningOn("q"), [owner]);
});

// --- replay -------------------------------------------------------------------------------------

/** A random story of one table: its inputs, and what came out of each. */
function story(seed: number): { readonly inputs: readonly TableInput[]; readonly outs: string } {
  const random = new Random(seed);
  const a = plain("a");
  const services = [a, plain("b", { depend: a.name }), plain("x", { exclusive: true }), plain("d")];
  const driver = new TableDriver(conf(services));
  const inputs: TableInput[] = [];
  const outs: (readonly TableOutput[])[] = [];
  driver.onStep = (input, outputs) => {
    inputs.push(input);
    outs.push(outputs);
  };
  driver.view(1, 2, 3).ready(1, 2, 3);
  for (let turn = 0; turn < 60; turn += 1) {
    const [name = "a"] = [random.pick(["a", "b", "x", "d"])];
    const act = random.between(0, 5);
    if (act < 2 && driver.operations.length > 0) {
      driver.answer(random.chance(0.8) ? "ok" : "failed", { partial: false });
    } else if (act < 3 && driver.record(name).state === "started") driver.checkFails(name);
    else if (act < 4) {
      const operation = random.pick(["enable", "disable", "relocate", "restart"] as const);
      driver.request(random.pick([1, 2, 3]), operation, { service: name });
    } else driver.tick(random.between(0, 60_000));
  }
  return { inputs, outs: JSON.stringify(outs) };
}

test("case 30: the same ordered events give the same table and the same actions", async (t) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { inputs, outs } = story(seed);
    const services = [
      plain("a"),
      plain("b", { depend: service("a") }),
      plain("x", { exclusive: true }),
      plain("d"),
    ];
    const table = ServiceTable.fresh(conf(services), []);
    const again = inputs.map((input) => table.step(input));
    t.equal(JSON.stringify(again), outs, `seed ${seed}`);
  }
});

test("case 30: a result of another operation or life changes nothing", async (t) => {
  const driver = started(plain("p")).checkFails("p");
  const [awaited] = driver.operations;
  if (awaited === undefined) throw new Error("no operation");
  const before = JSON.stringify(driver.table.snapshot());
  const { operation } = awaited;
  driver.result({ ...operation, id: operation.id - 1 }, "ok");
  driver.result({ ...operation, life: operation.life - 1 }, "ok");
  driver.result({ ...operation, node: id(2) }, "ok");
  t.equal(JSON.stringify(driver.table.snapshot()), before);
});
