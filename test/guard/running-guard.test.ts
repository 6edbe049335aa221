/** The guard as a process, with real addresses and real processes, in a namespace of its own. */
import { t as suite, test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import { cable, inNamespace, insideNamespace, ip, namespaceProblem } from "../io/namespace.ts";
import { until } from "../io/waiting.ts";
import { guarded, held, processes, RunningGuard, startService } from "./running-guard.ts";

const clock = systemClock();
const later = "192.0.2.201";

function insideLater(): void {
  test("addresses that are told later are removed like the first ones", async (t) => {
    const { at, guard } = await guarded(t);
    ip(`addr add ${later}/24 dev one`);
    guard.tell({ type: "also-watch", addresses: [later] });
    guard.tell({ type: "arm", leaseEndMs: clock.boottimeMs() + 60_000, atEnd: "kill" });
    await until("it is armed", () => guard.heard("armed"));
    guard.child.stdin?.end();
    t.same(await guard.ended, [0, null]);
    t.equal(held() || held(later), false);
    t.equal(await processes(at), 0);
  });
}

function insideOneByOne(): void {
  test("a guard without orders leaves what the one before has verified to the next", async (t) => {
    const { at, guard } = await guarded(t);
    guard.child.stdin?.end();
    await guard.ended;
    const unused = new RunningGuard(at, "no-orders");
    unused.child.stdin?.end();
    await unused.ended;
    const next = new RunningGuard(at);
    t.teardown(() => next.child.kill("SIGKILL"));
    await until("the next is ready", () => next.heard("ready"));
    t.match(next.said, '"nothingLeft":true');
  });

  test("what one has verified the next one knows, once", async (t) => {
    const { at, guard } = await guarded(t);
    guard.child.stdin?.end();
    await guard.ended;
    const ready = async (nothingLeft: boolean): Promise<RunningGuard> => {
      const next = new RunningGuard(at);
      t.teardown(() => next.child.kill("SIGKILL"));
      await until("the next is ready", () => next.heard("ready"));
      t.match(next.said, `"nothingLeft":${nothingLeft}`);
      return next;
    };
    const second = await ready(true);
    second.child.kill("SIGKILL");
    await second.ended;
    const third = await ready(false);
    third.child.stdin?.end();
    await third.ended;
    startService(at);
    await until("the service runs", () => held());
    const fourth = await ready(false);
    fourth.child.stdin?.end();
    await fourth.ended;
    t.equal(held(), false);
  });
}

function inside(): void {
  test("a closed pipe ends the services at once, and the guard with 0", async (t) => {
    const { at, guard } = await guarded(t);
    guard.tell({ type: "arm", leaseEndMs: clock.boottimeMs() + 60_000, atEnd: "kill" });
    await until("it is armed", () => guard.heard("armed"));
    t.equal(held(), true, "it waits while clusterd is there");
    const closedMs = performance.now();
    guard.child.stdin?.end();
    await until("the address is gone", () => !held());
    t.ok(performance.now() - closedMs < 1000, `${Math.round(performance.now() - closedMs)} ms`);
    t.same(await guard.ended, [0, null]);
    t.equal(await processes(at), 0);
  });

  test("the end of the lease ends the services; a new lease begins afterwards", async (t) => {
    const { at, guard } = await guarded(t);
    const leaseEndMs = clock.boottimeMs() + 400;
    guard.tell({ type: "arm", leaseEndMs, atEnd: "kill" });
    await until("the address is gone", () => !held());
    t.ok(clock.boottimeMs() >= leaseEndMs, "not before the end");
    await until("it says clean", () => guard.heard("clean"));
    t.equal(await processes(at), 0);
    t.equal(guard.said.match(/"armed"/g)?.length, 1);
    guard.tell({ type: "arm", leaseEndMs: clock.boottimeMs() + 60_000, atEnd: "kill" });
    await until("it is armed again", () => guard.said.match(/"armed"/g)?.length === 2);
  });

  test("a dismissed guard leaves everything as it is", async (t) => {
    const { at, guard } = await guarded(t);
    guard.tell({ type: "disarm" });
    t.same(await guard.ended, [0, null]);
    t.equal(held(), true);
    t.ok((await processes(at)) >= 2);
    const cleaner = new RunningGuard(at);
    cleaner.child.stdin?.end();
    await cleaner.ended;
    t.equal(held(), false);
  });

  test("after an invalid order clusterd counts as gone", async (t) => {
    const { at, guard } = await guarded(t);
    guard.child.stdin?.write('{"protocol":"clusterd-guard-0","type":"arm","leaseEndMs":1e12}\n');
    t.same(await guard.ended, [0, null]);
    t.equal(held(), false);
    t.equal(await processes(at), 0);
  });

  test("it obeys no signal, and waits for the one before it", async (t) => {
    const { at, guard } = await guarded(t);
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) guard.child.kill(signal);
    const second = new RunningGuard(at);
    t.teardown(() => second.child.kill("SIGKILL"));
    guard.tell({ type: "arm", leaseEndMs: clock.boottimeMs() + 60_000, atEnd: "kill" });
    await until("it is armed", () => guard.heard("armed"));
    t.equal(second.heard("ready"), false);
    guard.child.stdin?.end();
    await guard.ended;
    t.equal(held(), false);
    await until("the second is ready", () => second.heard("ready"));
  });
}

if (!insideNamespace()) {
  const skip = namespaceProblem();
  if (skip === null) suite.spawn(...inNamespace(import.meta.url, "in a namespace"));
  else test("the guard as a process", { skip }, async () => undefined);
} else {
  cable("one", "other");
  inside();
  insideLater();
  insideOneByOne();
}
