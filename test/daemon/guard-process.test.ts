/** The daemon's end of the pipe, with real guards: what the next guard is told. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { GuardProcess, type WatchdogReport } from "../../src/daemon/guard-process.ts";
import { until } from "../io/waiting.ts";

test("a watchdog that was refused is not opened by the next guard", async (t) => {
  const stateDirectory = mkdtempSync(join(tmpdir(), "clusterd-guard-process-"));
  t.teardown(() => rmSync(stateDirectory, { recursive: true, force: true }));
  const said: string[] = [];
  const reports: WatchdogReport[] = [];
  let ready = 0;
  const link = new GuardProcess({
    stateDirectory,
    logFormat: "json",
    loading: null,
    duty: {
      token: `guard-process-test-${process.pid}`,
      addresses: [],
      cgroups: null,
      killTimeoutMs: 5000,
      watchdog: { device: join(stateDirectory, "none"), timeoutMs: 5000 },
    },
    log: {
      write: (_channel, _level, { text }) => said.push(text),
      reopen: () => undefined,
      flush: () => undefined,
    },
    onReady: () => {
      ready += 1;
    },
    onGuarded: () => undefined,
    onWatchdog: (report) => reports.push(report),
    onMissing: () => undefined,
  });
  t.teardown(() => link.dismiss());
  await until("the first guard", () => ready === 1);
  t.match(reports, [{ state: "refused" }]);
  const first = link.pid;
  process.kill(first, "SIGKILL");
  const started = () => said.filter((one) => one.startsWith("the guard is process")).length;
  await until("the next guard", () => started() === 2);
  t.not(link.pid, first);
  t.equal(reports.length, 1, "the others do not wait for what this life has not told them of");
});
