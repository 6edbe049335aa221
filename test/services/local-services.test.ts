/** The services on one node: operations, checks, and the proof that nothing is left. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import { type NodeName, parseNodeName } from "../../src/model/ids.ts";
import type { LocalInput, LocalOutput } from "../../src/services/local-events.ts";
import { LocalServices } from "../../src/services/local-services.ts";
import { emptyChain, type Operation } from "../../src/services/service-state.ts";
import { id, service } from "../sim/cluster.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { exited, orderWords } from "./agent-driver.ts";

type Act = Extract<LocalOutput, { readonly type: "act" }>;

function nodeName(): NodeName {
  const name = parseNodeName("node1");
  if (name === null) throw new Error("name");
  return name;
}

class Place {
  readonly local: LocalServices;
  /** Orders under way, oldest first. */
  readonly acts: Act[] = [];
  readonly said: string[] = [];
  nowMs = 0;
  #lastOp = 0;

  constructor(names: readonly string[] = ["web", "mail"], statusChildMax = 5) {
    const sample = sampleConf();
    const services = names.map((name) => sampleService(name, [script(name)]));
    const conf = { ...sample, services: { ...sample.services, services, statusChildMax } };
    this.local = new LocalServices(conf, { nodeName: nodeName(), trackingToken: "token" });
  }

  step(input: LocalInput): this {
    for (const output of this.local.step(input, this.nowMs)) this.#note(output);
    return this;
  }

  operate(kind: "start" | "stop", name: string, opId = this.#lastOp + 1): this {
    this.#lastOp = opId;
    const shared = { id: opId, node: id(1), life: 1, chain: emptyChain };
    const operation: Operation =
      kind === "start"
        ? { kind, ...shared }
        : { kind, ...shared, goal: { type: "rest", state: "stopped" }, cleanup: "no" };
    return this.step({ type: "run", service: service(name), operation });
  }

  /** Answers the oldest order. */
  report(report: AgentReport): this {
    const act = this.acts.shift();
    if (act === undefined) throw new Error("nothing is under way");
    return this.step({ type: "report", action: act.action, report });
  }

  /** Scripts exit 0, kills leave nothing, until nothing is under way. */
  succeed(): this {
    while (this.acts.length > 0) {
      const killing = this.acts[0]?.order.type === "kill-processes";
      this.report(killing ? { type: "killed", survivors: 0 } : exited(0));
    }
    return this;
  }

  underWay(): readonly string[] {
    return this.acts.map((act) => orderWords(act.order).replace("/etc/init.d/", ""));
  }

  take(): readonly string[] {
    return this.said.splice(0);
  }

  #note(output: LocalOutput): void {
    switch (output.type) {
      case "act":
        this.acts.push(output);
        return;
      case "cancel": {
        const at = this.acts.findIndex((act) => act.action === output.action);
        const [cancelled] = this.acts.splice(at, 1);
        this.said.push(`cancel ${cancelled === undefined ? "?" : orderWords(cancelled.order)}`);
        return;
      }
      case "result":
        this.said.push(`${output.op} ${output.outcome}`);
        return;
      case "status-failed":
      case "part-failed":
        this.said.push(`${output.service} (start ${output.startOp}) failed its check`);
        return;
      case "clean":
        this.said.push("clean");
        return;
      case "initialised":
        this.said.push(`initialised ${output.version}`);
        return;
      case "notice":
        this.said.push(output.text);
        return;
    }
  }
}

function clean(place = new Place()): Place {
  place.step({ type: "clean-up" }).succeed().take();
  return place;
}

test("at first nothing is known: the clean-up stops and kills every service", async (t) => {
  const place = new Place();
  t.equal(place.local.clean, false);
  t.equal(place.local.mayRun, true);
  place.step({ type: "clean-up" });
  t.same(place.underWay(), ["run web stop", "run mail stop"]);
  place.report(exited(1)).report(exited(0));
  t.same(place.underWay(), ["kill service:web", "kill service:mail"], "whatever the scripts said");
  place.report({ type: "killed", survivors: 0 });
  t.same(place.take(), [], "one is not done yet");
  place.succeed();
  t.same(place.take(), ["clean"]);
  t.equal(place.local.mayRun, false);
});

test("operations are answered once, with the number they came with", async (t) => {
  const place = clean().operate("start", "web", 7);
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
  const place = clean().operate("start", "web", 7).succeed();
  t.same(place.operate("stop", "web", 7).underWay(), []);
  place.step({ type: "new-life" }).operate("stop", "web", 2).succeed();
  t.same(place.take(), ["7 ok", "2 ok"]);
});

test("an operation in the middle of another one is refused, and that one goes on", async (t) => {
  const place = clean().operate("start", "web", 7);
  place.operate("stop", "web", 8);
  t.match(place.take(), [/^stop refused: service:web is busy with start/, "8 failed"]);
  t.same(place.underWay(), ["run web start"]);
  t.same(place.succeed().take(), ["7 ok"]);
});

test("L2: nothing is begun before everything is verified gone", async (t) => {
  const place = new Place().operate("start", "web");
  t.same(place.acts, []);
  place.step({ type: "clean-up" }).operate("start", "web");
  t.same(place.underWay(), ["run web stop", "run mail stop"]);
});

test("a failed check names the start that it checked", async (t) => {
  const place = clean().operate("start", "web", 3).succeed();
  place.nowMs = 1000;
  place.step({ type: "poll", frozen: [] }).report(exited(3));
  t.same(place.take(), ["3 ok", "service:web (start 3) failed its check"]);
  place.operate("stop", "web", 4).succeed().take();
  place.nowMs = 99_000;
  place.step({ type: "poll", frozen: [] });
  t.same(place.acts, [], "what is stopped is not checked");
});

test("a hanging check does not delay the stop, and its late report is not believed", async (t) => {
  const place = clean().operate("start", "web").succeed();
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
  const place = clean(new Place(["a", "b", "c"], 2));
  for (const name of ["a", "b", "c"]) place.operate("start", name).succeed();
  place.nowMs = 1000;
  place.step({ type: "poll", frozen: [] });
  t.same(place.underWay(), ["run a status", "run b status"]);
  place.acts.reverse();
  place.report(exited(0)).step({ type: "poll", frozen: [] });
  t.same(place.underWay(), ["run a status", "run c status"], "the hanging one stays");
});

test("L3: more services than status_child_max are all checked, one after the other", async (t) => {
  const place = clean(new Place(["a", "b", "c"], 1));
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

test("the end of a service's last process checks that service, if it is started", async (t) => {
  const place = clean().operate("start", "web").succeed().operate("start", "mail").succeed();
  place.take();
  const ended = (name: string) =>
    ({ type: "check-now", why: "it ended", service: service(name), frozen: [] }) as const;
  place.step(ended("mail"));
  t.same(place.underWay(), ["run mail status"]);
  place.succeed().operate("stop", "mail").succeed().take();
  place.step(ended("mail"));
  t.same(place.underWay(), []);
  t.same(place.take(), []);
});

test("a service that fails its check has the others checked at once", async (t) => {
  const place = clean().operate("start", "web").succeed().operate("start", "mail").succeed();
  place.take();
  place.step({ type: "check-now", why: "it ended", service: service("mail"), frozen: [] });
  t.same(place.underWay(), ["run mail status"]);
  place.report(exited(3));
  t.same(place.underWay(), ["run web status"]);
  place.report(exited(0));
  t.same(place.underWay(), [], "one that is well asks for nothing");
});

test("an event on the machine checks everything at once", async (t) => {
  const place = clean().operate("start", "web").succeed();
  place.take();
  place.nowMs = 10;
  place.step({ type: "check-now", why: "eth0 has no link", service: null, frozen: [] });
  t.same(place.take(), ["checking now: eth0 has no link"]);
  t.same(place.underWay(), ["run web status"]);
});

test("an event during a check is looked at again when the check has ended well", async (t) => {
  const place = clean().operate("start", "web").succeed();
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
  const place = clean();
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
  const place = clean().operate("start", "web").succeed().operate("start", "mail").succeed();
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
  const place = clean().operate("start", "web").operate("start", "mail");
  place.report(exited(0)).take();
  place.step({ type: "kill" });
  t.same(place.take(), ["cancel run /etc/init.d/mail start"]);
  t.same(place.underWay(), ["kill service:web", "kill service:mail"]);
  place.report({ type: "killed", survivors: 1 });
  place.report({ type: "killed", survivors: 0 });
  t.same(place.underWay(), ["pause 500 ms"]);
  t.equal(place.local.clean, false);
  place.report({ type: "done" }).succeed();
  t.same(place.take(), ["clean"]);
});

test("a kill during the clean-up takes its place", async (t) => {
  const place = new Place(["web"]).step({ type: "clean-up" }).step({ type: "kill" });
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
      const environment = new Map(order.type === "run-process" ? order.environment : []);
      counts.push(environment.get("OCF_RESKEY_RGMANAGER_meta_refcnt") ?? order.type);
      const killed = { type: "killed", survivors: 0 } as const;
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
    step({ type: "run", service: service(name), operation });
  }
  t.same(counts, ["0", "1"]);
});

function configuration(version: number, ...names: readonly string[]) {
  const sample = sampleConf();
  const services = names.map((name) => sampleService(name, [script(name)]));
  return { ...sample, version, services: { ...sample.services, services } };
}

test("what is new with a configuration is stopped once, what is gone is dropped", async (t) => {
  const place = clean();
  const conf = configuration(19, "web", "new");
  place.step({ type: "reconfigure", conf, clean: [service("new")] });
  t.same(place.underWay(), ["run new stop"]);
  place.succeed();
  t.same(place.take(), ["initialised 19"]);
  place.operate("start", "new").succeed();
  t.same(place.take(), ["1 ok"]);
  place.operate("start", "mail", 9);
  t.same(place.take(), ["start refused: there is no service:mail here", "9 failed"]);
});

test("another configuration does not make the first stop of what is new forgotten", async (t) => {
  const place = clean();
  const conf = configuration(19, "web", "new");
  place.step({ type: "reconfigure", conf, clean: [service("new")] });
  place.step({ type: "reconfigure", conf: configuration(20, "web", "new"), clean: [] });
  t.same(place.take(), []);
  place.succeed();
  t.same(place.take(), ["initialised 20"]);
});

test("nothing new: it says so at once", async (t) => {
  const place = clean();
  place.step({ type: "reconfigure", conf: configuration(19, "web"), clean: [] });
  t.same(place.take(), ["initialised 19"]);
});

test("L3: a configuration during a clean-up is followed by another clean-up", async (t) => {
  const place = new Place(["web"]);
  place.step({ type: "clean-up" });
  t.same(place.underWay(), ["run web stop"]);
  place.step({ type: "reconfigure", conf: configuration(19, "other"), clean: [] });
  t.same(place.underWay(), ["run web stop"], "what the old one has is stopped to the end");
  place.report(exited(0));
  place.report({ type: "killed", survivors: 0 });
  t.equal(place.local.clean, false);
  t.same(place.underWay(), ["run other stop"]);
  place.succeed();
  t.same(place.take(), ["clean"]);
});

test("a service that is busy takes its new definition when that has ended", async (t) => {
  const place = clean();
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
  const place = new Place(many).step({ type: "clean-up" });
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
  const place = new Place(many).step({ type: "clean-up" }).step({ type: "kill" });
  t.equal(place.local.hurried, false);
  place.step({ type: "continue" });
  t.equal(place.underWay().filter((word) => word.startsWith("kill")).length, 50);
  place.succeed();
  t.equal(place.take().at(-1), "clean");
});
