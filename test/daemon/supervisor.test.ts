/** What a service supervisor is told, and the unit that makes systemd listen. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import {
  aliveWithinUs,
  openSupervisorLine,
  SupervisorNotifier,
  statusText,
} from "../../src/daemon/supervisor-notifier.ts";
import { exampleStatus } from "../control/fake-backend.ts";

const project = fileURLToPath(new URL("../../..", import.meta.url));

test("it is told of beginning, reload and end", async (t) => {
  const said: string[] = [];
  const notifier = new SupervisorNotifier({
    say: (...lines) => {
      said.push(lines.join(" "));
    },
    aliveWithinUs: null,
    monotonicUs: () => 77,
    status: () => exampleStatus(),
  });
  t.teardown(() => notifier.end());
  notifier.ready();
  notifier.ready();
  const line = "STATUS=quorate, 2 of 3 nodes, 2 services on this node";
  t.same(said, [`READY=1 ${line}`], "once, whatever guards come and go");
  said.length = 0;
  await notifier.reloading(async () => said.push("reopened"));
  t.same(said, ["RELOADING=1 MONOTONIC_USEC=77", "reopened", "READY=1"]);
  said.length = 0;
  notifier.stopping();
  notifier.stopping();
  t.same(said, ["STOPPING=1"]);
});

test("the state in one line", async (t) => {
  t.equal(statusText(exampleStatus()), "quorate, 2 of 3 nodes, 2 services on this node");
  const { quorum } = exampleStatus();
  const lost = exampleStatus({ services: null, quorum: { ...quorum, quorate: false } });
  t.equal(statusText(lost), "not quorate, 2 of 3 nodes, 0 services on this node");
});

test("keep-alive messages are for the process that was asked for them", async (t) => {
  t.equal(aliveWithinUs({ WATCHDOG_USEC: "10000000" }, 7), 10_000_000);
  t.equal(aliveWithinUs({ WATCHDOG_USEC: "10000000", WATCHDOG_PID: "7" }, 7), 10_000_000);
  t.equal(aliveWithinUs({ WATCHDOG_USEC: "10000000", WATCHDOG_PID: "8" }, 7), null);
  for (const span of ["", "0", "-1", "x"]) t.equal(aliveWithinUs({ WATCHDOG_USEC: span }, 7), null);
  t.equal(aliveWithinUs({}, 7), null);
});

test("an unreachable supervisor is told of at the start, a missing one is not", async (t) => {
  const warnings: string[] = [];
  const warn = (text: string): void => {
    warnings.push(text);
  };
  t.equal((await openSupervisorLine({}, warn)).say, null);
  t.same(warnings, []);
  const line = await openSupervisorLine({ NOTIFY_SOCKET: "vsock:2:1", WATCHDOG_USEC: "9" }, warn);
  t.equal(line.say, null);
  t.match(warnings, [/NOTIFY_SOCKET is set, but .*vsock:2:1.*Type=notify/]);
});

const analyze = spawnSync("systemd-analyze", ["--version"]);
const skip = analyze.status === 0 ? false : "systemd-analyze (package systemd) is not installed";

test("systemd finds nothing wrong with the unit", { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "unit-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const unit = join(directory, "clusterd.service");
  const text = readFileSync(join(project, "conf/systemd/clusterd.service"), "utf8");
  const here = text.replaceAll("=/usr/bin/", `=${join(project, "bin")}/`);
  t.not(here, text);
  const verify = (content: string) => {
    writeFileSync(unit, content);
    const done = spawnSync("systemd-analyze", ["verify", "--man=no", unit], { encoding: "utf8" });
    return `${done.status} ${done.stderr}`;
  };
  t.equal(verify(here), "0 ");
  t.notMatch(verify(here.replace("Type=notify", "Type=notified")), /^0 $/, "it does look");
});

test("the unit lets the guard survive and waits for the daemon", async (t) => {
  const text = readFileSync(join(project, "conf/systemd/clusterd.service"), "utf8");
  const settings = [
    ...["Type=notify", "NotifyAccess=main", "WatchdogSec=10", "KillMode=process", "Delegate=yes"],
    // Its exit status says whether the file was accepted.
    "ExecReload=/usr/bin/cman_tool-ts version -r",
    ...["OOMPolicy=continue", "RuntimeDirectory=clusterd", "StateDirectory=clusterd"],
  ];
  for (const setting of settings) t.ok(text.split("\n").includes(setting), setting);
});
