/**
 * Requests of users, one test for each state and option of clusvcadm, and the rules for services
 * that are busy. The service runs on node 1; requests come from node 2.
 */
import { test } from "tap";
import type { ServiceConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { TableDriver } from "./table-driver.ts";

const web = "web";

function conf(services: readonly ServiceConf[]) {
  const sample = sampleConf({ fencing: { cleanStart: true } });
  return { ...sample, services: { ...sample.services, services } };
}

/** Three ready nodes, the service started on node 1. */
function started(rest: Partial<ServiceConf> = {}): TableDriver {
  const driver = new TableDriver(conf([sampleService(web, [script("web")], rest)]));
  return driver.view(1, 2, 3).ready(1, 2, 3).succeed();
}

const states = {
  stopped: () => {
    const driver = started();
    driver.request(1, "stop", { service: web });
    return driver.succeed();
  },
  disabled: () => {
    const driver = started();
    driver.request(1, "disable", { service: web });
    return driver.succeed();
  },
  starting: () => {
    const driver = states.stopped();
    driver.request(1, "enable", { service: web });
    return driver;
  },
  started: () => started(),
  stopping: () => {
    const driver = started();
    driver.request(1, "restart", { service: web });
    return driver;
  },
  recoverable: () => started().checkFails(web),
  failed: () => {
    const driver = started();
    driver.request(1, "stop", { service: web });
    return driver.answer("failed");
  },
  frozen: () => {
    const driver = started();
    driver.request(1, "freeze", { service: web });
    return driver;
  },
  "started, all locked": () => {
    const driver = started();
    driver.lock(3, true);
    return driver;
  },
  "stopped, all locked": () => {
    const driver = states.stopped();
    driver.lock(3, true);
    return driver;
  },
  "owner lost": () => started().view(2, 3),
  "stopping on a lost owner": () => states.stopping().view(2, 3),
  partial: () => started().checkFails(web, "part-failed").answer("ok", { partial: true }),
  "under repair": () => started().checkFails(web, "part-failed"),
  convalescing: () => {
    const driver = states.partial();
    driver.request(1, "convalesce", { service: web });
    return driver;
  },
} as const;

type State = keyof typeof states;
const operations = [
  "enable",
  "disable",
  "stop",
  "restart",
  "relocate",
  "freeze",
  "unfreeze",
  "convalesce",
] as const;

/** At once: an answer, an operation, or `waits`; then, when all succeeds: state and answer. */
type Row = Readonly<
  Record<(typeof operations)[number], readonly [atOnce: string, inTheEnd: string]>
>;

const pending: Row = {
  enable: ["fencing-awaited", "started 1"],
  disable: ["fencing-awaited", "started 1"],
  stop: ["fencing-awaited", "started 1"],
  restart: ["fencing-awaited", "started 1"],
  relocate: ["fencing-awaited", "started 1"],
  freeze: ["done", "started 1"],
  unfreeze: ["fencing-awaited", "started 1"],
  convalesce: ["fencing-awaited", "started 1"],
};

/** It is started, and busy. */
const underRepair: Row = {
  enable: ["already-started", "started 1"],
  disable: ["waits", "disabled (1), done"],
  stop: ["waits", "stopped (1), done"],
  restart: ["busy", "started 1"],
  relocate: ["busy", "started 1"],
  freeze: ["busy", "started 1"],
  unfreeze: ["busy", "started 1"],
  convalesce: ["busy", "started 1"],
};

const table: Readonly<Record<State, Row>> = {
  stopped: {
    enable: ["start on 2", "started 2, done"],
    disable: ["stop on 2", "disabled (1), done"],
    stop: ["done", "stopped (1)"],
    restart: ["start on 2", "started 2, done"],
    relocate: ["start on 1", "started 1, done"],
    freeze: ["done", "stopped (1)"],
    unfreeze: ["done", "started 1"],
    convalesce: ["not-started", "stopped (1)"],
  },
  disabled: {
    enable: ["start on 2", "started 2, done"],
    disable: ["stop on 2", "disabled (1), done"],
    stop: ["done", "disabled (1)"],
    restart: ["disabled", "disabled (1)"],
    relocate: ["disabled", "disabled (1)"],
    freeze: ["done", "disabled (1)"],
    unfreeze: ["done", "disabled (1)"],
    convalesce: ["not-started", "disabled (1)"],
  },
  starting: {
    enable: ["being-started", "started 1"],
    disable: ["waits", "disabled (1), done"],
    stop: ["waits", "stopped (1), done"],
    restart: ["being-started", "started 1"],
    relocate: ["being-started", "started 1"],
    freeze: ["busy", "started 1"],
    unfreeze: ["busy", "started 1"],
    convalesce: ["busy", "started 1"],
  },
  started: {
    enable: ["already-started", "started 1"],
    disable: ["stop on 1", "disabled (1), done"],
    stop: ["stop on 1", "stopped (1), done"],
    restart: ["stop on 1", "started 1, done"],
    relocate: ["stop on 1", "started 2, done"],
    freeze: ["done", "started 1"],
    unfreeze: ["done", "started 1"],
    convalesce: ["nothing-left-out", "started 1"],
  },
  stopping: {
    enable: ["busy", "started 1"],
    disable: ["waits", "disabled (1), done"],
    stop: ["waits", "stopped (1), done"],
    restart: ["busy", "started 1"],
    relocate: ["busy", "started 1"],
    freeze: ["busy", "started 1"],
    unfreeze: ["busy", "started 1"],
    convalesce: ["busy", "started 1"],
  },
  recoverable: {
    enable: ["busy", "started 1"],
    disable: ["waits", "disabled (1), done"],
    stop: ["waits", "stopped (1), done"],
    restart: ["busy", "started 1"],
    relocate: ["busy", "started 1"],
    freeze: ["busy", "started 1"],
    unfreeze: ["busy", "started 1"],
    convalesce: ["busy", "started 1"],
  },
  failed: {
    enable: ["start-of-failed", "failed (1)"],
    disable: ["stop on 1", "disabled (1), done"],
    stop: ["stop-of-failed", "failed (1)"],
    restart: ["stop-of-failed", "failed (1)"],
    relocate: ["start-of-failed", "failed (1)"],
    freeze: ["freeze-of-failed", "failed (1)"],
    unfreeze: ["freeze-of-failed", "failed (1)"],
    convalesce: ["not-started", "failed (1)"],
  },
  frozen: {
    enable: ["frozen", "started 1"],
    disable: ["frozen", "started 1"],
    stop: ["frozen", "started 1"],
    restart: ["frozen", "started 1"],
    relocate: ["frozen", "started 1"],
    freeze: ["done", "started 1"],
    unfreeze: ["done", "started 1"],
    convalesce: ["frozen", "started 1"],
  },
  "started, all locked": {
    enable: ["already-started", "started 1"],
    disable: ["stop on 1", "disabled (1), done"],
    stop: ["stop on 1", "stopped (1), done"],
    restart: ["locked", "started 1"],
    relocate: ["locked", "started 1"],
    freeze: ["done", "started 1"],
    unfreeze: ["done", "started 1"],
    convalesce: ["nothing-left-out", "started 1"],
  },
  "stopped, all locked": {
    enable: ["locked", "stopped (1)"],
    disable: ["stop on 2", "disabled (1), done"],
    stop: ["done", "stopped (1)"],
    restart: ["locked", "stopped (1)"],
    relocate: ["locked", "stopped (1)"],
    freeze: ["done", "stopped (1)"],
    unfreeze: ["done", "stopped (1)"],
    convalesce: ["not-started", "stopped (1)"],
  },
  "owner lost": pending,
  "stopping on a lost owner": {
    enable: ["fencing-awaited", "stopping 1"],
    disable: ["fencing-awaited", "stopping 1"],
    stop: ["fencing-awaited", "stopping 1"],
    restart: ["fencing-awaited", "stopping 1"],
    relocate: ["fencing-awaited", "stopping 1"],
    freeze: ["busy", "stopping 1"],
    unfreeze: ["fencing-awaited", "stopping 1"],
    convalesce: ["fencing-awaited", "stopping 1"],
  },
  partial: {
    enable: ["already-started", "started 1"],
    disable: ["stop on 1", "disabled (1), done"],
    stop: ["stop on 1", "stopped (1), done"],
    restart: ["stop on 1", "started 1, done"],
    relocate: ["stop on 1", "started 2, done"],
    freeze: ["done", "started 1"],
    unfreeze: ["done", "started 1"],
    convalesce: ["repair on 1", "started 1, done"],
  },
  "under repair": underRepair,
  convalescing: underRepair,
};

const stateNames: readonly State[] = [
  "stopped",
  "disabled",
  "starting",
  "started",
  "stopping",
  "recoverable",
  "failed",
  "frozen",
  "started, all locked",
  "stopped, all locked",
  "owner lost",
  "stopping on a lost owner",
  "partial",
  "under repair",
  "convalescing",
];

const letters: Readonly<Record<(typeof operations)[number], string>> = {
  enable: "-e",
  disable: "-d",
  stop: "-s",
  restart: "-R",
  relocate: "-r",
  freeze: "-Z",
  unfreeze: "-U",
  convalesce: "-c",
};

for (const state of stateNames) {
  for (const operation of operations) {
    const [atOnce, inTheEnd] = table[state][operation];
    test(`[${state}, ${letters[operation]}]: ${atOnce}`, async (t) => {
      const driver = states[state]();
      const before = driver.operations.length;
      const number = driver.request(2, operation, { service: web });
      const answer = driver.outcome(number);
      const begun = driver.operations.length > before ? driver.awaited(web) : "waits";
      t.equal(answer ?? begun, atOnce, `${operation} at once`);
      if (!state.endsWith("lost owner")) driver.succeed();
      const later = answer === null ? `, ${driver.outcome(number)}` : "";
      t.equal(`${driver.shown(web)}${later}`, inTheEnd, `${operation} in the end`);
    });
  }
}

for (const state of stateNames) {
  test(`[${state}, -M]: refused, nothing here is a virtual machine`, async (t) => {
    const driver = states[state]();
    const before = driver.shown(web);
    const number = driver.request(2, "migrate", { service: web, target: 3 });
    t.equal(driver.outcome(number), "not-migratable");
    t.equal(driver.shown(web), before);
  });
}

test("a service that does not exist", async (t) => {
  const driver = started();
  for (const operation of operations) {
    const number = driver.request(2, operation, { service: "none" });
    t.equal(driver.outcome(number), "unknown-service", operation);
  }
});

test("a request of an earlier life of its node is not answered again", async (t) => {
  const driver = started();
  const ref = { node: driver.table.snapshot().nodes[1]?.id, life: 1, number: 77 };
  if (ref.node === undefined) throw new Error("no node 2");
  const at = driver.nowMs;
  const body = { service: driver.record(web).name, target: null, byDomain: false, at };
  driver.say({ type: "request", ref: { ...ref, node: ref.node }, operation: "disable", ...body });
  t.equal(driver.outcome(77), null);
  t.same(driver.operations, []);
});

test("an enable of a service that is starting on that node waits for the start", async (t) => {
  const driver = states.starting();
  const here = driver.request(1, "enable", { service: web });
  const named = driver.request(2, "enable", { service: web, target: 1 });
  const elsewhere = driver.request(1, "enable", { service: web, target: 3 });
  t.equal(driver.outcome(elsewhere), "being-started");
  driver.succeed();
  t.same(
    [here, named].map((one) => driver.outcome(one)),
    ["done", "done"],
  );
  t.equal(driver.outcomes.get(named)?.owner, 1);
});

test("while a service is being relocated, enable and relocate would deadlock", async (t) => {
  const driver = started();
  driver.request(1, "relocate", { service: web });
  const answers = (["enable", "relocate", "restart"] as const).map((operation) =>
    driver.outcome(driver.request(2, operation, { service: web })),
  );
  t.same(answers, ["being-relocated", "being-relocated", "busy"]);
});

test("a desired state is reached even after a failure; disabled wins over stopped", async (t) => {
  const orders = [
    ["stop", "disable"],
    ["disable", "stop"],
  ] as const;
  for (const order of orders) {
    const driver = states.starting();
    const numbers = order.map((operation) => driver.request(2, operation, { service: web }));
    driver.answer("failed");
    t.equal(driver.awaited(web), "stop on 1", "the clean-up of the failed start");
    driver.succeed();
    t.equal(driver.shown(web), "disabled (1)", order.join(" before "));
    t.same(
      numbers.map((one) => driver.outcome(one)),
      ["done", "done"],
    );
    t.equal(driver.outcome(2), "overtaken", "the enable was not carried out");
  }
});

test("a stop that was being disabled stays so when a stop is asked for", async (t) => {
  const driver = started();
  driver.request(1, "disable", { service: web });
  const stop = driver.request(2, "stop", { service: web });
  driver.succeed();
  t.equal(driver.shown(web), "disabled (1)");
  t.equal(driver.outcome(stop), "done");
});

test("a disable while recovering finishes the clean-up and starts nothing", async (t) => {
  const driver = states.recoverable();
  driver.request(2, "disable", { service: web });
  driver.answer();
  t.same(driver.operations, []);
  t.equal(driver.shown(web), "disabled (1)");
});

test("a failing stop answers all requests that wait", async (t) => {
  const driver = started();
  const relocate = driver.request(1, "relocate", { service: web });
  const disable = driver.request(2, "disable", { service: web });
  driver.answer("failed");
  t.equal(driver.shown(web), "failed (1)");
  t.same(
    [relocate, disable].map((one) => driver.outcome(one)),
    ["stop-failed", "stop-failed"],
  );
  t.ok(driver.notices.some((one) => one.startsWith("alert:")));
});

test("a failed or disabled service is disabled even if its stop fails", async (t) => {
  for (const state of ["failed", "disabled"] as const) {
    const driver = states[state]();
    const disable = driver.request(2, "disable", { service: web });
    driver.answer("failed");
    t.equal(driver.record(web).state, "disabled", state);
    t.equal(driver.outcome(disable), "disabled-unclean", state);
    t.ok(driver.notices.some((one) => one.startsWith("alert:")));
  }
});

test("a failed service is cleaned up where it failed, as long as that node is there", async (t) => {
  const pending = states.failed().view(2, 3);
  const number = pending.request(2, "disable", { service: web });
  t.equal(pending.outcome(number), "stop-node-away");
  pending.fenced(1);
  t.equal(pending.awaited(web), "start on 2", "nothing is left on node 1");
});

test("enable on a node that is not ready, or that its domain forbids", async (t) => {
  const driver = states.stopped().view(1, 2);
  const absent = driver.request(2, "enable", { service: web, target: 3 });
  t.equal(driver.outcome(absent), "start-node-not-ready");
  const confined = new TableDriver(
    conf([sampleService(web, [script("web")], { domain: "node1-domain" })]),
  );
  confined.view(1, 2, 3).ready(2, 3);
  const forbidden = confined.request(2, "enable", { service: web });
  t.equal(confined.outcome(forbidden), "start-node-not-legal");
});

test("relocation to a forbidden or occupied node interrupts nothing", async (t) => {
  const confined = new TableDriver(
    conf([
      sampleService(web, [script("web")], { domain: "node1-domain" }),
      sampleService("alone", [script("alone")], { exclusive: true, domain: "node2-domain" }),
      sampleService("free", [script("free")]),
    ]),
  );
  confined.view(1, 2, 3).ready(1, 2, 3).succeed();
  t.equal(confined.shown("alone"), "started 2");
  const illegal = confined.request(3, "relocate", { service: web, target: 2 });
  const occupied = confined.request(3, "relocate", { service: "free", target: 2 });
  t.same(
    [illegal, occupied].map((one) => confined.outcome(one)),
    ["target-not-legal", "target-occupied"],
  );
  t.same(confined.operations, []);
});

test("relocation without another node that could take it is refused, untouched", async (t) => {
  const driver = started({ domain: "node1-domain" });
  t.equal(driver.outcome(driver.request(2, "relocate", { service: web })), "no-other-node");
  t.same(driver.operations, []);
});

test("relocation to the node it runs on restarts it there", async (t) => {
  const driver = started();
  const number = driver.request(2, "relocate", { service: web, target: 1 });
  driver.succeed();
  t.equal(driver.shown(web), "started 1");
  t.equal(driver.outcome(number), "done");
});

test("a restart without a legal node is not refused for exclusivity", async (t) => {
  const driver = started({ domain: "node1-domain" }).view(2, 3).fenced(1);
  t.equal(driver.shown(web), "stopped (1)");
  t.equal(driver.outcome(driver.request(2, "restart", { service: web })), "no-legal-node");
});

test("an enabled service whose every node is occupied is refused", async (t) => {
  const busy = (name: string, domain: string) => sampleService(name, [script(name)], { domain });
  const driver = new TableDriver(
    conf([
      ...[1, 2, 3].map((node) => busy(`s${node}`, `node${node}-domain`)),
      sampleService(web, [script("web")], { exclusive: true, autostart: false }),
    ]),
  );
  driver.view(1, 2, 3).ready(1, 2, 3).succeed();
  t.equal(driver.shown(web), "disabled (none)");
  t.equal(driver.outcome(driver.request(2, "enable", { service: web })), "no-empty-node");
});

test("a dependency that is not started refuses the start", async (t) => {
  const first = sampleService("first", [script("first")], { autostart: false });
  const second = sampleService("second", [script("second")], { depend: first.name });
  const driver = new TableDriver(conf([first, second])).view(1, 2, 3).ready(1, 2, 3);
  const early = driver.request(2, "enable", { service: "second" });
  t.equal(driver.outcome(early), "dependency-not-started");
  driver.request(2, "enable", { service: "first" });
  driver.succeed();
  t.equal(driver.record("second").state, "started", "it follows by itself");
  driver.request(2, "disable", { service: "first" });
  driver.succeed();
  t.equal(driver.record("second").state, "stopped", "and it is stopped with it");
});

test("a user's request begins the count of restarts and of attempts anew", async (t) => {
  const policy = { recovery: "restart", maxRestarts: 2, restartExpireMs: ms(300_000) } as const;
  for (const operation of ["enable", "relocate", "disable"] as const) {
    const driver = started(policy).checkFails(web).succeed().checkFails(web).succeed();
    t.equal(driver.record(web).restartLog.length, 2);
    if (operation === "enable") {
      driver.request(1, "stop", { service: web });
      driver.succeed();
    }
    driver.request(1, operation, { service: web });
    driver.succeed();
    t.same(driver.record(web).restartLog, [], operation);
  }
});

test("a request that needs a node that is leaving is refused", async (t) => {
  const driver = states.stopped().leaving(2);
  t.equal(driver.outcome(driver.request(2, "disable", { service: web })), "stop-node-leaving");
  const there = driver.request(1, "enable", { service: web, target: 2 });
  t.equal(driver.outcome(there), "start-node-not-ready");
});

test("the number of requests that wait for one operation is limited", async (t) => {
  const driver = states.stopping();
  for (let waiting = 1; waiting < 256; waiting += 1) {
    t.equal(driver.outcome(driver.request(2, "stop", { service: web })), null);
  }
  t.equal(driver.outcome(driver.request(2, "stop", { service: web })), "too-many-waiting");
});
