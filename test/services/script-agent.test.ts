/** The script resource: what its exit means, and what is said about it. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import { ms } from "../../src/model/time.ts";
import { callScript } from "../../src/services/script-agent.ts";
import { exited, walkCall } from "./agent-driver.ts";

const file = "/etc/init.d/qpidd";

function verdict(action: "start" | "stop" | "status", report: AgentReport) {
  const call = { file, action, environment: [], timeoutMs: null };
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

test("what a script says of its status counts for more than the code", async (t) => {
  const { text } = verdict("status", exited(1, "broker (pid 7) runs, but does not answer\n"));
  t.equal(text, `status of ${file} returned 1: broker (pid 7) runs, but does not answer`);
});

test("the meaning of a status code is said, for status only", async (t) => {
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
  t.same(late, { code: 1, text: `stop of ${file} timed out: waiting` });
});

test("what is repeated of the output has no secret in it, and commands no terminal", async (t) => {
  const { text } = verdict("start", exited(1, "no hunter2\u001b[2J"));
  t.equal(text, `start of ${file} returned 1: no ***\\x1b[2J`);
});

test("the end of the output is quoted in one line", async (t) => {
  const { text } = verdict("start", exited(1, `${"x".repeat(500)}\n  no port  \n`));
  t.ok(text.endsWith("x no port"));
  t.ok(text.length < 400);
});
