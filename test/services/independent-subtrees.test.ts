/**
 * Independent and non-critical subtrees: which part a failed check concerns, what the repair calls,
 * and what becomes of the service.
 */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import type { ResourceConf, ServiceConf, SubtreeConf } from "../../src/model/conf.ts";
import { type NodeName, parseNodeName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { ServiceWorker } from "../../src/services/local/service-worker.ts";
import { RunningResources } from "../../src/services/local/started-resources.ts";
import { Cluster, service } from "../sim/cluster.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { exited, looksAtProcesses, nothingLeft } from "./agent-driver.ts";
import { TableDriver } from "./table-driver.ts";

const independent: SubtreeConf = { kind: "independent", restarts: null };
const nonCritical: SubtreeConf = { kind: "non-critical", restarts: null };

function once(kind: SubtreeConf["kind"], seconds = 300): SubtreeConf {
  return { kind, restarts: { max: 1, expireMs: ms(seconds * 1000) } };
}

/** Checked every second. */
function part(name: string, rest: Partial<ResourceConf> = {}): ResourceConf {
  const actions = [{ name: "status", depth: null, intervalMs: ms(1000), timeoutMs: null }];
  return script(name, { actions, ...rest });
}

/** One service on one node: its scripts run until they are killed, or fail when told to. */
class Host {
  readonly worker: ServiceWorker;
  readonly running = new Set<string>();
  readonly broken = new Set<string>();
  nowMs = 0;

  constructor(...children: readonly ResourceConf[]) {
    this.worker = new ServiceWorker(
      sampleService("web", children),
      {
        service: service("web"),
        nodeName: nodeName(),
        trackingToken: "token",
      },
      new RunningResources(),
    );
    this.start();
  }

  start(): this {
    this.#walk(this.worker.start());
    this.worker.beginChecks(this.nowMs, null);
    return this;
  }

  /** A second later these have died: `failed`, `repair`, or `healthy`. */
  check(...dead: readonly string[]): string {
    for (const name of dead) this.running.delete(name);
    this.nowMs += 1000;
    const call = this.worker.check(this.nowMs, "due");
    if (call === null) return "nothing is due";
    const { code } = this.#walk(call).verdict;
    if (code !== 0) return "failed";
    return this.worker.wantsRepair ? "repair" : "healthy";
  }

  repair(): string {
    const { calls, verdict } = this.#walk(this.worker.repair(this.nowMs));
    this.worker.beginChecks(this.nowMs, null);
    return verdict.code === 0 ? calls : `${calls}; failed`;
  }

  convalesce(): string {
    const { calls, verdict } = this.#walk(this.worker.convalesce());
    this.worker.beginChecks(this.nowMs, null);
    return verdict.code === 0 ? calls : `${calls}; failed`;
  }

  stop(): string {
    return this.#walk(this.worker.stop()).calls;
  }

  /** The next check's calls, whatever they say. */
  checked(): string {
    this.nowMs += 1000;
    const call = this.worker.check(this.nowMs, "due");
    return call === null ? "" : this.#walk(call).calls;
  }

  #walk(call: ReturnType<ServiceWorker["start"]>) {
    const words: string[] = [];
    let next = call.next();
    while (next.done !== true) {
      const order = next.value;
      if (looksAtProcesses(order)) {
        next = call.next(nothingLeft);
        continue;
      }
      if (order.type !== "run-process") throw new Error(`unexpected ${order.type}`);
      const [file, verb] = order.argv;
      const name = file.slice(file.lastIndexOf("/") + 1);
      words.push(`${verb} ${name}`);
      next = call.next(this.#report(name, verb ?? ""));
    }
    return { calls: words.join(", "), verdict: next.value };
  }

  #report(name: string, verb: string): AgentReport {
    if (this.broken.has(`${name} ${verb}`)) return exited(1);
    if (verb === "start") this.running.add(name);
    if (verb === "stop") this.running.delete(name);
    return exited(verb === "status" && !this.running.has(name) ? 3 : 0);
  }
}

function nodeName(): NodeName {
  const name = parseNodeName("node1");
  if (name === null) throw new Error("name");
  return name;
}

/** one (independent) with two (independent) and three below it, and four. */
function manual(): Host {
  const two = part("two", { subtree: independent });
  return new Host(
    part("one", { subtree: independent, children: [two, part("three")] }),
    part("four"),
  );
}

test("resource case 18: an independent part is restarted alone, else it is the service", (t) => {
  const host = manual();
  t.equal(host.check("two"), "repair");
  t.equal(host.repair(), "stop two, start two");
  t.equal(host.check("four"), "failed");
  t.end();
});

test("resource case 19: the child of an independent part takes its parent along", (t) => {
  const host = manual();
  t.equal(host.check("three"), "repair");
  t.equal(host.repair(), "stop three, stop two, stop one, start one, start two, start three");
  t.equal(host.check("one"), "repair");
  t.equal(host.repair(), "stop three, stop two, stop one, start one, start two, start three");
  t.end();
});

test("resource case 20: a non-critical part is left out until a convalesce starts it", (t) => {
  const extra = part("extra", { subtree: nonCritical, children: [part("below")] });
  const host = new Host(part("main"), extra);
  t.equal(host.check("below"), "repair");
  t.equal(host.repair(), "stop below, stop extra");
  t.equal(host.worker.partial, true);
  t.equal(host.checked(), "status main", "what is left out is not checked");
  t.equal(host.convalesce(), "start extra, start below");
  t.equal(host.worker.partial, false);
  t.equal(host.check(), "healthy");
  t.equal(host.checked(), "status main, status extra, status below");
  t.end();
});

test("resource case 21: a non-critical part with a limit is restarted, then left out", (t) => {
  const host = new Host(part("main"), part("extra", { subtree: once("non-critical") }));
  t.equal(host.check("extra"), "repair");
  t.equal(host.repair(), "stop extra, start extra");
  t.equal(host.worker.partial, false);
  t.equal(host.check("extra"), "repair");
  t.equal(host.repair(), "stop extra");
  t.equal(host.worker.partial, true);
  t.end();
});

test("failures further apart than the expiry time are restarted every time", (t) => {
  const host = new Host(part("main"), part("extra", { subtree: once("non-critical", 10) }));
  for (let round = 0; round < 3; round += 1) {
    t.equal(host.check("extra"), "repair");
    t.equal(host.repair(), "stop extra, start extra");
    host.nowMs += 10_000;
  }
  t.end();
});

test("an independent part beyond its limit is a failure of the next independent one above", (t) => {
  const inner = part("inner", { subtree: once("independent") });
  const host = new Host(part("outer", { subtree: once("independent"), children: [inner] }));
  t.equal(host.check("inner"), "repair");
  t.equal(host.repair(), "stop inner, start inner");
  t.equal(host.check("inner"), "repair");
  t.equal(host.repair(), "stop inner, stop outer, start outer, start inner");
  t.equal(host.check("inner"), "repair", "its own count has begun anew");
  t.equal(host.repair(), "stop inner, start inner");
  t.equal(host.check("inner"), "failed", "now it is the service");
  t.end();
});

test("several parts are stopped in stop order and started in start order; none twice", (t) => {
  const host = new Host(
    part("a", { subtree: independent }),
    part("b", { subtree: independent, children: [part("c", { subtree: independent })] }),
    part("d", { subtree: nonCritical }),
  );
  t.equal(host.check("a", "b", "c", "d"), "repair");
  t.equal(host.repair(), "stop d, stop c, stop b, stop a, start a, start b, start c");
  t.equal(host.worker.partial, true);
  t.end();
});

test("the restart of a part starts a left-out part below it, too", (t) => {
  const inner = part("inner", { subtree: nonCritical });
  const host = new Host(part("outer", { subtree: independent, children: [inner] }));
  host.check("inner");
  host.repair();
  t.equal(host.worker.partial, true);
  t.equal(host.check("outer"), "repair");
  t.equal(host.repair(), "stop inner, stop outer, start outer, start inner");
  t.equal(host.worker.partial, false);
  t.end();
});

test("a repair that fails: an independent part fails the service, others stay left out", (t) => {
  const host = new Host(part("a", { subtree: independent }));
  host.broken.add("a start");
  t.equal(host.check("a"), "repair");
  t.equal(host.repair(), "stop a, start a; failed");
  const stuck = new Host(part("a", { subtree: independent }));
  stuck.broken.add("a stop");
  stuck.check("a");
  t.equal(stuck.repair(), "stop a; failed", "it cannot be restarted");
  const extra = new Host(part("x", { subtree: once("non-critical") }));
  extra.broken.add("x start");
  t.equal(extra.check("x"), "repair");
  t.equal(extra.repair(), "stop x, start x, stop x");
  t.equal(extra.worker.partial, true);
  extra.broken.add("x stop");
  t.equal(extra.convalesce(), "start x, stop x; failed");
  t.equal(extra.worker.partial, true);
  const left = new Host(part("x", { subtree: nonCritical }));
  left.broken.add("x stop");
  left.check("x");
  t.equal(left.repair(), "stop x", "its failing stop is a warning only");
  t.end();
});

test("stop and start of the whole service include the parts that were left out", (t) => {
  const host = new Host(part("main"), part("extra", { subtree: nonCritical }));
  host.check("extra");
  host.repair();
  t.equal(host.stop(), "stop extra, stop main");
  t.equal(host.worker.partial, false);
  host.start();
  t.equal(host.checked(), "status main, status extra");
  t.end();
});

test("a failure that is tolerated wants no repair", (t) => {
  const tolerance = { failures: 1, expireMs: ms(60_000) };
  const host = new Host(part("extra", { subtree: nonCritical, tolerance }));
  t.equal(host.check("extra"), "healthy");
  t.equal(host.check(), "repair");
  t.end();
});

// --- the table ----------------------------------------------------------------------------------

const web = "web";

function table(rest: Partial<ServiceConf> = {}): TableDriver {
  const sample = sampleConf({ fencing: { cleanStart: true } });
  const services = [sampleService(web, [script("web")], rest)];
  const driver = new TableDriver({ ...sample, services: { ...sample.services, services } });
  return driver.view(1, 2, 3).ready(1, 2, 3).succeed();
}

test("a repaired service stays started, is flagged partial, and loses it in each way", (t) => {
  const partial = () => table().checkFails(web, "part-failed").answer("ok", { partial: true });
  const driver = table().checkFails(web, "part-failed");
  t.equal(driver.awaited(web), "repair on 1");
  t.equal(driver.shown(web), "started 1", "while it is being repaired");
  driver.checkFails(web).checkFails(web, "part-failed");
  t.equal(driver.operations.length, 1, "further checks change nothing");
  driver.answer("ok", { partial: true });
  t.equal(driver.record(web).partial, true);
  t.equal(driver.record(web).restarts, 0);
  const mended = partial();
  const number = mended.request(3, "convalesce", { service: web });
  mended.answer("failed", { partial: true });
  t.equal(mended.outcome(number), "repair-failed");
  t.equal(mended.record(web).partial, true, "what could not be started is still missing");
  mended.request(3, "convalesce", { service: web });
  t.equal(mended.answer().record(web).partial, false);
  const restarted = partial();
  restarted.request(3, "restart", { service: web });
  t.equal(restarted.succeed().record(web).partial, false);
  const lost = partial().view(2, 3).fenced(1);
  t.equal(lost.record(web).partial, false);
  t.end();
});

test("a repair that fails is a failure of the service: its recovery policy", (t) => {
  const driver = table({ recovery: "relocate" }).checkFails(web, "part-failed").answer("failed");
  t.equal(driver.awaited(web), "stop on 1");
  t.equal(driver.record(web).state, "recoverable");
  t.equal(driver.succeed().shown(web), "started 2");
  t.end();
});

test("requests and events during a repair are handled when it has ended", (t) => {
  const wanted = table().checkFails(web, "part-failed");
  const number = wanted.request(2, "disable", { service: web });
  t.equal(wanted.outcome(number), null);
  wanted.answer("failed");
  t.equal(wanted.awaited(web), "stop on 1");
  wanted.succeed();
  t.equal(wanted.shown(web), "disabled (1)");
  t.equal(wanted.outcome(number), "done");
  const leaving = table().checkFails(web, "part-failed").leaving(1);
  t.equal(leaving.operations.length, 1);
  t.same(leaving.granted, [], "not before its service is stopped");
  leaving.answer();
  t.equal(leaving.awaited(web), "stop on 1");
  leaving.succeed();
  t.same(leaving.granted, [1]);
  t.equal(leaving.shown(web), "started 2");
  t.end();
});

test("its node is lost while a service is under repair: it starts elsewhere", (t) => {
  const driver = table().checkFails(web, "part-failed").answer("ok", { partial: true });
  const number = driver.request(2, "convalesce", { service: web });
  driver.operations.length = 0;
  driver.view(2, 3);
  t.equal(driver.shown(web), "started 1");
  driver.fenced(1).succeed();
  t.equal(driver.shown(web), "started 2");
  t.equal(driver.outcome(number), "owner-lost");
  const disabled = table().checkFails(web, "part-failed");
  const request = disabled.request(2, "disable", { service: web });
  disabled.operations.length = 0;
  disabled.view(2, 3).fenced(1).succeed();
  t.equal(disabled.shown(web), "disabled (1)");
  t.equal(disabled.outcome(request), "done");
  t.end();
});

// --- the whole way ------------------------------------------------------------------------------

test("a non-critical script dies in a cluster: partial, until a convalesce", async (t) => {
  const sample = sampleConf();
  const children = [script("main"), script("extra", { subtree: nonCritical })];
  const services = [sampleService(web, children)];
  const conf = { ...sample, services: { ...sample.services, services } };
  const time = new VirtualTime();
  const nodes = conf.nodes.map((node) => node.id);
  const membership = new PerfectMembership(time, nodes);
  const cluster = new Cluster({ conf, time, membership }).boot(1, 2, 3).run(5000);
  t.equal(cluster.shown(2, web), "started 1");
  const { running } = cluster.host(1);
  running.delete("service:web /etc/init.d/extra");
  cluster.run(3000);
  t.equal(cluster.shown(2, web), "started 1");
  t.equal(cluster.record(3, web)?.partial, true);
  t.same([...running], ["service:web /etc/init.d/main"], "the rest was not touched");
  const box = cluster.request(3, "convalesce", { service: web });
  cluster.run(1000);
  t.equal(box.reply?.type, "done");
  t.equal(cluster.record(2, web)?.partial, false);
  t.equal(running.size, 2);
});
