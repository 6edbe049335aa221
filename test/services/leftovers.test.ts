/** Whether a stop is believed: what is left is looked at. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import type { ResourceConf } from "../../src/model/conf.ts";
import { ServiceWorker } from "../../src/services/local/service-worker.ts";
import { RunningResources } from "../../src/services/local/started-resources.ts";
import { service } from "../sim/cluster.ts";
import { ip, resource, sampleService, script } from "../sim/sample-conf.ts";
import { done, exited, nodeName, nothingLeft, walkCall } from "./agent-driver.ts";

const web = service("web");

function worker(...children: readonly ResourceConf[]): ServiceWorker {
  const context = { service: web, nodeName: nodeName(), trackingToken: "token" };
  return new ServiceWorker(sampleService("web", [...children]), context, new RunningResources());
}

function processes(how: Partial<Extract<AgentReport, { type: "processes" }>>): AgentReport {
  return { type: "processes", ended: [], left: [], unseen: [], ...how };
}

const broker = ["4711 (qpidd)"];

/** One whose start has left a process. */
function started(): ServiceWorker {
  const one = worker(script("a"));
  walkCall(one.start(), [exited(0), processes({ left: broker })]);
  return one;
}

test("LEFTOVER1: processes that a stop has left are ended, and named by process id", async (t) => {
  const { orders, verdict } = walkCall(started().stop(), [exited(0), processes({ ended: broker })]);
  t.same(orders, ["run /etc/init.d/a stop", "end service:web"]);
  t.match(verdict, { code: 0, text: "its stop has left 4711 (qpidd), which has been ended" });
  t.same(walkCall(started().stop(), [exited(0), nothingLeft]).verdict, { code: 0, text: "" });
});

test("LEFTOVER1: a process that cannot be ended makes the stop a failure", async (t) => {
  const { verdict } = walkCall(started().stop(), [exited(0), processes({ left: broker })]);
  t.match(verdict, { code: 1, text: "the stop has left 4711 (qpidd), which cannot be ended" });
});

test("LEFTOVER1: a stop does not end before all processes could be looked at", async (t) => {
  const blind = processes({ unseen: ["/proc: EMFILE"] });
  const { orders, verdict } = walkCall(started().stop(), [
    exited(0),
    blind,
    done,
    blind,
    done,
    nothingLeft,
  ]);
  t.same(orders.slice(1, 4), ["end service:web", "pause 500 ms", "end service:web"]);
  t.equal(verdict.code, 0);
});

test("LEFTOVER2: a stop that answers 1 and leaves nothing succeeds, with a warning", async (t) => {
  for (const code of [1, 7]) {
    const { orders, verdict } = walkCall(started().stop(), [exited(code), nothingLeft]);
    t.same(orders, ["run /etc/init.d/a stop", "processes of service:web"]);
    t.equal(verdict.code, 0);
    t.match(verdict.text, new RegExp(`returned ${code}, but nothing of it is left`));
  }
  const left = walkCall(started().stop(), [exited(1), processes({ left: broker })]);
  t.match(left.verdict, { code: 1, text: /returned 1; it has left 4711 \(qpidd\)/ });
});

test("LEFTOVER2: other failures are not overruled", async (t) => {
  const reports: readonly AgentReport[] = [
    exited(4),
    { type: "signalled", signal: "SIGKILL", output: "" },
    { type: "not-started", absent: false, cause: "EACCES" },
  ];
  for (const report of reports) {
    t.equal(walkCall(started().stop(), [report]).verdict.code, 1, report.type);
  }
  const killed: AgentReport = { type: "killed", survivors: 0, unseen: [] };
  const late = [{ type: "timed-out", output: "" } as const, killed, exited(1), exited(1)];
  t.equal(walkCall(started().stop(), late).verdict.code, 1, "timed-out");
});

test("LEFTOVER2: the failure of a script that never had a process is not overruled", async (t) => {
  const one = worker(script("a"));
  walkCall(one.start(), [exited(0), nothingLeft]);
  t.equal(walkCall(one.stop(), [exited(1)]).verdict.code, 1);
  const unlooked = worker(script("a"));
  walkCall(unlooked.start(), [exited(0), processes({ unseen: ["/proc: EMFILE"] })]);
  t.equal(walkCall(unlooked.stop(), [exited(1)]).verdict.code, 1);
});

test("LEFTOVER3: units, and what holders have started, may live on", async (t) => {
  const holder = resource("fs", "data", {
    agent: {
      actions: [],
      children: [],
      holds: true,
      runs: { dialect: "rgmanager", file: "/a/fs.sh", directory: "/a" },
    },
  });
  const unit = resource("systemd", "db", {
    agent: { actions: [], children: [], runs: { dialect: "systemd", unit: "db.service" } },
  });
  const call = worker(holder, unit, script("a")).stop();
  let next = call.next();
  const inactive = "LoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\n";
  while (next.done !== true && next.value.type !== "end-processes") {
    next = call.next(exited(0, inactive));
  }
  if (next.done === true || next.value.type !== "end-processes") throw new Error("no look");
  t.same(next.value.spared, { units: ["db.service"], instances: ["fs:data"] });
});

test("a service of addresses alone has no processes to look at", async (t) => {
  const one = worker(ip("10.0.0.5"));
  const none: AgentReport = { type: "interfaces", interfaces: [], contested: [] };
  t.same(walkCall(one.stop(), [none]).orders, ["list"]);
});

test("a kill goes on until everything could be looked at", async (t) => {
  const killed = (unseen: readonly string[]): AgentReport => {
    return { type: "killed", survivors: 0, unseen };
  };
  const reports = [killed(["/proc: EMFILE"]), done, killed([])];
  const { orders } = walkCall(worker(script("a")).kill(), reports);
  t.same(orders, ["kill service:web", "pause 500 ms", "kill service:web"]);
});

test("an address that comes up during the kill is gone before the kill is over", async (t) => {
  const interfaces = (...addresses: readonly string[]): AgentReport => {
    const listed = addresses.map((address) => {
      return { address, prefix: 24, family: "ipv4" as const, ours: true };
    });
    const eth0 = { name: "eth0", up: true, carrier: true, slave: false, addresses: listed };
    return { type: "interfaces", interfaces: [eth0], contested: [] };
  };
  const killed: AgentReport = { type: "killed", survivors: 0, unseen: [] };
  const late = [interfaces("10.0.0.5"), done, interfaces(), done];
  const reports = [interfaces(), killed, ...late];
  const { orders, verdict } = walkCall(worker(ip("10.0.0.5")).kill(), reports);
  t.same(orders, [
    "list",
    "kill service:web",
    "list",
    "remove 10.0.0.5/24 on eth0",
    "list",
    "release 10.0.0.5",
  ]);
  t.equal(verdict.code, 0);
});
