/**
 * What a fence agent is told on standard input, and for how long it may run.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import fc from "fast-check";
import { test } from "tap";
import { agentLimitMs, agentRun, deviceState } from "../../src/fencing/fence-agent.ts";
import type { FenceDeviceUse } from "../../src/model/conf.ts";
import { type NodeName, parseNodeName } from "../../src/model/ids.ts";
import { searchPath } from "../../src/model/search-path.ts";
import { ms } from "../../src/model/time.ts";

function name(text: string): NodeName {
  const parsed = parseNodeName(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

const victim = name("node2.example.com");

function use(...parameters: readonly (readonly [string, string])[]): FenceDeviceUse {
  return { device: "nps1", agent: "fence_apc", parameters };
}

test("the agent gets one line for each key, and the victim's name", async (t) => {
  const run = agentRun(use(["ipaddr", "10.0.0.9"], ["passwd", "a = b"]), { victim, action: null });
  t.same(run.argv, ["/usr/bin/env", "fence_apc"]);
  t.equal(run.stdin, "ipaddr=10.0.0.9\npasswd=a = b\nnodename=node2.example.com\n");
  t.same(run.environment, [
    ["PATH", searchPath],
    ["LC_ALL", "C"],
  ]);
});

test("the plan's action replaces the configured one; without a plan that one counts", async (t) => {
  const configured = use(["action", "reboot"], ["port", "2"]);
  const planned = agentRun(configured, { victim, action: "off" });
  t.equal(planned.stdin, "action=off\nport=2\nnodename=node2.example.com\n");
  const own = agentRun(configured, { victim, action: null });
  t.equal(own.stdin, "action=reboot\nport=2\nnodename=node2.example.com\n");
});

test("a configured node name is kept", async (t) => {
  const run = agentRun(use(["nodename", "guest2"]), { victim, action: null });
  t.equal(run.stdin, "nodename=guest2\n");
});

test("each key is written exactly once, and its last value wins", async (t) => {
  const keys = fc.constantFrom("action", "ipaddr", "port", "passwd", "nodename", "delay");
  const parameters = fc.array(fc.tuple(keys, fc.string({ unit: "grapheme-ascii" })));
  const action = fc.constantFrom("off" as const, "on" as const, null);
  const property = fc.property(parameters, action, (given, wanted) => {
    const lines = agentRun(use(...given), { victim, action: wanted }).stdin.split("\n");
    const told = lines.slice(0, -1).map((line) => line.slice(0, line.indexOf("=")));
    const last = new Map(given);
    if (wanted !== null) last.set("action", wanted);
    const right = [...last].every(([key, value]) => lines.includes(`${key}=${value}`));
    return new Set(told).size === told.length && right && told.includes("nodename");
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300, seed: 5 }));
});

test("case 15: with the action off everywhere a check tells the agent status, once", async (t) => {
  const { stdin } = agentRun(use(["action", "off"]), { victim, action: "status" });
  t.same(
    stdin.split("\n").filter((line) => line.startsWith("action")),
    ["action=status"],
  );
  t.same([0, 2, 1, 3, null].map(deviceState), ["on", "off", "error", "error", "error"]);
});

test("the time limit of an agent is raised by its delay, and a second", async (t) => {
  const limit = (delay: string) => agentLimitMs(use(["delay", delay]), ms(60_000));
  t.equal(agentLimitMs(use(), ms(60_000)), 60_000);
  t.equal(limit("3"), 64_000);
  t.equal(limit("0"), 60_000);
  t.equal(limit("soon"), 60_000);
});
