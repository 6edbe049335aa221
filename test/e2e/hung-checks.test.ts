/**
 * What a node notices while status checks hang, while a resource of several has ended, and while it
 * has no descriptors left.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { execFileSync } = await import("node:child_process");
const { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { RealCluster } = await import("./real-cluster.ts");
const { createCgroupTree, removeCgroupTree } = await import("../netns/node-cgroups.ts");

/** A daemon, and a status that hangs while a file is there. */
const script = `#!/bin/sh
name=$(basename "$0"); pid=/run/$name.pid
case $1 in
start) setsid sleep 100000 </dev/null >/dev/null 2>&1 & echo $! >$pid ;;
stop) read -r old 2>/dev/null <$pid && kill -9 $old 2>/dev/null; rm -f $pid ;;
status)
    while [ -e /run/hang-$name ]; do sleep 0.2; done
    read -r old 2>/dev/null <$pid && kill -0 $old 2>/dev/null || exit 3 ;;
esac
`;
const hanging = ["h1", "h2", "h3", "h4", "h5"];
const names = [...hanging, "one", "two", "quiet"];
const checkedEvery = (seconds: number) => `<action name="status" interval="${seconds}"/>`;
const services = [...hanging, "pair", "quiet"];
const directory = mkdtempSync(join(tmpdir(), "clusterd-checks-"));
const conf = join(directory, "cluster.conf");
const resources = names.map((name) => {
  const often = checkedEvery(hanging.includes(name) ? 2 : 30);
  return `<script name="${name}" file="/etc/init.d/${name}">${often}</script>`;
});
const service = (name: string, ...scripts: readonly string[]) =>
  `<service name="${name}" domain="first" recovery="restart">${scripts
    .map((one) => `<script ref="${one}"/>`)
    .join("")}</service>`;
writeFileSync(
  conf,
  `<cluster name="checks" config_version="1"><cman transport="udpu"/><clusternodes>
  <clusternode name="node1.example.com" nodeid="1"/>
  <clusternode name="node2.example.com" nodeid="2"/></clusternodes>
  <rm status_poll_interval="1"><failoverdomains><failoverdomain name="first" restricted="1">
  <failoverdomainnode name="node1.example.com"/></failoverdomain></failoverdomains>
  <resources>${resources.join("")}</resources>
  ${hanging.map((name) => service(name, name)).join("")}
  ${service("pair", "one", "two")}${service("quiet", "quiet")}
  </rm></cluster>\n`,
);

const cluster = new RealCluster({ conf, nodes: 2 });
let skip: string | false = entry.type === "unsupported" ? entry.reason : false;
const probe = createCgroupTree();
if (probe === null) skip = "no cgroup v2 that this user may write";
else removeCgroupTree(probe);
if (skip === false) {
  await cluster.start();
  for (const node of [1, 2]) {
    for (const name of names) {
      const file = join(cluster.net.path(node, "etc"), "init.d", name);
      writeFileSync(file, script);
      chmodSync(file, 0o755);
    }
  }
  cluster.startAll();
  await cluster.allStarted([1], 60_000);
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

const on1 = (path: string) => `${cluster.net.rootOf(1)}${path}`;
const restarts = async (name: string) => (await cluster.service(1, `service:${name}`))?.restarts;

/** Ends the daemon of a script; how long it takes until its service is started anew. */
async function endAndWait(name: string, of: string): Promise<number> {
  const pid = Number(readFileSync(on1(`/run/${name}.pid`), "utf8").trim());
  const beganMs = performance.now();
  process.kill(pid, "SIGKILL");
  await cluster.until(
    `${of} is started anew`,
    async () => {
      const now = await cluster.service(1, `service:${of}`);
      return now?.state === "started" && now.restarts > 0;
    },
    60_000,
  );
  return Math.round(performance.now() - beganMs);
}

test("the end of one of two resources is noticed long before a check", { skip }, async (t) => {
  const tookMs = await endAndWait("two", "pair");
  t.comment(`started anew after ${tookMs} ms`);
  const said = cluster.daemon(1).output();
  t.match(said, /checking now: the last process of script:two of service:pair has ended/);
});

test("five checks that hang do not hide the end of another service", { skip }, async (t) => {
  for (const name of hanging) writeFileSync(on1(`/run/hang-${name}`), "");
  await cluster.until(
    "all five hang",
    async () => {
      const status = await cluster.status(1);
      return status?.agents.overdue.length === hanging.length;
    },
    60_000,
  );
  const why = await cluster.command(1, "clustat-ts", "--why", "service:h5");
  t.match(why.stdout, /Overdue here: its check has been running for \d+ s/, why.stderr);
  t.comment(`started anew after ${await endAndWait("quiet", "quiet")} ms`);
});

test("a service whose check hangs fails when its process has ended", { skip }, async (t) => {
  t.comment(`started anew after ${await endAndWait("h5", "h5")} ms`);
  t.match(cluster.daemon(1).output(), /status of \/etc\/init\.d\/h5 timed out after 10 s/);
});

test("a node without descriptors fails no service", { skip }, async (t) => {
  for (const name of hanging) rmSync(on1(`/run/hang-${name}`));
  await cluster.until(
    "nothing hangs",
    async () => {
      return (await cluster.status(1))?.agents.overdue.length === 0;
    },
    60_000,
  );
  const { pid } = cluster.daemon(1);
  const before = await Promise.all(services.map(restarts));
  const limit = (soft: number) =>
    execFileSync("prlimit", ["--pid", String(pid), `--nofile=${soft}:`]);
  limit(8);
  await cluster.until(
    "checks cannot be spawned",
    () => {
      return /status of \S+ could not be tried \(.*EMFILE.*\): again/.test(
        cluster.daemon(1).output(),
      );
    },
    60_000,
  );
  limit(1024);
  await cluster.until("it answers again", async () => (await cluster.status(1)) !== null);
  await cluster.allStarted([1]);
  t.same(await Promise.all(services.map(restarts)), before);
  const untried = (await cluster.status(1))?.agents.untried ?? 0;
  t.ok(untried > 0, `${untried} tries`);
});
