/** The script resource: what its exit means, and what is said about it. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import { parseServiceName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { callScript } from "../../src/services/agents/script-agent.ts";
import { done, exited, walkCall } from "./agent-driver.ts";

const file = "/etc/init.d/qpidd";

const context = {
  service: parseServiceName("service:web") ?? never(),
  resource: "script:qpidd",
  retry: "short",
  overdue: "left-to-caller",
} as const;

function never(): never {
  throw new Error("web is no name");
}

function verdict(action: "start" | "stop" | "status", report: AgentReport) {
  const call = { file, action, environment: [], timeoutMs: ms(300_000), context };
  return walkCall(callScript({ ...call, parameters: [["token", "hunter2"]] }), [report]).verdict;
}

test("the script is called with the action and nothing else", async (t) => {
  const environment = [["LC_ALL", "C"]] as const;
  const call = callScript({
    file,
    action: "stop",
    environment,
    parameters: [],
    timeoutMs: ms(30_000),
    context,
  });
  t.same(call.next().value, {
    type: "run-process",
    argv: [file, "stop"],
    environment,
    timeoutMs: 30_000,
  });
});

test("resource case 14: exit 0 is success; every other code is failure 1", async (t) => {
  for (const action of ["start", "stop", "status"] as const) {
    t.same(verdict(action, exited(0, "noise")), { code: 0, text: "" });
    for (const code of [1, 2, 3, 4, 5, 6, 7, 150, 255]) {
      t.equal(verdict(action, exited(code)).code, 1, `${action} ${code}`);
    }
  }
});

test("a message quotes the script's output rather than the meaning of its code", async (t) => {
  const { text } = verdict("status", exited(1, "broker (pid 7) runs, but does not answer\n"));
  t.equal(text, `status of ${file} returned 1: broker (pid 7) runs, but does not answer`);
});

test("the meaning of an exit code is logged for status only", async (t) => {
  const text = (code: number) => verdict("status", exited(code)).text;
  t.equal(text(1), `status of ${file} returned 1 (dead, and its pid file exists)`);
  t.equal(text(3), `status of ${file} returned 3 (stopped)`);
  t.equal(text(77), `status of ${file} returned 77`);
  t.equal(verdict("stop", exited(3)).text, `stop of ${file} returned 3`);
});

test("a script that does not exist is not installed; others failed", async (t) => {
  const absent = verdict("stop", { type: "not-started", absent: true, cause: "ENOENT" });
  t.same(absent, { code: 5, text: `stop of ${file} impossible: ENOENT` });
  const refused = verdict("start", { type: "not-started", absent: false, cause: "EACCES" });
  t.same(refused, { code: 1, text: `start of ${file} impossible: EACCES` });
});

test("killed and timed-out scripts failed", async (t) => {
  const killed = verdict("start", { type: "signalled", signal: "SIGKILL", output: "" });
  t.same(killed, { code: 1, text: `start of ${file} was killed by SIGKILL` });
  const late = verdict("stop", { type: "timed-out", output: "waiting" });
  t.same(late, { code: 1, text: `stop of ${file} timed out after 300 s: waiting` });
});

const timedOut: AgentReport = { type: "timed-out", output: "" };
const noRoom: AgentReport = { type: "not-started", absent: false, cause: "spawn /bin/sh EAGAIN" };

function walk(
  action: "start" | "stop" | "status",
  retry: "unlimited" | "short",
  reports: readonly AgentReport[],
) {
  const own = { ...context, retry, overdue: "ended-here" } as const;
  return walkCall(
    callScript({
      ...{ file, action, environment: [], parameters: [] },
      ...{ timeoutMs: ms(300_000), context: own },
    }),
    reports,
  );
}

test("OVERDUE1: a stop over its limit is killed and called once more", (t) => {
  const killed: AgentReport = { type: "killed", survivors: 0, unseen: [] };
  const { orders, verdict } = walk("stop", "unlimited", [timedOut, killed, exited(0)]);
  t.same(orders, [`run ${file} stop`, "kill script:qpidd of service:web", `run ${file} stop`]);
  t.equal(verdict.code, 0);
  t.match(verdict.text, /timed out, and succeeded once its processes were killed/);
  const dead = walk("stop", "unlimited", [timedOut, killed, exited(1), exited(3)]);
  t.equal(dead.verdict.code, 0, "its status says that it does not run");
  for (const answer of [exited(0), exited(1), exited(4), timedOut]) {
    const unclear = walk("stop", "unlimited", [timedOut, killed, timedOut, answer]);
    t.equal(unclear.verdict.code, 1, "what it does may be done by a process of another resource");
  }
  const immortal = walk("stop", "unlimited", [
    timedOut,
    { type: "killed", survivors: 1, unseen: [] },
  ]);
  t.equal(immortal.verdict.code, 1);
  t.end();
});

test("EXHAUSTION1: a call without room is tried again, and is no verdict", (t) => {
  const { orders, verdict } = walk("status", "unlimited", [noRoom, done, noRoom, done, exited(0)]);
  t.same(orders, [
    `run ${file} status`,
    "pause 500 ms",
    `run ${file} status`,
    "pause 1000 ms",
    `run ${file} status`,
  ]);
  t.equal(verdict.code, 0);
  const forkless = exited(2, "/etc/init.d/qpidd: 3: Cannot fork");
  t.equal(walk("status", "unlimited", [forkless, done, exited(3)]).verdict.code, 1);
  t.equal(walk("status", "unlimited", [forkless, done, exited(0)]).verdict.code, 0);
  t.end();
});

test("EXHAUSTION1: a start without room ends untried, for another node to try", (t) => {
  const tries = Array.from({ length: 5 }, () => [noRoom, done]).flat();
  const { verdict } = walk("start", "short", [...tries, noRoom]);
  t.match(verdict, { code: 1, untried: true });
  t.end();
});

test("quoted output has no secrets and no control characters", async (t) => {
  const { text } = verdict("start", exited(1, "no hunter2\u001b[2J"));
  t.equal(text, `start of ${file} returned 1: no ***\\x1b[2J`);
});

test("the end of the output is quoted in one line", async (t) => {
  const { text } = verdict("start", exited(1, `${"x".repeat(500)}\n  no port  \n`));
  t.ok(text.endsWith("x no port"));
  t.ok(text.length < 400);
});
