/**
 * A command of the daemon that does its work late: what an `ip` adds that was begun before the
 * daemon was killed does not come up behind the guard's back. Where addresses are added through
 * native calls no command is there to be late, and the same must hold.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } =
  await import("node:fs");
const { writeFileSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { serviceAddress } = await import("../netns/node-files.ts");
const { RealCluster } = await import("./real-cluster.ts");
const { findTool } = await import("../../src/io/processes/system-command.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const directory = mkdtempSync(join(tmpdir(), "clusterd-late-"));
const conf = join(directory, "cluster.conf");
const nodes = [1, 2, 3]
  .map((node) => `<clusternode name="node${node}.example.com" nodeid="${node}"/>`)
  .join("");
writeFileSync(
  conf,
  `<cluster name="late" config_version="1"><cman transport="udpu"/>
  <totem token="1000"/><clusternodes>${nodes}</clusternodes>
  <rm><service name="web" autostart="0" recovery="relocate">
  <ip address="${serviceAddress}" sleeptime="0"/></service></rm></cluster>\n`,
);

const cluster = new RealCluster({ conf });
const begun = join(directory, "begun");
const delaySeconds = 0.6;

/** An `ip` that notes when it is to add an address, and does so a little later. */
async function delayAdditions(): Promise<void> {
  const real = realpathSync((await findTool("ip")) ?? "");
  copyFileSync(real, join(directory, "ip"));
  const late = join(directory, "late-ip");
  const waits = `echo $$ >>${begun}; sleep ${delaySeconds}`;
  const delay = `case "$*" in *"addr add"*) ${waits} ;; esac`;
  const text = `#!/bin/sh\n${delay}\nexec ${directory}/ip "$@"\n`;
  writeFileSync(late, text);
  chmodSync(late, 0o755);
  for (const node of cluster.net.nodes) {
    await cluster.net.execOnNode(node, ["mount", "--bind", late, real]);
  }
}

if (skip === false) {
  await cluster.start();
  await delayAdditions();
  cluster.startAll();
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

test("SIGKILL of the daemon while an address is being added", { skip }, async (t) => {
  await cluster.until("all are members", async () => {
    const status = await cluster.status(2);
    return status?.services?.length === 1 && status.nodes.every(({ ready }) => ready);
  });
  const enabled = cluster.command(2, "clusvcadm-ts", "-e", "web", "-m", "node1.example.com");
  await cluster.until("the address is being added, or is there", () => {
    return existsSync(begun) || cluster.net.holders(serviceAddress).includes(1);
  });
  const guard = cluster.guard(1);
  const killedMs = performance.now();
  cluster.daemon(1).kill("SIGKILL");
  await cluster.until("the guard ends", () => cluster.guard(1) !== guard);
  t.match(cluster.daemon(1).output(), /guard: clean after/);
  t.comment(`the guard was done after ${Math.round(performance.now() - killedMs)} ms`);
  const cleanMs = performance.now();
  let came = cluster.net.holders(serviceAddress).includes(1);
  await cluster.until("it would have come up by now", () => {
    came ||= cluster.net.holders(serviceAddress).includes(1);
    return performance.now() - cleanMs > 3 * delaySeconds * 1000;
  });
  t.equal(came, false, "no address came up after clean");
  await enabled;
  if (existsSync(begun)) {
    const pids = readFileSync(begun, "utf8").trim().split("\n");
    t.notOk(existsSync(`/proc/${pids[0]}`), "the command has ended");
  } else t.comment("no command was needed: native calls");
});
