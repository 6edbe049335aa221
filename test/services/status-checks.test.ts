/** Status checks: intervals in force, overrides, and which check is due at which depth. */
import { test } from "tap";
import type { ActionOverride, ResourceConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { CheckClock, effectiveChecks } from "../../src/services/tree/status-checks.ts";
import { ip, resource, script } from "../sim/sample-conf.ts";

function status(rest: Partial<ActionOverride>): ActionOverride {
  return { name: "status", depth: null, intervalMs: null, timeoutMs: null, ...rest };
}

/** `depth: seconds`, as they are in force. */
function checks(of: ResourceConf, pollSeconds: number | null): string {
  const pollMs = pollSeconds === null ? null : ms(pollSeconds * 1000);
  return effectiveChecks(of, pollMs)
    .map((rule) => `${rule.depth}: ${rule.intervalMs / 1000}`)
    .join(", ");
}

const address = ip("10.0.0.5");

test("the agents' own intervals hold where status_poll_interval is not given", async (t) => {
  t.equal(checks(script("x"), null), "0: 30");
  t.equal(checks(address, null), "0: 20, 10: 60");
  t.equal(checks(resource("service", "s"), null), "");
});

test("an explicit status_poll_interval lowers script and ip, and never raises them", async (t) => {
  t.equal(checks(script("x"), 1), "0: 1");
  t.equal(checks(address, 1), "0: 1, 10: 1");
  t.equal(checks(script("x"), 45), "0: 30");
  t.equal(checks(address, 45), "0: 20, 10: 45");
  t.equal(checks(resource("service", "s"), 1), "");
});

test("an interval of an <action> beats both, at its depth or at every depth", async (t) => {
  const all = [status({ intervalMs: ms(2000) })];
  t.equal(checks(script("x", { actions: all }), null), "0: 2");
  t.equal(checks(script("x", { actions: all }), 1), "0: 2", "also upwards");
  const deep = [status({ depth: 10, intervalMs: ms(5000) })];
  t.equal(checks({ ...address, actions: deep }, null), "0: 20, 10: 5");
  t.equal(checks({ ...address, actions: deep }, 1), "0: 1, 10: 5");
});

test("the last of several overrides counts; other actions do not", async (t) => {
  const start: ActionOverride = { ...status({ intervalMs: ms(7000) }), name: "start" };
  const actions = [status({ intervalMs: ms(2000) }), status({ intervalMs: ms(4000) }), start];
  t.equal(checks(script("x", { actions }), null), "0: 4");
});

test("an interval of 0 switches a check off", async (t) => {
  const actions = [status({ depth: 10, intervalMs: ms(0) })];
  t.equal(checks({ ...address, actions }, null), "0: 20");
});

test("an <action> adds a depth only when it says interval and timeout", async (t) => {
  const whole = [status({ depth: 20, intervalMs: ms(90_000), timeoutMs: ms(5000) })];
  t.equal(checks(script("x", { actions: whole }), null), "0: 30, 20: 90");
  const half = [status({ depth: 20, intervalMs: ms(90_000) })];
  t.equal(checks(script("x", { actions: half }), null), "0: 30");
});

function clock(): CheckClock {
  return new CheckClock(effectiveChecks(address, null), 1_000_000);
}

test("resource case 15: the first check is due an interval after the start", async (t) => {
  t.equal(clock().due(1_000_000), null);
  t.equal(clock().due(1_019_980), null);
  t.equal(clock().due(1_020_000), 0);
});

test("resource case 16: of several due checks the deepest runs, then the other", async (t) => {
  const due = clock();
  t.equal(due.due(1_060_000), 10);
  due.begin(10, 1_060_000);
  t.equal(due.due(1_061_000), 0);
  due.begin(0, 1_061_000);
  t.equal(due.due(1_062_000), null);
  t.equal(due.due(1_081_000), 0);
});

test("a poll that is a few milliseconds early does not miss its check", async (t) => {
  t.equal(clock().due(1_019_991), 0);
  t.equal(clock().due(1_019_989), null);
});

test("a check that begins late does not delay the next; one after an event does", async (t) => {
  const late = new CheckClock([{ depth: 0, intervalMs: ms(10_000) }], 0);
  late.begin(0, 10_900);
  t.equal(late.due(19_900), null);
  t.equal(late.due(20_000), 0, "as if it had begun in time");
  late.begin(0, 55_000);
  t.equal(late.due(64_000), null, "a whole interval late: counted anew");
  t.equal(late.due(65_000), 0);
  late.begin(0, 67_000);
  late.begin(0, 70_000);
  t.equal(late.due(79_000), null, "an event has asked for one in between");
  t.equal(late.due(80_000), 0);
});
