import { test } from "tap";
import type { AgentCall } from "../../src/model/agent-orders.ts";
import { StartTimes } from "../../src/services/local/start-times.ts";
import { ip, resource, sampleService, script } from "../sim/sample-conf.ts";
import { exited } from "./agent-driver.ts";
import { LocalDriver } from "./local-driver.ts";

/** A call with two orders; each takes that long. */
function* slow(): AgentCall {
  yield { type: "list-interfaces" };
  yield { type: "list-interfaces" };
  return { code: 0, text: "" };
}

test("the times of resources are added up by what they are", (t) => {
  const times = new StartTimes();
  const children = [
    ip("20.0.20.200"),
    ip("20.0.20.201"),
    script("qpidd-primary"),
    script("a"),
    script("b"),
    resource("fs", "data"),
  ];
  const conf = sampleService("web", children);
  times.begin(conf);
  for (const one of [conf.tree, ...children]) {
    const call = times.measure(one, slow());
    for (let next = call.next(); next.done !== true; next = call.next(exited(0))) {
      times.nowMs += 10.2;
    }
  }
  t.same(times.parts, [
    { part: "address", ms: 41 },
    { part: "promoted", ms: 20 },
    { part: "script", ms: 41 },
    { part: "fs", ms: 20 },
  ]);
  times.begin(conf);
  t.same(times.parts, [], "each start has its own");
  t.end();
});

test("a start reports them before its result, by the clock of the node's steps", (t) => {
  const driver = new LocalDriver(["web"]).step({ type: "clean-up" }).succeed();
  driver.take();
  driver.operate("start", "web");
  driver.nowMs += 250;
  driver.report(exited(0));
  t.same(driver.took, [[{ part: "script", ms: 250 }]]);
  t.same(driver.take(), ["1 ok"]);
  driver.operate("stop", "web").succeed();
  t.equal(driver.took.length, 1, "a stop reports none");
  t.end();
});
