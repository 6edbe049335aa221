/** What a node does about its broker, as a transcript. */
import { test } from "tap";
import { BrokerCare } from "../../src/brokers/broker-care.ts";
import type { BrokerState } from "../../src/brokers/broker-state.ts";
import type { BrokerDuty, CareInput } from "../../src/brokers/care-events.ts";
import { ms } from "../../src/model/time.ts";
import { service } from "../sim/cluster-machine.ts";
import { brokerStatus } from "./statuses.ts";

const own = service("service:node1-qpidd");
const primary = service("service:qpidd-primary");
const started: BrokerDuty = {
  observed: true,
  processes: [{ service: own, resource: "script:qpidd" }],
  marks: [{ service: own, resource: "script:qpidd" }],
  services: [own, primary],
  heartbeatMs: ms(2000),
  running: true,
  promoting: false,
  held: null,
  restraint: null,
};

class Cared {
  readonly care = new BrokerCare();
  connection = 0;

  /** What is done beside asking, in short. */
  step(input: CareInput): readonly string[] {
    return this.care.step(input).flatMap((output) => {
      switch (output.type) {
        case "connect":
          this.connection = output.connection;
          return ["connect"];
        case "kill":
          return [`kill ${output.processes.map(({ resource }) => resource).join()}`];
        case "check":
          return [`check ${output.services.length}: ${output.why}`];
        case "say":
          return [`${output.level}: ${output.text}`];
        case "check-process":
          return ["look"];
        case "arm":
          return output.timer === "kill-again" ? ["kill again later"] : [];
        default:
          return [];
      }
    });
  }

  answers(state: BrokerState): readonly string[] {
    const { connection } = this;
    return this.step({ type: "status", connection, status: brokerStatus(state) });
  }

  ends(type: "disconnected" | "refused", words: string): readonly string[] {
    return this.step({ type, connection: this.connection, words });
  }

  /** Until it is frozen; what that leads to. */
  freezes(): readonly string[] {
    const done: string[] = [];
    for (let limits = 0; limits < 3; limits += 1) {
      done.push(...this.step({ type: "timer", timer: "answer" }));
    }
    return done.filter((one) => one !== "connect");
  }

  get shown(): string {
    const { state, text } = this.care.snapshot();
    return text === "" ? state : `${state}: ${text}`;
  }
}

function answering(state: BrokerState = "active"): Cared {
  const cared = new Cared();
  cared.step({ type: "duty", duty: started });
  cared.answers(state);
  return cared;
}

const ended = { type: "killed", ended: ["12 (qpidd)"], left: [], unseen: [] } as const;

test("asks nothing before something of its services is started", (t) => {
  const cared = new Cared();
  t.same(cared.step({ type: "duty", duty: { ...started, observed: false } }), []);
  t.equal(cared.shown, "idle");
  t.same(cared.step({ type: "duty", duty: started }), ["connect"]);
  t.equal(cared.shown, "connecting");
  t.same(cared.answers("joining"), ["notice: the broker is joining"]);
  t.same(cared.answers("joining"), []);
  t.same(cared.answers("ready"), ["notice: the broker is ready"]);
  t.equal(cared.shown, "ready");
  t.same(cared.step({ type: "duty", duty: { ...started, observed: false } }), []);
  t.equal(cared.shown, "idle");
  t.same(cared.step({ type: "duty", duty: started }), ["connect"]);
  t.equal(cared.shown, "connecting");
  t.end();
});

test("CARE1: a frozen broker is killed, and its services are checked when it is gone", (t) => {
  const cared = answering();
  t.same(cared.freezes(), [
    "warning: the broker is frozen: it answers nothing, and has not ended; it is killed now",
    "kill script:qpidd",
  ]);
  t.equal(cared.shown, "frozen");
  t.same(cared.step({ ...ended, left: ["12 (qpidd)"], ended: [] }), [
    "err: the frozen broker is not gone yet, trying again: 12 (qpidd) survives SIGKILL",
    "kill again later",
  ]);
  t.same(cared.step({ type: "timer", timer: "kill-again" }), ["kill script:qpidd"]);
  t.same(cared.step({ ...ended, ended: [], unseen: ["/proc/7/environ: EMFILE"] }), [
    "err: the frozen broker is not gone yet, trying again: /proc/7/environ: EMFILE",
    "kill again later",
  ]);
  t.same(cared.step({ type: "timer", timer: "kill-again" }), ["kill script:qpidd"]);
  t.same(cared.step(ended), [
    "notice: the frozen broker is killed: 12 (qpidd)",
    "check 2: the broker was frozen",
  ]);
  t.same(cared.ends("disconnected", "the broker ended the connection"), ["look"]);
  t.same(cared.step({ type: "process", alive: false }), ["notice: the broker has ended"]);
  t.equal(cared.shown, "gone");
  t.end();
});

test("CARE4: a primary that ends while it is looked for has ended", (t) => {
  const cared = new Cared();
  cared.step({ type: "duty", duty: started });
  cared.step({ type: "connected", connection: cared.connection });
  cared.answers("active");
  t.same(cared.step({ type: "primary-stopped", by: "script" }), ["connect"]);
  cared.ends("disconnected", "refused");
  const killed = cared.step({ type: "process", alive: true });
  t.match(killed.join(), /kill script:qpidd/);
  const nothing = { ended: [], left: [], unseen: [] };
  t.same(cared.step({ type: "killed", ...nothing }), ["connect"]);
  cared.ends("disconnected", "refused");
  const released = cared.care.step({ type: "process", alive: false });
  t.match(
    released.find(({ type }) => type === "released"),
    { left: null },
  );
  t.end();
});

test("CARE4: the service waits for a broker that is being killed already", (t) => {
  const cared = answering("ready");
  const released = (input: CareInput) =>
    cared.care.step(input).filter(({ type }) => type === "released");
  t.same(cared.step({ type: "must-end", why: "nobody knows what it was asked" }), [
    "warning: the broker must end: nobody knows what it was asked",
    "kill script:qpidd",
  ]);
  t.same(released({ type: "primary-stopped", by: "nobody" }), []);
  t.same(cared.step({ type: "must-end", why: "once more" }), [], "it is said once");
  t.same(released({ ...ended, ended: [], left: ["12 (qpidd)"] }), []);
  t.same(cared.step({ type: "timer", timer: "kill-again" }), ["kill script:qpidd"]);
  t.same(released(ended), [{ type: "released", left: null }]);
  t.end();
});

test("SHORT1: a broker that ends three times before it is ready is told of", (t) => {
  const cared = new Cared();
  const stopped = { ...started, observed: false, running: false };
  const run = (...states: readonly BrokerState[]) => {
    cared.step({ type: "duty", duty: started });
    cared.step({ type: "log", log: "/var/log/qpidd.log" });
    for (const state of states) cared.answers(state);
    cared.ends("disconnected", "the broker ended the connection");
    cared.step({ type: "process", alive: false });
    const { shown } = cared;
    return [shown, ...cared.step({ type: "duty", duty: stopped })];
  };
  const words =
    "it has ended 3 times, each time before it was ready: see its log (/var/log/qpidd.log), and " +
    "compare its ha-replicate and acl-file";
  t.same(run("ready"), ["gone"]);
  t.same(run("joining"), ["gone"]);
  t.same(run(), ["gone"], "it was not seen at all");
  t.same(run("joining", "catchup"), ["gone", `warning: the broker has ended: ${words}`]);
  t.same(run("joining"), [`gone: ${words}`], "it is said once");
  t.match(run("joining"), [/^gone: it has ended 4 times/]);
  t.same(run("joining", "ready"), ["gone"]);
  t.same(run("joining"), ["gone"]);
  t.same(run("joining"), ["gone"]);
  t.same(run(...Array<BrokerState>(20).fill("joining")), ["gone"], "it waits for a primary");
  t.same(run("joining"), ["gone"]);
  t.end();
});

test("CARE4: what ends by itself before it is killed has ended", (t) => {
  const cared = answering();
  cared.step({ type: "primary-stopped", by: "nobody" });
  cared.step({ type: "connected", connection: cared.connection });
  t.same(cared.answers("active"), [
    "notice: the broker must end: its service stops",
    "kill script:qpidd",
  ]);
  // The stop of its own service, which is under way as well, has been quicker.
  t.same(cared.ends("disconnected", "the broker ended the connection"), ["look"]);
  t.same(cared.step({ type: "process", alive: false }), ["notice: the broker has ended"]);
  const released = cared.care.step({ ...ended, ended: [] });
  t.match(
    released.find(({ type }) => type === "released"),
    { left: null },
  );
  t.end();
});

test("CARE4: the stop fails while what must end survives", (t) => {
  const cared = answering("ready");
  cared.step({ type: "must-end", why: "nobody knows what it was asked" });
  cared.step({ ...ended, ended: [], left: ["12 (qpidd)"] });
  t.same(cared.step({ type: "primary-stopped", by: "script" }), ["kill script:qpidd"]);
  cared.step({ ...ended, ended: [], left: ["12 (qpidd)"] });
  const overdue = cared.care.step({ type: "timer", timer: "release" });
  t.match(overdue[1], { type: "released", left: "the broker has not ended" });
  t.end();
});

test("CARE4: a primary that answers and has no process here fails the stop", (t) => {
  const cared = new Cared();
  cared.step({ type: "duty", duty: started });
  cared.step({ type: "connected", connection: cared.connection });
  cared.answers("active");
  cared.step({ type: "primary-stopped", by: "script" });
  const nothing = { type: "killed", ended: [], left: [], unseen: [] } as const;
  const answers = () => {
    cared.step({ type: "connected", connection: cared.connection });
    return cared.answers("active").join();
  };
  t.match(answers(), /kill script:qpidd/);
  t.same(cared.step(nothing), ["connect"]);
  t.match(answers(), /kill script:qpidd/);
  const released = cared.care.step(nothing).find(({ type }) => type === "released");
  t.match(released, { left: /has no process that a service of this node has marked/ });
  t.end();
});

test("a frozen process that no service of this node has started is left alone", (t) => {
  const cared = answering();
  cared.freezes();
  t.same(cared.step({ ...ended, ended: [] }), [
    "warning: the frozen broker is not killed: it has no process that a service of this " +
      "node has marked",
    "check 2: the broker was frozen",
  ]);
  t.same(cared.step({ type: "timer", timer: "kill-again" }).includes("kill script:qpidd"), true);
  t.end();
});

test("a duty says how long an answer may take", (t) => {
  const cared = new Cared();
  const limits = (heartbeatMs: number) =>
    cared.care
      .step({ type: "duty", duty: { ...started, heartbeatMs: ms(heartbeatMs), observed: false } })
      .concat(cared.care.step({ type: "duty", duty: { ...started, heartbeatMs: ms(heartbeatMs) } }))
      .flatMap((output) => (output.type === "arm" ? [[output.timer, output.afterMs]] : []));
  t.same(limits(2000), [["answer", 2000]]);
  t.same(limits(7000), [["answer", 7000]]);
  t.end();
});

test("CARE2: what an operator has frozen is not killed before it is released", (t) => {
  const cared = answering();
  const restraint = "an operator has frozen it";
  cared.step({ type: "duty", duty: { ...started, restraint } });
  t.same(cared.freezes(), [
    "warning: the broker is frozen: it answers nothing, and has not ended; it is not killed: " +
      restraint,
  ]);
  t.same(cared.step({ type: "duty", duty: { ...started, promoting: true, restraint } }), []);
  t.same(cared.step({ type: "duty", duty: started }), [
    "warning: the broker is frozen: it answers nothing, and has not ended; it is killed now",
    "kill script:qpidd",
  ]);
  t.same(cared.step({ type: "duty", duty: { ...started, restraint } }).at(-1), undefined);
  t.end();
});

test("the end of the broker has its services checked at once, and once", (t) => {
  const cared = answering();
  t.same(cared.ends("disconnected", "the broker ended the connection"), ["look"]);
  t.equal(cared.shown, "lost: the broker ended the connection");
  t.same(cared.step({ type: "process", alive: true }), [
    "check 2: the connection to the broker has ended",
  ]);
  t.same(cared.step({ type: "timer", timer: "connect" }), ["connect"]);
  t.same(cared.ends("disconnected", "connect ECONNREFUSED"), ["look"]);
  t.same(cared.step({ type: "process", alive: true }), [], "once for each connection");
  t.same(cared.step({ type: "timer", timer: "connect" }), ["connect"]);
  t.same(cared.ends("disconnected", "connect ECONNREFUSED"), ["look"]);
  t.same(cared.step({ type: "process", alive: false }), [
    "check 2: the broker has ended",
    "notice: the broker has ended",
  ]);
  const again = { ...started, promoting: true };
  t.same(cared.step({ type: "duty", duty: again }), ["connect"], "it may have been started");
  t.same(cared.answers("joining"), ["notice: the broker is joining"]);
  t.end();
});

test("a broker that was never there has nothing checked, and is no news", (t) => {
  const cared = new Cared();
  cared.step({ type: "duty", duty: started });
  t.same(cared.ends("disconnected", "connect ECONNREFUSED"), ["look"]);
  t.same(cared.step({ type: "process", alive: false }), []);
  t.equal(cared.shown, "gone");
  t.end();
});

test("CARE3: a refusal is said once, and again when its words change", (t) => {
  const cared = answering();
  const words = "Failed to authenticate: 1";
  const line = `warning: the broker refuses clusterd: ${words}`;
  t.same(cared.ends("refused", words), [line]);
  t.equal(cared.shown, `refusing: ${words}`);
  t.same(cared.step({ type: "timer", timer: "connect" }), ["connect"]);
  t.same(cared.ends("refused", words), []);
  t.same(cared.step({ type: "timer", timer: "connect" }), ["connect"]);
  t.same(cared.ends("refused", "ACL denied"), ["warning: the broker refuses clusterd: ACL denied"]);
  t.same(cared.step({ type: "timer", timer: "connect" }), ["connect"]);
  t.same(cared.answers("active"), ["notice: the broker is active"]);
  t.end();
});

test("CARE3: a configuration that does not say how to ask is said once, as info", (t) => {
  const cared = new Cared();
  cared.step({ type: "duty", duty: started });
  const why = "/etc/qpid/qpidd.conf: no such file or directory";
  const unobserved = () => {
    return cared.step({ type: "unobserved", connection: cared.connection, why });
  };
  t.same(unobserved(), [`info: the broker is not observed: ${why}`]);
  t.equal(cared.shown, `not-observed: ${why}`);
  t.same(cared.step({ type: "timer", timer: "connect" }), ["connect"]);
  t.same(unobserved(), []);
  t.same(cared.step({ type: "timer", timer: "connect" }), ["connect"]);
  cared.step({ type: "connected", connection: cared.connection });
  t.same(cared.answers("active"), ["notice: the broker is active"]);
  t.equal(cared.shown, "active");
  t.end();
});

test("an answer in another form is said, and is no end", (t) => {
  const cared = answering();
  const misfit = { part: "status", text: "is not one of the states" };
  t.same(cared.step({ type: "misfit", connection: cared.connection, misfit }), [
    "warning: the broker's answer is not understood: status is not one of the states",
  ]);
  t.equal(cared.shown, "misfit: status is not one of the states");
  t.end();
});

test("CARE5: a refusal to be promoted lasts as long as the connection", (t) => {
  const refuses = (cared: Cared) => {
    const sight = cared.care.sight();
    return sight.type === "answers" && sight.refuses;
  };
  const refusing = () => {
    const cared = answering("joining");
    t.notOk(refuses(cared));
    cared.step({ type: "promotion-refused" });
    t.ok(refuses(cared));
    cared.answers("joining");
    t.ok(refuses(cared), "each answer");
    return cared;
  };
  const ready = refusing();
  ready.answers("ready");
  t.notOk(refuses(ready));
  const restarted = refusing();
  restarted.ends("disconnected", "ECONNRESET");
  restarted.step({ type: "process", alive: false });
  restarted.step({ type: "duty", duty: { ...started, promoting: true } });
  restarted.answers("joining");
  t.notOk(refuses(restarted), "with the same identity, too, which it keeps in its data directory");
  const stopped = refusing();
  stopped.step({ type: "duty", duty: { ...started, observed: false } });
  stopped.step({ type: "duty", duty: started });
  stopped.answers("joining");
  t.notOk(refuses(stopped));
  const catching = answering("catchup");
  catching.step({ type: "promotion-refused" });
  catching.answers("joining");
  t.notOk(refuses(catching), "only a joining broker refuses for good");
  t.end();
});
