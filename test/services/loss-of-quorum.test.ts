/** What goes on without quorum: on its node, and in the table to which the node comes back. */
import { test } from "tap";
import { parseNodeName } from "../../src/model/ids.ts";
import type { LocalInput } from "../../src/services/local/local-events.ts";
import { LocalServices } from "../../src/services/local/local-services.ts";
import { emptyChain } from "../../src/services/table/service-state.ts";
import { Cluster, id, service } from "../sim/cluster.ts";
import { judgeOwners } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { exited, nothingLeft, orderWords } from "./agent-driver.ts";

const P = "qpidd-primary-service";
const broker = service("broker");
const web = service("web");

/** A node with a bound and a floating service, whose agents answer when they are told to. */
class Node {
  readonly local: LocalServices;
  acts: { readonly action: number; readonly words: string }[] = [];
  said: string[] = [];
  #lastOp = 0;

  constructor() {
    const sample = sampleConf();
    const bound = sampleService("broker", [script("broker")], { boundTo: id(1) });
    const services = [bound, sampleService("web", [script("web")])];
    const conf = { ...sample, services: { ...sample.services, services } };
    const nodeName = parseNodeName("node1");
    if (nodeName === null) throw new Error("name");
    this.local = new LocalServices(conf, { nodeName, trackingToken: "token" });
    this.step({ type: "clean-up" }).succeed();
    for (const name of [broker, web]) this.start(name).succeed();
    this.said = [];
  }

  step(input: LocalInput): this {
    for (const output of this.local.step(input, 0)) {
      if (output.type === "act") {
        const words = orderWords(output.order).replaceAll("/etc/init.d/", "");
        this.acts.push({ action: output.action, words });
      } else if (output.type === "notice") this.said.push(output.text);
      else this.said.push(output.type);
    }
    return this;
  }

  start(name: typeof broker): this {
    this.#lastOp += 1;
    const shared = { id: this.#lastOp, node: id(1), life: 1, chain: emptyChain };
    const operation = { kind: "start", ...shared } as const;
    return this.step({ type: "run", service: name, operation, off: [], unproven: false });
  }

  succeed(code = 0): this {
    for (let act = this.acts.shift(); act !== undefined; act = this.acts.shift()) {
      const killed = { type: "killed", survivors: 0, unseen: [] } as const;
      const looks = /^(processes|end) /.test(act.words);
      const looked = looks ? nothingLeft : exited(code);
      const report = act.words.startsWith("kill") ? killed : looked;
      this.step({ type: "report", action: act.action, report });
    }
    return this;
  }
}

test("L7: floating services are stopped, bound ones go on", async (t) => {
  const node = new Node();
  t.equal(node.local.mayFloat, true);
  node.step({ type: "stand-down" });
  t.same(
    node.acts.map(({ words }) => words),
    ["run web stop"],
  );
  t.equal(node.local.mayFloat, true, "it is not verified yet");
  node.succeed();
  t.same(node.said, ["clean"]);
  t.equal(node.local.mayFloat, false);
  t.same(node.local.kept, [broker]);
  t.equal(node.local.mayRun, true);
});

test("L7: a check that fails meanwhile has no effect, but is logged once", async (t) => {
  const node = new Node();
  node.step({ type: "stand-down" }).succeed();
  node.said = [];
  for (const _ of [1, 2]) {
    node.step({ type: "check-now", why: "link", service: broker, frozen: [] }).succeed(3);
  }
  t.equal(node.said.filter((text) => /has failed without quorum/.test(text)).length, 1);
  t.notOk(node.said.includes("status-failed"));
  node.said = [];
  node.step({ type: "adopt", service: broker, startOp: 40 }).succeed(3);
  t.ok(node.said.includes("status-failed"), "the table hears of it at once");
  t.same(node.local.kept, []);
});

test("L7: a service that is being started does not go on, and a kill spares none", async (t) => {
  const starting = new Node();
  starting.step({ type: "clean-up" }).succeed().start(broker).step({ type: "stand-down" });
  t.same(starting.local.kept, []);
  t.ok(starting.acts.some(({ words }) => words === "run broker stop"));
  const killed = new Node();
  killed.step({ type: "stand-down" }).succeed().step({ type: "kill" }).succeed();
  t.same(killed.local.kept, []);
  t.equal(killed.local.mayRun, false);
});

test("L7: no agent is asked to stop a service that is known not to be here", async (t) => {
  const node = new Node();
  const stop = { type: "rest", state: "stopped" } as const;
  const shared = { id: 9, node: id(1), life: 1, chain: emptyChain, goal: stop };
  const operation = { kind: "stop", cleanup: "no", ...shared } as const;
  node
    .step({ type: "run", service: web, operation, off: [], unproven: false })
    .succeed()
    .step({ type: "stand-down" });
  t.same(node.acts, []);
  t.equal(node.local.clean, true);
});

function cluster(conf = sampleConf()): Cluster {
  const time = new VirtualTime();
  const nodes = conf.nodes.map((node) => node.id);
  const membership = new PerfectMembership(time, nodes);
  return new Cluster({ conf, time, membership, judge: judgeOwners }).boot(1, 2, 3).run(5000);
}

/** How often the broker of the node was started. */
function starts(seen: Cluster, node: number): number {
  const call = `service:node${node}-qpidd-service start`;
  return seen.host(node).calls.filter((one) => one === call).length;
}

test("N4: an outage of the network restarts no broker, however long it lasts", async (t) => {
  for (const awayMs of [3000, 20_000, 300_000]) {
    const seen = cluster().cut([1], [2], [3]).run(awayMs);
    t.same(seen.runningOn(P), []);
    const alerts = seen.log.filter((line) => / alert: the lease has ended/.test(line));
    t.same(alerts, [], "all has been stopped by then, and nothing is killed");
    seen.heal().run(40_000);
    t.equal(seen.runningOn(P).length, 1);
    for (const node of [1, 2, 3]) {
      t.equal(starts(seen, node), 1, `node${node} after ${awayMs} ms`);
      t.equal(seen.shown(1, `node${node}-qpidd-service`), `started ${node}`);
    }
  }
});

test("N4: a node that was away while others were quorate restarts its services", async (t) => {
  const seen = cluster().cut([1], [2, 3]).run(20_000);
  t.same(seen.runningOn("node1-qpidd-service"), [1]);
  seen.heal().run(20_000);
  t.same(
    [1, 2, 3].map((node) => starts(seen, node)),
    [2, 1, 1],
  );
});

/** As long as the lost node may be running, nobody can start what it had. */
test("N4: others were quorate meanwhile, but nothing that floats was running", async (t) => {
  const seen = cluster().cut([1], [2], [3]).run(20_000);
  const before = seen.node(2)?.snapshot.life;
  seen.cut([1], [2, 3]).run(1000);
  t.same(seen.runningOn(P), []);
  seen.heal().run(40_000);
  t.same(
    [1, 2, 3].map((node) => starts(seen, node)),
    [1, 1, 1],
  );
  t.equal(seen.node(2)?.snapshot.life, before);
  t.equal(seen.runningOn(P).length, 1);
});

test("N4: the others had begun to start something without the node", async (t) => {
  const seen = cluster().cut([1], [2], [3]).run(20_000).cut([1], [2, 3]).run(20_000);
  t.equal(seen.runningOn(P).length, 1);
  seen.heal().run(40_000);
  t.same(
    [1, 2, 3].map((node) => starts(seen, node)),
    [2, 1, 1],
  );
});

test("N4: if no service floats, services bound to other nodes count as work", async (t) => {
  const sample = sampleConf();
  const services = sample.services.services.filter(({ boundTo }) => boundTo !== null);
  const seen = cluster({ ...sample, services: { ...sample.services, services } });
  seen.cut([1], [2, 3]).run(20_000).heal().run(20_000);
  t.same(
    [1, 2, 3].map((node) => starts(seen, node)),
    [2, 1, 1],
  );
});

for (const [exit, what, restarts] of [
  [7, "nothing has run", 0],
  [1, "anything", 1],
] as const) {
  test(`N4: the others could start nothing, and exit ${exit} says ${what}`, async (t) => {
    const seen = cluster().cut([1], [2], [3]).run(20_000);
    for (const node of [2, 3]) {
      seen.host(node).behaviours.set("/etc/init.d/qpidd-primary start", { code: exit, takesMs: 5 });
    }
    seen.cut([1], [2, 3]).run(20_000);
    t.same(seen.runningOn(P), []);
    seen.heal().run(10_000);
    t.equal(starts(seen, 1), 1 + restarts);
  });
}

test("N3: a lease's end ends everything on a node that owns a floating service", async (t) => {
  const seen = cluster();
  seen.host(1).behaviours.set("/etc/init.d/qpidd-primary stop", { takesMs: null });
  seen.cut([1], [2], [3]).run(10_000);
  t.same(seen.runningOn("node1-qpidd-service"), []);
  t.same(seen.runningOn("node2-qpidd-service"), [2]);
});

test("T5: if no node has the table, a service that a user had stopped is new", async (t) => {
  const seen = cluster();
  seen.request(2, "disable", { service: "node3-qpidd-service" });
  seen.run(2000).cut([1], [2], [3]).run(5000).heal().run(40_000);
  t.equal(seen.runningOn("node3-qpidd-service").length, 1);
});

test("a node that is ended without quorum stops the services that it has kept", async (t) => {
  const seen = cluster().cut([1], [2], [3]).run(8000).terminate(2).run(5000);
  t.same(seen.runningOn("node2-qpidd-service"), []);
  t.equal(seen.endOf(2), "left");
});
