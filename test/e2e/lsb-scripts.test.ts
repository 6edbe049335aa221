/**
 * Init scripts as they are installed: Debian's own of HAProxy as a `script` resource, and one that
 * is not there.
 * Cases: those of the list "resource" in test/cases.txt.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } =
  await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { RealCluster } = await import("./real-cluster.ts");

const script = "/etc/init.d/haproxy";
const daemon = "/usr/sbin/haproxy";
const absent = [script, daemon, "/sbin/start-stop-daemon"].filter((path) => !existsSync(path));
const skip =
  entry.type === "unsupported"
    ? entry.reason
    : absent.length > 0 && `not installed: ${absent.join(", ")}`;

const directory = mkdtempSync(join(tmpdir(), "clusterd-lsb-"));
const conf = join(directory, "cluster.conf");
writeFileSync(
  conf,
  `<cluster name="lsb" config_version="1"><cman transport="udpu"/><clusternodes>
  <clusternode name="node1.example.com" nodeid="1"/>
  <clusternode name="node2.example.com" nodeid="2"/></clusternodes>
  <rm status_poll_interval="1">
  <service name="web" recovery="relocate"><script name="haproxy" file="${script}"/></service>
  <service name="gone" autostart="0"><script name="gone" file="/etc/init.d/gone"/></service>
  </rm></cluster>\n`,
);
// No user of its own, and no directory to be locked into: in here there may be root only.
const settings = `global
    maxconn 64
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen echo
    bind 127.0.0.1:8080
    server none 127.0.0.1:9
`;

const cluster = new RealCluster({ conf, nodes: 2 });
if (skip === false) {
  await cluster.start();
  for (const node of [1, 2]) {
    const etc = cluster.net.path(node, "etc");
    copyFileSync(script, join(etc, "init.d/haproxy"));
    mkdirSync(join(etc, "haproxy"), { recursive: true });
    writeFileSync(join(etc, "haproxy/haproxy.cfg"), settings);
  }
  cluster.startAll();
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

const web = "service:web";

function pidOn(node: number): number {
  return Number(readFileSync(`${cluster.net.rootOf(node)}/run/haproxy.pid`, "utf8").trim());
}

test("case 14: a daemon that has died is missed by its status", { skip }, async (t) => {
  const owner = await cluster.started(1, web, 60_000);
  process.kill(pidOn(owner), "SIGKILL");
  await cluster.until("relocation", async () => {
    const service = await cluster.service(1, web);
    return service?.state === "started" && service.owner !== owner;
  });
  const said = cluster.daemon(owner).output();
  t.match(said, /status of \/etc\/init\.d\/haproxy returned 1: .*dead/);
});

test("disabled, it is stopped", { skip }, async (t) => {
  const owner = await cluster.started(1, web);
  const pid = pidOn(owner);
  const disabled = await cluster.command(1, "clusvcadm-ts", "-d", "web");
  t.equal(disabled.code, 0, disabled.stdout);
  t.notOk(existsSync(`/proc/${pid}`));
});

test("case 12: a script that is missing fails to start, and its stop is no failure", {
  skip,
}, async (t) => {
  const enabled = await cluster.command(1, "clusvcadm-ts", "-e", "gone");
  t.not(enabled.code, 0);
  t.match(cluster.logs(), /start of \/etc\/init\.d\/gone impossible/);
  const service = await cluster.service(1, "service:gone");
  t.not(service?.state, "failed");
});
