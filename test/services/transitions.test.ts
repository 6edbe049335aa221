/**
 * The transitions that the service table causes by itself, one test for each event and state: the
 * title has [state, event → next state]. The service is `web`; it starts on node 1 of three.
 */
import { test } from "tap";
import type { ServiceConf } from "../../src/model/conf.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { TableDriver } from "./table-driver.ts";

const web = "web";

function conf(rest: Partial<ServiceConf> = {}) {
  const sample = sampleConf({ fencing: { cleanStart: true } });
  const services = [sampleService(web, [script("web")], rest)];
  return { ...sample, services: { ...sample.services, services } };
}

function started(rest: Partial<ServiceConf> = {}): TableDriver {
  return new TableDriver(conf(rest)).view(1, 2, 3).ready(1, 2, 3).succeed();
}

function asked(driver: TableDriver, operation: "enable" | "disable" | "stop" | "restart") {
  driver.request(3, operation, { service: web });
  return driver;
}

const stopped = () => asked(started(), "stop").succeed();
const disabled = () => asked(started(), "disable").succeed();
const starting = () => asked(stopped(), "enable");
const stopping = () => asked(started(), "restart");
const recoverable = () => started().checkFails(web);
const failed = () => asked(started(), "stop").answer("failed");

/** Seconds of the table's time. */
const now = (driver: TableDriver) => Math.floor(driver.nowMs / 1000);

// --- a start is accepted ------------------------------------------------------------------------

const startable = { stopped, disabled } as const;
for (const [from, make] of Object.entries(startable)) {
  test(`[${from}, start accepted → starting]: owner, transition, restarts 0`, async (t) => {
    const driver = make();
    driver.nowMs += 60_000;
    asked(driver, "enable");
    const { state, owner, transition, restarts } = driver.record(web);
    t.same(
      { state, owner, transition, restarts },
      { state: "starting", owner: 3, transition: now(driver), restarts: 0 },
    );
  });
}

test("[recovering, recovery start → starting]: restarts counts", async (t) => {
  const driver = recoverable().answer();
  t.equal(driver.awaited(web), "start on 1", "recovering does not rest");
  t.equal(driver.record(web).restarts, 1);
  driver.answer().checkFails(web).succeed();
  t.equal(driver.record(web).restarts, 2);
  asked(driver, "disable").succeed();
  asked(driver, "enable").succeed();
  t.equal(driver.record(web).restarts, 0);
});

test("[owner dead, start accepted → starting]", async (t) => {
  const driver = started().view(2, 3).fenced(1);
  const { state, owner, lastOwner, restarts } = driver.record(web);
  t.same(
    { state, owner, lastOwner, restarts },
    {
      state: "starting",
      owner: 2,
      lastOwner: 1,
      restarts: 0,
    },
  );
});

// --- the end of a start -------------------------------------------------------------------------

test("[starting, agent start ok → started]: transition stays that of the start", async (t) => {
  const driver = starting();
  const { transition } = driver.record(web);
  driver.nowMs += 60_000;
  driver.answer();
  t.equal(driver.shown(web), "started 3");
  t.equal(driver.record(web).transition, transition);
});

test("[starting, agent start failed → recoverable]: never seen as started", async (t) => {
  const driver = starting().answer("failed");
  t.equal(driver.shown(web), "recoverable 3");
  t.equal(driver.awaited(web), "stop on 3");
});

// --- a check that failed ------------------------------------------------------------------------

test("[started, status failure → recoverable → recovering]", async (t) => {
  const driver = started({ recovery: "relocate" }).checkFails(web);
  t.equal(driver.shown(web), "recoverable 1");
  driver.answer();
  t.equal(driver.shown(web), "starting 2");
  t.equal(driver.record(web).lastOwner, 1);
});

test("[recovering, every candidate failed → stopped]", async (t) => {
  const driver = started({ recovery: "relocate" }).checkFails(web).answer();
  driver.answer("failed").answer().answer("failed").answer();
  t.equal(driver.shown(web), "stopped (3)");
});

test("[recovering, dependency missing → stopped]: until that is started again", async (t) => {
  const sample = conf();
  const first = sampleService("first", [script("first")], { domain: "node2-domain" });
  const services = [first, sampleService(web, [script("web")], { depend: first.name })];
  const driver = new TableDriver({ ...sample, services: { ...sample.services, services } });
  driver.view(1, 2, 3).ready(1, 2, 3).succeed().checkFails(web);
  driver.request(3, "disable", { service: "first" });
  driver.answer().succeed();
  t.equal(driver.record(web).state, "stopped");
  driver.request(2, "enable", { service: "first" });
  driver.succeed();
  t.equal(driver.record(web).state, "started");
});

// --- disable and stop ---------------------------------------------------------------------------

const disableable = { started, starting, stopping, stopped, disabled, failed } as const;
for (const [from, make] of Object.entries(disableable)) {
  test(`[${from}, disable → stopping → disabled]`, async (t) => {
    const driver = asked(make(), "disable");
    if (from === "starting" || from === "stopping") driver.answer();
    const word = from === "stopping" ? "disabled" : "stopping";
    t.equal(driver.record(web).state, word);
    t.equal(driver.succeed().record(web).state, "disabled");
    t.equal(driver.record(web).owner, null);
  });
}

test("[recovering, disable → disabled]: its clean-up goes on, nothing starts", async (t) => {
  const driver = asked(recoverable(), "disable");
  t.equal(driver.record(web).state, "recoverable");
  t.equal(driver.answer().record(web).state, "disabled");
  t.same(driver.operations, []);
});

test("[started, user stop → stopping → stopped]", async (t) => {
  const driver = asked(started(), "stop");
  t.equal(driver.shown(web), "stopping 1");
  driver.nowMs += 60_000;
  driver.answer();
  t.equal(driver.shown(web), "stopped (1)");
  t.equal(driver.record(web).transition, now(driver), "when the stop ended");
});

test("[started, exit of the daemon → stopping → stopped]: the flags but frozen", async (t) => {
  const partial = started().checkFails(web, "part-failed").answer("ok", { partial: true });
  partial.leaving(1);
  t.equal(partial.shown(web), "stopping 1");
  t.equal(partial.record(web).partial, false);
  const frozen = started();
  frozen.request(3, "freeze", { service: web });
  frozen.leaving(1).succeed();
  t.equal(frozen.shown(web), "stopped (1)");
  t.equal(frozen.record(web).frozen, true);
});

test("[started, relocate → stopping → starting elsewhere]", async (t) => {
  const driver = started();
  driver.request(3, "relocate", { service: web });
  t.equal(driver.shown(web), "stopping 1");
  t.equal(driver.answer().shown(web), "starting 2");
});

// --- a stop that failed -------------------------------------------------------------------------

const stops: Readonly<Record<string, () => TableDriver>> = {
  "a user's stop": () => asked(started(), "stop"),
  "a disable": () => asked(started(), "disable"),
  "a restart": stopping,
  "a recovery": recoverable,
  "a failed start": () => starting().answer("failed"),
  "an exit": () => started().leaving(1),
};
for (const [what, make] of Object.entries(stops)) {
  test(`[${what}, agent stop failed → failed]: nobody starts it, an alert`, async (t) => {
    const driver = make();
    const where = driver.record(web).owner;
    driver.answer("failed");
    const { state, owner, lastOwner, restarts } = driver.record(web);
    t.same(
      { state, owner, lastOwner, restarts },
      {
        state: "failed",
        owner: null,
        lastOwner: where,
        restarts: 0,
      },
    );
    t.same(driver.operations, []);
    t.match(driver.notices.at(-1), /^alert: .*stop failed/);
    driver.tick(1_000_000).ready(1);
    t.equal(driver.record(web).state, "failed", "no event leaves it");
  });
}

for (const [from, make] of Object.entries({ failed, disabled })) {
  test(`[${from}, agent stop failed in a disable → disabled]: with a warning`, async (t) => {
    const driver = make();
    const number = driver.request(3, "disable", { service: web });
    driver.answer("failed");
    t.equal(driver.record(web).state, "disabled");
    t.equal(driver.outcome(number), "disabled-unclean");
    t.match(driver.notices.at(-1), /^alert: .*may still run/);
  });
}

// --- its node is down ---------------------------------------------------------------------------

const owned = { started, starting, stopping, recoverable } as const;
for (const [from, make] of Object.entries(owned)) {
  test(`[${from}, owner dead → stopped]: only once it is known to be off`, async (t) => {
    const driver = make();
    const owner = driver.record(web).owner ?? 0;
    const others = [1, 2, 3].filter((node) => node !== owner);
    driver.operations.length = 0;
    driver.view(...others);
    t.equal(driver.shown(web), `${from} ${owner}`);
    t.same(driver.operations, []);
    driver.nowMs += 60_000;
    driver.tick(0).fenced(owner);
    t.equal(driver.record(web).lastOwner, owner);
    t.equal(driver.record(web).transition, now(driver));
    t.equal(driver.record(web).state, "starting", "and started elsewhere in the same step");
    t.not(driver.record(web).owner, id(owner));
  });
}

test("[started and frozen, owner dead → stopped]: still frozen", async (t) => {
  const driver = started();
  driver.request(3, "freeze", { service: web });
  driver.view(2, 3).fenced(1);
  t.equal(driver.shown(web), "stopped (1)");
  t.equal(driver.record(web).frozen, true);
});

test("[started and partial, owner dead → stopped]: partial is dropped", async (t) => {
  const driver = started().checkFails(web, "part-failed").answer("ok", { partial: true });
  t.equal(driver.view(2, 3).fenced(1).record(web).partial, false);
});

test("[a stop that was overtaken, result → no change]", async (t) => {
  const driver = asked(started(), "stop");
  const [late] = driver.operations;
  if (late === undefined) throw new Error("no stop");
  driver.view(2, 3).fenced(1);
  const before = JSON.stringify(driver.table.snapshot());
  driver.result(late.operation, "ok").result(late.operation, "failed");
  t.equal(JSON.stringify(driver.table.snapshot()), before);
});

// --- the first evaluation, and the loss of quorum -----------------------------------------------

test("[stopped, transition 0 and autostart off → disabled]", async (t) => {
  const driver = new TableDriver(conf({ autostart: false })).view(1, 2, 3).ready(1);
  t.equal(driver.shown(web), "disabled (none)");
  asked(asked(driver.ready(2, 3), "enable").succeed(), "stop").succeed();
  driver.view(1, 2).fenced(3).succeed();
  t.equal(driver.record(web).state, "started", "a later stop is evaluated like any other");
});

test("[any, quorum lost → table dropped]: stop agents ran everywhere", async (t) => {
  const time = new VirtualTime();
  const cluster = new Cluster({
    conf: conf(),
    time,
    membership: new PerfectMembership(time, [1, 2, 3].map(id)),
  });
  cluster.boot(1, 2, 3).run(5000);
  const box = cluster.request(2, "disable", { service: web });
  cluster.run(1000);
  t.equal(box.reply?.type, "done");
  cluster.cut([1], [2], [3]).run(10_000);
  t.equal(cluster.record(2, web), null);
  t.same(cluster.runningOn(web), []);
  cluster.heal().run(15_000);
  t.equal(cluster.runningOn(web).length, 1, "autostart decides anew");
});
