/**
 * The observer of this node's broker on a simulated machine: a broker that freezes, ends, refuses,
 * or is configured nowhere, and a table that says what is started.
 */
import { test } from "tap";
import type { BrokerSight } from "../../src/brokers/broker-sight.ts";
import type { LogLine, LogSink } from "../../src/io/ports.ts";
import type { OwnQpiddConf } from "../../src/io/qpidd-conf-file.ts";
import { BrokerObserver } from "../../src/life/broker-observer.ts";
import type { ClusterConf, ResourceConf } from "../../src/model/conf.ts";
import type { ServiceName } from "../../src/model/ids.ts";
import { accept, refuse } from "../../src/model/outcome.ts";
import type { LastPromotion } from "../../src/services/table/broker-records.ts";
import { freshRecord, type ServiceRecord } from "../../src/services/table/service-state.ts";
import { brokerStatus, member } from "../brokers/statuses.ts";
import { processOn } from "../io/pumped-time.ts";
import { id, service } from "../sim/cluster-machine.ts";
import { sampleConf, sampleService, script } from "../sim/sample-conf.ts";
import { VirtualBroker, VirtualBrokers } from "../sim/virtual-brokers.ts";
import { VirtualHost } from "../sim/virtual-host.ts";
import { VirtualProcesses } from "../sim/virtual-processes.ts";
import { settled } from "../sim/virtual-promise.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const own = service("service:node1-qpidd");
const primary = service("service:qpidd-primary");
const account = { username: "qpid", password: "s3cret" };
const confText = "ha-cluster=yes\nha-username=qpid\nha-password=s3cret\n";

function confWith(brokers: "observe" | "off" = "observe"): ClusterConf {
  const sample = sampleConf();
  const named = (name: string, file: string): ResourceConf => {
    return { ...script(name), attributes: [["file", file]] };
  };
  const services = [
    sampleService("node1-qpidd", [named("qpidd", "/etc/init.d/qpidd")]),
    sampleService("qpidd-primary", [named("qpidd-primary", "/opt/init.d/qpidd-primary")]),
    sampleService("web", [named("web", "/etc/init.d/web")]),
  ];
  return { ...sample, services: { ...sample.services, services, brokers } };
}

class Scene {
  readonly time = new VirtualTime();
  readonly host = new VirtualHost(this.time, "10.1.1.1", () => undefined);
  readonly broker = new VirtualBroker();
  readonly lines: string[] = [];
  readonly checks: string[] = [];
  readonly sights: BrokerSight[] = [];
  promoted: (LastPromotion & { readonly seen: boolean }) | null = null;
  readonly memory = {
    last: null as LastPromotion | null,
    remember(last: LastPromotion) {
      this.last = last;
    },
  };
  readonly observer: BrokerObserver;
  readonly #records = new Map<ServiceName, ServiceRecord>();
  conf = confWith();
  quorate = true;
  file: OwnQpiddConf = { path: "/etc/qpid/qpidd.conf", text: accept(confText) };
  reads = 0;

  constructor() {
    const process = processOn(this.time);
    this.broker.account = account;
    const fenceAgent = () => ({ takesMs: 1, end: () => 0 });
    const log: LogSink = {
      write: (_channel, level, { text }: LogLine) => this.lines.push(`${level}: ${text}`),
      reopen: () => undefined,
      flush: () => undefined,
    };
    this.observer = new BrokerObserver({
      ports: {
        memory: this.memory,
        brokers: new VirtualBrokers(this.broker, process, this.time),
        readConf: () => {
          this.reads += 1;
          return settled(this.file);
        },
        processes: new VirtualProcesses({ host: this.host, process, fenceAgent }),
      },
      self: id(1),
      clock: process.clock,
      trackingToken: "token",
      log,
      onSight: (sight) => this.sights.push(sight),
      checkNow: (name, why) => this.checks.push(`${name}: ${why}`),
      onChange: () => undefined,
    });
  }

  /** Its process is marked as one that the script of the service has started. */
  startBroker(name: ServiceName = own, resource = "script:qpidd"): this {
    this.broker.start("active");
    const marks = { token: "token", service: name, resource, instance: null };
    this.host.run({ command: "qpidd", marks, takesMs: null }, () => this.broker.kill());
    return this;
  }

  is(name: ServiceName, state: ServiceRecord["state"], fields: Partial<ServiceRecord> = {}): this {
    const owner = state === "stopped" ? null : id(1);
    this.#records.set(name, { ...freshRecord(name), state, owner, ...fields });
    return this.look();
  }

  look(): this {
    const { promoted: lastPromotion } = this;
    const table = {
      service: (name: ServiceName) => this.#records.get(name) ?? null,
      lastPromotion,
    };
    this.observer.look(this.conf, this.quorate ? table : null);
    return this;
  }

  run(forMs: number): this {
    this.time.runUntil(this.time.nowMs + forMs);
    return this;
  }

  get state(): string {
    const { state, text } = this.observer.status;
    return text === "" ? state : `${state}: ${text}`;
  }
}

test("a broker is asked while its service is started here, and not before", (t) => {
  const scene = new Scene().startBroker().is(own, "starting").run(5000);
  t.equal(scene.broker.tries, 0);
  t.equal(scene.state, "idle");
  t.same(scene.observer.status.services, [own, primary]);
  scene.is(own, "started").run(1000);
  t.equal(scene.state, "active");
  scene.is(own, "stopping").run(5000);
  t.equal(scene.state, "active", "until it has stopped");
  scene.is(own, "stopped").run(5000);
  t.equal(scene.state, "idle");
  t.equal(scene.broker.tries, 1);
  scene.is(own, "started", { owner: id(2) }).run(5000);
  t.equal(scene.broker.tries, 1, "another node has it");
  t.end();
});

test("a service without such a script, or qpid=off, has nothing asked", (t) => {
  const scene = new Scene().startBroker();
  scene.conf = confWith("off");
  scene.is(own, "started").run(5000);
  t.equal(scene.state, "unused");
  t.equal(scene.broker.tries, 0);
  scene.conf = confWith();
  scene.is(service("service:web"), "started").run(1000);
  t.equal(scene.state, "active");
  scene.conf = confWith("off");
  scene.look().run(1000);
  t.equal(scene.state, "unused");
  t.end();
});

test("CARE1: a frozen broker is killed, then all its services are checked", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "started").run(1000);
  scene.broker.stop();
  scene.run(10_000);
  t.equal(scene.broker.process, "absent");
  t.same(
    scene.checks,
    [own, primary].map((name) => `${name}: the broker was frozen`),
  );
  t.match(scene.lines.slice(-4), [
    "notice: the broker is active",
    /^warning: the broker is frozen: .*; it is killed now$/,
    "notice: the broker has ended",
    /^notice: the frozen broker is killed: \d+ \(qpidd\)$/,
  ]);
  t.equal(scene.state, "gone");
  scene.startBroker().is(own, "recoverable").is(own, "started").run(1000);
  t.equal(scene.state, "active");
  t.end();
});

test("CARE1: what does not end is not followed by a check", (t) => {
  const scene = new Scene().startBroker().is(own, "started").run(1000);
  scene.host.undying = true;
  scene.broker.stop();
  scene.run(20_000);
  t.same(scene.checks, []);
  t.match(scene.lines.at(-1), /^err: the frozen broker is not gone yet, trying again/);
  scene.host.undying = false;
  scene.run(5000);
  t.equal(scene.checks.length, 2);
  t.end();
});

test("CARE2: it is not killed while an operator has frozen the service, or without quorum", (t) => {
  const scene = new Scene().startBroker().is(own, "started", { frozen: true }).run(1000);
  scene.broker.stop();
  scene.run(20_000);
  t.equal(scene.state, "frozen");
  t.match(scene.lines.at(-1), /it is not killed: an operator has frozen service:node1-qpidd/);
  scene.quorate = false;
  scene.is(own, "started").run(20_000);
  t.match(scene.lines.at(-1), /it is not killed: this node takes no part in the cluster/);
  t.equal(scene.broker.process, "stopped");
  scene.quorate = true;
  scene.look().run(1000);
  t.equal(scene.broker.process, "absent");
  t.end();
});

test("a script that starts or stops is not killed with the broker", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "stopping").run(1000);
  const marks = { token: "token", service: primary, resource: "script:qpidd-primary" };
  let stop = "runs";
  const stopping = { command: "sh", marks: { ...marks, instance: null }, takesMs: null };
  scene.host.run(stopping, () => {
    stop = "killed";
  });
  scene.broker.stop();
  scene.run(10_000);
  t.equal(scene.broker.process, "absent");
  t.equal(stop, "runs");
  t.end();
});

test("a promotion under way is no death", (t) => {
  const scene = new Scene().startBroker().is(own, "started").run(1000).is(primary, "starting");
  scene.broker.stop();
  scene.run(60_000);
  t.equal(scene.broker.process, "stopped");
  scene.is(primary, "started").run(10_000);
  t.equal(scene.broker.process, "absent");
  t.end();
});

test("a broker that ends has its services checked; one that is away costs little", (t) => {
  const scene = new Scene().startBroker().is(own, "started").run(1000);
  scene.broker.kill();
  scene.run(200);
  t.same(
    scene.checks.filter((check) => check.startsWith(own)),
    [`${own}: the connection to the broker has ended`, `${own}: the broker has ended`],
  );
  const before = scene.broker.tries;
  scene.run(60_000);
  t.equal(scene.state, "gone");
  t.ok(scene.broker.tries - before < 20, `${scene.broker.tries - before} tries in a minute`);
  t.equal(scene.checks.length, 4);
  t.end();
});

test("a wrong password is in the status and in the log, until the file is corrected", (t) => {
  const scene = new Scene();
  scene.file = { ...scene.file, text: accept(confText.replace("s3cret", "wrong")) };
  scene.startBroker().is(own, "started").run(60_000);
  t.equal(scene.state, "refusing: Failed to authenticate: 1");
  t.same(scene.lines, ["warning: the broker refuses clusterd: Failed to authenticate: 1"]);
  scene.file = { ...scene.file, text: accept(confText) };
  scene.run(10_000);
  t.equal(scene.state, "active");
  t.same(scene.checks, []);
  t.end();
});

test("an access control list that forbids questions is a refusal, too", (t) => {
  const scene = new Scene().startBroker();
  scene.broker.forbids = "unauthorized-access: ACL denied";
  scene.is(own, "started").run(60_000);
  t.equal(scene.state, "refusing: unauthorized-access: ACL denied");
  t.equal(scene.lines.length, 1);
  t.end();
});

test("without a configuration it is not observed, which is said once", (t) => {
  const scene = new Scene().startBroker();
  scene.file = { ...scene.file, text: refuse("ENOENT: no such file or directory") };
  scene.is(own, "started").run(60_000);
  const why = "/etc/qpid/qpidd.conf: ENOENT: no such file or directory";
  t.equal(scene.state, `not-observed: ${why}`);
  t.same(scene.lines, [`info: the broker is not observed: ${why}`]);
  t.equal(scene.broker.tries, 0);
  t.ok(scene.reads < 30, `${scene.reads} reads in a minute`);
  scene.file = { ...scene.file, text: accept("port=5672\n") };
  scene.run(10_000);
  t.match(scene.state, /^not-observed: .*ha-cluster is not set to yes$/);
  scene.file = { ...scene.file, text: accept(confText) };
  scene.run(10_000);
  t.equal(scene.state, "active");
  scene.observer.end();
  scene.broker.kill();
  scene.run(10_000);
  t.same(scene.checks, [], "after the end nothing is done");
  t.end();
});

test("the others are told of each state, and of what has ended", (t) => {
  const scene = new Scene().startBroker().is(own, "started").run(1000);
  t.match(scene.sights.at(-1), { type: "answers", state: "active" });
  const told = scene.sights.length;
  scene.run(60_000);
  t.equal(scene.sights.length, told, "no news is not told");
  scene.broker.kill();
  scene.run(1000);
  t.same(scene.sights.at(-1), { type: "gone" });
  t.end();
});

test("the last promotion is stored; another memory takes its place only if it is later", (t) => {
  const scene = new Scene().is(own, "started");
  t.equal(scene.memory.last, null);
  scene.promoted = { node: id(2), at: 2000, seen: false };
  scene.look();
  t.same(scene.memory.last, { node: 2, at: 2000 });
  scene.promoted = { node: id(3), at: 1000, seen: false };
  scene.look();
  t.same(scene.memory.last, { node: 2, at: 2000 });
  scene.promoted = { node: id(3), at: 1000, seen: true };
  scene.look();
  t.same(scene.memory.last, { node: 3, at: 1000 }, "what was seen counts, whatever clocks say");
  t.end();
});

test("a broker that says very much is told of in short", (t) => {
  const scene = new Scene().startBroker();
  const members = Array.from({ length: 200 }, (_, index) => ({
    ...member(index, "ready"),
    host: "x".repeat(10_000),
  }));
  scene.broker.status = () => brokerStatus("active", { members });
  scene.is(own, "started").run(1000);
  t.ok(JSON.stringify(scene.sights.at(-1)).length < 50_000);
  const refuses = new Scene();
  refuses.broker.forbids = "no ".repeat(10_000);
  refuses.startBroker().is(own, "started").run(1000);
  t.ok(JSON.stringify(refuses.sights.at(-1)).length < 500);
  t.end();
});

test("it is asked at once only where a connection is open", (t) => {
  const scene = new Scene().startBroker();
  scene.observer.refresh();
  scene.is(own, "started");
  scene.observer.refresh();
  scene.run(100);
  scene.broker.state = "recovering";
  scene.observer.refresh();
  scene.run(20);
  t.equal(scene.state, "recovering");
  scene.broker.kill();
  scene.run(100);
  scene.observer.refresh();
  scene.run(100);
  t.equal(scene.state, "gone");
  t.end();
});

/** Calls for the end of the primary; what it was answered, or "nothing". */
function endAsked(scene: Scene): () => string | null {
  let answer: string | null = "nothing";
  scene.observer.ensureEnded("script", (left) => {
    answer = left;
  });
  return () => answer;
}

test("CARE4: the stop of the primary is believed once its process has ended", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "started").run(1000);
  scene.is(primary, "stopping");
  scene.broker.kill();
  const answer = endAsked(scene);
  scene.run(200);
  t.equal(answer(), null);
  t.same(scene.sights.at(-1), { type: "gone" });
  t.end();
});

test("CARE4: a broker that is a backup by then may go on", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "started").run(1000);
  scene.is(primary, "stopping");
  scene.broker.state = "ready";
  const answer = endAsked(scene);
  scene.run(200);
  t.equal(answer(), null);
  t.equal(scene.broker.process, "runs");
  t.end();
});

test("CARE4: one that is primary still is killed before the stop is believed", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "started").run(1000);
  scene.is(primary, "stopping");
  const answer = endAsked(scene);
  scene.run(200);
  t.equal(answer(), null);
  t.equal(scene.broker.process, "absent");
  t.match(
    scene.lines.join("\n"),
    /warning: the broker must end: it is still primary, although its service/,
  );
  t.end();
});

test("CARE4: one that stands still is killed before the stop is believed", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "started").run(1000);
  scene.is(primary, "stopping");
  scene.broker.stop();
  const answer = endAsked(scene);
  scene.run(1000);
  t.equal(answer(), "nothing");
  scene.run(9000);
  t.equal(answer(), null);
  t.equal(scene.broker.process, "absent");
  t.end();
});

test("CARE4: one that no SIGKILL ends, or that must not be killed, fails the stop", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "started").run(1000);
  scene.is(primary, "stopping");
  scene.host.undying = true;
  const answer = endAsked(scene);
  scene.run(30_000);
  t.equal(answer(), "the broker has not ended");
  const frozen = new Scene().startBroker().is(own, "started", { frozen: true });
  frozen.is(primary, "started").run(1000).is(primary, "stopping");
  const left = endAsked(frozen);
  frozen.run(1000);
  t.match(left(), /^the broker is not killed: an operator has frozen service:node1-qpidd/);
  t.equal(frozen.broker.process, "runs");
  frozen.is(primary, "started").is(own, "started").run(10_000);
  t.equal(frozen.broker.process, "runs", "what an operator has brought back is not killed later");
  t.end();
});

test("CARE4: while nothing can be looked at, the stop waits", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "started").run(1000);
  scene.is(primary, "stopping");
  scene.host.blind = "daemon";
  const answer = endAsked(scene);
  scene.run(60_000);
  t.equal(answer(), "nothing");
  scene.host.blind = "nobody";
  scene.run(5000);
  t.equal(answer(), null);
  t.equal(scene.broker.process, "absent");
  t.end();
});

test("CARE4: a node that loses quorum ends its primary, too", (t) => {
  const scene = new Scene().startBroker().is(own, "started").is(primary, "started").run(1000);
  scene.quorate = false;
  scene.look();
  const answer = endAsked(scene);
  scene.run(200);
  t.equal(answer(), null);
  t.equal(scene.broker.process, "absent");
  t.end();
});

test("CARE4: where the broker has never answered, the stop is believed as it is", (t) => {
  const scene = new Scene();
  scene.file = { ...scene.file, text: refuse("ENOENT: no such file or directory") };
  scene.startBroker().is(own, "started").is(primary, "started").run(1000).is(primary, "stopping");
  const answer = endAsked(scene);
  scene.run(100);
  t.equal(answer(), null);
  t.equal(scene.broker.process, "runs");
  t.end();
});

test("a broker that must end as the cluster says is killed, and its services are checked", (t) => {
  const scene = new Scene().startBroker().is(own, "started").run(1000);
  scene.observer.requireEnd("more than one primary: node1 active, node2 active");
  scene.run(1000);
  t.equal(scene.broker.process, "absent");
  t.ok(scene.checks.length >= 2, scene.checks.join());
  t.end();
});
