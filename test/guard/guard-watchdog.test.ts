/**
 * The guard as a process, with a watchdog: a stand-in, in a sysfs that only this namespace sees.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { execFileSync } from "node:child_process";
import { t as suite, type Test, test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import { cable, inNamespace, insideNamespace, namespaceProblem } from "../io/namespace.ts";
import { until } from "../io/waiting.ts";
import {
  guarded,
  held,
  type Place,
  place,
  processes,
  RunningGuard,
  startService,
} from "./running-guard.ts";
import { type StandInFacts, StandInWatchdog, standInProblem } from "./stand-in-watchdog.ts";

const clock = systemClock();
const sysfs = "/sys/dev/char";
/** Fed every quarter of it. */
const timeoutMs = 2000;
const feedings = (text: string) => text.length - text.replaceAll("\0", "").length;

async function device(t: Test, facts: Partial<StandInFacts> = {}) {
  const watchdog = await StandInWatchdog.start(sysfs, { timeoutSeconds: 2, ...facts });
  t.teardown(() => watchdog.stop());
  return { watchdog, order: { device: watchdog.device, timeoutMs } };
}

async function ready(t: Test, at: Place, facts: Partial<StandInFacts> = {}) {
  const { watchdog, order } = await device(t, facts);
  const guard = new RunningGuard(at, order);
  t.teardown(() => guard.child.kill("SIGKILL"));
  await until("it is ready", () => guard.heard("ready"));
  return { watchdog, order, guard };
}

async function fedOn(watchdog: StandInWatchdog): Promise<void> {
  const before = feedings(watchdog.written);
  await until("it is fed again and again", () => feedings(watchdog.written) > before + 2);
}

function atWork(): void {
  test("it is fed while idle and while the lease lasts; SIGKILL leaves it armed", async (t) => {
    const { watchdog, guard } = await ready(t, place(t));
    t.match(guard.said, /"state":"armed","text":"\/dev\/pts\/\d+ \(stand-in\), 2 s"/);
    await fedOn(watchdog);
    guard.tell({ type: "arm", leaseEndMs: clock.boottimeMs() + 60_000, atEnd: "kill" });
    await until("it is armed", () => guard.said.split('"leaseEndMs"').length > 1);
    await fedOn(watchdog);
    guard.child.kill("SIGKILL");
    await guard.ended;
    t.equal(watchdog.written.replaceAll("\0", ""), "", "no farewell");
  });

  test("case 29: a dismissed guard says farewell", async (t) => {
    const { watchdog, guard } = await ready(t, place(t));
    guard.tell({ type: "disarm" });
    t.same(await guard.ended, [0, null]);
    await until("the farewell", () => watchdog.written.endsWith("V"));
    t.equal(watchdog.written.replaceAll("\0", ""), "V");
  });

  test("case 28: after the end of the lease it kills, then feeds on", async (t) => {
    const { watchdog, order } = await device(t);
    const { at, guard } = await guarded(t, order);
    guard.tell({ type: "arm", leaseEndMs: clock.boottimeMs() + 300, atEnd: "kill" });
    await until("it says clean", () => guard.heard("clean"));
    t.equal(held(), false);
    t.equal(await processes(at), 0);
    await fedOn(watchdog);
    t.equal(watchdog.written.replaceAll("\0", ""), "");
    guard.child.stdin?.end();
    t.same(await guard.ended, [0, null]);
    await until("the farewell", () => watchdog.written.endsWith("V"));
  });
}

function atItsEnds(): void {
  test("what is left of an earlier life keeps it shut until it is gone", async (t) => {
    const at = place(t);
    startService(at);
    await until("the service runs", async () => held() && (await processes(at)) >= 2);
    const { watchdog, order, guard } = await ready(t, at);
    t.match(
      guard.said,
      /"state":"waiting","text":"not opened before a lease is held, or this is gone: .*192\.0\.2/,
    );
    t.equal(watchdog.written, "");
    const cleaner = new RunningGuard({ ...at, directory: `${at.directory}/other` }, null);
    cleaner.child.stdin?.end();
    await cleaner.ended;
    await until("it is armed", () => guard.said.includes('"state":"armed"'));
    await fedOn(watchdog);
    t.equal(order.timeoutMs, timeoutMs);
  });

  test("a device that does not fit is refused, and the guard works without", async (t) => {
    const { order } = await device(t, { timeoutSeconds: 60 });
    const { guard } = await guarded(t, order);
    t.match(guard.said, /"state":"refused","text":"[^"]*it grants 60 s instead of 2 s/);
    guard.tell({ type: "arm", leaseEndMs: clock.boottimeMs() + 200, atEnd: "kill" });
    await until("it says clean", () => guard.heard("clean"));
  });

  test("nowayout: it is fed after the end, until the next guard takes it over", async (t) => {
    const at = place(t);
    const { watchdog, order, guard } = await ready(t, at, { nowayout: true });
    guard.tell({ type: "disarm" });
    guard.child.stdin?.end();
    await fedOn(watchdog);
    t.equal(guard.child.exitCode, null, "it is still there");
    const next = new RunningGuard(at, order);
    t.teardown(() => next.child.kill("SIGKILL"));
    t.same(await guard.ended, [0, null]);
    await until("the next is ready", () => next.heard("ready"));
    await fedOn(watchdog);
    t.equal(watchdog.written.replaceAll("\0", ""), "", "no farewell, it would not be heard");
  });
}

if (!insideNamespace()) {
  const skip = namespaceProblem() ?? standInProblem();
  if (skip === null) suite.spawn(...inNamespace(import.meta.url, "in a namespace"));
  else test("the guard with a watchdog", { skip }, async () => undefined);
} else {
  cable("one", "other");
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", sysfs]);
  atWork();
  atItsEnds();
}
