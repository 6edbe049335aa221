/** Agents in both dialects: argv and environment to the letter, limits, and what exits mean. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import type { AgentActionConf, AgentRun, ResourceConf } from "../../src/model/conf.ts";
import { parseServiceName } from "../../src/model/ids.ts";
import { type Ms, ms } from "../../src/model/time.ts";
import { callAgent } from "../../src/services/agents/agent-calls.ts";
import type { AgentAction } from "../../src/services/agents/call-context.ts";
import { heldAddress, outlivesProcesses } from "../../src/services/tree/held-resources.ts";
import { enforcedLimitMs } from "../../src/services/tree/status-checks.ts";
import { resource } from "../sim/sample-conf.ts";
import { exited, nodeName, walkCall } from "./agent-driver.ts";

const service = parseServiceName("service:web");
if (service === null) throw new Error("no name");
const context = {
  service,
  nodeName: nodeName(),
  trackingToken: "token",
  otherInstances: 2,
  resource: "x:y",
  retry: "short",
  overdue: "left-to-caller",
} as const;

const rgmanager: AgentRun = { dialect: "rgmanager", file: "/opt/a/fs.sh", directory: "/opt/a" };
const heartbeat: AgentRun = {
  dialect: "ocf",
  file: "/usr/lib/ocf/resource.d/heartbeat/nginx",
  root: "/usr/lib/ocf",
  provider: "heartbeat",
  type: "nginx",
};

function action(name: string, seconds: number, check?: readonly [number, number]): AgentActionConf {
  const [depth = 0, interval = null] = check ?? [];
  const intervalMs = interval === null ? null : ms(interval * 1000);
  return { name, depth, intervalMs, timeoutMs: ms(seconds * 1000) };
}

const actions = [
  action("start", 900),
  action("stop", 30),
  action("status", 10, [0, 60]),
  action("status", 40, [20, 90]),
];

function external(runs: AgentRun, rest: Partial<ResourceConf> = {}): ResourceConf {
  const agent = { runs, actions, children: [] };
  const attributes = [
    ["name", "disk"],
    ["agent", "heartbeat:nginx"],
    ["param.name", "inner"],
    ["port", ""],
  ] as const;
  return { ...resource("fs", "disk"), attributes, agent, ...rest };
}

type Given = { readonly depth?: number; readonly limitMs?: Ms | null };

function call(one: ResourceConf, name: AgentAction, given: Given = {}) {
  const { depth = 0 } = given;
  const limitMs = given.limitMs === undefined ? enforcedLimitMs(one, name, depth) : given.limitMs;
  return callAgent(one, name, { ...context, nodesOff: [], unproven: false, depth, limitMs });
}

function order(one: ResourceConf, name: AgentAction, given: Given = {}) {
  const { value } = call(one, name, given).next();
  if (!("type" in value) || value.type !== "run-process") throw new Error("no process");
  return value;
}

const verdict = (one: ResourceConf, name: AgentAction, report: AgentReport) =>
  walkCall(call(one, name), [report]).verdict;

test("rgmanager's dialect: the file, the action, and exactly this environment", async (t) => {
  const { argv, environment } = order(external(rgmanager), "status", { depth: 20 });
  t.same(argv, ["/opt/a/fs.sh", "status"]);
  t.same(environment, [
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["OCF_RESKEY_name", "disk"],
    ["OCF_RESKEY_agent", "heartbeat:nginx"],
    ["OCF_RESKEY_param.name", "inner"],
    ["OCF_RESKEY_port", ""],
    ["OCF_RESOURCE_INSTANCE", "fs:disk"],
    ["OCF_RESOURCE_TYPE", "fs"],
    ["OCF_ROOT", "/opt/a"],
    ["OCF_RA_VERSION_MAJOR", "1"],
    ["OCF_RA_VERSION_MINOR", "0"],
    ["OCF_RESKEY_RGMANAGER_meta_refcnt", "2"],
    ["OCF_RESKEY_RGMANAGER_meta_timeout", "40"],
    ["OCF_CHECK_LEVEL", "20"],
    ["CLUSTERD_SERVICE", "service:web"],
    ["CLUSTERD_RESOURCE", "x:y"],
    ["CLUSTERD_NODE", nodeName()],
    ["CLUSTERD_TRACK", "token"],
  ]);
});

test("Heartbeat's dialect: monitor for status, names and times of Pacemaker", async (t) => {
  const { argv, environment } = order(external(heartbeat), "status");
  t.same(argv, ["/usr/lib/ocf/resource.d/heartbeat/nginx", "monitor"]);
  t.same(environment, [
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["OCF_RESKEY_name", "inner"],
    ["OCF_RESKEY_port", ""],
    ["OCF_ROOT", "/usr/lib/ocf"],
    ["OCF_RESOURCE_INSTANCE", "disk"],
    ["OCF_RESOURCE_TYPE", "nginx"],
    ["OCF_RESOURCE_PROVIDER", "heartbeat"],
    ["OCF_RA_VERSION_MAJOR", "1"],
    ["OCF_RA_VERSION_MINOR", "1"],
    ["OCF_RESKEY_CRM_meta_timeout", "10000"],
    ["OCF_RESKEY_CRM_meta_interval", "60000"],
    ["OCF_RESKEY_CRM_meta_name", "monitor"],
    ["OCF_RESKEY_CRM_meta_on_node", nodeName()],
    ["OCF_CHECK_LEVEL", "0"],
    ["CLUSTERD_SERVICE", "service:web"],
    ["CLUSTERD_RESOURCE", "x:y"],
    ["CLUSTERD_NODE", nodeName()],
    ["CLUSTERD_TRACK", "token"],
  ]);
});

test("a check only looks; a start does not", async (t) => {
  t.equal(order(external(heartbeat), "status").looks, true);
  t.equal(order(external(heartbeat), "start").looks, undefined);
});

test("time-outs: hints with a last limit in rgmanager's dialect, limits in ocf", async (t) => {
  t.equal(order(external(rgmanager), "stop").timeoutMs, 1_800_000);
  t.equal(order(external(rgmanager), "start").timeoutMs, 1_800_000);
  t.equal(order(external(rgmanager), "status").timeoutMs, 300_000);
  const slow = [{ name: "start", depth: null, intervalMs: null, timeoutMs: ms(7_200_000) }];
  t.equal(order(external(rgmanager, { actions: slow }), "start").timeoutMs, 14_400_000);
  const enforced = external(rgmanager, { enforceTimeouts: true });
  t.equal(order(enforced, "stop").timeoutMs, 30_000);
  const variables = new Map(order(enforced, "stop").environment);
  t.equal(variables.get("OCF_RESKEY_RGMANAGER_meta_timeout"), "0");
  t.equal(order(external(heartbeat), "stop").timeoutMs, 30_000);
  t.equal(order(external(heartbeat), "stop", { limitMs: ms(1000) }).timeoutMs, 1000);
});

test("an action that the agent does not list succeeds without a call", async (t) => {
  const { orders, verdict: said } = walkCall(call(external(rgmanager), "recover"), []);
  t.same(orders, []);
  t.equal(said.code, 0);
});

test("exits: only 0 is success in rgmanager's dialect", async (t) => {
  const of = (name: AgentAction, code: number) => verdict(external(rgmanager), name, exited(code));
  t.equal(of("stop", 0).code, 0);
  t.same(of("stop", 7), { code: 7, text: 'stop on fs "disk" returned 7 (not running)' });
  t.same(of("start", 5), {
    code: 5,
    text: 'start on fs "disk" returned 5 (program not installed)',
  });
  t.equal(of("status", 8).code, 8);
  t.match(of("start", 200).text, "returned 200 (unspecified)");
});

test("exits: in ocf, 7 is success for a stop and 8 for a status", async (t) => {
  const of = (name: AgentAction, code: number) =>
    verdict(external(heartbeat), name, exited(code)).code;
  t.equal(of("stop", 7), 0);
  t.equal(of("status", 8), 0);
  t.equal(of("status", 7), 7);
  t.equal(of("status", 9), 9);
  t.equal(of("start", 7), 7);
});

test("what an agent prints when it fails is quoted, but not much of it", async (t) => {
  const { text } = verdict(
    external(heartbeat),
    "start",
    exited(1, `${"x".repeat(9000)}\n the end\n`),
  );
  t.ok(text.endsWith("x the end"));
  t.ok(text.length < 600);
});

test("a call that is killed, late or impossible has failed", async (t) => {
  const one = external(heartbeat);
  const killed = verdict(one, "stop", { type: "signalled", signal: "SIGKILL", output: "" });
  t.same(killed, { code: 1, text: 'stop on fs "disk" was killed by SIGKILL' });
  const late = verdict(one, "stop", { type: "timed-out", output: "x" });
  t.same(late, { code: 1, text: 'stop on fs "disk" timed out after 30 seconds: x' });
  const absent = verdict(one, "stop", { type: "not-started", absent: true, cause: "ENOENT" });
  t.equal(absent.code, 5);
});

test("without a usable agent a start fails with the reason", async (t) => {
  const none = external({ dialect: "none", why: "agent gone" });
  const { orders, verdict: said } = walkCall(call(none, "start"), []);
  t.same(orders, []);
  t.same(said, { code: 5, text: 'start of fs "disk": agent gone' });
});

test("addresses of OCF agents are known, and what outlives its processes", async (t) => {
  const address = (type: string) =>
    external({ ...heartbeat, type }, { attributes: [["ip", "10.0.0.9"]] });
  t.match(heldAddress(address("IPaddr2")), { address: "10.0.0.9", prefix: null });
  t.equal(heldAddress(address("nginx")), null);
  t.equal(outlivesProcesses(external(heartbeat)), false);
  const agent = { runs: heartbeat, actions, children: [], holds: true } as const;
  t.equal(outlivesProcesses(external(heartbeat, { agent })), true);
});

test("OVERDUE1: a stop over its limit is killed and called again: that counts", (t) => {
  const one = external(heartbeat);
  const own = {
    ...context,
    depth: 0,
    limitMs: null,
    overdue: "ended-here",
    nodesOff: [],
    unproven: false,
  } as const;
  const late: AgentReport = { type: "timed-out", output: "" };
  const killed: AgentReport = { type: "killed", survivors: 0, unseen: [] };
  const { orders, verdict: ended } = walkCall(callAgent(one, "stop", own), [
    late,
    killed,
    exited(1),
    exited(7),
  ]);
  const { file } = heartbeat;
  const words = ["stop", "stop", "monitor"].map((word) => `run ${file} ${word}`);
  t.same(orders, [words[0], "kill x:y of service:web", words[1], words[2]]);
  t.equal(ended.code, 0);
  const alive = walkCall(callAgent(one, "stop", own), [late, killed, late, exited(1)]);
  t.equal(alive.verdict.code, 1);
  t.end();
});

test("EXHAUSTION1: an agent that could not run for lack of room has no verdict", async (t) => {
  const noRoom: AgentReport = { type: "not-started", absent: false, cause: "spawn EAGAIN" };
  const done: AgentReport = { type: "done" };
  for (const runs of [rgmanager, heartbeat]) {
    const retried = {
      ...context,
      retry: "unlimited",
      nodesOff: [],
      unproven: false,
      depth: 0,
      limitMs: null,
    } as const;
    const stop = callAgent(external(runs), "stop", retried);
    const { orders, verdict: stopped } = walkCall(stop, [noRoom, done, noRoom, done, exited(0)]);
    t.match(orders, [/ stop$/, "pause 500 ms", / stop$/, "pause 1000 ms", / stop$/]);
    t.equal(stopped.code, 0);
    const tries = Array.from({ length: 5 }, () => [noRoom, done]).flat();
    const start = walkCall(call(external(runs), "start"), [...tries, noRoom]);
    t.match(start.verdict, { untried: true }, "another node can start it");
  }
});
