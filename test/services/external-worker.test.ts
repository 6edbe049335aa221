/** A service with external agents: repair after a failed check, and what a kill leaves behind. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import type { ResourceConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { ServiceWorker } from "../../src/services/local/service-worker.ts";
import { RunningResources } from "../../src/services/local/started-resources.ts";
import { service } from "../sim/cluster.ts";
import { resource, sampleService } from "../sim/sample-conf.ts";
import { done, exited, nodeName, walkCall } from "./agent-driver.ts";

function external(type: string, rest: Partial<ResourceConf> = {}): ResourceConf {
  const names = ["start", "stop", "status", "recover"];
  const actions = names.map((name) => {
    const intervalMs = name === "status" ? ms(10_000) : null;
    return { name, depth: 0, intervalMs, timeoutMs: ms(5000) };
  });
  const runs = { dialect: "rgmanager", file: `/a/${type}.sh`, directory: "/a" } as const;
  return { ...resource(type, type), agent: { runs, actions, children: [] }, ...rest };
}

function worker(...children: readonly ResourceConf[]): ServiceWorker {
  return new ServiceWorker(
    sampleService("web", children),
    {
      service: service("web"),
      nodeName: nodeName(),
      trackingToken: "token",
    },
    new RunningResources(),
  );
}

/** Starts it, and answers the agents of its first check. */
function check(one: ServiceWorker, reports: readonly AgentReport[]) {
  walkCall(one.start(), [exited(0)]);
  one.beginChecks(0, null);
  const call = one.check(10_000, "due");
  if (call === null) throw new Error("nothing is due");
  return walkCall(call, reports);
}

test("an agent that lists recover repairs what its check has found", async (t) => {
  const { orders, verdict } = check(worker(external("fs")), [exited(1), exited(0)]);
  t.same(orders, ["run /a/fs.sh status", "run /a/fs.sh recover"]);
  t.equal(verdict.code, 0);
  t.match(verdict.text, "returned 1 (generic error); recovered by its agent");
});

test("a repair that fails is the failure of the check", async (t) => {
  const { verdict } = check(worker(external("fs")), [exited(7), exited(1)]);
  t.match(verdict, { code: 7, text: /status on fs "fs" returned 7/ });
});

test("a tolerated failure is not repaired", async (t) => {
  const tolerance = { failures: 1, expireMs: ms(60_000) };
  const { orders, verdict } = check(worker(external("fs", { tolerance })), [exited(1)]);
  t.same(orders, ["run /a/fs.sh status"]);
  t.equal(verdict.code, 0);
});

test("a kill is over when the agents say that what they hold is released", async (t) => {
  const holding = external("fs");
  const agent = holding.agent === undefined ? {} : { agent: { ...holding.agent, holds: true } };
  const one = worker(external("web"), { ...holding, ...agent } as ResourceConf);
  const killed: AgentReport = { type: "killed", survivors: 0, unseen: [] };
  const { orders, verdict } = walkCall(one.kill(), [killed, exited(1), done, killed, exited(0)]);
  t.same(orders, [
    "kill service:web",
    "run /a/fs.sh stop",
    "pause 500 ms",
    "kill service:web",
    "run /a/fs.sh stop",
  ]);
  t.equal(verdict.code, 0);
});

test("typed children of an external agent are started by its levels", async (t) => {
  const parent = external("rack");
  const children = [
    { type: "b", start: 2, stop: 1 },
    { type: "a", start: 1, stop: 2 },
  ];
  if (parent.agent === undefined) throw new Error("no agent");
  const rack: ResourceConf = {
    ...parent,
    agent: { ...parent.agent, children },
    children: [external("c"), external("b"), external("a")],
  };
  const one = worker(rack);
  const four = Array<AgentReport>(4).fill(exited(0));
  const started = walkCall(one.start(), four).orders.map((order) => order.slice(7, -9));
  t.same(started, ["rack", "a", "b", "c"]);
  const stopped = walkCall(one.stop(), four).orders.map((order) => order.slice(7, -8));
  t.same(stopped, ["c", "b", "a", "rack"]);
});
