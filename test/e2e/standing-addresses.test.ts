/**
 * Addresses that stand on an interface when clusterd starts: whose they are decides what becomes of
 * them. Three real daemons.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { nodeAddress, serviceAddress } = await import("../netns/node-files.ts");
const { primary, project, publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
if (skip === false) await cluster.start();
suite.teardown(() => cluster.stop());

function ip(node: number, ...words: readonly string[]) {
  return cluster.net.execOnNode(node, ["ip", "addr", ...words, "dev", "eth0"]);
}

/** SIGKILL to clusterd and its guard at once: nobody cleans up. */
async function killBoth(node: number): Promise<void> {
  const [daemon, guard] = [cluster.daemon(node), cluster.guard(node)];
  process.kill(daemon.pid, "SIGSTOP");
  process.kill(guard, "SIGKILL");
  daemon.kill("SIGKILL");
  await daemon.exited;
}

async function startedAnew(node: number): Promise<void> {
  const daemon = cluster.startDaemon(node);
  await cluster.until("it is back", () => daemon.output().includes("is left on this node"));
  await cluster.until("it is ready", () => daemon.output().includes("a new membership"));
  await cluster.allStarted([1, 2, 3], 60_000);
}

test("a service with the address of a node is refused at load, with the remedy", {
  skip,
}, async (t) => {
  const text = readFileSync(publishedConf, "utf8");
  const wrong = text.replaceAll(`"${serviceAddress}"`, `"${nodeAddress(2)}"`);
  for (const node of [1, 2]) {
    writeFileSync(join(cluster.net.rootOf(node), "etc/wrong.conf"), wrong);
  }
  const argv = [join(project, "bin/clusterd"), "-c", "/etc/wrong.conf"];
  const told = /\/etc\/wrong\.conf:\d+: error: .*20\.0\.20\.2 is the address of node2.*; give the/;
  for (const rest of [["--check"], ["--check", "--strict"], []]) {
    const { code, stderr } = await cluster.net.execOnNode(1, [...argv, ...rest]);
    t.equal(code, 1);
    t.match(stderr, told);
  }
  t.match((await cluster.net.execOnNode(2, argv)).stderr, told, "on that node, too");
  t.same(cluster.net.holders(nodeAddress(2)), [2], "it is still there");
});

test("an address that clusterd has not put up is neither removed nor taken over", {
  skip,
}, async (t) => {
  await ip(1, "add", `${serviceAddress}/24`);
  const checked = await cluster.command(1, "clusterd", "--check", "-c", publishedConf);
  t.equal(checked.code, 0);
  t.match(checked.stderr, /warning: .*20\.0\.20\.200 is on an interface of this machine/);
  const strict = await cluster.command(1, "clusterd", "--check", "--strict", "-c", publishedConf);
  t.equal(strict.code, 1);
  cluster.startAll();
  const refused = (node: number, text: RegExp): Promise<void> =>
    cluster.until(`node ${node} refuses`, () => text.test(cluster.daemon(node).output()));
  await refused(1, /20\.0\.20\.200 is on eth0, and clusterd has not put it there; run \\"ip addr/);
  await refused(1, /20\.0\.20\.200 is in use by .* on eth0/);
  t.same(cluster.net.holders(serviceAddress), [1], "still there, and nowhere else");
  const daemon = cluster.daemon(1);
  daemon.kill("SIGTERM");
  await daemon.exited;
  t.same(cluster.net.holders(serviceAddress), [1], "also after a stop");
  await ip(1, "del", `${serviceAddress}/24`);
  cluster.startDaemon(1);
  await cluster.until("a node can start it", async () => {
    await cluster.command(2, "clusvcadm-ts", "-e", primary);
    return cluster.net.holders(serviceAddress).length === 1;
  });
  await cluster.allStarted([1, 2, 3], 60_000);
});

for (const remembered of ["by the record", "by its mark, where the record is lost"] as const) {
  test(`what an earlier life has left is known ${remembered}, and goes`, { skip }, async (t) => {
    const owner = await cluster.started(1, primary);
    await killBoth(owner);
    t.same(cluster.net.holders(serviceAddress), [owner], "nobody has cleaned up");
    const record = join(cluster.net.rootOf(owner), "var/lib/clusterd/addresses.json");
    if (remembered === "by the record") {
      // Another program has made the address anew, without the mark.
      await ip(owner, "del", `${serviceAddress}/24`);
      await ip(owner, "add", `${serviceAddress}/24`);
    } else rmSync(record);
    await startedAnew(owner);
    const now = await cluster.started(1, primary);
    t.same(cluster.net.holders(serviceAddress), [now]);
    t.notMatch(cluster.daemon(owner).output(), /clusterd has not put it there/);
  });
}

test("an address that the configuration has no longer goes with the next start", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const other = "20.0.20.222";
  await ip(owner, "add", `${other}/24`);
  await killBoth(owner);
  const record = join(cluster.net.rootOf(owner), "var/lib/clusterd/addresses.json");
  const text = readFileSync(record, "utf8");
  writeFileSync(record, text.replace('"addresses":[', `"addresses":["${other}",`));
  await startedAnew(owner);
  t.same(cluster.net.holders(other), []);
  t.match(cluster.daemon(owner).output(), /20\.0\.20\.222 on eth0, left by an earlier clusterd/);
});
