/** In how many parts a node works on what is ordered changes nothing but its steps. */
import { test } from "tap";
import type { ClusterConf } from "../../src/model/conf.ts";
import { refuse } from "../../src/model/outcome.ts";
import { ConfVersions } from "../../src/node/conf-versions.ts";
import { type HistoryMessage, Replica, type ReplicaOutput } from "../../src/node/replica.ts";
import type { ServiceMessage } from "../../src/services/table/service-messages.ts";
import type { Operation } from "../../src/services/table/service-state.ts";
import { Cluster, id, service } from "../sim/cluster.ts";
import type { ClusterOptions } from "../sim/cluster-options.ts";
import { judgeRecordAtRest, tableAtRest } from "../sim/judges.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { Random } from "../sim/random.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { randomConf } from "../sim/service-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

/** One act of a story: an ordered message, or another membership. */
type Act =
  | { readonly type: "ordered"; readonly message: HistoryMessage }
  | { readonly type: "membership"; readonly ringSeq: number; readonly members: readonly number[] };

const life = 1;

/** A replica and what it has said. */
class RecordedReplica {
  readonly replica: Replica;
  readonly said: ReplicaOutput[] = [];

  constructor(conf: ClusterConf) {
    const configurations = new ConfVersions({ conf, hash: "hash", text: "" }, () => refuse(""));
    this.replica = new Replica(configurations, id(1));
    this.replica.begin(4, null);
  }

  take(act: Act): void {
    if (act.type === "ordered") {
      this.replica.apply(act.message);
      return;
    }
    this.finish();
    const { ringSeq } = act;
    const members = act.members.map(id);
    const times = { silentMs: new Map(), movedMs: new Map() };
    const lives = members.map((node) => ({ node, life }));
    const fence = { ringSeq, members, ...times, grown: true };
    this.replica.setMembership(fence, { members: lives, continuing: members });
    this.said.push(...this.replica.take());
  }

  goOn(workMax: number): number {
    const done = this.replica.goOn(workMax);
    this.said.push(...this.replica.take());
    return done;
  }

  finish(): void {
    while (this.goOn(Number.POSITIVE_INFINITY) > 0);
  }

  /** All that can be seen of it. */
  get shown(): string {
    const { table, fence, history } = this.replica;
    return JSON.stringify([table?.snapshot(), fence.snapshot(), history, this.said]);
  }
}

const requests = ["enable", "disable", "stop", "restart", "relocate", "freeze"] as const;

/** Acts that fit what the first replica does, which applies each of them at once. */
class Story {
  readonly acts: Act[] = [];
  readonly first: RecordedReplica;
  readonly #random: Random;
  readonly #conf: ClusterConf;
  readonly #operations: Operation[] = [];
  #heard = 0;
  #at = 1_000_000;
  #ringSeq = 8;
  #members: readonly number[];

  constructor(conf: ClusterConf, random: Random) {
    this.#conf = conf;
    this.#random = random;
    this.first = new RecordedReplica(conf);
    this.#members = conf.nodes.map((node) => node.id);
    this.#act({ type: "membership", ringSeq: this.#ringSeq, members: this.#members });
    for (const node of this.#members) this.#sign("ready", node);
  }

  next(): void {
    const random = this.#random;
    this.#at += random.below(20_000);
    const operation = this.#operations.shift();
    if (operation !== undefined && random.chance(0.8)) this.#answer(operation);
    else if (random.chance(0.1)) this.#sign("leaving", random.pick(this.#members));
    else if (random.chance(0.15) && this.#members.length > 2) this.#lose();
    else if (random.chance(0.2)) this.#say({ type: "tick", at: this.#at });
    else this.#request();
  }

  #answer({ id: op, node }: Operation): void {
    const outcome = this.#random.chance(0.8) ? ("ok" as const) : ("failed" as const);
    const result = { type: "op-result" as const, node, life, op, outcome };
    this.#say({ ...result, partial: false, text: "", at: this.#at });
  }

  #lose(): void {
    const lost = this.#random.pick(this.#members);
    this.#members = this.#members.filter((node) => node !== lost);
    this.#ringSeq += 4;
    this.#act({ type: "membership", ringSeq: this.#ringSeq, members: this.#members });
    const [by = 1] = this.#members;
    const done = { victim: id(lost), since: this.#ringSeq, by: id(by), how: "override" as const };
    const body = { type: "fence-done" as const, ...done, text: "", at: this.#at };
    this.#act({ type: "ordered", message: { layer: "fencing", body } });
  }

  #request(): void {
    const random = this.#random;
    const ref = { node: id(random.pick(this.#members)), life, number: this.acts.length };
    const { name } = random.pick(this.#conf.services.services);
    if (random.chance(0.2)) {
      this.#say({ type: "lock", ref, locked: random.chance(0.3), at: this.#at });
    } else {
      const operation = random.pick(requests);
      const request = { type: "request" as const, ref, operation, service: name, target: null };
      this.#say({ ...request, byDomain: false, at: this.#at });
    }
  }

  #sign(type: "ready" | "leaving", node: number): void {
    const signed = { node: id(node), life, at: this.#at };
    this.#say(type === "ready" ? { type, ...signed, hosts: true, kept: [] } : { type, ...signed });
  }

  #say(body: ServiceMessage): void {
    this.#act({ type: "ordered", message: { layer: "services", body } });
  }

  #act(act: Act): void {
    this.acts.push(act);
    this.first.take(act);
    this.first.finish();
    for (const one of this.first.said.slice(this.#heard)) {
      if (one.from === "table" && one.output.type === "run") {
        this.#operations.push(one.output.operation);
      }
    }
    this.#heard = this.first.said.length;
  }
}

test("R3: messages that come while others are half done have the same effects", async (t) => {
  let halves = 0;
  for (let seed = 1; seed <= 120; seed++) {
    const random = new Random(seed);
    const conf = randomConf(random, false);
    const story = new Story(conf, random);
    for (let count = 0; count < 80; count++) story.next();
    const other = new RecordedReplica(conf);
    for (const act of story.acts) {
      other.take(act);
      if (random.chance(0.5)) other.goOn(1 + random.below(12));
      if (other.replica.busy) halves += 1;
    }
    other.finish();
    t.equal(other.shown, story.first.shown, `seed ${seed}`);
  }
  t.ok(halves > 1000, `${halves} acts found another one half done`);
});

test("R3: what is half done ends with its history", async (t) => {
  const conf = sampleConf();
  const recorded = new RecordedReplica(conf);
  recorded.take({ type: "membership", ringSeq: 8, members: [1, 2, 3] });
  for (const node of [1, 2, 3].map(id)) {
    const body = { type: "ready" as const, node, life, at: 1, hosts: true, kept: [] };
    recorded.take({ type: "ordered", message: { layer: "services", body } });
  }
  recorded.goOn(1);
  t.equal(recorded.replica.busy, true);
  t.throws(() => recorded.replica.stepFence({ type: "inquorate" }), /R3/);
  recorded.replica.end();
  t.equal(recorded.replica.busy, false);
  t.equal(recorded.goOn(1), 0);
});

const names = Array.from({ length: 120 }, (_, index) => `app${index}`);

function manyServices(given: Pick<ClusterOptions, "workMax" | "judge" | "stepped">): Cluster {
  const sample = sampleConf({ nodes: 5 });
  const services = names.map((name, index) => {
    const depend = index % 10 === 9 ? service(`app${index - 1}`) : null;
    return sampleService(name, [script(name)], { recovery: "relocate", depend });
  });
  const conf = { ...sample, services: { ...sample.services, services } };
  const time = new VirtualTime();
  const nodes = conf.nodes.map((node) => node.id);
  return new Cluster({ conf, time, membership: new PerfectMembership(time, nodes), ...given });
}

test("nodes that work in parts of different sizes have one table at each point", async (t) => {
  const tables = new Map<string, string>();
  let compared = 0;
  const judge = (cluster: Cluster): void => {
    for (const node of cluster.nodes) {
      const { table, history, complete } = cluster.node(node)?.snapshot ?? {};
      if (table == null || history == null || complete !== true) continue;
      const point = `${history.ringSeq} ${history.version}`;
      const digest = `${history.digest} ${JSON.stringify(table.snapshot())}`;
      tables.set(point, tables.get(point) ?? digest);
      if (tables.get(point) !== digest) throw new Error(`node ${node} differs at ${point}`);
      compared += 1;
    }
  };
  const cluster = manyServices({ workMax: (node) => [500, 1, 7, 30, 128][node - 1] ?? 1 });
  cluster.boot(1, 2, 3, 4, 5);
  const look = (forMs: number): void => {
    for (let ms = 0; ms < forMs; ms += 1) judge(cluster.run(1));
  };
  look(3000);
  for (const name of names.slice(0, 40)) cluster.request(1, "relocate", { service: name });
  cluster.terminate(3);
  look(200);
  cluster.crash(5);
  cluster.lock(2, "lock");
  look(500);
  cluster.lock(4, "unlock");
  cluster.run(60_000).boot(3, 5).run(60_000);
  const table = tableAtRest(cluster);
  for (const record of table.snapshot().services) {
    judgeRecordAtRest(cluster, record);
    t.equal(record.state, "started", record.name);
  }
  t.ok(compared > 1000, `${compared} tables compared`);
});

test("one step decides about no more services than its share, of however many", async (t) => {
  let most = 0;
  let before = 0;
  const judge = (cluster: Cluster): void => {
    const begun = names.filter((name) => cluster.record(2, name)?.owner != null).length;
    most = Math.max(most, begun - before);
    before = begun;
  };
  const cluster = manyServices({ workMax: () => 128, judge });
  cluster.boot(1, 2, 3, 4, 5).run(20_000);
  t.equal(names.filter((name) => cluster.record(2, name)?.state === "started").length, 120);
  t.ok(most > 1 && most <= 16, `${most} in one step`);
});

test("starts that waited for the guard begin a few in each step", async (t) => {
  const begun: number[] = [];
  const stepped: ClusterOptions["stepped"] = (node, _input, { outputs }) => {
    if (node === 2) begun.push(outputs.filter(({ type }) => type === "act").length);
  };
  const cluster = manyServices({ workMax: () => 128, stepped });
  cluster.boot(1, 2, 3, 4, 5).killGuard(2).run(10_000);
  const waiting = names.filter((name) => cluster.record(2, name)?.owner === 2);
  t.ok(waiting.length > 16, `${waiting.length} wait`);
  t.same(cluster.host(2).running.size, 0);
  begun.length = 0;
  cluster.startGuard(2).run(10_000);
  t.equal(Math.max(...begun), 16);
  t.equal(names.filter((name) => cluster.record(2, name)?.state === "started").length, 120);
});
