/** When a service is tried again that no node could start, or whose stop has failed. */
import { test } from "tap";
import { ms } from "../../src/model/time.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { TableDriver } from "./table-driver.ts";

const restricted = (node: number) => ({ domain: `node${node}-domain` });

/** A broker on each node, and `primary`, whose start needs the one beside it. */
function brokers(primary: Parameters<typeof sampleService>[2] = {}): TableDriver {
  const sample = sampleConf({ nodes: 2 });
  const services = [
    sampleService("broker1", [script("broker")], restricted(1)),
    sampleService("broker2", [script("broker")], restricted(2)),
    sampleService("primary", [script("primary")], primary),
  ];
  const table = new TableDriver({ ...sample, services: { ...sample.services, services } });
  return table.view(1, 2);
}

/** Answers the oldest operation of the service. */
function answer(table: TableDriver, name: string, outcome: "ok" | "failed"): void {
  const at = table.operations.findIndex((one) => one.service === `service:${name}`);
  const [awaited] = table.operations.splice(at, 1);
  if (awaited === undefined) throw new Error(`nothing is awaited of ${name}`);
  table.result(awaited.operation, outcome);
}

/** The primary is started on both nodes, and on neither the broker is there. */
function failEverywhere(table: TableDriver): void {
  for (const _ of [1, 2]) {
    answer(table, "primary", "failed");
    answer(table, "primary", "ok");
  }
}

test("a failed start is tried again as soon as another service has started", (t) => {
  const table = brokers().ready(1, 2);
  failEverywhere(table);
  t.equal(table.shown("primary"), "stopped (2)");
  table.tick(1500);
  t.equal(table.awaited("primary"), "nothing");
  answer(table, "broker1", "ok");
  table.tick(1);
  t.match(table.awaited("primary"), /^start on/);
  t.end();
});

test("another service that started while the nodes were tried in turn counts, too", (t) => {
  const table = brokers().ready(1, 2);
  answer(table, "primary", "failed");
  answer(table, "broker1", "ok");
  answer(table, "primary", "ok");
  answer(table, "primary", "failed");
  answer(table, "primary", "ok");
  t.equal(table.shown("primary"), "stopped (2)");
  table.tick(1000);
  t.match(table.awaited("primary"), /^start on/);
  t.end();
});

test("RETRY1: a service that starts again and again hastens every attempt less", (t) => {
  const table = brokers().ready(1, 2);
  const attempts: number[] = [];
  const beganMs = table.nowMs;
  failEverywhere(table);
  answer(table, "broker2", "ok");
  answer(table, "broker1", "ok");
  for (let second = 0; second < 60; second += 1) {
    if (table.awaited("primary") !== "nothing") {
      attempts.push(Math.round((table.nowMs - beganMs) / 1000));
      failEverywhere(table);
    }
    table.checkFails("broker1");
    for (const _ of ["stop", "start"]) answer(table, "broker1", "ok");
    table.tick(1000);
  }
  const pauses = attempts.map((at, index) => at - (attempts[index - 1] ?? 0));
  t.same(
    pauses.slice(0, 5),
    pauses.slice(0, 5).toSorted((a, b) => a - b),
    `after ${attempts} s`,
  );
  t.ok(attempts.length <= 6, `${attempts.length} attempts in a minute`);
  t.end();
});

test("a service that starts on a node which this one may not use hastens nothing", (t) => {
  const table = brokers(restricted(2)).ready(1, 2);
  answer(table, "primary", "failed");
  answer(table, "primary", "ok");
  answer(table, "broker1", "ok");
  table.tick(5000);
  t.equal(table.awaited("primary"), "nothing");
  t.end();
});

test("retry_delay 0: nothing hastens what is never tried again", (t) => {
  const table = brokers({ retryDelayMs: ms(0) }).ready(1, 2);
  failEverywhere(table);
  answer(table, "broker1", "ok");
  table.tick(60_000);
  t.equal(table.awaited("primary"), "nothing");
  t.end();
});

test("a service that waits for its dependency starts with it, whatever its pause", (t) => {
  const table = brokers({ depend: sampleService("broker1", []).name }).ready(1, 2);
  t.equal(table.awaited("primary"), "nothing");
  answer(table, "broker1", "ok");
  failEverywhere(table);
  table.checkFails("broker1");
  answer(table, "broker1", "ok");
  answer(table, "broker1", "ok");
  t.match(table.awaited("primary"), /^start on/, "at once");
  t.end();
});

for (const [how, off] of [
  ["is fenced", (table: TableDriver) => table.view(2).fenced(1)],
  [
    "comes back and has proven to run nothing",
    (table: TableDriver) => table.view(2).view(1, 2).ready(1),
  ],
] as const) {
  test(`a service whose stop failed is stopped when its node ${how}`, (t) => {
    const table = brokers().ready(1, 2).succeed();
    const owner = table.record("primary").owner;
    if (owner !== 1) table.request(1, "relocate", { service: "primary", target: 1 });
    table.succeed();
    table.request(1, "relocate", { service: "primary", target: 2 });
    answer(table, "primary", "failed");
    t.equal(table.shown("primary"), "failed (1)");
    table.view(1, 2);
    t.equal(table.shown("primary"), "failed (1)", "it may still be there");
    off(table);
    t.equal(table.record("primary").state, "starting");
    table.succeed();
    t.equal(table.record("primary").state, "started");
    t.end();
  });
}

test("the end of another node changes nothing for a service whose stop failed", (t) => {
  const table = brokers().ready(1, 2).succeed();
  const owner = table.record("primary").owner ?? 0;
  table.request(1, "relocate", { service: "primary", target: 3 - owner });
  answer(table, "primary", "failed");
  const other = 3 - owner;
  table.view(owner).fenced(other);
  t.equal(table.shown("primary"), `failed (${owner})`);
  t.end();
});
