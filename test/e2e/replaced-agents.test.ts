/**
 * rgmanager's resource types without rgmanager's agents: a file system and a bind mount that the
 * agent Filesystem of resource-agents mounts, and a virtual machine that VirtualDomain runs, under
 * real daemons. Only libvirt's virsh is a stand-in.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } = await import(
  "node:fs"
);
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { RealCluster } = await import("./real-cluster.ts");

const agent = "/usr/lib/ocf/resource.d/heartbeat/Filesystem";
const directory = mkdtempSync(join(tmpdir(), "clusterd-replaced-"));
const conf = join(directory, "cluster.conf");
writeFileSync(
  conf,
  `<?xml version="1.0"?>
<cluster name="files" config_version="1">
  <cman transport="udpu"/>
  <clusternodes>
    <clusternode name="node1.example.com" nodeid="1"/>
    <clusternode name="node2.example.com" nodeid="2"/>
  </clusternodes>
  <rm agent_path="${directory}" status_poll_interval="1">
    <resources>
      <fs name="data" device="tmpfs" mountpoint="/run/data" fstype="tmpfs" options="size=1m"
          force_unmount="1"/>
      <bind-mount name="view" source="/run/data" mountpoint="/run/view"/>
    </resources>
    <service name="files" recovery="relocate">
      <fs ref="data"><bind-mount ref="view"/><action name="status" depth="*" interval="1"/></fs>
    </service>
    <vm name="guest" xmlfile="${directory}/guest.xml" recovery="restart">
      <action name="status" depth="*" interval="1"/>
    </vm>
  </rm>
</cluster>
`,
);

const cluster = new RealCluster({ conf, nodes: 2 });
/** The agent needs it to load file systems into the kernel. */
const modprobe = ["/sbin/modprobe", "/usr/sbin/modprobe"].some((path) => existsSync(path));
const missing =
  existsSync(agent) && modprobe ? false : "resource-agents or modprobe is not installed";
const skip = entry.type === "unsupported" ? entry.reason : missing;
/** Knows one machine, and keeps what it does in a file. */
const virsh = `#!/bin/sh
while [ "\${1#--}" != "$1" ]; do shift; done
case "$1" in
  uri) echo test:///default ;;
  create) echo running >/var/log/guest; echo "$@" >>/var/log/virsh ;;
  shutdown | destroy) rm -f /var/log/guest ;;
  domstate) cat /var/log/guest 2>/dev/null || { echo "error: failed to get domain"; exit 1; } ;;
esac
`;
if (skip === false) {
  writeFileSync(join(directory, "guest.xml"), "<domain>\n<name>guest</name>\n</domain>\n");
  await cluster.start();
  for (const node of cluster.net.nodes) {
    const bin = `${cluster.net.rootOf(node)}/usr/local/sbin`;
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "virsh"), virsh);
    chmodSync(join(bin, "virsh"), 0o755);
  }
  cluster.startAll();
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

const files = "service:files";

/** Where something is mounted on the node, of the two places: `/run/data tmpfs`, with its size. */
async function mounts(node: number): Promise<readonly string[]> {
  const { stdout } = await cluster.net.execOnNode(node, ["cat", "/proc/self/mountinfo"]);
  return stdout.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const place = before.split(" ")[4] ?? "";
    return ["/run/data", "/run/view"].includes(place) ? [`${place} ${after.split(" ")[0]}`] : [];
  });
}

const both = ["/run/data tmpfs", "/run/view tmpfs"];

test("they are mounted in rgmanager's order, and told of", { skip }, async (t) => {
  const owner = await cluster.started(1, files);
  t.same(await mounts(owner), both);
  t.same(await mounts(owner === 1 ? 2 : 1), []);
  const said = cluster.daemon(owner).output();
  t.match(said, /no agent "fs" in .*: it runs as ocf:heartbeat:Filesystem \(device, directory/);
  const seen = await cluster.net.execOnNode(owner, [
    "sh",
    "-c",
    "echo hi >/run/data/a; cat /run/view/a",
  ]);
  t.equal(seen.stdout, "hi\n", "the one is a view of the other");
});

test("a relocation takes both away, and mounts them on the other node", { skip }, async (t) => {
  const owner = await cluster.started(1, files);
  const other = owner === 1 ? 2 : 1;
  const moved = await cluster.command(
    1,
    "clusvcadm-ts",
    "-r",
    "files",
    "-m",
    `node${other}.example.com`,
  );
  t.equal(moved.code, 0, moved.stderr);
  t.same(await mounts(owner), []);
  t.same(await mounts(other), both);
});

test("what was unmounted by somebody else is missed, and mounted elsewhere", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, files);
  await cluster.net.execOnNode(owner, ["umount", "/run/view"]);
  await cluster.until("it has moved", async () => {
    const service = await cluster.service(1, files);
    return service?.state === "started" && service.owner !== owner;
  });
  t.same(await mounts(owner), []);
  t.same(await mounts(owner === 1 ? 2 : 1), both);
});

const guest = "vm:guest";

function guests(): readonly number[] {
  return cluster.net.nodes.filter((node) => {
    return existsSync(`${cluster.net.rootOf(node)}/var/log/guest`);
  });
}

test("a virtual machine is a service of its own, and runs once", { skip }, async (t) => {
  const owner = await cluster.started(1, guest);
  t.same(guests(), [owner]);
  const other = owner === 1 ? 2 : 1;
  const to = `node${other}.example.com`;
  const moved = await cluster.command(1, "clusvcadm-ts", "-r", guest, "-m", to);
  t.equal(moved.code, 0, moved.stderr);
  t.same(guests(), [other]);
  const live = await cluster.command(1, "clusvcadm-ts", "-M", guest, "-m", to);
  t.match(live.stdout + live.stderr, /Invalid operation for resource/);
});

test("one that has ended by itself is started again", { skip }, async (t) => {
  const owner = await cluster.started(1, guest);
  const { restarts = 0 } = (await cluster.service(1, guest)) ?? {};
  rmSync(`${cluster.net.rootOf(owner)}/var/log/guest`);
  await cluster.until("it was restarted", async () => {
    return ((await cluster.service(1, guest))?.restarts ?? 0) > restarts;
  });
  await cluster.started(1, guest);
  t.same(guests(), [owner]);
});
