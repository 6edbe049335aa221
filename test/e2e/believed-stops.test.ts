/** Whether a stop is believed: real init scripts whose stops leave something, or answer 1. */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const scripts = await import("./process-scripts.ts");
const { RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const directory = mkdtempSync(join(tmpdir(), "clusterd-stops-"));
const conf = join(directory, "cluster.conf");
const names = ["deaf", "lost", "strict"] as const;
const services = names.map((name) => {
  const file = `<script name="${name}" file="/etc/init.d/${name}"/>`;
  return `<service name="${name}" recovery="restart">${file}</service>`;
});
writeFileSync(
  conf,
  `<cluster name="stops" config_version="1"><cman transport="udpu"/><totem token="3000"/>
  <clusternodes>
  <clusternode name="node1.example.com" nodeid="1"/>
  <clusternode name="node2.example.com" nodeid="2"/></clusternodes>
  <rm status_poll_interval="1">${services.join("")}</rm></cluster>\n`,
);

const cluster = new RealCluster({ conf, nodes: 2 });
if (skip === false) {
  await cluster.start();
  scripts.writeDaemonScript(cluster, { name: "deaf", prologue: 'trap "" TERM' });
  scripts.writeDaemonScript(cluster, { name: "lost" });
  // As many scripts do: there is nothing to stop, which they call a failure.
  const stop = 'kill $pid 2>/dev/null && rm -f $file && exit 0; echo "not running"; exit 1';
  scripts.writeDaemonScript(cluster, { name: "strict", stop });
  cluster.startAll();
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

/** Where the daemon runs, and its process id, once it is itself and not a shell that starts it. */
async function running(name: string): Promise<{ owner: number; pid: number }> {
  const owner = await cluster.started(1, `service:${name}`, 60_000);
  await cluster.until(`${name} runs`, () => scripts.daemonsOn(owner, name).length > 0);
  const pidFile = scripts.pidFileOf(cluster, owner, name);
  return { owner, pid: Number(readFileSync(pidFile, "utf8")) };
}

function hasLeft(name: string, pid: number): RegExp {
  return new RegExp(`service:${name}: its stop has left [^"]*\\b${pid} \\(sh\\)`);
}

test("a daemon that ignores SIGTERM is ended before it runs elsewhere", { skip }, async (t) => {
  const watch = new scripts.TwiceWatch(cluster, "deaf");
  t.teardown(() => watch.stop());
  const { owner, pid } = await running("deaf");
  const other = owner === 1 ? 2 : 1;
  const target = `node${other}.example.com`;
  const moved = await cluster.command(owner, "clusvcadm-ts", "-r", "deaf", "-m", target);
  t.equal(moved.code, 0, moved.stdout);
  await cluster.until("it runs there", () => scripts.daemonsOn(other, "deaf").length > 0);
  t.match(cluster.daemon(owner).output(), hasLeft("deaf", pid), "told by its process id");
  t.same(watch.seen, [], "never on both nodes");
});

test("a daemon whose pid file is lost is ended before another one runs", { skip }, async (t) => {
  const watch = new scripts.TwiceWatch(cluster, "lost");
  t.teardown(() => watch.stop());
  const { owner, pid } = await running("lost");
  const file = scripts.pidFileOf(cluster, owner, "lost");
  // Its script calls it stopped from now on, and its stop ends nothing; a check finds that out.
  rmSync(file);
  await cluster.until("another one is started", () => existsSync(file));
  t.notOk(scripts.daemonsOn(owner, "lost").includes(pid), "the first one is gone by then");
  t.equal(await cluster.started(1, "service:lost"), owner);
  t.match(cluster.daemon(owner).output(), hasLeft("lost", pid), "told by its process id");
  t.same(watch.seen, [], "never on both nodes");
});

test("a stop that answers 1 is believed when nothing is left", { skip }, async (t) => {
  const { owner, pid } = await running("strict");
  // With its `sleep`, which would otherwise be left when the check comes at once.
  process.kill(-pid, "SIGKILL");
  await cluster.until("another one", () => {
    return scripts.daemonsOn(owner, "strict").some((one) => one !== pid);
  });
  t.equal(await cluster.started(1, "service:strict"), owner);
  t.match(cluster.daemon(owner).output(), /returned 1: not running, but nothing of it is left/);
});
