/** What is watched of the script that promotes a broker, with agents that the test plays. */
import { test } from "tap";
import type { BrokerSight } from "../../src/brokers/broker-sight.ts";
import type { NodeAct } from "../../src/life/order-performer.ts";
import {
  isPrimaryHere,
  promotionObstacle,
  watchPromotions,
} from "../../src/life/promotion-watch.ts";
import type { AgentOrder, AgentReport } from "../../src/model/agent-orders.ts";
import type { ServiceName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { freshRecord, type ServiceRecord } from "../../src/services/table/service-state.ts";
import { answering } from "../brokers/promotion-inputs.ts";
import { systemId } from "../brokers/statuses.ts";
import { id, service } from "../sim/cluster-machine.ts";
import { sampleConf } from "../sim/sample-conf.ts";

const primary = service("service:qpidd-primary");
const own = service("service:node1-qpidd");
const good: AgentReport = { type: "exited", code: 0, output: "" };

class Scene {
  readonly performed: string[] = [];
  readonly reports: AgentReport[] = [];
  obstacle: string | null = null;
  left: string | null = null;
  stops = 0;
  primaryHere = false;
  backup = true;
  doubtful = false;
  refusals = 0;
  starts = 0;

  report: AgentReport = good;
  readonly watched = watchPromotions(
    {
      perform: ({ order }, done) => {
        this.performed.push(order.type === "run-process" ? order.argv.join(" ") : order.type);
        done(this.report);
      },
      cancel: () => undefined,
      fence: () => undefined,
      unfence: () => undefined,
    },
    {
      obstacle: () => this.obstacle,
      isBackup: () => this.backup,
      onStarted: () => {
        this.starts += 1;
      },
      onRefused: () => {
        this.refusals += 1;
      },
      leavesPrimary: (name) => name === own && this.primaryHere,
      onStopped: ({ doubtful }, done) => {
        this.stops += 1;
        this.doubtful = doubtful;
        done(this.left);
      },
    },
  );

  run(file: string, action: string, report: AgentReport = good): this {
    const order = { type: "run-process", argv: [file, action], environment: [] } as const;
    return this.perform(primary, { ...order, timeoutMs: ms(1) }, report);
  }

  perform(name: ServiceName, order: AgentOrder, report: AgentReport): this {
    this.report = report;
    const act: NodeAct = { action: 1, service: name, order };
    this.watched.perform(act, (one) => this.reports.push(one));
    return this;
  }
}

test("PROMOTE8: the script is not run where its promotion is not permitted", async (t) => {
  const scene = new Scene();
  scene.obstacle = "node2 is active already";
  scene.run("/opt/init.d/qpidd-primary", "start");
  t.same(scene.performed, ["pause"]);
  const output = "the broker is not promoted: node2 is active already";
  t.same(scene.reports, [{ type: "exited", code: 1, output }]);
  scene.run("/etc/init.d/qpidd", "start").run("/etc/init.d/qpidd-primary", "status");
  t.same(scene.performed.slice(1), ["/etc/init.d/qpidd start", "/etc/init.d/qpidd-primary status"]);
});

test("PROMOTE8: a script that was not allowed to start stops no backup", async (t) => {
  const scene = new Scene();
  const [start, stop] = ["/etc/init.d/qpidd-primary start", "/etc/init.d/qpidd-primary stop"];
  const run = (...words: string[]) => {
    for (const word of words) scene.run("/etc/init.d/qpidd-primary", word);
    return scene.performed.splice(0).filter((one) => one !== "pause");
  };
  scene.obstacle = "node2 is active already";
  t.same(run("start", "stop"), []);
  t.same(scene.reports.at(-1), good);
  t.same(run("stop"), [stop], "once");
  scene.backup = false;
  t.same(run("start", "stop"), [stop], "what does not answer as a backup is stopped");
  run("start");
  scene.obstacle = null;
  scene.backup = true;
  t.same(run("start", "stop"), [start, stop]);
});

test("PROMOTE8: where it is permitted the script runs, and its result counts", async (t) => {
  const scene = new Scene().run("/etc/init.d/qpidd-primary", "start");
  t.same(scene.performed, ["/etc/init.d/qpidd-primary start"]);
  t.same(scene.reports, [good]);
});

test("PROMOTE9: a stop counts once no primary is left, whatever the script says", async (t) => {
  const overdue: AgentReport = { type: "timed-out", output: "" };
  const scene = new Scene().run("/etc/init.d/qpidd-primary", "stop");
  scene.run("/etc/init.d/qpidd-primary", "stop", overdue);
  t.same([scene.reports, scene.stops], [[good, overdue], 2]);
  scene.left = "the broker has not ended";
  scene.run("/etc/init.d/qpidd-primary", "stop");
  t.same(scene.reports.at(-1), { type: "exited", code: 1, output: scene.left });
  scene.run("/etc/init.d/qpidd", "stop");
  t.equal(scene.stops, 3, "that of a backup says enough");
});

test("PROMOTE11: a start that was not seen to its end makes the stop doubtful", async (t) => {
  const scene = new Scene();
  const calls = (start: AgentReport) => {
    scene.run("/etc/init.d/qpidd-primary", "start", start);
    scene.run("/etc/init.d/qpidd-primary", "stop");
    return scene.doubtful;
  };
  t.equal(calls(good), false);
  const failed = (code: number, output: string) => calls({ type: "exited", code, output });
  t.equal(failed(7, "Promoting qpidd: FAILED"), false);
  t.equal(failed(1, "Exception: Exception from Agent: {u'error_code': 7, …"), false);
  t.equal(failed(1, "ConnectError: [Errno 111] Connection refused"), false);
  t.equal(failed(1, "Timeout: no answer after 10 s; it may still be promoted"), true);
  t.equal(failed(1, "HeartbeatTimeout: heartbeat timeout"), true);
  t.equal(calls({ type: "timed-out", output: "" }), true);
  t.equal(calls({ type: "signalled", signal: "SIGKILL", output: "" }), true);
  t.equal(calls({ type: "failed", cause: "it was cancelled" }), true);
  scene.run("/etc/init.d/qpidd-primary", "stop");
  t.equal(scene.doubtful, false, "once");
  const refused: AgentReport = { type: "exited", code: 1, output: "the broker refuses: …" };
  scene.perform(primary, { type: "promote-broker" }, refused);
  scene.perform(primary, { type: "end-primary" }, good);
  t.equal(scene.doubtful, false);
  scene.perform(primary, { type: "promote-broker" }, { type: "failed", cause: "cancelled" });
  scene.perform(primary, { type: "end-primary" }, good);
  t.equal(scene.doubtful, true);
});

test("PROMOTE12: a refusal that lasts is told, whoever has promoted", async (t) => {
  const scene = new Scene();
  const text = "Exception from Agent: {u'error_code': 7, u'error_text': 'Joining active cluster, ";
  const refused: AgentReport = { type: "exited", code: 1, output: `${text}cannot be promoted.'}` };
  scene.run("/etc/init.d/qpidd-primary", "start", refused);
  t.equal(scene.refusals, 1);
  scene.perform(primary, { type: "promote-broker" }, refused);
  t.equal(scene.refusals, 2);
  scene.run("/etc/init.d/qpidd-primary", "stop", refused);
  scene.run("/etc/init.d/qpidd", "start", refused);
  const catching = "Still catching up, cannot be promoted.";
  scene.run("/etc/init.d/qpidd-primary", "start", { type: "exited", code: 1, output: catching });
  t.equal(scene.refusals, 2);
});

test("PROMOTE10: what the stop of the broker's service leaves may be the primary", async (t) => {
  const scene = new Scene();
  const end: AgentOrder = {
    ...{ type: "end-processes", settleMs: ms(1), graceMs: ms(1), forceMs: ms(1), service: own },
    spared: { units: [], instances: [] },
  };
  const ended: AgentReport = { type: "processes", ended: ["7 (qpidd)"], left: [], unseen: [] };
  scene.perform(own, end, ended);
  t.same(scene.reports.at(-1), ended);
  scene.primaryHere = true;
  scene.perform(own, end, ended);
  t.same(scene.reports.at(-1), { ...ended, ended: [] });
  scene.perform(primary, end, ended);
  t.same(scene.reports.at(-1), ended);
  t.same(scene.performed, ["end-processes", "pause", "end-processes"]);
});

test("PROMOTE10: it is the primary while its service is started here", async (t) => {
  const conf = sampleConf({ qpid: "observe" });
  const table = (state: ServiceRecord["state"], owner: number) => ({
    conf,
    service: (name: ServiceName) => ({ ...freshRecord(name), state, owner: id(owner) }),
  });
  const node1 = service("service:node1-qpidd-service");
  const { sight: active } = answering(1, "active");
  const here = (given: Partial<Parameters<typeof isPrimaryHere>[0]>) =>
    isPrimaryHere({
      table: table("started", 1),
      service: node1,
      self: id(1),
      seen: active,
      ...given,
    });
  t.equal(here({}), true);
  t.equal(here({ table: table("stopping", 1) }), false);
  t.equal(here({ table: table("started", 2) }), false);
  t.equal(here({ seen: answering(1, "ready").sight }), false);
  t.equal(here({ seen: null }), false);
  t.equal(here({ service: service("service:node2-qpidd-service") }), false);
});

test("PROMOTE8: the broker must be the one that was decided on", async (t) => {
  const { sight: ready } = answering(1, "ready");
  const { sight: another } = answering(1, "ready", { systemId: systemId(7) });
  const { sight: joining } = answering(1, "joining");
  const obstacle = (known: BrokerSight | null, seen: BrokerSight | null, says: string | null) => {
    const table = { promotionObstacle: () => says, brokerSight: () => known };
    return promotionObstacle({ table, service: primary, self: id(1), seen });
  };
  const changed = "the broker of this node has changed since that was decided";
  t.equal(obstacle(ready, ready, null), null);
  t.equal(obstacle(ready, another, null), changed);
  t.equal(obstacle(ready, joining, null), changed);
  t.equal(obstacle(ready, { type: "gone" }, null), changed);
  t.equal(obstacle(ready, ready, "node2 is active"), "node2 is active");
  t.equal(obstacle(null, null, null), null, "nothing is known of any broker");
});

test("after a start the broker is asked at once, and after nothing else", async (t) => {
  const scene = new Scene().run("/etc/init.d/qpidd-primary", "start");
  t.equal(scene.starts, 1);
  scene.run("/etc/init.d/qpidd-primary", "status").run("/etc/init.d/qpidd", "start");
  scene.run("/etc/init.d/qpidd-primary", "stop");
  t.equal(scene.starts, 1);
});
