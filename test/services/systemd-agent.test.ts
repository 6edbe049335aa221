/** A unit of systemd: which calls follow each other, and what systemctl's words mean. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import type { ResourceConf } from "../../src/model/conf.ts";
import { parseServiceName } from "../../src/model/ids.ts";
import { callAgent } from "../../src/services/agents/agent-calls.ts";
import type { AgentAction } from "../../src/services/agents/call-context.ts";
import { resource } from "../sim/sample-conf.ts";
import { done, exited, nodeName, walkCall } from "./agent-driver.ts";

const service = parseServiceName('service:50% "off"');
if (service === null) throw new Error("no name");
const context = {
  service,
  nodeName: nodeName(),
  trackingToken: "token",
  otherInstances: 0,
  resource: "x:y",
  retry: "short",
  overdue: "left-to-caller",
} as const;
const unit: ResourceConf = {
  ...resource("systemd", "p"),
  agent: { runs: { dialect: "systemd", unit: "p.service" }, actions: [], children: [] },
};

/** Orders in few words: the drop-in's text is looked at elsewhere. */
function walk(action: AgentAction, reports: readonly AgentReport[]) {
  const call = callAgent(unit, action, {
    ...context,
    nodesOff: [],
    unproven: false,
    depth: 0,
    limitMs: null,
  });
  const { orders, verdict } = walkCall(call, reports);
  const words = orders.map((order) => {
    if (order.startsWith("pause")) return "pause";
    if (order.includes("/bin/sh")) return order.includes("exit 3") ? "permit" : "withdraw";
    return /systemctl (\S+)/.exec(order)?.[1] ?? order;
  });
  return { words: words.join(" "), verdict };
}

function state(active: string, rest: { load?: string; sub?: string; result?: string } = {}) {
  const { load = "loaded", sub = "x", result = "success" } = rest;
  return exited(0, `LoadState=${load}\nActiveState=${active}\nSubState=${sub}\nResult=${result}\n`);
}

const good = exited(0);

test("start: permit, start, and wait until it is active", async (t) => {
  const { words, verdict } = walk("start", [
    good,
    good,
    state("activating"),
    done,
    state("active"),
  ]);
  t.equal(words, "permit start show pause show");
  t.same(verdict, { code: 0, text: "" });
});

test("the drop-in turns restarts off, asserts the permit, and marks the processes", async (t) => {
  const call = callAgent(unit, "start", {
    ...context,
    nodesOff: [],
    unproven: false,
    depth: 0,
    limitMs: null,
  });
  const { value } = call.next();
  if (!("type" in value) || value.type !== "run-process") throw new Error("no process");
  t.equal(value.argv[4], "/run/systemd/system/p.service.d");
  t.same(value.argv[5]?.split("\n"), [
    "# Written by clusterd while its service runs here.",
    '# CLUSTERD_SERVICE=service:50% "off"',
    "# CLUSTERD_RESOURCE=x:y",
    `# CLUSTERD_NODE=${nodeName()}`,
    "# CLUSTERD_TRACK=token",
    "[Unit]",
    "AssertPathExists=/run/systemd/system/p.service.d/50-clusterd.permit",
    "[Service]",
    "Restart=no",
    'Environment="CLUSTERD_SERVICE=service:50%% \\"off\\"" ' +
      `"CLUSTERD_RESOURCE=x:y" "CLUSTERD_NODE=${nodeName()}" "CLUSTERD_TRACK=token"`,
    "",
  ]);
});

test("start fails with systemd's result", async (t) => {
  const failed = state("failed", { sub: "failed", result: "exit-code" });
  t.same(walk("start", [good, exited(1, "Job failed."), failed]).verdict, {
    code: 1,
    text: "start of p.service failed, it is failed (failed), result exit-code: exit 1: Job failed.",
  });
  t.match(walk("start", [good, good, state("inactive")]).verdict, { code: 1 });
  const unknown = state("inactive", { load: "not-found" });
  t.same(walk("start", [good, exited(5), unknown]).verdict, {
    code: 5,
    text: "systemd says of p.service: not-found",
  });
  t.match(walk("start", [exited(1, "no space")]).verdict.text, "cannot prepare p.service");
});

test("start where systemd does not run is reported as not installed", async (t) => {
  t.same(walk("start", [exited(3)]).verdict, {
    code: 5,
    text: "systemd does not run on this node: no unit p.service",
  });
});

test("stop: what is inactive or failed afterwards is stopped, and is released", async (t) => {
  const plain = walk("stop", [good, state("inactive"), good]);
  t.equal(plain.words, "stop show withdraw");
  t.equal(plain.verdict.code, 0);
  const failed = walk("stop", [good, state("failed"), good, good]);
  t.equal(failed.words, "stop show reset-failed withdraw");
  t.equal(failed.verdict.code, 0);
});

test("stop: a unit that goes on running has failed, an unknown one is not installed", async (t) => {
  const late: AgentReport = { type: "timed-out", output: "" };
  t.match(walk("stop", [late, state("deactivating")]).verdict, {
    code: 1,
    text: "p.service is deactivating (x) after its stop: timed out",
  });
  const unknown = state("inactive", { load: "not-found" });
  t.equal(walk("stop", [exited(5), unknown, good]).verdict.code, 5);
  const dead = exited(1, "System has not been booted with systemd as init system (PID 1).");
  t.equal(walk("stop", [dead, dead]).verdict.code, 5);
  const bare = exited(127, "env: 'systemctl': No such file or directory");
  t.equal(walk("stop", [bare, bare]).verdict.code, 5);
  t.equal(walk("start", [bare]).verdict.code, 5);
  const bus = exited(1, "Failed to connect to bus: Connection refused");
  t.equal(walk("stop", [bus, bus]).verdict.code, 1, "what cannot be asked may still run");
});

test("status by the unit's state", async (t) => {
  const code = (active: string) => walk("status", [state(active)]).verdict.code;
  t.equal(code("active"), 0);
  t.equal(code("reloading"), 0);
  t.equal(code("inactive"), 7);
  t.equal(code("failed"), 1);
  t.equal(code("activating"), 1);
  t.match(walk("status", [exited(1, "Connection timed out")]).verdict, {
    code: 1,
    text: /systemctl show p.service failed: exit 1: Connection timed out/,
  });
});

test("EXHAUSTION1: a systemctl that could not run for lack of room has no verdict", async (t) => {
  const noRoom: AgentReport = { type: "not-started", absent: false, cause: "spawn EMFILE" };
  const retried = {
    ...context,
    retry: "unlimited",
    nodesOff: [],
    unproven: false,
    depth: 0,
    limitMs: null,
  } as const;
  const stop = callAgent(unit, "stop", retried);
  const asked = [noRoom, done, good, noRoom, done, state("inactive"), good];
  const { orders, verdict: stopped } = walkCall(stop, asked);
  t.equal(orders.filter((one) => one.startsWith("pause")).length, 2);
  t.equal(stopped.code, 0);
  const tries = Array.from({ length: 5 }, () => [noRoom, done]).flat();
  t.match(walk("start", [...tries, noRoom]).verdict, { untried: true });
});
