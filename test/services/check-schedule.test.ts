/** Checks that hang, and events that must be looked at all the same. */
import { test } from "tap";
import type { AgentReport } from "../../src/model/agent-orders.ts";
import { script } from "../sim/sample-conf.ts";
import { exited } from "./agent-driver.ts";
import { cleanPlace, LocalPlace, processEnded } from "./local-place.ts";

const names = ["a", "b", "c", "d", "e", "f", "g"];
const timedOut: AgentReport = { type: "timed-out", output: "" };
const linkEvent = { type: "check-now", why: "link", service: null, frozen: [] } as const;

/** All are started, and the checks of the first five hang. */
function hung() {
  const place = cleanPlace(new LocalPlace(names));
  for (const name of names) place.operate("start", name).succeed();
  place.take();
  place.nowMs = 1000;
  return place.step({ type: "poll", frozen: [] });
}

const checks = (...of: readonly string[]) => of.map((name) => `run ${name} status`);

test("CHECK1: five checks that hang do not keep an event from being looked at", (t) => {
  const place = hung();
  t.same(place.underWay(), checks("a", "b", "c", "d", "e"));
  place.step(processEnded("g"));
  t.ok(place.underWay().includes("run g status"), "a place beyond the five");
  t.end();
});

test("CHECK1: events have no more places than the checks that are due", (t) => {
  const place = hung().step(linkEvent);
  t.equal(place.underWay().length, 5, "those of the event, the others were cancelled");
  t.equal(place.take().filter((line) => line.startsWith("cancel")).length, 5);
  t.end();
});

test("CHECK2: checks that have run for ten seconds leave their places to others", (t) => {
  const place = hung();
  place.nowMs += 9000;
  place.step({ type: "poll", frozen: [] });
  t.equal(place.underWay().length, 5);
  place.nowMs += 1000;
  place.step({ type: "poll", frozen: [] });
  t.same(place.underWay().slice(5), checks("f", "g"));
  t.end();
});

test("a service whose processes have ended fails, though its check hangs", (t) => {
  const place = hung();
  place.nowMs += 3000;
  place.step(processEnded("a"));
  t.ok(place.take().includes("cancel run /etc/init.d/a status"), "it may hang for ever");
  const again = place.acts.find((act) => act.service === "service:a");
  t.match(again?.order, { timeoutMs: 10_000 }, "and the new one has a limit");
  place.answer("a", timedOut);
  t.ok(place.take().some((line) => line === "service:a (start 1) failed its check"));
  t.end();
});

test("CHECK3: a service whose processes end all the time is checked to the end", (t) => {
  const place = hung().step(processEnded("a"));
  place.take();
  for (let times = 0; times < 5; times += 1) place.step(processEnded("a"));
  t.same(
    place.take().filter((line) => line.startsWith("cancel")),
    [],
  );
  place.answer("a", exited(0));
  t.equal(place.underWay().filter((words) => words === "run a status").length, 1, "once more");
  place.answer("a", exited(0));
  t.notOk(place.underWay().includes("run a status"));
  t.end();
});

test("CHECK3: a check that began before another service's failure looks again", (t) => {
  const place = hung();
  place.answer("e", exited(3));
  const cancelled = place.take().filter((line) => line.startsWith("cancel"));
  t.same(
    cancelled,
    ["a", "b", "c", "d"].map((name) => `cancel run /etc/init.d/${name} status`),
  );
  t.same(place.underWay(), checks("a", "b", "c", "d", "f", "g").slice(0, 5));
  t.end();
});

test("a check that runs for longer than its interval is told and counted", (t) => {
  const place = hung();
  place.nowMs += 500;
  place.step({ type: "poll", frozen: [] });
  t.same(place.local.agents.overdue, []);
  place.nowMs += 1500;
  place.step({ type: "poll", frozen: [] });
  const said = place.take().filter((line) => line.startsWith("service:a"));
  t.same(said, [
    "service:a: its check has been running for 2 s (/etc/init.d/a status), its interval is 1 s",
  ]);
  t.equal(place.local.agents.overdue.length, 5);
  place.nowMs += 1000;
  place.step({ type: "poll", frozen: [] });
  t.same(place.take(), [], "not again and again");
  for (const name of names.slice(0, 5)) place.answer(name, exited(0));
  t.match(place.local.agents, { overdue: [], overdueChecks: 5 });
  t.end();
});

test("a stop that hangs is told every half minute, with its limit", (t) => {
  const place = cleanPlace(new LocalPlace(["web"]))
    .operate("start", "web")
    .succeed()
    .operate("stop", "web");
  const said: string[] = [];
  place.take();
  for (let second = 0; second < 65; second += 1) {
    place.nowMs += 1000;
    place.step({ type: "poll", frozen: [] });
    said.push(...place.take());
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

test("what there is no room for is told, counted, and no failure", (t) => {
  const place = cleanPlace(new LocalPlace(["web"]))
    .operate("start", "web")
    .succeed();
  place.take();
  place.nowMs = 1000;
  place.step({ type: "poll", frozen: [] });
  for (let tries = 0; tries < 10; tries += 1) {
    place.report({ type: "not-started", absent: false, cause: "spawn /bin/sh EMFILE" });
    t.match(place.underWay(), [/pause/]);
    place.nowMs += 1000;
    place.report({ type: "done" });
  }
  const told = "could not be tried (spawn /bin/sh EMFILE): again in 0.5 s";
  t.same(place.take(), [`service:web: status of /etc/init.d/web ${told}`]);
  t.equal(place.local.agents.untried, 10);
  place.report(exited(3));
  t.same(place.take(), ["service:web (start 1) failed its check"], "now somebody has looked");
  t.end();
});

test("a stop that there is no room for is told although a check was, just before", (t) => {
  const place = cleanPlace(new LocalPlace(["web"]))
    .operate("start", "web")
    .succeed();
  place.take();
  place.nowMs = 1000;
  const noRoom = { type: "not-started", absent: false, cause: "spawn /bin/sh EMFILE" } as const;
  place.step({ type: "poll", frozen: [] }).report(noRoom);
  t.match(place.take(), [/status of .* could not be tried/]);
  place.operate("stop", "web").take();
  place.report(noRoom);
  t.match(place.take(), [/stop of .* could not be tried/]);
  t.end();
});

test("a process that ends during a repair is looked at after it", (t) => {
  const subtree = { kind: "independent", restarts: null } as const;
  const part = (name: string) => script(name, { subtree });
  const place = cleanPlace(new LocalPlace(["web"], 5, part))
    .operate("start", "web")
    .succeed();
  place.nowMs = 1000;
  place.step({ type: "poll", frozen: [] }).report(exited(3)).repair("web");
  t.same(place.underWay(), ["run web stop"]);
  place.step(processEnded("web"));
  t.same(place.underWay(), ["run web stop"]);
  place.report(exited(0)).report(exited(0));
  t.same(place.underWay(), ["run web status"]);
  t.end();
});
