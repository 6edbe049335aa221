/** The services on one node: operations, checks, and the proof that nothing is left. */
import { test } from "tap";
import type { LocalInput, LocalOutput } from "../../src/services/local/local-events.ts";
import { LocalServices } from "../../src/services/local/local-services.ts";
import { emptyChain } from "../../src/services/table/service-state.ts";
import { id, service } from "../sim/cluster.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { exited, looksAtProcesses, nodeName, nothingLeft } from "./agent-driver.ts";
import { cleanDriver, LocalDriver, processEnded } from "./local-driver.ts";

test("at first anything may run: the clean-up stops and kills every service", async (t) => {
  const driver = new LocalDriver();
  t.equal(driver.local.clean, false);
  t.equal(driver.local.mayRun, true);
  driver.step({ type: "clean-up" });
  t.same(driver.underWay(), ["run web stop", "run mail stop"]);
  driver.report(exited(1)).report(exited(0));
  t.same(driver.underWay(), ["kill service:web", "kill service:mail"], "whatever the scripts said");
  driver.report({ type: "killed", survivors: 0, unseen: [] });
  t.same(driver.take(), [], "one is not done yet");
  driver.succeed();
  t.same(driver.take(), ["clean"]);
  t.equal(driver.local.mayRun, false);
});

test("operations are answered once, with the number they came with", async (t) => {
  const driver = cleanDriver().operate("start", "web", 7);
  t.same(driver.underWay(), ["run web start"]);
  const [act] = driver.acts;
  driver.report(exited(0));
  if (act === undefined) throw new Error("no action");
  driver.step({ type: "report", action: act.action, report: exited(1) });
  t.same(driver.take(), ["7 ok"]);
  driver.operate("stop", "web", 9).report(exited(2));
  t.same(driver.take(), ["9 failed"]);
});

test("L1: the same operation is not begun twice, in one life", async (t) => {
  const driver = cleanDriver().operate("start", "web", 7).succeed();
  t.same(driver.operate("stop", "web", 7).underWay(), []);
  driver.step({ type: "new-life" }).operate("stop", "web", 2).succeed();
  t.same(driver.take(), ["7 ok", "2 ok"]);
});

test("an operation in the middle of another one is refused, and that one goes on", async (t) => {
  const driver = cleanDriver().operate("start", "web", 7);
  driver.operate("stop", "web", 8);
  t.match(driver.take(), [/^stop refused: service:web is busy with start/, "8 failed"]);
  t.same(driver.underWay(), ["run web start"]);
  t.same(driver.succeed().take(), ["7 ok"]);
});

test("L2: nothing is begun before everything is verified gone", async (t) => {
  const driver = new LocalDriver().operate("start", "web");
  t.same(driver.acts, []);
  driver.step({ type: "clean-up" }).operate("start", "web");
  t.same(driver.underWay(), ["run web stop", "run mail stop"]);
});

test("a failed check names the start that it checked", async (t) => {
  const driver = cleanDriver().operate("start", "web", 3).succeed();
  driver.nowMs = 1000;
  driver.step({ type: "poll", frozen: [] }).report(exited(3));
  t.same(driver.take(), ["3 ok", "service:web (start 3) failed its check"]);
  driver.operate("stop", "web", 4).succeed().take();
  driver.nowMs = 99_000;
  driver.step({ type: "poll", frozen: [] });
  t.same(driver.acts, [], "what is stopped is not checked");
});

test("a hanging check does not delay the stop, and its late report is ignored", async (t) => {
  const driver = cleanDriver().operate("start", "web").succeed();
  driver.take();
  driver.nowMs = 1000;
  driver.step({ type: "poll", frozen: [] });
  const [check] = driver.acts;
  driver.operate("stop", "web");
  t.same(driver.take(), ["cancel run /etc/init.d/web status"]);
  t.same(driver.underWay(), ["run web stop"]);
  if (check === undefined) throw new Error("no check");
  driver.step({ type: "report", action: check.action, report: exited(3) });
  t.same(driver.take(), []);
  driver.succeed();
  t.same(driver.take(), ["2 ok"]);
});

test("one hanging check delays no other service's, and status_child_max limits them", async (t) => {
  const driver = cleanDriver(new LocalDriver(["a", "b", "c"], 2));
  for (const name of ["a", "b", "c"]) driver.operate("start", name).succeed();
  driver.nowMs = 1000;
  driver.step({ type: "poll", frozen: [] });
  t.same(driver.underWay(), ["run a status", "run b status"]);
  driver.acts.reverse();
  driver.report(exited(0)).step({ type: "poll", frozen: [] });
  t.same(driver.underWay(), ["run a status", "run c status"], "the hanging one stays");
});

test("CHECK4: more services than status_child_max are all checked, one by one", async (t) => {
  const driver = cleanDriver(new LocalDriver(["a", "b", "c"], 1));
  for (const name of ["a", "b", "c"]) driver.operate("start", name).succeed();
  driver.nowMs = 1000;
  driver.step({ type: "poll", frozen: [] });
  for (const name of ["a", "b", "c"]) {
    t.same(driver.underWay(), [`run ${name} status`]);
    driver.nowMs += 1500;
    // The next round is due before this one is over.
    driver.step({ type: "poll", frozen: [] }).report(exited(0));
  }
  t.same(driver.underWay(), ["run a status"]);
});

test("the end of a process checks its service first, then the others", async (t) => {
  const driver = cleanDriver().operate("start", "web").succeed().operate("start", "mail").succeed();
  driver.take();
  driver.step(processEnded("mail"));
  t.same(driver.underWay(), ["run mail status", "run web status"]);
  driver.succeed();
  driver.nowMs += 4000;
  driver.step(processEnded("mail"));
  t.same(driver.underWay(), ["run mail status"], "the others not again and again");
  driver.succeed().operate("stop", "mail").succeed().take();
  driver.step(processEnded("mail"));
  t.same(driver.underWay(), []);
  t.same(driver.take(), [], "what is not started ends for no bad reason");
});

test("a service that fails its check has the others checked at once", async (t) => {
  const driver = cleanDriver().operate("start", "web").succeed().operate("start", "mail").succeed();
  driver.take();
  driver.step(processEnded("mail")).report(exited(3));
  t.same(driver.underWay(), ["run web status"]);
  driver.report(exited(0));
  t.same(driver.underWay(), ["run web status"], "it may have looked too early");
  driver.report(exited(0));
  t.same(driver.underWay(), [], "one that is well asks for nothing");
});

test("an event on the machine checks everything at once", async (t) => {
  const driver = cleanDriver().operate("start", "web").succeed();
  driver.take();
  driver.nowMs = 10;
  driver.step({ type: "check-now", why: "eth0 has no link", service: null, frozen: [] });
  t.same(driver.take(), ["checking now: eth0 has no link"]);
  t.same(driver.underWay(), ["run web status"]);
});

test("an event during a check is looked at again when the check has ended well", async (t) => {
  const driver = cleanDriver().operate("start", "web").succeed();
  const event = { type: "check-now", why: "a process ended", service: null, frozen: [] } as const;
  driver.step(event);
  driver.take();
  driver.step(event).step(event);
  t.same(driver.underWay(), ["run web status"], "one check at a time");
  driver.report(exited(0));
  t.same(driver.underWay(), ["run web status"], "once more, for both events");
  driver.report(exited(0));
  t.same(driver.underWay(), []);
  driver.step(event).step(event).report(exited(3));
  t.same(driver.underWay(), [], "a failure needs no second look");
});

test("after a failed stop something may still run, until a stop or a kill has ended well", (t) => {
  const driver = cleanDriver();
  t.equal(driver.local.mayRun, false);
  driver.operate("start", "web").succeed();
  t.equal(driver.local.mayRun, true);
  driver.operate("stop", "web").report(exited(1));
  t.equal(driver.local.mayRun, true, "the stop failed");
  driver.operate("stop", "web").succeed();
  t.equal(driver.local.mayRun, false);
  driver.operate("start", "mail").report(exited(1));
  t.equal(driver.local.mayRun, true, "a failed start may have left something");
  driver.step({ type: "kill" }).succeed();
  t.equal(driver.local.mayRun, false);
  t.end();
});

test("a frozen service is not checked for any cause", async (t) => {
  const driver = cleanDriver().operate("start", "web").succeed().operate("start", "mail").succeed();
  driver.take();
  driver.nowMs = 99_000;
  const frozen = [service("web")];
  driver.step({ type: "poll", frozen });
  t.same(driver.underWay(), ["run mail status"]);
  driver.succeed().step({ type: "check-now", why: "link", service: null, frozen });
  t.same(driver.underWay(), ["run mail status"]);
  driver.succeed().step({ type: "poll", frozen: [] });
  t.same(driver.underWay(), ["run web status"], "due at once when it is unfrozen");
});

test("a kill cancels what is under way, and runs no scripts", async (t) => {
  const driver = cleanDriver().operate("start", "web").operate("start", "mail");
  driver.report(exited(0)).take();
  driver.step({ type: "kill" });
  t.same(driver.take(), ["cancel run /etc/init.d/mail start"]);
  t.same(driver.underWay(), ["kill service:web", "kill service:mail"]);
  driver.report({ type: "killed", survivors: 1, unseen: [] });
  driver.report({ type: "killed", survivors: 0, unseen: [] });
  t.same(driver.underWay(), ["pause 500 ms"]);
  t.equal(driver.local.clean, false);
  t.same(driver.take(), ["service:web: not off yet, still trying: 1 processes survive SIGKILL"]);
  driver.report({ type: "done" }).succeed();
  t.same(driver.take(), ["clean"]);
});

test("a kill during the clean-up replaces it", async (t) => {
  const driver = new LocalDriver(["web"]).step({ type: "clean-up" }).step({ type: "kill" });
  t.same(driver.take(), ["cancel run /etc/init.d/web stop"]);
  driver.succeed();
  t.same(driver.take(), ["clean"]);
});

test("resource case 10: a second use of one resource on the node is counted", async (t) => {
  const sample = sampleConf();
  const services = ["one", "two"].map((name) => sampleService(name, [script("shared")]));
  const conf = { ...sample, services: { ...sample.services, services } };
  const local = new LocalServices(conf, { nodeName: nodeName(), trackingToken: "token" });
  const counts: string[] = [];
  let action = 0;
  const step = (input: LocalInput): void => {
    for (const output of local.step(input, 0)) {
      if (output.type !== "act") continue;
      action = output.action;
      const { order } = output;
      if (looksAtProcesses(order)) {
        step({ type: "report", action, report: nothingLeft });
        continue;
      }
      const environment = new Map(order.type === "run-process" ? order.environment : []);
      counts.push(environment.get("OCF_RESKEY_RGMANAGER_meta_refcnt") ?? order.type);
      const killed = { type: "killed", survivors: 0, unseen: [] } as const;
      step({ type: "report", action, report: order.type === "run-process" ? exited(0) : killed });
    }
  };
  step({ type: "clean-up" });
  counts.length = 0;
  for (const [at, name] of ["one", "two"].entries()) {
    const operation = {
      kind: "start",
      id: at + 1,
      node: id(1),
      life: 1,
      chain: emptyChain,
    } as const;
    step({ type: "run", service: service(name), operation, off: [], unproven: false });
  }
  t.same(counts, ["0", "1"]);
});

type Act = Extract<LocalOutput, { readonly type: "act" }>;

test("JOB1: a start that is given up is told to end, waited for, and not continued", async (t) => {
  const conf = { ...sampleConf() };
  const services = [sampleService("web", [script("one"), script("two")])];
  const local = new LocalServices(
    { ...conf, services: { ...conf.services, services } },
    { nodeName: nodeName(), trackingToken: "token" },
  );
  let outputs: readonly LocalOutput[] = [];
  const step = (input: LocalInput) => {
    outputs = local.step(input, 0);
    return outputs.find((one): one is Act => one.type === "act");
  };
  let act = step({ type: "clean-up" });
  while (act !== undefined) {
    const killed = { type: "killed", survivors: 0, unseen: [] } as const;
    const looked = looksAtProcesses(act.order) ? nothingLeft : exited(0);
    const report = act.order.type === "kill-processes" ? killed : looked;
    act = step({ type: "report", action: act.action, report });
  }
  const start = { kind: "start", id: 7, node: id(1), life: 1, chain: emptyChain } as const;
  const first = step({
    type: "run",
    service: service("web"),
    operation: start,
    off: [],
    unproven: false,
  });
  if (first === undefined) throw new Error("no script");
  step({ type: "abort", service: service("web"), operation: start });
  t.same(outputs, [{ type: "cancel", action: first.action }]);
  step({ type: "abort", service: service("web"), operation: start });
  t.same(outputs, [], "once");
  // A script may end well when it is told to end; the next one is not begun.
  step({ type: "report", action: first.action, report: exited(0) });
  const text = "given up: it is to be stopped";
  const result = { type: "result", op: 7, outcome: "failed", partial: false, text };
  t.same(outputs, [{ type: "start-took", op: 7, parts: [{ part: "script", ms: 0 }] }, result]);
  const stop = {
    goal: { type: "rest", state: "stopped" },
    cleanup: "no",
    chain: emptyChain,
  } as const;
  const operation = { kind: "stop", id: 8, node: id(1), life: 1, ...stop } as const;
  t.ok(
    step({ type: "run", service: service("web"), operation, off: [], unproven: false }),
    "and it can be stopped",
  );
  step({ type: "abort", service: service("web"), operation: start });
  t.same(outputs, [], "an order that comes too late");
});

test("the agents of an operation get the nodes that were off when it was decided", async (t) => {
  const driver = new LocalDriver(["web"]).step({ type: "clean-up" }).succeed();
  const operation = { kind: "start", id: 1, node: id(1), life: 1, chain: emptyChain } as const;
  driver.step({
    type: "run",
    service: service("web"),
    operation,
    off: [nodeName()],
    unproven: false,
  });
  const environment = () => {
    const order = driver.acts[0]?.order;
    return new Map(order?.type === "run-process" ? order.environment : []);
  };
  t.equal(environment().get("CLUSTERD_NODES_OFF"), "node1");
  driver.succeed();
  driver.nowMs = 3_600_000;
  driver.step({ type: "poll", frozen: [] });
  t.ok(environment().has("CLUSTERD_NODE"), "a check");
  t.notOk(environment().has("CLUSTERD_NODES_OFF"), "by now that may be wrong");
});

function configuration(version: number, ...names: readonly string[]) {
  const sample = sampleConf();
  const services = names.map((name) => sampleService(name, [script(name)]));
  return { ...sample, version, services: { ...sample.services, services } };
}

test("new services of a configuration are stopped once, removed ones are dropped", async (t) => {
  const driver = cleanDriver();
  const conf = configuration(19, "web", "new");
  driver.step({ type: "reconfigure", conf, clean: [service("new")] });
  t.same(driver.underWay(), ["run new stop"]);
  driver.succeed();
  t.same(driver.take(), ["initialised 19"]);
  driver.operate("start", "new").succeed();
  t.same(driver.take(), ["1 ok"]);
  driver.operate("start", "mail", 9);
  t.same(driver.underWay(), []);
});

test("another configuration does not cancel the first stop of a new service", async (t) => {
  const driver = cleanDriver();
  const conf = configuration(19, "web", "new");
  driver.step({ type: "reconfigure", conf, clean: [service("new")] });
  driver.step({ type: "reconfigure", conf: configuration(20, "web", "new"), clean: [] });
  t.same(driver.take(), []);
  driver.succeed();
  t.same(driver.take(), ["initialised 20"]);
});

test("a configuration without new services is reported as initialised at once", async (t) => {
  const driver = cleanDriver();
  driver.step({ type: "reconfigure", conf: configuration(19, "web"), clean: [] });
  t.same(driver.take(), ["initialised 19"]);
});

test("L4: a configuration during a clean-up is followed by another clean-up", async (t) => {
  const driver = new LocalDriver(["web"]);
  driver.step({ type: "clean-up" });
  t.same(driver.underWay(), ["run web stop"]);
  driver.step({ type: "reconfigure", conf: configuration(19, "other"), clean: [] });
  t.same(driver.underWay(), ["run web stop"], "what the old one has is stopped to the end");
  driver.report(exited(0));
  driver.report({ type: "killed", survivors: 0, unseen: [] });
  t.equal(driver.local.clean, false);
  t.same(driver.underWay(), ["run other stop"]);
  driver.succeed();
  t.same(driver.take(), ["clean"]);
});

test("a service that is busy takes its new definition when that has ended", async (t) => {
  const driver = cleanDriver();
  driver.operate("start", "web");
  const same = configuration(19, "web", "mail");
  driver.step({ type: "reconfigure", conf: same, clean: [] }).succeed();
  t.same(driver.take(), ["initialised 19", "1 ok"]);
  driver.nowMs += 60_000;
  driver.step({ type: "poll", frozen: [] });
  t.same(driver.underWay(), ["run web status"], "it is checked as before");
  driver.step({ type: "reconfigure", conf: configuration(20, "web", "mail"), clean: [] });
  t.same(driver.take(), ["cancel run /etc/init.d/web status", "initialised 20"]);
});

const many = Array.from({ length: 50 }, (_, index) => `app${index}`);

test("L6: a clean-up begins sixteen services in each step and ends after the last", async (t) => {
  const driver = new LocalDriver(many).step({ type: "clean-up" });
  t.equal(driver.acts.length, 16);
  driver.succeed();
  t.same(driver.take(), [], "the others have not been looked at");
  while (driver.local.hurried) {
    const before = driver.acts.length;
    driver.step({ type: "continue" });
    t.ok(driver.acts.length - before <= 16);
  }
  t.equal(driver.local.clean, false);
  driver.succeed();
  t.same(driver.take(), ["clean"]);
});

test("L6: a kill begins with all services at once, also after a clean-up has begun", async (t) => {
  const driver = new LocalDriver(many).step({ type: "clean-up" }).step({ type: "kill" });
  t.equal(driver.local.hurried, false);
  driver.step({ type: "continue" });
  t.equal(driver.underWay().filter((word) => word.startsWith("kill")).length, 50);
  driver.succeed();
  t.equal(driver.take().at(-1), "clean");
});
