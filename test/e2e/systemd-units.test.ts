/**
 * A unit of systemd as a service: the stand-in keeps its processes out of the cluster's cgroups and
 * environment, as systemd does, and restarts them unless it is told not to.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } =
  await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { RealCluster } = await import("./real-cluster.ts");
const { installSystemd, writeUnit } = await import("./stand-in-systemd.ts");
const { isAlive } = await import("../netns/child.ts");
const { createCgroupTree, removeCgroupTree } = await import("../netns/node-cgroups.ts");

const directory = mkdtempSync(join(tmpdir(), "clusterd-units-"));
const conf = join(directory, "cluster.conf");
writeFileSync(
  conf,
  `<cluster name="units" config_version="1"><cman transport="udpu"/><clusternodes>
  <clusternode name="node1.example.com" nodeid="1"/>
  <clusternode name="node2.example.com" nodeid="2"/>
  <clusternode name="node3.example.com" nodeid="3"/></clusternodes>
  <rm><service name="lamp" recovery="relocate"><systemd name="lamp" unit="lamp">
    <action name="status" depth="*" interval="1"/></systemd></service>
  <service name="dark" autostart="0"><systemd name="dark" unit="dark.service"/></service>
  </rm></cluster>\n`,
);

const skip = entry.type === "unsupported" ? entry.reason : false;
const cgroups = skip === false ? createCgroupTree() : null;
if (cgroups !== null) removeCgroupTree(cgroups);
// Where cgroups tell whose process it is, it need not keep its environment.
const clean = cgroups === null ? "" : "/usr/bin/env -i ";
const lamp = `[Service]\nExecStart=${clean}/bin/sleep 4711\nRestart=always\n`;
const dark = "[Service]\nExecStart=/nonexistent/dark\n";

const nodes = [1, 2, 3];
const cluster = new RealCluster({ conf, nodes: 3 });
if (skip === false) {
  await cluster.start();
  for (const node of nodes) {
    installSystemd(cluster, node);
    writeUnit(cluster, node, { name: "lamp.service", text: lamp });
    writeUnit(cluster, node, { name: "dark.service", text: dark });
  }
  cluster.startAll();
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

const service = "service:lamp";
const dropIn = "/run/systemd/system/lamp.service.d/50-clusterd.conf";
const on = (node: number, path: string) => `${cluster.net.rootOf(node)}${path}`;

/** Nodes where the unit is active, by what systemd says. */
async function active(): Promise<readonly number[]> {
  const words = ["show", "--property=ActiveState", "lamp.service"];
  const found: number[] = [];
  for (const node of nodes) {
    const shown = await cluster.net.execOnNode(node, ["/usr/local/sbin/systemctl", ...words]);
    if (shown.stdout === "ActiveState=active\n") found.push(node);
  }
  return found;
}

const pidOn = (node: number) =>
  Number(readFileSync(on(node, "/run/stand-in/lamp.service/pid"), "utf8"));

test("the unit is started on one node, with a drop-in while it runs", { skip }, async (t) => {
  const owner = await cluster.started(1, service);
  t.same(await active(), [owner]);
  t.match(readFileSync(on(owner, dropIn), "utf8"), /^Restart=no$/m);
  t.same(
    nodes.filter((node) => existsSync(on(node, dropIn))),
    [owner],
  );
  t.notMatch(readFileSync(`/proc/${pidOn(owner)}/cgroup`, "utf8"), "service:lamp");
});

test("a unit that ends is not restarted behind the cluster's back", { skip }, async (t) => {
  const owner = await cluster.started(1, service);
  process.kill(pidOn(owner), "SIGKILL");
  await cluster.until("relocation", async () => {
    const now = await cluster.service(1, service);
    return now?.state === "started" && now.owner !== owner;
  });
  t.same(await active(), [await cluster.started(1, service)]);
  t.match(cluster.daemon(owner).output(), /lamp\.service is failed \(failed\)/);
});

test("stopped, nothing of it is left", { skip }, async (t) => {
  const owner = await cluster.started(1, service);
  const disabled = await cluster.command(1, "clusvcadm-ts", "-d", "lamp");
  t.equal(disabled.code, 0, disabled.stdout);
  t.same(await active(), []);
  t.notOk(existsSync(on(owner, dropIn)));
  const enabled = await cluster.command(1, "clusvcadm-ts", "-e", "lamp");
  t.equal(enabled.code, 0, enabled.stdout);
});

test("a unit that does not start says so", { skip }, async (t) => {
  const done = await cluster.command(1, "clusvcadm-ts", "-e", "dark");
  t.not(done.code, 0);
  t.match(cluster.logs(), /start of dark\.service failed, it is failed/);
});

test("the guard of a dead daemon ends the unit, and it stays so", { skip }, async (t) => {
  const owner = await cluster.started(1, service);
  const pid = pidOn(owner);
  t.ok(isAlive(pid));
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.until("the unit has ended", () => !isAlive(pid));
  const again = await cluster.net.execOnNode(owner, [
    "/usr/local/sbin/systemctl",
    ...["start", "lamp.service"],
  ]);
  t.equal(again.code, 1);
  t.match(again.stderr, /Assertion failed/);
  const witness = owner === 1 ? 2 : 1;
  await cluster.until(
    "takeover",
    async () => {
      const now = await cluster.service(witness, service);
      return now?.state === "started" && now.owner !== owner;
    },
    60_000,
  );
  t.same(await active(), [await cluster.started(witness, service)]);
});

test("what is wrong with units is found before a start", { skip }, async (t) => {
  const check = () => cluster.command(1, "clusterd", "--check", "-c", conf);
  const wants = on(1, "/etc/systemd/system/multi-user.target.wants");
  mkdirSync(wants, { recursive: true });
  symlinkSync("../lamp.service", join(wants, "lamp.service"));
  rmSync(on(1, "/etc/systemd/system/dark.service"));
  rmSync(on(1, "/run/stand-in/dark.service"), { recursive: true, force: true });
  const enabled = await check();
  t.equal(enabled.code, 1);
  t.match(enabled.stderr, /warning: .*lamp\.service is enabled: systemd starts it at boot/);
  t.match(enabled.stderr, /error: .*systemd says of dark\.service: not-found/);
  rmSync(on(1, "/run/systemd"), { recursive: true });
  const without = await check();
  t.equal(without.code, 1);
  t.match(without.stderr, /systemd does not run here: no unit lamp\.service; use <script>/);
});
