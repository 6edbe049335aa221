/** How long a failover took, part by part, as one node sees it. */
import { test } from "tap";
import type { Failover } from "../../src/model/failover-times.ts";
import { failoverWords } from "../../src/model/failover-times.ts";
import { ms } from "../../src/model/time.ts";
import { FailoverTrails } from "../../src/node/failover-trails.ts";
import { TableDriver } from "../services/table-driver.ts";
import { Cluster, id, service } from "../sim/cluster.ts";
import { HostileMembership } from "../sim/hostile-membership.ts";
import { Random } from "../sim/random.ts";
import { RingNetwork } from "../sim/ring-network.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const web = "web";
const nameOf = (node: number) => `node${node}`;

function services(...names: readonly string[]) {
  const sample = sampleConf({ fencing: { cleanStart: true } });
  const all = names.map((name) => sampleService(name, [script(name)], { retryDelayMs: ms(1000) }));
  return { ...sample, services: { ...sample.services, services: all } };
}

/** A table, and a node that follows it with a clock of its own. */
class Scene {
  readonly driver = new TableDriver(services(web));
  readonly ended: Failover[] = [];
  nowMs = 7000.25;
  #trails = new FailoverTrails();

  constructor() {
    this.#trails.follow(this.driver.table);
    this.driver.onStep = (_, outputs) => {
      for (const output of outputs) {
        if (output.type === "moved-on") this.#step({ ...output, waitsFor: "node" });
        else if (output.type === "awaited" || output.type === "off") this.#step(output);
      }
    };
    this.driver.view(1, 2, 3).ready(1, 2, 3).succeed();
  }

  /** Another node takes part from now on. */
  joinMidway(): this {
    this.#trails = new FailoverTrails();
    this.#trails.follow(this.driver.table);
    return this;
  }

  after(tookMs: number): this {
    this.nowMs += tookMs;
    return this;
  }

  /** The ring is given up that long after the last token that was accepted with the node. */
  ringLost(node: number, silentMs: number): this {
    const heardMs = new Map([[id(node), this.nowMs]]);
    this.nowMs += silentMs;
    this.#step({ type: "suspended" });
    this.#step({ type: "configured", heardMs });
    return this;
  }

  own(type: "begun" | "ended"): this {
    const op = this.driver.operations[0]?.operation.id ?? 0;
    const parts = [{ part: "address", ms: 30 }];
    this.#step(type === "begun" ? { type, op } : { type, op, parts });
    return this;
  }

  /** The last failover in words; each phase adds up to the total. */
  take(): string | null {
    const failover = this.ended.shift();
    if (failover === undefined) return null;
    const sum = failover.phases.reduce((whole, { ms: took }) => whole + took, 0);
    if (failover.totalMs !== null && sum !== failover.totalMs) throw new Error("parts are missing");
    return failoverWords(failover, nameOf);
  }

  #step(input: Parameters<FailoverTrails["step"]>[0]): void {
    const failover = this.#trails.step(input, this.nowMs);
    if (failover !== null) this.ended.push(failover);
  }
}

test("of a lost node: its last token, the ring, the proof that it is off, the start", (t) => {
  const scene = new Scene();
  const { driver } = scene;
  scene.ringLost(1, 205.5).after(12.2);
  driver.view(2, 3);
  scene.after(300);
  driver.fenced(1, false);
  scene.after(1).own("begun").after(40).own("ended").after(3);
  driver.answer();
  const start = "start 44 (queue 1, address 30, agreed 3)";
  t.equal(
    scene.take(),
    `node1 -> node2 in 562 ms (node-lost): detected 206, ring 12, off 300 (self), ${start}`,
  );
  t.equal(scene.take(), null);
  t.end();
});

test("a lost node that comes back and cleans up is off by its own word", (t) => {
  const scene = new Scene();
  scene.ringLost(1, 100);
  scene.driver.view(2, 3).view(1, 2, 3);
  scene.after(50);
  scene.driver.ready(1);
  scene.after(20);
  scene.driver.succeed();
  t.match(scene.take(), /in 170 ms .*: detected 100, ring 0, off 50 \(clean\), start 20$/);
  t.end();
});

test("what is ordered is timed from the order on, on every node", (t) => {
  const scene = new Scene();
  const { driver } = scene;
  const goOn = () => {
    scene.own("begun").after(21).own("ended");
    driver.answer();
    scene.after(400);
    driver.answer();
    return scene.take();
  };
  driver.request(3, "relocate", { service: web, target: 2 });
  t.equal(goOn(), "node1 -> node2 in 421 ms (relocate): stop 21, start 400");
  driver.request(3, "restart", { service: web });
  t.equal(goOn(), "node2 -> node2 in 421 ms (restart): stop 21, start 400");
  driver.checkFails(web);
  t.match(goOn(), /^node2 -> node2 in 421 ms \(recover\)/);
  driver.leaving(2);
  t.match(goOn(), /^node2 -> node1 in 421 ms \(node-left\)/);
  t.end();
});

test("a start that failed is a part of it, and so is the wait for the next attempt", (t) => {
  const scene = new Scene();
  const { driver } = scene;
  scene.ringLost(1, 0);
  driver.view(2, 3).fenced(1);
  for (const outcome of ["failed", "ok", "failed", "ok"] as const) {
    scene.after(10);
    driver.answer(outcome);
  }
  t.equal(driver.shown(web), "stopped (3)");
  scene.after(1000);
  driver.tick(60_000);
  scene.after(5);
  driver.answer();
  const tries = "start 10 (failed on node2), stop 10, start 10 (failed on node3), stop 10";
  t.equal(
    scene.take(),
    `node1 -> node2 in 1045 ms (node-lost): detected 0, ring 0, off 0 (agent), ${tries}, ` +
      "wait 1000 (node), start 5",
  );
  t.end();
});

test("its node is lost while the service stops: that is one failover", (t) => {
  const scene = new Scene();
  const { driver } = scene;
  driver.checkFails(web);
  scene.after(500);
  driver.view(2, 3);
  scene.after(100);
  driver.fenced(1);
  scene.after(10);
  driver.succeed();
  const parts = "stop 500, off 100 (agent), start 10";
  t.equal(scene.take(), `node1 -> node2 in 610 ms (recover): ${parts}`);
  t.end();
});

test("TRAIL1: who joins midway leaves out what it has not seen, and the total", (t) => {
  const lost = new Scene();
  lost.driver.view(2, 3);
  lost.joinMidway();
  lost.after(100);
  lost.driver.view(2, 3).fenced(1);
  lost.after(10);
  lost.driver.succeed();
  const unseen = "; its beginning was not seen here";
  t.equal(lost.take(), `node1 -> node2 (node-lost): start 10${unseen}`);
  const moved = new Scene();
  moved.driver.request(3, "relocate", { service: web, target: 2 });
  moved.joinMidway().after(10);
  moved.driver.answer();
  moved.after(10);
  moved.driver.answer();
  t.equal(moved.take(), `node1 -> node2 (relocate): start 10${unseen}`);
  const same = new Scene().joinMidway();
  same.ringLost(1, 100);
  same.driver.view(2, 3).fenced(1);
  same.driver.succeed();
  t.equal(same.take(), `node1 -> node2 (node-lost): start 0${unseen}`, "in that very ring change");
  t.end();
});

test("TRAIL2: what a user stops, or starts again, is no failover", (t) => {
  const asked = new Scene();
  asked.driver.request(3, "disable", { service: web });
  asked.driver.succeed().request(3, "enable", { service: web });
  asked.driver.succeed();
  t.equal(asked.take(), null);
  const while1 = new Scene();
  while1.driver.checkFails(web).request(3, "stop", { service: web });
  while1.driver.succeed().request(3, "enable", { service: web });
  while1.driver.succeed();
  t.equal(while1.take(), null, "asked while it recovered");
  const waiting = new Scene();
  waiting.driver.checkFails(web);
  for (const outcome of ["ok", ...Array(3).fill(["failed", "ok"]).flat()] as const) {
    waiting.driver.answer(outcome);
  }
  t.match(waiting.driver.shown(web), /^stopped/);
  waiting.driver.request(3, "enable", { service: web });
  waiting.driver.succeed();
  t.equal(waiting.take(), null, "started while it waited for its next attempt");
  t.end();
});

test("TRAIL2: a first start that failed, and a stop that failed, are none", (t) => {
  const scene = new Scene();
  const { driver } = scene;
  driver.request(3, "disable", { service: web });
  driver.succeed().request(3, "enable", { service: web });
  driver.answer("failed").succeed();
  t.match(driver.shown(web), /^started/);
  t.equal(scene.take(), null);
  driver.checkFails(web);
  driver.answer("failed");
  t.match(driver.shown(web), /^failed/);
  driver.request(3, "disable", { service: web });
  driver.succeed().request(3, "enable", { service: web });
  driver.succeed();
  t.equal(scene.take(), null);
  t.end();
});

test("every member sees the same failover, and the new owner the parts of its start", async (t) => {
  const conf = sampleConf();
  const time = new VirtualTime();
  const nodes = conf.nodes.map((node) => node.id);
  const network = new RingNetwork(new Random(1));
  const membership = new HostileMembership(time, nodes, { network });
  const cluster = new Cluster({ conf, time, membership }).boot(1, 2, 3).run(8000);
  const P = "qpidd-primary-service";
  const [owner = 0] = cluster.runningOn(P);
  cluster.crash(owner).run(30_000);
  const [next = 0] = cluster.runningOn(P);
  t.notOk([0, owner].includes(next));
  const others = nodes.filter((node) => node !== owner);
  for (const node of others) {
    const past = cluster.failovers(node).of(service(P));
    t.match(past, [{ kind: "node-lost", from: owner, to: next }], `as node ${node} saw it`);
    const [{ totalMs = null, phases = [] } = {}] = past;
    // A node that works in small parts sees a moment between the release and the start.
    const known = phases.map(({ phase }) => phase).filter((phase) => phase !== "wait");
    t.same(known, ["detected", "ring", "off", "start"]);
    t.equal(
      phases.reduce((sum, phase) => sum + phase.ms, 0),
      totalMs,
    );
    const parts = phases.at(-1)?.parts.map(({ part }) => part) ?? [];
    const own = ["queue", "address", "promoted", "agreed"];
    t.same(parts, node === next ? own : []);
    const { kinds } = cluster.failovers(node).counts;
    t.equal(kinds.length, node === next ? 1 : 0, "counted once in the cluster");
  }
  const said = cluster.log.filter((line) => line.includes(`${P} failover `));
  t.equal(said.length, 1);
  t.match(said[0], new RegExp(`node${next} info: service:${P} failover node${owner}\\S* -> node`));
});
