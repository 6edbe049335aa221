/** Checks that hang, and events that must be looked at all the same. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import { script } from "../sim/sample-conf.ts";
import { exited } from "./agent-driver.ts";
import { cleanDriver, LocalDriver, processEnded } from "./local-driver.ts";

const names = ["a", "b", "c", "d", "e", "f", "g"];
const timedOut: AgentReport = { type: "timed-out", output: "" };
const linkEvent = { type: "check-now", why: "link", service: null, frozen: [] } as const;

/** All are started, and the checks of the first five hang. */
function hung() {
  const driver = cleanDriver(new LocalDriver(names));
  for (const name of names) driver.operate("start", name).succeed();
  driver.take();
  driver.nowMs = 1000;
  return driver.step({ type: "poll", frozen: [] });
}

const checks = (...of: readonly string[]) => of.map((name) => `run ${name} status`);

test("CHECK1: five checks that hang do not delay the check after an event", (t) => {
  const driver = hung();
  t.same(driver.underWay(), checks("a", "b", "c", "d", "e"));
  driver.step(processEnded("g"));
  t.ok(driver.underWay().includes("run g status"), "one more than the five that are due");
  t.end();
});

test("CHECK1: checks after events have the same limit as checks that are due", (t) => {
  const driver = hung().step(linkEvent);
  t.equal(driver.underWay().length, 5, "those of the event, the others were cancelled");
  t.equal(driver.take().filter((line) => line.startsWith("cancel")).length, 5);
  t.end();
});

test("CHECK2: checks that have run for ten seconds do not count any more", (t) => {
  const driver = hung();
  driver.nowMs += 9000;
  driver.step({ type: "poll", frozen: [] });
  t.equal(driver.underWay().length, 5);
  driver.nowMs += 1000;
  driver.step({ type: "poll", frozen: [] });
  t.same(driver.underWay().slice(5), checks("f", "g"));
  t.end();
});

test("a service whose processes have ended fails, though its check hangs", (t) => {
  const driver = hung();
  driver.nowMs += 3000;
  driver.step(processEnded("a"));
  t.ok(driver.take().includes("cancel run /etc/init.d/a status"), "it may hang for ever");
  const again = driver.acts.find((act) => act.service === "service:a");
  t.match(again?.order, { timeoutMs: 10_000 }, "and the new one has a limit");
  driver.answer("a", timedOut);
  t.ok(driver.take().some((line) => line === "service:a (start 1) failed its check"));
  t.end();
});

test("CHECK3: processes that end all the time do not cancel the check for ever", (t) => {
  const driver = hung().step(processEnded("a"));
  driver.take();
  for (let times = 0; times < 5; times += 1) driver.step(processEnded("a"));
  t.same(
    driver.take().filter((line) => line.startsWith("cancel")),
    [],
  );
  driver.answer("a", exited(0));
  t.equal(driver.underWay().filter((words) => words === "run a status").length, 1, "once more");
  driver.answer("a", exited(0));
  t.notOk(driver.underWay().includes("run a status"));
  t.end();
});

test("CHECK3: a check that began before another service's failure is repeated", (t) => {
  const driver = hung();
  driver.answer("e", exited(3));
  const cancelled = driver.take().filter((line) => line.startsWith("cancel"));
  t.same(
    cancelled,
    ["a", "b", "c", "d"].map((name) => `cancel run /etc/init.d/${name} status`),
  );
  t.same(driver.underWay(), checks("a", "b", "c", "d", "f", "g").slice(0, 5));
  t.end();
});

test("a check that runs for longer than its interval is logged and counted", (t) => {
  const driver = hung();
  driver.nowMs += 500;
  driver.step({ type: "poll", frozen: [] });
  t.same(driver.local.agents.overdue, []);
  driver.nowMs += 1500;
  driver.step({ type: "poll", frozen: [] });
  const said = driver.take().filter((line) => line.startsWith("service:a"));
  t.same(said, [
    "service:a: its check has been running for 2 s (/etc/init.d/a status), its interval is 1 s",
  ]);
  t.equal(driver.local.agents.overdue.length, 5);
  driver.nowMs += 1000;
  driver.step({ type: "poll", frozen: [] });
  t.same(driver.take(), [], "not again and again");
  for (const name of names.slice(0, 5)) driver.answer(name, exited(0));
  t.match(driver.local.agents, { overdue: [], overdueChecks: 5 });
  t.end();
});

test("a stop that hangs is logged every half minute, with its limit", (t) => {
  const driver = cleanDriver(new LocalDriver(["web"]))
    .operate("start", "web")
    .succeed()
    .operate("stop", "web");
  const said: string[] = [];
  driver.take();
  for (let second = 0; second < 65; second += 1) {
    driver.nowMs += 1000;
    driver.step({ type: "poll", frozen: [] });
    said.push(...driver.take());
  }
  t.same(
    said,
    [30, 60].map((seconds) => {
      const limit = "it is ended after 300 s";
      return `service:web: /etc/init.d/web stop has been running for ${seconds} s; ${limit}`;
    }),
  );
  t.end();
});

test("a check without room on the machine is logged and counted, and no failure", (t) => {
  const driver = cleanDriver(new LocalDriver(["web"]))
    .operate("start", "web")
    .succeed();
  driver.take();
  driver.nowMs = 1000;
  driver.step({ type: "poll", frozen: [] });
  for (let tries = 0; tries < 10; tries += 1) {
    driver.report({ type: "not-started", absent: false, cause: "spawn /bin/sh EMFILE" });
    t.match(driver.underWay(), [/pause/]);
    driver.nowMs += 1000;
    driver.report({ type: "done" });
  }
  const told = "could not be tried (spawn /bin/sh EMFILE): again in 0.5 s";
  t.same(driver.take(), [`service:web: status of /etc/init.d/web ${told}`]);
  t.equal(driver.local.agents.untried, 10);
  driver.report(exited(3));
  t.same(driver.take(), ["service:web (start 1) failed its check"], "now somebody has looked");
  t.end();
});

test("a stop without room is logged even just after a check without room", (t) => {
  const driver = cleanDriver(new LocalDriver(["web"]))
    .operate("start", "web")
    .succeed();
  driver.take();
  driver.nowMs = 1000;
  const noRoom = { type: "not-started", absent: false, cause: "spawn /bin/sh EMFILE" } as const;
  driver.step({ type: "poll", frozen: [] }).report(noRoom);
  t.match(driver.take(), [/status of .* could not be tried/]);
  driver.operate("stop", "web").take();
  driver.report(noRoom);
  t.match(driver.take(), [/stop of .* could not be tried/]);
  t.end();
});

test("the end of a process during a repair causes a check after it", (t) => {
  const subtree = { kind: "independent", restarts: null } as const;
  const part = (name: string) => script(name, { subtree });
  const driver = cleanDriver(new LocalDriver(["web"], 5, part))
    .operate("start", "web")
    .succeed();
  driver.nowMs = 1000;
  driver.step({ type: "poll", frozen: [] }).report(exited(3)).repair("web");
  t.same(driver.underWay(), ["run web stop"]);
  driver.step(processEnded("web"));
  t.same(driver.underWay(), ["run web stop"]);
  driver.report(exited(0)).report(exited(0));
  t.same(driver.underWay(), ["run web status"]);
  t.end();
});
