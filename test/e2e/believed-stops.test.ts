/** Whether a stop is believed: real init scripts whose stops leave something, or answer 1. */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { mkdtempSync, rmSync, writeFileSync } = await import("node:fs");
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
  `<cluster name="stops" config_version="1"><cman transport="udpu"/><clusternodes>
  <clusternode name="node1.example.com" nodeid="1"/>
  <clusternode name="node2.example.com" nodeid="2"/></clusternodes>
  <rm status_poll_interval="1">${services.join("")}</rm></cluster>\n`,
);

suite.setTimeout(120_000);
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

/** Moves the service and returns its old owner; it must never run on both nodes. */
async function relocated(name: string) {
  const watch = new scripts.TwiceWatch(cluster, name);
  const owner = await cluster.started(1, `service:${name}`, 60_000);
  const [pid = 0] = scripts.daemonsOn(owner, name);
  if (name === "lost") rmSync(scripts.pidFileOf(cluster, owner, name));
  const other = owner === 1 ? 2 : 1;
  const target = `node${other}.example.com`;
  const moved = await cluster.command(owner, "clusvcadm-ts", "-r", name, "-m", target);
  await cluster.until("it runs on the other", () => scripts.daemonsOn(other, name).length > 0);
  watch.stop();
  return { moved, twice: watch.seen, pid, said: cluster.daemon(owner).output() };
}

for (const [name, what] of [
  ["deaf", "a daemon that ignores SIGTERM"],
  ["lost", "a daemon whose pid file is lost"],
] as const) {
  test(`${what} is ended after its stop, and told by its process id`, { skip }, async (t) => {
    const { moved, twice, pid, said } = await relocated(name);
    t.equal(moved.code, 0, moved.stdout);
    t.same(twice, [], "never on both nodes");
    t.match(said, new RegExp(`service:${name}: its stop has left [^"]*\\b${pid} \\(sh\\)`));
  });
}

test("a stop that answers 1 is believed when nothing is left", { skip }, async (t) => {
  const owner = await cluster.started(1, "service:strict", 60_000);
  const [pid = 0] = scripts.daemonsOn(owner, "strict");
  process.kill(pid, "SIGKILL");
  await cluster.until("another one", () => {
    return scripts.daemonsOn(owner, "strict").some((one) => one !== pid);
  });
  t.equal(await cluster.started(1, "service:strict"), owner);
  t.match(cluster.daemon(owner).output(), /returned 1: not running, but nothing of it is left/);
});
