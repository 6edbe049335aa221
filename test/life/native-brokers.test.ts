/** The orders of the resources `qpidd` and `qpidd-primary`; the test plays the observer. */
import { test } from "tap";
import type { BrokerSight } from "../../src/brokers/broker-sight.ts";
import type { PromoteLimits, PromoteResult } from "../../src/io/broker-port.ts";
import { NativeBroker } from "../../src/life/native-brokers.ts";
import type { AgentOrder, AgentReport } from "../../src/model/agent-orders.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import type { OwnBrokerStatus } from "../../src/model/status.ts";
import { ms } from "../../src/model/time.ts";
import { answering } from "../brokers/promotion-inputs.ts";
import { processOn } from "../io/pumped-time.ts";
import { service } from "../sim/cluster-machine.ts";
import { resultIn, settled } from "../sim/virtual-promise.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const known = {
  host: "127.0.0.1",
  port: 5672,
  credentials: { type: "anonymous" },
  heartbeatMs: 10_000,
  log: "the system log",
  idleMs: 10_000,
} as const;

class Scene {
  readonly time = new VirtualTime();
  readonly process = processOn(this.time);
  readonly reports: AgentReport[] = [];
  readonly mustEnd: string[] = [];
  readonly limits: PromoteLimits[] = [];
  readonly handed: string[] = [];
  heartbeatMs = 2000;
  state: OwnBrokerStatus["state"] = "ready";
  sight: BrokerSight | null = answering(1, "ready").sight;
  target: Result<typeof known, string> = accept(known);
  /** The file is still being read; null: it was read at once. */
  reading: PromiseLike<Result<typeof known, string>> | null = null;
  /** Null: it does not answer. */
  promotes: PromoteResult | null = { type: "promoted" };
  #listeners: (() => void)[] = [];
  #actions = 0;
  readonly agents = this.#native().serve({
    perform: ({ order }) => this.handed.push(order.type),
    cancel: () => undefined,
    fence: () => undefined,
    unfence: () => undefined,
  });

  #native(): NativeBroker {
    const scene = this;
    return new NativeBroker({
      observer: {
        get sight() {
          return scene.sight;
        },
        get status() {
          return { state: scene.state, text: "words", services: [] };
        },
        get heartbeatMs() {
          return scene.heartbeatMs;
        },
        target: () => scene.reading ?? settled(scene.target),
        refresh: () => undefined,
        requireEnd: (why) => this.mustEnd.push(why),
        onceChanged: (listener) => {
          scene.#listeners.push(listener);
          return () => {
            scene.#listeners = scene.#listeners.filter((one) => one !== listener);
          };
        },
      },
      connections: {
        promote: (_target, limits) => {
          this.limits.push(limits);
          return resultIn<PromoteResult>(this.process, (settle) => {
            const { promotes } = this;
            if (promotes !== null) this.time.after(5, () => settle(promotes));
          });
        },
      },
      clock: this.process.clock,
    });
  }

  /** Returns the number of the action. */
  order(order: AgentOrder): number {
    this.#actions += 1;
    const act = { action: this.#actions, service: service("service:primary"), order };
    this.agents.perform(act, (report) => this.reports.push(report));
    this.run(100);
    return this.#actions;
  }

  becomes(state: OwnBrokerStatus["state"]): void {
    this.state = state;
    for (const listener of this.#listeners.splice(0)) listener();
  }

  run(forMs: number): void {
    this.time.runUntil(this.time.nowMs + forMs);
  }

  /** The reports since the last call: `0`, or the text of a failure. */
  answers(): readonly string[] {
    return this.reports.splice(0).map((report) => {
      if (report.type === "exited") return report.code === 0 ? "0" : report.output;
      return report.type;
    });
  }
}

test("a status is what is known of the broker", async (t) => {
  const scene = new Scene();
  const asked = (state: OwnBrokerStatus["state"]) => {
    scene.state = state;
    scene.order({ type: "ask-broker", primary: false });
    scene.order({ type: "ask-broker", primary: true });
    return scene.answers();
  };
  t.same(asked("active"), ["0", "0"]);
  t.same(asked("recovering"), ["0", "0"]);
  t.same(asked("ready"), ["0", "the broker is ready"]);
  t.same(asked("catchup"), ["0", "the broker is catchup"]);
  const ended = "the broker has ended: words";
  t.same(asked("gone"), [ended, ended]);
  t.same(asked("frozen"), ["the broker is frozen", "the broker is frozen"]);
  const unknown = "whether it is primary cannot be asked: words";
  t.same(asked("refusing"), ["0", unknown], "a restart would change nothing");
  scene.order({ type: "pause", pauseMs: ms(1) });
  t.same(scene.handed, ["pause"], "other orders are handed on");
});

test("what is not known yet is waited for, but not for ever", async (t) => {
  const scene = new Scene();
  scene.state = "silent";
  scene.order({ type: "ask-broker", primary: true });
  t.same(scene.answers(), []);
  scene.becomes("lost");
  t.same(scene.answers(), []);
  scene.becomes("active");
  t.same(scene.answers(), ["0"]);
  scene.state = "silent";
  scene.order({ type: "ask-broker", primary: true });
  scene.run(6000);
  t.same(scene.answers(), ["the broker does not answer"]);
  scene.becomes("active");
  t.same(scene.answers(), [], "once");
});

test("a promotion has the time that the state of the broker needs", async (t) => {
  const scene = new Scene();
  scene.order({ type: "promote-broker" });
  t.same(scene.answers(), ["0"]);
  scene.sight = answering(1, "joining").sight;
  scene.order({ type: "promote-broker" });
  t.same(
    scene.limits.map(({ answerMs }) => answerMs),
    [5000, 25_000],
  );
});

test("a promotion that is refused says why, in the broker's words", async (t) => {
  const scene = new Scene();
  const words = "Still catching up, cannot be promoted.";
  scene.promotes = { type: "refused", refusal: { code: 7, words, kind: "still-catching-up" } };
  scene.order({ type: "promote-broker" });
  t.same(scene.answers(), [`the broker refuses: ${words}`]);
  scene.target = refuse("/etc/qpid/qpidd.conf: ha-cluster is not set to yes");
  scene.order({ type: "promote-broker" });
  t.same(scene.answers(), ["/etc/qpid/qpidd.conf: ha-cluster is not set to yes"]);
  t.same(scene.mustEnd, []);
});

test("NATIVE1: a promotion with an unknown outcome kills the broker", async (t) => {
  const scene = new Scene();
  scene.promotes = { type: "unknown", words: "no answer after 5 s" };
  scene.order({ type: "promote-broker" });
  t.match(scene.reports, [{ type: "failed", cause: /^no answer after 5 s; it is killed/ }]);
  t.same(scene.mustEnd, ["the outcome of its promotion is not known"]);
});

test("a promotion that is cancelled before the broker was asked asks nothing", async (t) => {
  const scene = new Scene();
  let read: (target: Result<typeof known, string>) => void = () => undefined;
  scene.reading = resultIn(scene.process, (settle) => {
    read = settle;
  });
  const action = scene.order({ type: "promote-broker" });
  scene.agents.cancel(action);
  read(accept(known));
  scene.run(100);
  t.same(scene.answers(), ["failed"]);
  t.same(scene.limits, []);
  scene.order({ type: "end-primary" });
  t.same(scene.mustEnd, [], "its outcome is known");
});

test("NATIVE1: so does the stop while a promotion has not ended", async (t) => {
  const scene = new Scene();
  scene.promotes = null;
  const action = scene.order({ type: "promote-broker" });
  scene.agents.cancel(action);
  t.same(scene.answers(), ["failed"]);
  t.same(scene.mustEnd, []);
  scene.order({ type: "end-primary" });
  t.same(scene.answers(), ["0"]);
  t.equal(scene.mustEnd.length, 1);
});
