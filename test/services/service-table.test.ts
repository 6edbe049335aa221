/**
 * The replicated service table, driven by views, messages and results: lost nodes, evaluation,
 * failback, recovery, retries, clean exits, and what must be ignored.
 */

import { test } from "tap";
import type { FailoverDomainConf, ServiceConf } from "../../src/model/conf.ts";
import { readOrNull } from "../../src/model/shape.ts";
import { ms } from "../../src/model/time.ts";
import { ServiceTable } from "../../src/services/table/service-table.ts";
import { tableSnapshot } from "../../src/services/table/table-snapshot.ts";
import { id, service } from "../sim/cluster.ts";
import { type SampleOptions, sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { TableDriver } from "./table-driver.ts";

const web = "web";
type Setup = SampleOptions & { readonly domains?: readonly FailoverDomainConf[] };

function conf(services: readonly ServiceConf[], setup: Setup = {}) {
  const sample = sampleConf({ fencing: { cleanStart: true }, ...setup });
  const domains = [...sample.services.domains, ...(setup.domains ?? [])];
  return { ...sample, services: { ...sample.services, services, domains } };
}

function webService(rest: Partial<ServiceConf> = {}): ServiceConf {
  return sampleService(web, [script("web")], rest);
}

/** Three ready nodes, the service started on node 1. */
function started(rest: Partial<ServiceConf> = {}): TableDriver {
  return new TableDriver(conf([webService(rest)])).view(1, 2, 3).ready(1, 2, 3).succeed();
}

test("services of a member's earlier life do not count as working in its next ring", async (t) => {
  const driver = started();
  t.equal(driver.table.mayWork, true, "its owner is ready");
  driver.view(2, 3);
  t.equal(driver.table.mayWork, false, "its owner is none of the members");
  driver.view(1, 2, 3);
  t.match(driver.table.service(service(web)), { owner: 1 }, "nobody knows yet what became of it");
  t.equal(driver.table.mayWork, false, "but the life that had it takes no part");
  driver.ready(1).succeed();
  t.equal(driver.table.mayWork, true, "it is started again");
});

// --- a lost node --------------------------------------------------------------------------------

type Lost = {
  readonly what: string;
  readonly prepare: () => { readonly driver: TableDriver; readonly number: number | null };
  readonly after: string;
  readonly answer: "done" | null;
};

function asked(
  operation: "disable" | "stop" | "restart" | "relocate" | "enable",
  driver: TableDriver,
  target?: number,
) {
  const to = target === undefined ? {} : { target };
  return { driver, number: driver.request(3, operation, { service: web, ...to }) };
}

function stopped(): TableDriver {
  const driver = started();
  driver.request(3, "stop", { service: web });
  return driver.succeed();
}

const lostTable: readonly Lost[] = [
  {
    what: "started",
    prepare: () => ({ driver: started(), number: null }),
    after: "started 2",
    answer: null,
  },
  {
    what: "starting for an enable",
    prepare: () => asked("enable", stopped(), 1),
    after: "started 2",
    answer: "done",
  },
  {
    what: "starting as the target of a relocation",
    prepare: () => {
      const driver = started();
      driver.request(3, "relocate", { service: web, target: 2 });
      driver.succeed();
      const moved = asked("relocate", driver, 1);
      driver.answer();
      return moved;
    },
    after: "started 3",
    answer: "done",
  },
  {
    what: "stopping for a relocation",
    prepare: () => asked("relocate", started()),
    after: "started 2",
    answer: "done",
  },
  {
    what: "stopping for a restart",
    prepare: () => asked("restart", started()),
    after: "started 2",
    answer: "done",
  },
  {
    what: "recoverable",
    prepare: () => ({ driver: started().checkFails(web), number: null }),
    after: "started 2",
    answer: null,
  },
  {
    what: "stopping for a disable",
    prepare: () => asked("disable", started()),
    after: "disabled (1)",
    answer: "done",
  },
  {
    what: "recoverable, and to be disabled",
    prepare: () => asked("disable", started().checkFails(web)),
    after: "disabled (1)",
    answer: "done",
  },
  {
    what: "stopping for a stop",
    prepare: () => asked("stop", started()),
    after: "stopped (1)",
    answer: "done",
  },
];

for (const { what, prepare, after, answer } of lostTable) {
  test(`its node is lost while the service is ${what}`, async (t) => {
    const { driver, number } = prepare();
    const before = driver.shown(web);
    driver.operations.length = 0;
    driver.view(2, 3);
    t.equal(driver.shown(web), before, "nothing changes before it is known to be off");
    t.match(driver.table.waitingFor(service(web)), /node1\.example\.com to be fenced/);
    driver.fenced(1);
    driver.succeed();
    t.equal(driver.shown(web), after);
    if (number !== null) t.equal(driver.outcome(number), answer);
  });
}

test("its node is lost while the service is starting, and a disable waits", async (t) => {
  const driver = stopped();
  const enable = driver.request(1, "enable", { service: web });
  const disable = driver.request(3, "disable", { service: web });
  driver.view(2, 3).fenced(1);
  t.equal(driver.shown(web), "disabled (1)");
  t.same(
    [enable, disable].map((one) => driver.outcome(one)),
    ["overtaken", "done"],
  );
});

test("a user's stop that ended with its node lasts until the next event", async (t) => {
  const driver = started();
  driver.request(3, "stop", { service: web });
  driver.view(2, 3).fenced(1).view(1, 2, 3).ready(1).succeed();
  t.equal(driver.record(web).state, "started");
});

test("a node that comes back clean before it was fenced resolves what it held", async (t) => {
  const driver = started().view(2, 3).view(1, 2, 3);
  t.equal(driver.shown(web), "started 1");
  driver.ready(1).succeed();
  t.equal(driver.shown(web), "started 1", "it is started anew");
  t.equal(driver.record(web).lastOwner, 1);
});

test("results, failed checks and farewells of an earlier life change nothing", async (t) => {
  const driver = started().checkFails(web);
  const [awaited] = driver.operations;
  if (awaited === undefined) throw new Error("no operation");
  driver.view(2, 3);
  const lost = JSON.stringify(driver.table.snapshot());
  driver.result(awaited.operation, "ok").checkFails(web);
  t.equal(JSON.stringify(driver.table.snapshot()), lost, "its node awaits fencing");
  const old = { node: id(1), life: awaited.operation.life, at: driver.nowMs };
  driver.view(1, 2, 3).tick(0);
  const back = JSON.stringify(driver.table.snapshot());
  driver
    .say({ type: "ready", ...old, hosts: true, kept: [] })
    .say({ type: "leaving", ...old })
    .say({ type: "left", ...old });
  driver.result(awaited.operation, "failed");
  t.equal(JSON.stringify(driver.table.snapshot()), back, "it has a new life");
});

test("a result counts once", async (t) => {
  const driver = started().checkFails(web);
  const [awaited] = driver.operations;
  if (awaited === undefined) throw new Error("no operation");
  driver.answer();
  const after = JSON.stringify(driver.table.snapshot());
  driver.result(awaited.operation, "failed").result(awaited.operation, "ok");
  t.equal(JSON.stringify(driver.table.snapshot()), after);
});

test("a failed check of an earlier start is ignored", async (t) => {
  const driver = started();
  const { startOp } = driver.record(web);
  driver.request(2, "restart", { service: web });
  driver.succeed();
  const node = id(1);
  const check = { type: "status-failed", node, life: driver.life(1), text: "late" } as const;
  driver.say({ ...check, service: service(web), startOp, at: driver.nowMs });
  t.equal(driver.shown(web), "started 1");
  t.same(driver.operations, []);
});

// --- unknown nodes ------------------------------------------------------------------------------

test("T3: nothing starts that a node not seen yet might be running", async (t) => {
  const fencing = { cleanStart: false };
  const services = [
    webService(),
    sampleService("two", [script("two")], { domain: "node2-domain" }),
  ];
  const driver = new TableDriver(conf(services, { fencing })).view(1, 2).ready(1, 2).succeed();
  t.equal(driver.shown("two"), "started 2", "node3 may not run it");
  t.equal(driver.shown(web), "stopped (none)");
  t.match(
    driver.table.waitingFor(service(web)),
    /node3\.example\.com to be fenced or proven clean/,
  );
  t.equal(driver.outcome(driver.request(1, "enable", { service: web })), "holder-unseen");
  driver.fenced(3).succeed();
  t.equal(driver.shown(web), "started 1");
});

test("T3: nothing starts that the other machine of a member might be running", async (t) => {
  const driver = new TableDriver(conf([webService()])).view(1, 2, 3).ready(2).succeed();
  t.equal(driver.shown(web), "started 2");
  driver.view(2, 3).ready(3);
  driver.moved = [1];
  driver.view(1, 2, 3);
  driver.request(3, "relocate", { service: web, target: 3 });
  driver.succeed();
  t.equal(driver.shown(web), "stopped (2)");
  t.match(
    driver.table.waitingFor(service(web)),
    /node1\.example\.com to be fenced or proven clean/,
  );
  driver.fenced(1).ready(1).succeed();
  t.match(driver.shown(web), /^started/);
});

test("T1: a member is no candidate before it is ready", async (t) => {
  const driver = new TableDriver(conf([webService()])).view(1, 2, 3);
  t.same(driver.operations, []);
  driver.ready(3).succeed();
  t.equal(driver.shown(web), "started 3");
});

test("skip_undefined: a node that nothing can fence delays no service at the start", async (t) => {
  const fencing = { cleanStart: false, skipUndefined: true, selfFence: "no" } as const;
  const driver = new TableDriver(conf([webService()], { fencing }))
    .view(1, 2)
    .ready(1, 2)
    .succeed();
  t.equal(driver.shown(web), "started 1");
});

// --- evaluation and failback --------------------------------------------------------------------

test("services spread over the nodes, in order of their priority", async (t) => {
  const names = ["a", "b", "c", "d"];
  const services = names.map((name, at) => {
    return sampleService(name, [script(name)], { priority: names.length - at });
  });
  const driver = new TableDriver(conf(services)).view(1, 2, 3);
  driver.ready(1).succeed();
  t.same(
    names.map((name) => driver.shown(name)),
    Array(4).fill("started 1"),
    "the first gets all",
  );
  const spread = new TableDriver(conf(services));
  spread.view(1, 2, 3);
  for (const name of names) t.equal(spread.shown(name), "stopped (none)");
  spread.ready(1).succeed().view(2, 3).ready(2, 3).fenced(1).succeed();
  t.same(
    names.map((name) => spread.shown(name)),
    ["started 3", "started 2", "started 3", "started 2"],
    "d first, on node 2",
  );
});

test("autostart off: disabled from the beginning, until a user enables it", async (t) => {
  const driver = new TableDriver(conf([webService({ autostart: false })])).view(1).ready(1);
  t.equal(driver.shown(web), "disabled (none)");
  driver.request(1, "enable", { service: web });
  driver.succeed();
  t.equal(driver.shown(web), "started 1");
});

function ordered(flags: Partial<FailoverDomainConf> = {}): FailoverDomainConf {
  return {
    name: "preferred",
    ordered: true,
    restricted: false,
    nofailback: false,
    nodes: [
      { node: id(1), priority: 1 },
      { node: id(2), priority: 2 },
      { node: id(3), priority: null },
    ],
    ...flags,
  };
}

test("an ordered domain: down the order, and back to the better node", async (t) => {
  const services = [webService({ domain: "preferred" })];
  const driver = new TableDriver(conf(services, { domains: [ordered()] }));
  driver.view(1, 2, 3).ready(3, 2, 1).succeed();
  t.equal(driver.shown(web), "started 1", "it followed the better nodes as they became ready");
  driver.view(2, 3).fenced(1).succeed();
  t.equal(driver.shown(web), "started 2");
  driver.view(1, 2, 3).ready(1).succeed();
  t.equal(driver.shown(web), "started 1");
});

test("nofailback: it stays inside its domain, and comes in from outside", async (t) => {
  const services = [webService({ domain: "preferred" })];
  const inside = new TableDriver(conf(services, { domains: [ordered({ nofailback: true })] }));
  inside.view(1, 2, 3).ready(2).succeed().ready(1, 3).succeed();
  t.equal(inside.shown(web), "started 2");
  const nodes = [{ node: id(1), priority: 1 }];
  const outside = new TableDriver(
    conf(services, { domains: [ordered({ nofailback: true, nodes })] }),
  );
  outside.view(1, 2, 3).ready(2).succeed();
  t.equal(outside.shown(web), "started 2");
  outside.ready(1).succeed();
  t.equal(outside.shown(web), "started 1");
});

test("a failback whose start fails returns to the old owner", async (t) => {
  const services = [webService({ domain: "preferred" })];
  const driver = new TableDriver(conf(services, { domains: [ordered()] }));
  driver.view(1, 2, 3).ready(2).succeed().ready(1).answer();
  t.equal(driver.awaited(web), "start on 1");
  driver.answer("failed").succeed();
  t.equal(driver.shown(web), "started 2");
});

test("a restricted domain without a ready member: stopped until one returns", async (t) => {
  const driver = started({ domain: "node1-domain" }).view(2, 3).fenced(1);
  t.equal(driver.shown(web), "stopped (1)");
  t.equal(driver.table.waitingFor(service(web)), "a ready node that may run it");
  driver.view(1, 2, 3).ready(1).succeed();
  t.equal(driver.shown(web), "started 1");
});

test("an exclusive service shares its node with no other service", async (t) => {
  const alone = sampleService("alone", [script("alone")], { exclusive: true });
  const services = [alone, webService(), sampleService("more", [script("more")])];
  const driver = new TableDriver(conf(services)).view(1, 2).ready(1, 2).succeed();
  t.equal(driver.shown("alone"), "started 1");
  t.same([driver.shown(web), driver.shown("more")], ["started 2", "started 2"]);
  driver.view(1, 2, 3).ready(3).succeed();
  const places = [web, "more"].map((name) => driver.record(name).owner);
  t.notOk(places.includes(id(1)));
});

// --- dependencies -------------------------------------------------------------------------------

function dependent(mode: "hard" | "soft", rest: Partial<ServiceConf> = {}): TableDriver {
  const first = sampleService("first", [script("first")], rest);
  const depend = { depend: first.name, dependMode: mode, domain: "node2-domain" };
  const second = sampleService("second", [script("second")], depend);
  return new TableDriver(conf([first, second])).view(1, 2, 3).ready(1, 2, 3).succeed();
}

test("a hard dependency that is lost with its node stops the dependent", async (t) => {
  const hard = dependent("hard", { domain: "node1-domain" }).view(2, 3).fenced(1).succeed();
  t.equal(hard.shown("first"), "stopped (1)");
  t.equal(hard.shown("second"), "stopped (2)");
  hard.view(1, 2, 3).ready(1).succeed();
  t.same([hard.shown("first"), hard.shown("second")], ["started 1", "started 2"]);
  const soft = dependent("soft", { domain: "node1-domain" }).view(2, 3).fenced(1).succeed();
  t.equal(soft.shown("second"), "started 2");
});

test("a dependent that stops slowly starts again when its dependency is back before", async (t) => {
  const driver = dependent("hard");
  driver.request(3, "relocate", { service: "first", target: 3 });
  driver.answer();
  t.equal(driver.awaited("second"), "stop on 2");
  const slow = driver.operations.find((one) => one.service === service("second"));
  driver.operations.splice(
    0,
    driver.operations.length,
    ...driver.operations.filter((one) => one !== slow),
  );
  driver.succeed();
  t.equal(driver.shown("first"), "started 3");
  if (slow === undefined) throw new Error("no stop");
  driver.result(slow.operation, "ok").succeed();
  t.equal(driver.shown("second"), "started 2");
});

// --- recovery and retries -----------------------------------------------------------------------

test("max_restarts within restart_expire_time, counted over the cluster's own time", async (t) => {
  const policy = { maxRestarts: 2, restartExpireMs: ms(300_000) };
  const quick = started(policy);
  for (const owner of [1, 1, 2]) {
    quick.nowMs += 50_000;
    quick.checkFails(web).succeed();
    t.equal(quick.shown(web), `started ${owner}`);
  }
  t.equal(quick.record(web).restarts, 3, "the relocation counts, too");
  const slow = started(policy);
  for (let failure = 0; failure < 5; failure++) {
    slow.nowMs += 301_000;
    slow.checkFails(web).succeed();
    t.equal(slow.shown(web), "started 1");
  }
});

test("restart-disable: the third failure disables, and so does a failing restart", async (t) => {
  const policy = { recovery: "restart-disable", maxRestarts: 2, restartExpireMs: ms(0) } as const;
  const third = started(policy);
  for (const state of ["started 1", "started 1", "disabled (1)"]) {
    third.checkFails(web).succeed();
    t.equal(third.shown(web), state);
  }
  const failing = started(policy).checkFails(web).answer().answer("failed").succeed();
  t.equal(failing.shown(web), "disabled (1)");
});

/** Every start fails, every stop succeeds. */
function failStarts(driver: TableDriver): TableDriver {
  while (driver.operations.length > 0) {
    driver.answer(driver.awaited(web).startsWith("start") ? "failed" : "ok");
  }
  return driver;
}

function retryAfterMs(driver: TableDriver): number | null {
  const wake = driver.table.wake();
  return wake === null ? null : wake.atMs - wake.nowMs;
}

test("failed everywhere: attempts after 30 s, 60 s, and so on up to 10 min", async (t) => {
  const driver = failStarts(started().checkFails(web));
  const pauses: (number | null)[] = [];
  for (let attempt = 0; attempt < 7; attempt++) {
    pauses.push(retryAfterMs(driver));
    driver.tick(pauses.at(-1) ?? 0);
    t.equal(driver.awaited(web), "start on 1");
    failStarts(driver);
  }
  t.same(
    pauses,
    [30, 60, 120, 240, 480, 600, 600].map((seconds) => seconds * 1000),
  );
  driver.tick(600_000).succeed();
  t.equal(driver.shown(web), "started 1");
  t.equal(retryAfterMs(driver), null);
  t.equal(retryAfterMs(failStarts(driver.checkFails(web))), 30_000, "success begins anew");
});

test("a tick before its time starts nothing; retry_delay 0 never retries", async (t) => {
  const driver = failStarts(started().checkFails(web)).tick(29_999);
  t.same(driver.operations, []);
  t.equal(retryAfterMs(driver), 1);
  const never = failStarts(started({ retryDelayMs: ms(0) }).checkFails(web));
  t.equal(retryAfterMs(never), null);
});

test("a retry that finds no node waits its time again", async (t) => {
  const driver = failStarts(started({ domain: "node1-domain" }).checkFails(web));
  driver.view(2, 3).fenced(1).tick(30_000);
  t.same(driver.operations, []);
  t.equal(retryAfterMs(driver), 60_000);
  driver.tick(60_000);
  t.equal(retryAfterMs(driver), 60_000, "without an attempt the pause does not grow");
  driver.view(1, 2, 3).ready(1).succeed();
  t.equal(driver.shown(web), "started 1");
});

test("no retry falls due while the service is busy", async (t) => {
  const driver = failStarts(started().checkFails(web));
  driver.request(2, "disable", { service: web });
  t.equal(driver.awaited(web), "stop on 2");
  t.equal(retryAfterMs(driver), null);
});

test("a user's enable begins the count of attempts anew", async (t) => {
  const driver = failStarts(started().checkFails(web)).tick(30_000);
  failStarts(driver);
  t.equal(retryAfterMs(driver), 60_000);
  driver.request(1, "enable", { service: web });
  t.equal(retryAfterMs(failStarts(driver)), 30_000);
});

// --- clean exits --------------------------------------------------------------------------------

test("a leaving node stops what it runs, may go then, and others take over", async (t) => {
  const driver = started().leaving(1);
  t.equal(driver.awaited(web), "stop on 1");
  t.same(driver.granted, []);
  driver.answer();
  t.same(driver.granted, [1]);
  t.equal(driver.awaited(web), "start on 2");
  driver.succeed().left(1).view(2, 3);
  t.equal(driver.shown(web), "started 2");
  t.equal(driver.table.waitingFor(service(web)), null);
});

test("a start that ends on a leaving node is stopped again", async (t) => {
  const driver = stopped();
  driver.request(1, "enable", { service: web });
  driver.leaving(1);
  t.same(driver.granted, []);
  driver.answer();
  t.equal(driver.awaited(web), "stop on 1");
  driver.succeed();
  t.same(driver.granted, [1]);
  t.equal(driver.shown(web), "started 2");
});

test("a stop that fails on a leaving node: failed, and nobody starts it", async (t) => {
  const driver = started().leaving(1).answer("failed").left(1).view(2, 3);
  t.equal(driver.shown(web), "failed (1)");
  t.same(driver.operations, []);
  t.same(driver.granted, [1]);
});

test("a leaving node that is lost is fenced like any other", async (t) => {
  const driver = started().leaving(1).view(2, 3);
  t.match(driver.table.waitingFor(service(web)), /to be fenced/);
  driver.operations.length = 0;
  driver.fenced(1).succeed();
  t.equal(driver.shown(web), "started 2");
});

// --- replication --------------------------------------------------------------------------------

test("a snapshot adopted in the middle continues like the original", async (t) => {
  const driver = started({ maxRestarts: 2, restartExpireMs: ms(60_000) });
  driver.checkFails(web).succeed().request(2, "relocate", { service: web });
  const text = JSON.stringify(driver.table.snapshot());
  const parsed = readOrNull(tableSnapshot, JSON.parse(text));
  const setup = conf([webService({ maxRestarts: 2, restartExpireMs: ms(60_000) })]);
  const copy = parsed === null ? null : ServiceTable.adopt(setup, parsed);
  t.ok(copy);
  const at = driver.nowMs + 5000;
  const op = driver.operations[0]?.operation;
  if (op === undefined) throw new Error("no operation");
  const { node, life } = op;
  const end = { outcome: "ok", partial: false, text: "" } as const;
  const result = { type: "op-result", node, life, op: op.id, ...end, at } as const;
  const outputs = [driver.table, copy].map((one) =>
    one?.step({ type: "message", message: result }),
  );
  t.same(outputs[1], outputs[0]);
  t.same(copy?.snapshot(), driver.table.snapshot());
});

test("a snapshot of another configuration is not adopted", async (t) => {
  const snapshot = started().table.snapshot();
  t.equal(ServiceTable.adopt(conf([sampleService("other", [])]), snapshot), null);
  t.equal(ServiceTable.adopt(conf([webService()], { nodes: 4 }), snapshot), null);
});

test("a node that is clean but not unfenced runs nothing, and delays no service", async (t) => {
  const driver = started().view(1, 3).view(1, 2, 3);
  t.equal(driver.table.node(id(2)).phase, "joined");
  driver.clean(2);
  t.equal(driver.table.node(id(2)).phase, "clean");
  t.notMatch(driver.operations, [{ operation: { node: 2, kind: "start" } }]);
  const before = JSON.stringify(driver.table.snapshot());
  driver.clean(2);
  t.equal(JSON.stringify(driver.table.snapshot()), before, "saying it again changes nothing");
  driver.ready(2);
  t.equal(driver.table.node(id(2)).phase, "ready");
  driver.clean(2);
  t.equal(driver.table.node(id(2)).phase, "ready", "what was said later counts");
});
