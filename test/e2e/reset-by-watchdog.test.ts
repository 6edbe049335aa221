/**
 * Three real daemons with watchdogs, stand-ins that take the power of their node. A judge from
 * outside looks for a second owner all the time.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { standInProblem } from "../guard/stand-in-watchdog.ts";
import { enterNamespaces } from "../netns/enter.ts";
import type { WatchedPower as Power } from "./watched-power.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { join } = await import("node:path");
const { serviceAddress } = await import("../netns/node-files.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, project, RealCluster } = await import("./real-cluster.ts");
const { watchedDevice, WatchedPower } = await import("./watched-power.ts");
const problem = entry.type === "unsupported" ? entry.reason : standInProblem();
const skip = problem ?? false;

const file = "etc/cluster/cluster.conf";
const example = readFileSync(join(project, "conf/cluster.conf.example"), "utf8");

function conf(device: string): string {
  const settings = `self_fence="watchdog" watchdog_device="${device}" watchdog_timeout="5"`;
  return example.replace("</clusternodes>", `</clusternodes><fence_daemon ${settings}/>`);
}

const cluster = new RealCluster({ conf: `/${file}` });
const judge = new OutsideJudge();
const powers = new Map<number, Power>();
const resets = () => [1, 2, 3].map((node) => powers.get(node)?.resets ?? 0);
if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    powers.set(node, await WatchedPower.connect(cluster.net, node, 5000));
    mkdirSync(cluster.net.path(node, "etc/cluster"), { recursive: true });
    writeFileSync(cluster.net.path(node, file), conf(watchedDevice));
  }
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 40_000);
}
suite.teardown(async () => {
  await judge.stop();
  for (const power of powers.values()) power.stop();
  await cluster.stop();
});

test("every node's watchdog is armed, and shown", { skip }, async (t) => {
  for (const node of [1, 2, 3]) {
    t.equal(powers.get(node)?.armed, true);
    const watchdog = (await cluster.status(node))?.watchdog;
    t.same(watchdog, { state: "armed", text: `${watchedDevice} (stand-in), 5 s` });
  }
});

test("a guard that is killed is replaced before the watchdog would act", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const guard = cluster.guard(owner);
  process.kill(guard, "SIGKILL");
  const armedTwice = () => cluster.daemon(owner).output().split("the watchdog is armed").length > 2;
  await cluster.until("the next guard has it", armedTwice);
  t.equal(await cluster.started(owner, primary), owner);
  t.same(resets(), [0, 0, 0]);
  t.same(cluster.net.holders(serviceAddress), [owner]);
});

test("case 24: clusterd and its guard are killed: the watchdog takes the power in time", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const sinceMs = judge.nowMs;
  const guard = cluster.guard(owner);
  cluster.daemon(owner).kill("SIGSTOP");
  process.kill(guard, "SIGKILL");
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.until("the node has no power", () => powers.get(owner)?.resets === 1);
  t.equal((await cluster.service(witness, primary))?.owner, owner, "nobody has taken over yet");
  await cluster.takenOver(witness, owner);
  const untilMs = judge.nowMs;
  await cluster.until("the judge has seen it", () => judge.sawUntil(untilMs));
  t.comment(judge.gapsInWords(sinceMs));
  t.match(cluster.daemon(witness).output(), /counts as off in .* lease must have ended/);
  await cluster.net.heal(owner);
  cluster.startDaemon(owner);
  await cluster.allStarted([1, 2, 3], 40_000);
  t.equal(
    resets().reduce((sum, one) => sum + one),
    1,
  );
});

test("case 28: a node that is cut off stops its services, and is not reset", {
  skip,
}, async (t) => {
  const before = resets();
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  await cluster.net.cut(owner);
  await cluster.takenOver(witness, owner);
  t.equal(powers.get(owner)?.armed, true, "still fed, since it is clean");
  await cluster.net.heal(owner);
  await cluster.allStarted([1, 2, 3], 40_000);
  t.same(resets(), before);
});

test("case 29: a node that leaves disarms its watchdog", { skip }, async (t) => {
  const before = resets();
  const daemon = cluster.daemon(3);
  daemon.kill("SIGTERM");
  t.equal((await daemon.exited).code, 0);
  await cluster.until("it is disarmed", () => powers.get(3)?.armed === false);
  t.same(resets(), before);
});

test("case 27: without the device that it must have the daemon does not start", {
  skip,
}, async (t) => {
  writeFileSync(cluster.net.path(3, file), conf("/dev/no-watchdog"));
  const daemon = cluster.startDaemon(3);
  t.equal((await daemon.exited).code, 1);
  t.match(daemon.output(), /self_fence is watchdog, and there is none: .*no-watchdog/);
  t.equal(cluster.guard(3), 0);
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t, 1000);
});
