/**
 * Real agents: what is killed, logged and told; and those that an operator runs by hand.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import type { RunReply } from "../../src/control/operator-protocol.ts";
import { systemClock } from "../../src/io/clock.ts";
import { SystemProcesses } from "../../src/io/processes/process-runner.ts";
import {
  type FenceCall,
  type FencePermit,
  FenceRuns,
  type FenceVerdict,
} from "../../src/life/fence-runs.ts";
import { type AgentRunner, OperatorFencing, unfence } from "../../src/life/operator-fencing.ts";
import type {
  ClusterConf,
  FenceDeviceUse,
  FenceMethodConf,
  NodeConf,
} from "../../src/model/conf.ts";
import { parseNodeName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import type { NodeInput } from "../../src/node/node-events.ts";
import { until } from "../io/waiting.ts";
import { Cluster, id } from "../sim/cluster.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const victim = parseNodeName("node2.example.com");
if (victim === null) throw new Error("name");

function directory(t: Test): string {
  const made = mkdtempSync(join(tmpdir(), "clusterd-agents-"));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** An agent of this test, by its path. */
function agent(t: Test, script: string): string {
  const path = join(directory(t), "agent");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

function use(name: string, ...parameters: readonly (readonly [string, string])[]): FenceDeviceUse {
  return { device: "nps1", agent: name, parameters };
}

/** Real agents, as a daemon runs them, each verdict as a promise. */
class Runner implements AgentRunner {
  readonly #runs = new FenceRuns({
    clock: systemClock(),
    processes: new SystemProcesses(null),
    trackingToken: token,
  });

  fence: AgentRunner["fence"] = (...run) => this.#runs.run(...run);

  verdict(run: FenceCall, limitMs: number, permit: FencePermit | null = null) {
    return new Promise<FenceVerdict>((resolve) => {
      this.fence(run, { agentTimeoutMs: ms(limitMs), permit }, resolve);
    });
  }
}

function unfenced(
  parts: { readonly conf: ClusterConf; readonly performer: AgentRunner },
  node: NodeConf,
  permit: FencePermit | null = null,
): Promise<RunReply> {
  return new Promise((resolve) => unfence({ ...parts, permit }, node, resolve));
}

const token = `fence-runs-${process.pid}`;

const call = (device: FenceDeviceUse): FenceCall => ({ victim, use: device, action: "off" });

test("case 10: an agent that sleeps for ever is killed at its limit, a failure", async (t) => {
  const pid = join(directory(t), "pid");
  const sleeper = agent(t, `trap '' TERM; echo $$ >${pid}; sleep 1000 & wait; sleep 1000`);
  const verdict = await new Runner().verdict(call(use(sleeper)), 300);
  t.match(verdict, { outcome: "failure", exitCode: null, text: /killed after 0\.3 s$/ });
  const number = Number(readFileSync(pid, "utf8"));
  t.throws(() => process.kill(number, 0), { code: "ESRCH" }, "SIGTERM would not have ended it");
});

test("an agent that is under way ends with everything else of its clusterd", async (t) => {
  const begun = join(directory(t), "begun");
  const sleeper = agent(t, `trap '' TERM; touch ${begun}; setsid sleep 1000 & wait; sleep 1000`);
  const verdict = new Runner().verdict(call(use(sleeper)), 60_000);
  await until("it runs", () => existsSync(begun));
  const processes = new SystemProcesses(null);
  const scope = { token, service: null };
  const running = await processes.listTracked(scope);
  t.ok(running.found.length >= 2 && running.found.every(({ service }) => service === null));
  t.same((await processes.killTracked(scope)).found, []);
  t.match(await verdict, { outcome: "failure", text: /killed by SIGKILL$/ });
});

test("case 11: an agent that prints 1 MiB is not blocked, and 4 KiB are kept", async (t) => {
  const talker = agent(t, "yes 'a line of the agent' | head -c 1048576; echo the end");
  const verdict = await new Runner().verdict(call(use(talker)), 30_000);
  t.match(verdict, { outcome: "success", exitCode: 0 });
  t.ok(verdict.output.endsWith("the end"));
  t.ok(verdict.output.length > 4000 && verdict.output.length <= 4096, `${verdict.output.length}`);
});

test("of what an agent prints its password is masked", async (t) => {
  const talker = agent(t, "cat; exit 1");
  const secret = use(talker, ["login", "admin"], ["passwd", "hunter2"]);
  const verdict = await new Runner().verdict(call(secret), 30_000);
  t.equal(verdict.outcome, "failure");
  t.match(verdict.output, /^login=admin\npasswd=\*\*\*\n/);
  t.match(verdict.text, /error from agent \(exit 1\)$/);
});

test("FENCERUN1: of one device one agent runs at a time, of two both", async (t) => {
  const place = directory(t);
  const script = `
if mkdir ${place}/$device; then sleep 0.2; rmdir ${place}/$device; else exit 1; fi`;
  const busy = agent(t, `device=$(sed -n s/^plug=//p)${script}`);
  const on = (device: string): FenceDeviceUse => ({ ...use(busy, ["plug", device]), device });
  const runner = new Runner();
  const devices = ["a", "a", "b", "a"];
  const all = devices.map((device) => runner.verdict(call(on(device)), 30_000));
  const outcomes = (await Promise.all(all)).map(({ outcome }) => outcome);
  t.same(outcomes, ["success", "success", "success", "success"]);
});

test("F2, UNFENCE2: without quorum no agent is begun, and unfencing ends", async (t) => {
  const begun = join(directory(t), "begun");
  const slow = agent(t, `echo $$ >>${begun}; sleep 0.4`);
  const endless = agent(t, "sleep 1000");
  const quorum = new AbortController();
  const permit = { withdrawn: quorum.signal, ends: false };
  const runner = new Runner();
  const runs = [1, 2].map(() => runner.verdict(call(use(slow)), 30_000, permit));
  await until("the first agent", () => existsSync(begun));
  const [node] = sampleConf({
    unfence: [
      { ...use(endless), device: "a" },
      { ...use(slow), device: "b" },
    ],
  }).nodes;
  if (node === undefined) throw new Error("no node");
  const conf = sampleConf();
  const both = unfenced({ conf, performer: runner }, node, { ...permit, ends: true });
  await new Promise((resolve) => setImmediate(resolve));
  quorum.abort();
  const [first, second] = await Promise.all(runs);
  t.match(first, { outcome: "success" }, "what has been begun goes on");
  t.match(second, { outcome: "failure", text: /not begun, quorum was lost/ });
  t.match(await both, { result: "failed", text: /ended, quorum was lost; .*not begun/ });
  t.equal(readFileSync(begun, "utf8").trim().split("\n").length, 1);
});

test("FENCERUN2: a question is ended when a node has to be fenced", async (t) => {
  const began = join(directory(t), "began");
  const slow = agent(t, `if grep -q action=status; then touch ${began}; sleep 1000; fi`);
  const runner = new Runner();
  const asked = runner.verdict({ ...call(use(slow)), action: "status" }, 600_000);
  await until("the question is asked", () => existsSync(began));
  t.match(await runner.verdict(call(use(slow)), 30_000), { outcome: "success" });
  t.match(await asked, { outcome: "failure", text: /gave way to fencing$/ });
});

const dummy = "fence_dummy";
const skip = existsSync(`/usr/sbin/${dummy}`) ? false : "needs the package fence-agents";

test("case 15: a check leaves the device as it is", { skip }, async (t) => {
  const file = join(directory(t), "status");
  writeFileSync(file, "on");
  const device = use(dummy, ["status_file", file], ["action", "off"]);
  const asked = { ...call(device), action: "status" as const };
  t.match(await new Runner().verdict(asked, 30_000), { exitCode: 0 });
  t.equal(readFileSync(file, "utf8").trim(), "on");
});

test("case 16: with action off the device ends off", { skip }, async (t) => {
  const file = join(directory(t), "status");
  writeFileSync(file, "on");
  const device = { ...call(use(dummy, ["status_file", file], ["action", "off"])), action: null };
  t.match(await new Runner().verdict(device, 60_000), { outcome: "success" });
  t.equal(readFileSync(file, "utf8").trim(), "off");
});

/** Fencing by hand whose agents answer by the test's table: `action device` to an exit status. */
function fencingWith(exits: Readonly<Record<string, number>>, methods: readonly FenceMethodConf[]) {
  const san = { ...use("fence_san", ["action", "enable"]), device: "san" };
  const unfencing = [use("fence_scsi", ["action", "on"]), san];
  const conf = sampleConf({ fenceMethods: methods, unfence: unfencing });
  const time = new VirtualTime();
  const membership = new PerfectMembership(
    time,
    conf.nodes.map((node) => node.id),
  );
  const cluster = new Cluster({ conf, time, membership });
  const called: string[] = [];
  const pushed: NodeInput[] = [];
  const runner: AgentRunner = {
    fence: ({ victim: name, use: device, action }, _, done) => {
      const own = device.parameters.find(([key]) => key === "action")?.[1];
      const what = `${action ?? own ?? "default"} ${device.device}`;
      called.push(`${what} ${name.split(".")[0]}`);
      const exitCode = exits[what] ?? 0;
      const outcome = exitCode === 0 ? "success" : "failure";
      const text = `device ${device.device} agent ${device.agent}: exit ${exitCode}`;
      const output = exitCode === 1 ? "no link" : "";
      queueMicrotask(() => done({ outcome, exitCode, text, output }));
    },
  };
  const parts = {
    conf: () => conf,
    performer: runner,
    node: () => cluster.node(1),
    push: (input: NodeInput) => pushed.push(input),
    log: () => undefined,
  };
  return { cluster, called, pushed, runner, conf, fencing: new OperatorFencing(parts) };
}

const methods: readonly FenceMethodConf[] = [
  { name: "ipmi", devices: [{ ...use("fence_ipmilan"), device: "bmc" }] },
  {
    name: "power",
    devices: [
      { ...use("fence_apc"), device: "a" },
      { ...use("fence_apc"), device: "b" },
    ],
  },
];

test("fence_node: methods in order, and the cluster is told what was done", async (t) => {
  const { cluster, called, pushed, fencing } = fencingWith(
    { "default bmc": 1, "on b": 1 },
    methods,
  );
  cluster.boot(1, 2, 3).run(10_000);
  const reply = await fencing.run({ type: "fence", node: id(2), who: "erika" });
  t.same(called, ["default bmc node2", "off a node2", "off b node2", "on a node2", "on b node2"]);
  t.match(reply, { result: "success", text: "node2.example.com was switched off" });
  t.match(reply.lines, [
    "fence node2.example.com ipmi.bmc fence_ipmilan default: exit 1 (no link)",
    "fence node2.example.com power.a fence_apc off: success",
  ]);
  t.match(pushed, [
    { type: "fenced-by-hand", victim: 2, outcome: "begun" },
    { type: "fenced-by-hand", victim: 2, outcome: "success", text: "by erika" },
  ]);
});

test("fence_node: failure, nothing to run, and a node outside a quorate cluster", async (t) => {
  const all = { "default bmc": 1, "off a": 1 };
  const failing = fencingWith(all, methods);
  failing.cluster.boot(1, 2, 3).run(10_000);
  const failed = await failing.fencing.run({ type: "fence", node: id(2), who: "erika" });
  t.match(failed, { result: "failed", text: "node2.example.com was not fenced" });
  t.match(failing.pushed, [{ outcome: "begun" }, { outcome: "failure" }]);
  const without = fencingWith({}, [
    { name: "self", devices: [{ ...use("self"), device: "self" }] },
  ]);
  const nothing = await without.fencing.run({ type: "fence", node: id(2), who: "erika" });
  t.match(nothing, { result: "undefined", lines: [], text: /has no fence device/ });
  const alone = fencingWith({}, methods);
  alone.cluster.boot(1).run(10_000);
  const silent = await alone.fencing.run({ type: "fence", node: id(2), who: "erika" });
  t.match(silent, { result: "success", text: /not quorate, so nobody was told/ });
  t.same(alone.pushed, []);
});

test("unfence_node: every device is tried, all must succeed", async (t) => {
  const { called, runner, conf } = fencingWith({ "on nps1": 1 }, methods);
  const [node] = conf.nodes;
  if (node === undefined) throw new Error("no node");
  const reply = await unfenced({ conf, performer: runner }, node);
  t.same(called, ["on nps1 node1", "enable san node1"]);
  t.match(reply, { result: "failed", text: /fence_scsi: exit 1 \(no link\)$/ });
  const good = fencingWith({}, methods);
  const done = await good.fencing.run({ type: "unfence", node: id(2), who: "erika" });
  t.match(done, { result: "success", text: "by nps1, san" });
});

test("a check asks every device for its state, and nothing else", async (t) => {
  const { cluster, called, fencing } = fencingWith({ "status a": 2, "status b": 1 }, methods);
  cluster.boot(1, 2, 3).run(10_000);
  const reply = await fencing.run({ type: "check", node: null, who: "erika" });
  t.ok(
    called.every((one) => one.startsWith("status ")),
    called.join("; "),
  );
  t.equal(called.length, 15, "of three nodes two methods and two unfence devices");
  t.same(reply.lines.slice(0, 3), [
    "node1.example.com ipmi.bmc fence_ipmilan: on",
    "node1.example.com power.a fence_apc: off",
    "node1.example.com power.b fence_apc: error, exit 1 (no link)",
  ]);
  t.match(reply, { result: "failed", text: "15 devices were asked, 3 failed" });
  const one = await fencing.run({ type: "device-status", node: id(3), who: "erika" });
  t.equal(one.lines.length, 5);
});

test("no check without quorum, beside fencing, or beside another check", async (t) => {
  const { cluster, fencing } = fencingWith({}, methods);
  const check = () => fencing.run({ type: "check", node: null, who: "erika" });
  t.match(await check(), { result: "refused", text: /not a member of a quorate cluster/ });
  cluster.boot(1, 2, 3).run(10_000);
  const first = check();
  t.match(await check(), { result: "busy", text: /another check/ });
  cluster.crash(3).run(3000);
  t.match(await first, { result: "refused", text: /ended early: node3\.example\.com is being/ });
  t.match(await check(), { result: "refused", text: /node3\.example\.com is being fenced/ });
});

test("the listing shows what agents will be told, in their order", async (t) => {
  const { cluster, fencing } = fencingWith({}, methods);
  t.match(fencing.status(), { joined: false, waitState: "messages", localNode: 0 });
  cluster.boot(1).run(10_000);
  t.match(fencing.status(), { joined: false, waitState: "quorum", localNode: 1, master: 0 });
  cluster.boot(2, 3).run(10_000);
  const status = fencing.status();
  t.match(status, { joined: true, waitState: "none", master: 1, victimNow: 0 });
  const words = status.nodes[1]?.methods.map(({ devices }) =>
    devices.map(({ action, device }) => `${action} ${device}`).join(", "),
  );
  t.same(words, ["default bmc", "off a, off b, on a, on b"]);
  t.match(status.nodes[1]?.unfence, [{ action: "on" }, { action: "enable", device: "san" }]);
});
