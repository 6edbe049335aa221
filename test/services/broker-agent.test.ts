/** The calls of the resources `qpidd` and `qpidd-primary`, order by order. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import { ms } from "../../src/model/time.ts";
import { callBroker, callPrimary } from "../../src/services/agents/broker-agent.ts";
import { service } from "../sim/cluster-machine.ts";
import { walkCall } from "./agent-driver.ts";

const name = service("service:node1-qpidd-service");
const good: AgentReport = { type: "exited", code: 0, output: "" };
const running: AgentReport = { type: "processes", ended: [], left: ["7 (qpidd)"], unseen: [] };
const nothing: AgentReport = { type: "processes", ended: [], left: [], unseen: [] };

function call(action: "start" | "stop" | "status", user = "qpidd") {
  const attributes = new Map([
    ["binary", "/usr/sbin/qpidd"],
    ["config", "/etc/qpid/qpidd.conf"],
    ["run_as", user],
  ]);
  const retry = "short" as const;
  const context = { service: name, resource: "qpidd:broker", retry };
  return callBroker({ attributes, action, environment: [], timeoutMs: ms(120_000), context });
}

const runs = "--config /etc/qpid/qpidd.conf --daemon";

test("a broker is started as its user, unless it runs already", async (t) => {
  t.same(walkCall(call("start"), [nothing, good]), {
    orders: [
      `processes of ${name}`,
      `run /usr/bin/env runuser -u qpidd -- /usr/sbin/qpidd ${runs}`,
    ],
    verdict: { code: 0, text: "" },
  });
  t.same(
    walkCall(call("start", "root"), [nothing, good]).orders.at(-1),
    `run /usr/bin/env /usr/sbin/qpidd ${runs}`,
  );
  t.same(walkCall(call("start"), [running]), {
    orders: [`processes of ${name}`],
    verdict: { code: 0, text: "" },
  });
});

test("a start that fails says what the broker has printed; one that hangs is killed", async (t) => {
  const refused: AgentReport = { type: "exited", code: 1, output: "Address already in use\n" };
  t.same(walkCall(call("start"), [nothing, refused]).verdict, {
    code: 1,
    text: "start of /usr/sbin/qpidd failed: Address already in use",
  });
  const hangs: AgentReport = { type: "timed-out", output: "" };
  const killed: AgentReport = { type: "killed", survivors: 0, unseen: [] };
  const { orders, verdict } = walkCall(call("start"), [nothing, hangs, killed]);
  t.equal(orders.at(-1), `kill qpidd:broker of ${name}`);
  t.match(verdict, { code: 1, text: /timed out after 120 s/ });
});

test("a broker is stopped by ending its processes", async (t) => {
  t.same(walkCall(call("stop"), [nothing]), {
    orders: [`end qpidd:broker of ${name}`],
    verdict: { code: 0, text: "" },
  });
  t.match(walkCall(call("stop"), [running]).verdict, { code: 1, text: /is left: 7 \(qpidd\)/ });
});

test("the status of a broker, and of the primary, is what it says of itself", async (t) => {
  t.same(walkCall(call("status"), [good]), {
    orders: ["ask whether it runs"],
    verdict: { code: 0, text: "" },
  });
  const ready: AgentReport = { type: "exited", code: 1, output: "the broker is ready" };
  t.same(walkCall(callPrimary("status"), [ready]), {
    orders: ["ask whether primary"],
    verdict: { code: 1, text: "status of the primary failed: the broker is ready" },
  });
});

test("the primary is promoted and ended, or it is said why not", async (t) => {
  t.same(walkCall(callPrimary("start"), [good]).orders, ["promote-broker"]);
  t.same(walkCall(callPrimary("stop"), [good]).orders, ["end-primary"]);
  const off: AgentReport = { type: "failed", cause: "brokers are not observed on this node" };
  t.same(walkCall(callPrimary("start"), [off]).verdict, {
    code: 1,
    text: "promotion of the broker failed: brokers are not observed on this node",
  });
});
