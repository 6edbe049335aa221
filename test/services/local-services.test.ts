/** The services on one node: operations, checks, and the proof that nothing is left. */
import { test } from "tap";
import type { LocalInput, LocalOutput } from "../../src/services/local/local-events.ts";
import { LocalServices } from "../../src/services/local/local-services.ts";
import { emptyChain } from "../../src/services/table/service-state.ts";
import { id, service } from "../sim/cluster.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { exited, looksAtProcesses, nodeName, nothingLeft } from "./agent-driver.ts";
import { cleanPlace, LocalPlace, processEnded } from "./local-place.ts";

test("at first nothing is known: the clean-up stops and kills every service", async (t) => {
  const place = new LocalPlace();
  t.equal(place.local.clean, false);
  t.equal(place.local.mayRun, true);
  place.step({ type: "clean-up" });
  t.same(place.underWay(), ["run web stop", "run mail stop"]);
  place.report(exited(1)).report(exited(0));
  t.same(place.underWay(), ["kill service:web", "kill service:mail"], "whatever the scripts said");
  place.report({ type: "killed", survivors: 0, unseen: [] });
  t.same(place.take(), [], "one is not done yet");
  place.succeed();
  t.same(place.take(), ["clean"]);
  t.equal(place.local.mayRun, false);
});

test("operations are answered once, with the number they came with", async (t) => {
  const place = cleanPlace().operate("start", "web", 7);
  t.same(place.underWay(), ["run web start"]);
  const [act] = place.acts;
  place.report(exited(0));
  if (act === undefined) throw new Error("no action");
  place.step({ type: "report", action: act.action, report: exited(1) });
  t.same(place.take(), ["7 ok"]);
  place.operate("stop", "web", 9).report(exited(2));
  t.same(place.take(), ["9 failed"]);
});

test("L1: the same operation is not begun twice, in one life", async (t) => {
  const place = cleanPlace().operate("start", "web", 7).succeed();
  t.same(place.operate("stop", "web", 7).underWay(), []);
  place.step({ type: "new-life" }).operate("stop", "web", 2).succeed();
  t.same(place.take(), ["7 ok", "2 ok"]);
});

test("an operation in the middle of another one is refused, and that one goes on", async (t) => {
  const place = cleanPlace().operate("start", "web", 7);
  place.operate("stop", "web", 8);
  t.match(place.take(), [/^stop refused: service:web is busy with start/, "8 failed"]);
  t.same(place.underWay(), ["run web start"]);
  t.same(place.succeed().take(), ["7 ok"]);
});

test("L2: nothing is begun before everything is verified gone", async (t) => {
  const place = new LocalPlace().operate("start", "web");
  t.same(place.acts, []);
  place.step({ type: "clean-up" }).operate("start", "web");
  t.same(place.underWay(), ["run web stop", "run mail stop"]);
});

test("a failed check names the start that it checked", async (t) => {
  const place = cleanPlace().operate("start", "web", 3).succeed();
  place.nowMs = 1000;
  place.step({ type: "poll", frozen: [] }).report(exited(3));
  t.same(place.take(), ["3 ok", "service:web (start 3) failed its check"]);
  place.operate("stop", "web", 4).succeed().take();
  place.nowMs = 99_000;
  place.step({ type: "poll", frozen: [] });
  t.same(place.acts, [], "what is stopped is not checked");
});

test("a hanging check does not delay the stop, and its late report is not believed", async (t) => {
  const place = cleanPlace().operate("start", "web").succeed();
  place.take();
  place.nowMs = 1000;
  place.step({ type: "poll", frozen: [] });
  const [check] = place.acts;
  place.operate("stop", "web");
  t.same(place.take(), ["cancel run /etc/init.d/web status"]);
  t.same(place.underWay(), ["run web stop"]);
  if (check === undefined) throw new Error("no check");
  place.step({ type: "report", action: check.action, report: exited(3) });
  t.same(place.take(), []);
  place.succeed();
  t.same(place.take(), ["2 ok"]);
});

test("one hanging check delays no other service's, and status_child_max limits them", async (t) => {
  const place = cleanPlace(new LocalPlace(["a", "b", "c"], 2));
  for (const name of ["a", "b", "c"]) place.operate("start", name).succeed();
  place.nowMs = 1000;
  place.step({ type: "poll", frozen: [] });
  t.same(place.underWay(), ["run a status", "run b status"]);
  place.acts.reverse();
  place.report(exited(0)).step({ type: "poll", frozen: [] });
  t.same(place.underWay(), ["run a status", "run c status"], "the hanging one stays");
});

test("CHECK4: more services than status_child_max are all checked, one by one", async (t) => {
  const place = cleanPlace(new LocalPlace(["a", "b", "c"], 1));
  for (const name of ["a", "b", "c"]) place.operate("start", name).succeed();
  place.nowMs = 1000;
  place.step({ type: "poll", frozen: [] });
  for (const name of ["a", "b", "c"]) {
    t.same(place.underWay(), [`run ${name} status`]);
    place.nowMs += 1500;
    // The next round is due before this one is over.
    place.step({ type: "poll", frozen: [] }).report(exited(0));
  }
  t.same(place.underWay(), ["run a status"]);
});

test("the end of a process checks its service first, then the others", async (t) => {
  const place = cleanPlace().operate("start", "web").succeed().operate("start", "mail").succeed();
  place.take();
  place.step(processEnded("mail"));
  t.same(place.underWay(), ["run mail status", "run web status"]);
  place.succeed();
  place.nowMs += 4000;
  place.step(processEnded("mail"));
  t.same(place.underWay(), ["run mail status"], "the others not again and again");
  place.succeed().operate("stop", "mail").succeed().take();
  place.step(processEnded("mail"));
  t.same(place.underWay(), []);
  t.same(place.take(), [], "what is not started ends for no bad reason");
});

test("a service that fails its check has the others checked at once", async (t) => {
  const place = cleanPlace().operate("start", "web").succeed().operate("start", "mail").succeed();
  place.take();
  place.step(processEnded("mail")).report(exited(3));
  t.same(place.underWay(), ["run web status"]);
  place.report(exited(0));
  t.same(place.underWay(), ["run web status"], "it may have looked too early");
  place.report(exited(0));
  t.same(place.underWay(), [], "one that is well asks for nothing");
});

test("an event on the machine checks everything at once", async (t) => {
  const place = cleanPlace().operate("start", "web").succeed();
  place.take();
  place.nowMs = 10;
  place.step({ type: "check-now", why: "eth0 has no link", service: null, frozen: [] });
  t.same(place.take(), ["checking now: eth0 has no link"]);
  t.same(place.underWay(), ["run web status"]);
});

test("an event during a check is looked at again when the check has ended well", async (t) => {
  const place = cleanPlace().operate("start", "web").succeed();
  const event = { type: "check-now", why: "a process ended", service: null, frozen: [] } as const;
  place.step(event);
  place.take();
  place.step(event).step(event);
  t.same(place.underWay(), ["run web status"], "one check at a time");
  place.report(exited(0));
  t.same(place.underWay(), ["run web status"], "once more, for both events");
  place.report(exited(0));
  t.same(place.underWay(), []);
  place.step(event).step(event).report(exited(3));
  t.same(place.underWay(), [], "a failure needs no second look");
});

test("after a failed stop something may still run, until a stop or a kill has ended well", (t) => {
  const place = cleanPlace();
  t.equal(place.local.mayRun, false);
  place.operate("start", "web").succeed();
  t.equal(place.local.mayRun, true);
  place.operate("stop", "web").report(exited(1));
  t.equal(place.local.mayRun, true, "the stop failed");
  place.operate("stop", "web").succeed();
  t.equal(place.local.mayRun, false);
  place.operate("start", "mail").report(exited(1));
  t.equal(place.local.mayRun, true, "a failed start may have left something");
  place.step({ type: "kill" }).succeed();
  t.equal(place.local.mayRun, false);
  t.end();
});

test("what is frozen is not checked, whatever the occasion", async (t) => {
  const place = cleanPlace().operate("start", "web").succeed().operate("start", "mail").succeed();
  place.take();
  place.nowMs = 99_000;
  const frozen = [service("web")];
  place.step({ type: "poll", frozen });
  t.same(place.underWay(), ["run mail status"]);
  place.succeed().step({ type: "check-now", why: "link", service: null, frozen });
  t.same(place.underWay(), ["run mail status"]);
  place.succeed().step({ type: "poll", frozen: [] });
  t.same(place.underWay(), ["run web status"], "due at once when it is unfrozen");
});

test("a kill cancels what is under way, and runs no scripts", async (t) => {
  const place = cleanPlace().operate("start", "web").operate("start", "mail");
  place.report(exited(0)).take();
  place.step({ type: "kill" });
  t.same(place.take(), ["cancel run /etc/init.d/mail start"]);
  t.same(place.underWay(), ["kill service:web", "kill service:mail"]);
  place.report({ type: "killed", survivors: 1, unseen: [] });
  place.report({ type: "killed", survivors: 0, unseen: [] });
  t.same(place.underWay(), ["pause 500 ms"]);
  t.equal(place.local.clean, false);
  t.same(place.take(), ["service:web: not off yet, trying on: 1 processes survive SIGKILL"]);
  place.report({ type: "done" }).succeed();
  t.same(place.take(), ["clean"]);
});

test("a kill during the clean-up takes its place", async (t) => {
  const place = new LocalPlace(["web"]).step({ type: "clean-up" }).step({ type: "kill" });
  t.same(place.take(), ["cancel run /etc/init.d/web stop"]);
  place.succeed();
  t.same(place.take(), ["clean"]);
});

test("resource case 10: a second place of one resource on the node is counted", async (t) => {
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
    step({ type: "run", service: service(name), operation, off: [] });
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
  const first = step({ type: "run", service: service("web"), operation: start, off: [] });
  if (first === undefined) throw new Error("no script");
  step({ type: "abort", service: service("web"), operation: start });
  t.same(outputs, [{ type: "cancel", action: first.action }]);
  step({ type: "abort", service: service("web"), operation: start });
  t.same(outputs, [], "once");
  // A script may end well when it is told to end; the next one is not begun.
  step({ type: "report", action: first.action, report: exited(0) });
  const text = "given up: it is to be stopped";
  t.same(outputs, [{ type: "result", op: 7, outcome: "failed", partial: false, text }]);
  const stop = {
    goal: { type: "rest", state: "stopped" },
    cleanup: "no",
    chain: emptyChain,
  } as const;
  const operation = { kind: "stop", id: 8, node: id(1), life: 1, ...stop } as const;
  t.ok(step({ type: "run", service: service("web"), operation, off: [] }), "and it can be stopped");
  step({ type: "abort", service: service("web"), operation: start });
  t.same(outputs, [], "an order that comes too late");
});

test("the agents of an operation hear which nodes were off when it was decided", async (t) => {
  const place = new LocalPlace(["web"]).step({ type: "clean-up" }).succeed();
  const operation = { kind: "start", id: 1, node: id(1), life: 1, chain: emptyChain } as const;
  place.step({ type: "run", service: service("web"), operation, off: [nodeName()] });
  const environment = () => {
    const order = place.acts[0]?.order;
    return new Map(order?.type === "run-process" ? order.environment : []);
  };
  t.equal(environment().get("CLUSTERD_NODES_OFF"), "node1");
  place.succeed();
  place.nowMs = 3_600_000;
  place.step({ type: "poll", frozen: [] });
  t.ok(environment().has("CLUSTERD_NODE"), "a check");
  t.notOk(environment().has("CLUSTERD_NODES_OFF"), "by now that may be wrong");
});

function configuration(version: number, ...names: readonly string[]) {
  const sample = sampleConf();
  const services = names.map((name) => sampleService(name, [script(name)]));
  return { ...sample, version, services: { ...sample.services, services } };
}

test("what is new with a configuration is stopped once, what is gone is dropped", async (t) => {
  const place = cleanPlace();
  const conf = configuration(19, "web", "new");
  place.step({ type: "reconfigure", conf, clean: [service("new")] });
  t.same(place.underWay(), ["run new stop"]);
  place.succeed();
  t.same(place.take(), ["initialised 19"]);
  place.operate("start", "new").succeed();
  t.same(place.take(), ["1 ok"]);
  place.operate("start", "mail", 9);
  t.same(place.underWay(), []);
});

test("another configuration does not make the first stop of what is new forgotten", async (t) => {
  const place = cleanPlace();
  const conf = configuration(19, "web", "new");
  place.step({ type: "reconfigure", conf, clean: [service("new")] });
  place.step({ type: "reconfigure", conf: configuration(20, "web", "new"), clean: [] });
  t.same(place.take(), []);
  place.succeed();
  t.same(place.take(), ["initialised 20"]);
});

test("nothing new: it says so at once", async (t) => {
  const place = cleanPlace();
  place.step({ type: "reconfigure", conf: configuration(19, "web"), clean: [] });
  t.same(place.take(), ["initialised 19"]);
});

test("L4: a configuration during a clean-up is followed by another clean-up", async (t) => {
  const place = new LocalPlace(["web"]);
  place.step({ type: "clean-up" });
  t.same(place.underWay(), ["run web stop"]);
  place.step({ type: "reconfigure", conf: configuration(19, "other"), clean: [] });
  t.same(place.underWay(), ["run web stop"], "what the old one has is stopped to the end");
  place.report(exited(0));
  place.report({ type: "killed", survivors: 0, unseen: [] });
  t.equal(place.local.clean, false);
  t.same(place.underWay(), ["run other stop"]);
  place.succeed();
  t.same(place.take(), ["clean"]);
});

test("a service that is busy takes its new definition when that has ended", async (t) => {
  const place = cleanPlace();
  place.operate("start", "web");
  const same = configuration(19, "web", "mail");
  place.step({ type: "reconfigure", conf: same, clean: [] }).succeed();
  t.same(place.take(), ["initialised 19", "1 ok"]);
  place.nowMs += 60_000;
  place.step({ type: "poll", frozen: [] });
  t.same(place.underWay(), ["run web status"], "it is checked as before");
  place.step({ type: "reconfigure", conf: configuration(20, "web", "mail"), clean: [] });
  t.same(place.take(), ["cancel run /etc/init.d/web status", "initialised 20"]);
});

const many = Array.from({ length: 50 }, (_, index) => `app${index}`);

test("L6: a clean-up begins sixteen services in each step and ends after the last", async (t) => {
  const place = new LocalPlace(many).step({ type: "clean-up" });
  t.equal(place.acts.length, 16);
  place.succeed();
  t.same(place.take(), [], "the others have not been looked at");
  while (place.local.hurried) {
    const before = place.acts.length;
    place.step({ type: "continue" });
    t.ok(place.acts.length - before <= 16);
  }
  t.equal(place.local.clean, false);
  place.succeed();
  t.same(place.take(), ["clean"]);
});

test("L6: a kill begins with all services at once, also after a clean-up has begun", async (t) => {
  const place = new LocalPlace(many).step({ type: "clean-up" }).step({ type: "kill" });
  t.equal(place.local.hurried, false);
  place.step({ type: "continue" });
  t.equal(place.underWay().filter((word) => word.startsWith("kill")).length, 50);
  place.succeed();
  t.equal(place.take().at(-1), "clean");
});
