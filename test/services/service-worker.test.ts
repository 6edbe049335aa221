/** The work on one service: order, failures on the way, and cleaning up. */
import { test } from "tap";
import type { AgentCall, AgentReport } from "../../src/model/agent-orders.ts";
import type { NodeName, ServiceName } from "../../src/model/ids.ts";
import { parseNodeName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { ServiceWorker } from "../../src/services/local/service-worker.ts";
import { RunningResources } from "../../src/services/local/started-resources.ts";
import { service } from "../sim/cluster.ts";
import { ip, sampleService, script } from "../sim/sample-conf.ts";
import { done, exited, walkCall } from "./agent-driver.ts";

function nodeName(): NodeName {
  const name = parseNodeName("node1");
  if (name === null) throw new Error("name");
  return name;
}

const web: ServiceName = service("web");

function worker(...children: Parameters<typeof sampleService>[1]): ServiceWorker {
  return new ServiceWorker(
    sampleService("web", children),
    {
      service: web,
      nodeName: nodeName(),
      trackingToken: "token",
    },
    new RunningResources(),
  );
}

const absent: AgentReport = { type: "not-started", absent: true, cause: "ENOENT" };

function interfaces(...addresses: readonly string[]): AgentReport {
  const listed = ["10.0.0.1", ...addresses].map((address) => {
    return { address, prefix: 24, family: "ipv4" as const, ours: address !== "10.0.0.1" };
  });
  const eth0 = { name: "eth0", up: true, carrier: true, slave: false, addresses: listed };
  return { type: "interfaces", interfaces: [eth0], contested: [] };
}

test("resource case 22: the first failing start is the last; stop visits all", async (t) => {
  const five = worker(...["a", "b", "c", "d", "e"].map((name) => script(name)));
  const start = walkCall(five.start(), [exited(0), exited(0), exited(1)]);
  t.same(
    start.orders,
    ["a", "b", "c"].map((name) => `run /etc/init.d/${name} start`),
  );
  t.equal(start.verdict.code, 1);
  const stop = walkCall(five.stop(), Array<AgentReport>(5).fill(exited(0)));
  t.same(
    stop.orders,
    ["e", "d", "c", "b", "a"].map((name) => `run /etc/init.d/${name} stop`),
  );
  t.equal(stop.verdict.code, 0);
});

test("resource case 23: a failing stop is not the end of the stop, but its result", async (t) => {
  const two = worker(script("a"), script("b"));
  const stop = walkCall(two.stop(), [exited(1), exited(0)]);
  t.equal(stop.orders.length, 2);
  t.equal(stop.verdict.code, 1);
  t.match(stop.verdict.text, /stop of \/etc\/init\.d\/b returned 1/);
});

test("a start that fails before any work, with a code that says so, is declined", async (t) => {
  const declined = (codes: readonly number[]) => {
    const names = ["a", "b"].slice(0, codes.length);
    const called = worker(...names.map((name) => script(name)));
    return (
      walkCall(
        called.start(),
        codes.map((code) => exited(code)),
      ).verdict.declined === true
    );
  };
  for (const code of [5, 6, 7]) t.ok(declined([code]), `exit ${code}`);
  for (const code of [1, 8, 150]) t.notOk(declined([code]), `exit ${code} may leave anything`);
  t.notOk(declined([0, 7]), "the first one works already");
  t.ok(walkCall(worker(script("a")).start(), [absent]).verdict.declined);
});

test("resource case 12: a missing script fails to start, and needs no stop", async (t) => {
  const one = worker(script("a"));
  t.equal(walkCall(one.start(), [absent]).verdict.code, 5);
  t.same(walkCall(one.stop(), [absent]).verdict, { code: 0, text: "" });
});

test("resource case 13: a script missing since its start cannot be stopped", async (t) => {
  const one = worker(script("a"));
  walkCall(one.start(), [exited(0)]);
  t.equal(walkCall(one.stop(), [absent]).verdict.code, 1);
  const failed = worker(script("a"));
  walkCall(failed.start(), [exited(1)]);
  t.equal(
    walkCall(failed.stop(), [absent]).verdict.code,
    1,
    "its failed start may have left parts",
  );
});

test("after a clean stop a missing script needs no stop", async (t) => {
  const one = worker(script("a"));
  walkCall(one.start(), [exited(0)]);
  walkCall(one.stop(), [exited(0)]);
  t.equal(walkCall(one.stop(), [absent]).verdict.code, 0);
});

test("the clean-up limits each stop script, and kills whatever its result", async (t) => {
  const one = worker(script("a"));
  const call = one.cleanUp();
  t.match(call.next().value, { type: "run-process", timeoutMs: ms(30_000) });
  t.same(call.next({ type: "timed-out", output: "" }).value, {
    type: "kill-processes",
    service: web,
  });
  t.match(call.next({ type: "killed", survivors: 0, unseen: [] }), {
    done: true,
    value: { code: 0 },
  });
});

test("survivors of SIGKILL are killed again, until none is left", async (t) => {
  const killed = (survivors: number): AgentReport => ({ type: "killed", survivors, unseen: [] });
  const { orders, verdict } = walkCall(worker(script("a")).kill(), [
    killed(2),
    done,
    killed(1),
    done,
    killed(0),
  ]);
  const kill = "kill service:web";
  t.same(orders, [kill, "pause 500 ms", kill, "pause 500 ms", kill]);
  t.equal(verdict.code, 0);
});

test("a kill takes the address away first, and runs no script", async (t) => {
  const { orders } = walkCall(worker(script("a"), ip("10.0.0.5")).kill(), [
    interfaces("10.0.0.5"),
    done,
    interfaces(),
    done,
    { type: "killed", survivors: 0, unseen: [] },
    interfaces(),
  ]);
  t.same(orders, [
    "list",
    "remove 10.0.0.5/24 on eth0",
    "list",
    "release 10.0.0.5",
    "kill service:web",
    "list",
  ]);
});

test("a kill that cannot list processes or remove the address goes on", async (t) => {
  const failed: AgentReport = { type: "failed", cause: "EPERM" };
  const killed: AgentReport = { type: "killed", survivors: 0, unseen: [] };
  const address = walkCall(worker(ip("10.0.0.5")).kill(), [
    interfaces("10.0.0.5"),
    failed,
    killed,
    interfaces("10.0.0.5"),
    failed,
    done,
    interfaces(),
    killed,
    interfaces(),
  ]);
  t.equal(address.orders.at(5), "pause 500 ms");
  const listing = walkCall(worker(script("a")).kill(), [failed, done, killed]);
  t.equal(listing.orders.length, 3);
});

test("checks go in start order, and the first failure is the result", async (t) => {
  const two = worker(script("a"), script("b"));
  walkCall(two.start(), [exited(0), exited(0)]);
  t.equal(two.check(0, "event"), null, "nothing to check before checks began");
  two.beginChecks(0, ms(1000));
  t.equal(two.check(500, "due"), null);
  const check = two.check(1000, "due");
  if (check === null) throw new Error("no check is due");
  const { orders, verdict } = walkCall(check, [exited(3)]);
  t.same(orders, ["run /etc/init.d/a status"]);
  t.equal(verdict.code, 1);
  two.endChecks();
  t.equal(two.check(99_000, "event"), null);
});

test("resource case 17: two failures a minute are tolerated, the third counts", (t) => {
  const tolerance = { failures: 2, expireMs: ms(60_000) };
  const actions = [{ name: "status", depth: null, intervalMs: ms(1000), timeoutMs: null }];
  const tolerant = worker(script("a", { tolerance, actions }));
  const failsAt = (seconds: number): number => {
    const check = tolerant.check(seconds * 1000, "due");
    if (check === null) throw new Error("no check is due");
    const { verdict } = walkCall(check, [exited(1)]);
    t.match(verdict.text, /status of \/etc\/init\.d\/a returned 1/, "and said");
    return verdict.code;
  };
  const startAt = (seconds: number): void => {
    walkCall(tolerant.start(), [exited(0)]);
    tolerant.beginChecks(seconds * 1000, null);
  };
  startAt(-1);
  t.same([0, 10, 20].map(failsAt), [0, 0, 1]);
  t.same([62, 63].map(failsAt), [0, 1], "the first one is forgotten after a minute");
  t.same([130, 131, 132].map(failsAt), [0, 0, 1]);
  startAt(133);
  t.same([135, 136, 137].map(failsAt), [0, 0, 1], "a start forgets them all");
  t.end();
});

test("time-outs are limits where they are enforced, and hints elsewhere", (t) => {
  const action = (name: string, seconds: number) => {
    return { name, depth: null, intervalMs: null, timeoutMs: ms(seconds * 1000) };
  };
  const actions = [action("start", 60), action("stop", 0)];
  const limits = (call: AgentCall): readonly unknown[] => {
    const found: unknown[] = [];
    for (let next = call.next(); next.done !== true; next = call.next(exited(0))) {
      if (next.value.type === "run-process") found.push(next.value.timeoutMs);
    }
    return found;
  };
  const [enforced, hinted] = [
    script("a", { actions, enforceTimeouts: true }),
    script("b", { actions }),
  ];
  t.same(limits(worker(enforced, hinted).start()), [60_000, 300_000]);
  const own = "0 is no limit but the last one";
  t.same(limits(worker(enforced, hinted).stop()), [300_000, 300_000], own);
  const slow = script("c", { actions: [action("start", 1000)] });
  t.same(limits(worker(slow).start()), [2_000_000], "the last one is beyond every hint");
  const cleanUp = worker(enforced, hinted).cleanUp();
  t.match(cleanUp.next().value, { timeoutMs: 30_000 }, "what does not say gets half a minute");
  t.match(cleanUp.next(exited(0)).value, { timeoutMs: 30_000 });
  for (const seconds of [5, 90]) {
    const asks = script("d", { actions: [action("stop", seconds)] });
    const said = "what its agent asks for, in a clean-up, too";
    t.match(worker(asks).cleanUp().next().value, { timeoutMs: seconds * 1000 }, said);
  }
  t.end();
});

test("a stop after one that failed kills what agents leave, and is still a failure", async (t) => {
  const killed: AgentReport = { type: "killed", survivors: 0, unseen: [] };
  const failing = walkCall(worker(script("a")).stopAgain(), [exited(1), killed]);
  t.same(failing.orders, ["run /etc/init.d/a stop", "kill service:web"]);
  t.match(failing.verdict, { code: 1, text: /what was left has been killed$/ });
  const good = walkCall(worker(script("a")).stopAgain(), [exited(0)]);
  t.equal(good.verdict.code, 0);
});
