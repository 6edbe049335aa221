/** A real daemon under a supervisor that listens: ready, state, keep-alive, reload, end. */
import { readFileSync } from "node:fs";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { join } = await import("node:path");
const { listenerCommand, listenerProblem } = await import("../io/notify-listener.ts");
const { project, RealCluster } = await import("./real-cluster.ts");
const problem = entry.type === "unsupported" ? entry.reason : listenerProblem();
const skip = problem ?? false;

const cluster = new RealCluster();
if (skip === false) await cluster.start();
suite.teardown(() => cluster.stop());

const socket = "/var/log/notify.socket";

test("the supervisor is told what the daemon does", { skip }, async (t) => {
  const listener = cluster.net.spawnOnNode(1, listenerCommand(socket));
  await cluster.until("it listens", () => listener.output().includes("listening"));
  const heard = () => listener.output().split("\n").slice(1, -1);
  const count = (word: string) => heard().filter((line) => line.includes(word)).length;
  const argv = [join(project, "bin/clusterd"), "-c", cluster.conf];
  const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "600000" };
  const daemon = cluster.net.spawnOnNode(1, argv, env);
  cluster.adopt(1, daemon);
  await cluster.until("it is ready", () => heard().length > 0);
  t.equal(heard()[0], "'READY=1\\nSTATUS=not quorate, 0 of 3 nodes, 0 services on this node'");
  t.ok(cluster.guard(1) !== 0, "not before the guard is there");
  await cluster.until("keep-alive messages", () => count("WATCHDOG=1") > 3);
  cluster.startDaemon(2);
  await cluster.until("the state is told", () => count("STATUS=quorate, 2 of 3 nodes") > 0);
  daemon.kill("SIGHUP");
  await cluster.until(
    "it is a member",
    async () => (await cluster.status(1))?.quorum.quorate === true,
  );
  t.equal(count("RELOADING"), 0, "logs are opened anew in no time");
  t.match(await cluster.command(1, "cman_tool-ts", "version", "-r"), { code: 0 });
  await cluster.until("a reload", () => count("READY=1") > 1);
  t.match(heard().join("\n"), /'RELOADING=1\\nMONOTONIC_USEC=\d+'/);
  const uptimeUs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1e6;
  const [, told = "0"] = /MONOTONIC_USEC=(\d+)/.exec(heard().join("\n")) ?? [];
  t.ok(Math.abs(Number(told) - uptimeUs) < 60e6, `${told} is the kernel's clock, ${uptimeUs}`);
  t.equal(count("STOPPING"), 0);
  daemon.kill("SIGTERM");
  t.equal((await daemon.exited).code, 0);
  t.equal(count("STOPPING=1"), 1);
  t.equal(cluster.guard(1), 0);
});

test("a main thread that stands still sends no keep-alive message", { skip }, async (t) => {
  const before = cluster.net.spawnOnNode(3, listenerCommand(socket));
  await cluster.until("it listens", () => before.output().includes("listening"));
  const argv = [join(project, "bin/clusterd"), "-c", cluster.conf];
  const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "600000" };
  const daemon = cluster.net.spawnOnNode(3, argv, env);
  cluster.adopt(3, daemon);
  const keepAlives = () => before.output().split("WATCHDOG=1").length - 1;
  await cluster.until("keep-alive messages", () => keepAlives() > 2);
  process.kill(daemon.pid, "SIGSTOP");
  const then = keepAlives();
  const since = performance.now();
  await cluster.until("three times its time", () => performance.now() - since > 1800);
  t.ok(keepAlives() <= then + 1, "at most one that was under way");
  process.kill(daemon.pid, "SIGCONT");
  await cluster.until("signs again", () => keepAlives() > then + 1);
});

test("a supervisor that cannot be told is named in the log", { skip }, async (t) => {
  const argv = [join(project, "bin/clusterd"), "-c", cluster.conf];
  const daemon = cluster.net.spawnOnNode(1, argv, { NOTIFY_SOCKET: "vsock:2:1" });
  cluster.adopt(1, daemon);
  await cluster.until("a warning", () => daemon.output().includes("NOTIFY_SOCKET is set, but"));
  t.ok(daemon.running);
});
