/**
 * Fence agents that fail, hang, talk too much, and at last one that works; then none that works,
 * and an operator.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { enterNamespaces } from "../netns/enter.ts";
import { fencedConf } from "./fenced-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { join } = await import("node:path");
const { serviceAddress } = await import("../netns/node-files.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, project, RealCluster } = await import("./real-cluster.ts");
const { SecretWatch } = await import("./secret-watch.ts");
const dummy = "/usr/sbin/fence_dummy";
const lacking = existsSync(dummy) ? null : `${dummy} (package fence-agents) is not installed`;
const problem = entry.type === "unsupported" ? entry.reason : lacking;
const skip = problem ?? false;

const secret = "hunter2-script";
/** When it is there, no device works. */
const dead = "/var/log/fence-dead";
const told = 'cat >>/var/log/fence-told; echo "[end $0]" >>/var/log/fence-told';
const agents: Readonly<Record<string, string>> = {
  fence_broken: `${told}\necho "cannot log in with ${secret}" >&2\nexit 1`,
  fence_stuck: `${told}
[ -e ${dead} ] && exit 1
trap "" TERM
bash -c 'trap "" TERM; exec -a stuck-child sleep 1000' &
exec -a stuck-agent sleep 1000`,
  fence_loud: `${told}
[ -e ${dead} ] && exit 1
head -c 3000000 /dev/zero | tr "\\0" x
echo " the end of ${secret}"
exit 1`,
  fence_last: `[ -e ${dead} ] && exit 1\nexec ${dummy}`,
};
const conf = fencedConf(project, {
  daemon: 'agent_timeout="5" override_time="1"',
  methods: (node) =>
    ["broken", "stuck", "loud", "last"]
      .map((name) => `<method name="${name}"><device name="${name}" port="${node}"/></method>`)
      .join(""),
  devices: ["broken", "stuck", "loud", "last"]
    .map(
      (name) =>
        `<fencedevice name="${name}" agent="fence_${name}" login="admin" passwd="${secret}"` +
        ' status_file="/var/log/fence-dummy"/>',
    )
    .join(""),
});

const cluster = new RealCluster({ conf: "/etc/cluster/cluster.conf" });
const judge = new OutsideJudge();
if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    const sbin = `${cluster.net.rootOf(node)}/usr/local/sbin`;
    mkdirSync(sbin, { recursive: true });
    for (const [name, text] of Object.entries(agents)) {
      writeFileSync(join(sbin, name), `#!/bin/bash\n${text}\n`);
      chmodSync(join(sbin, name), 0o755);
    }
    mkdirSync(cluster.net.path(node, "etc/cluster"), { recursive: true });
    writeFileSync(cluster.net.path(node, "etc/cluster/cluster.conf"), conf);
  }
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 30_000);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

/** Processes by the name that they gave themselves. */
function named(name: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] === name;
    } catch {
      return false;
    }
  });
}

test("agents that fail, hang and flood: one after the other, until one works", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const [executor = 1, other = 2] = [1, 2, 3].filter((node) => node !== owner);
  const secrets = new SecretWatch(secret);
  const sinceMs = judge.nowMs;
  await cluster.net.powerOff(owner);
  await cluster.until("the agent hangs", () => named("stuck-child").length === 1);
  t.equal(named("stuck-agent").length, 1);
  t.equal((await cluster.service(other, primary))?.owner, owner, "a failure releases nothing");
  await cluster.takenOver(other, owner);
  secrets.stop();
  t.same(named("stuck-child"), [], "its whole process group was killed");
  t.same(named("stuck-agent"), []);
  const log = cluster.daemon(executor).output();
  t.match(
    log,
    /device broken agent fence_broken: error from agent \(exit 1\): cannot log in with \*\*\*/,
  );
  t.match(log, /device stuck agent fence_stuck: killed after 5 s/);
  t.match(log, /device loud agent fence_loud: error from agent \(exit 1\): x+ the end of \*\*\*/);
  t.ok(log.length < 200_000, `the log has ${log.length} bytes, the agent printed three million`);
  t.match(log, /device last agent fence_last: success/);
  t.equal(readFileSync(cluster.net.path(executor, "var/log/fence-dummy"), "utf8").trim(), "on");
  const orders = readFileSync(cluster.net.path(executor, "var/log/fence-told"), "utf8");
  for (const order of orders.split(/\[end .*\]\n/).slice(0, -1)) {
    t.match(order, new RegExp(`^port=${owner}$`, "m"));
    t.match(order, new RegExp(`^passwd=${secret}$`, "m"));
  }
  t.ok(secrets.looks > 100);
  t.same(secrets.seen, [], "it is in no command line");
  for (const node of [executor, other]) {
    t.notMatch(cluster.daemon(node).output(), secret);
    t.notMatch(JSON.stringify(await cluster.status(node)), secret);
  }
  const gap = judge.handovers(sinceMs)[0];
  t.comment(`${gap?.what}: ${gap?.gapMs.toFixed(0)} ms with nobody, agents included`);
});

test("no device works: nothing moves until an operator says that the node is off", {
  skip,
}, async (t) => {
  for (const node of [1, 2, 3]) {
    if (cluster.daemon(node).running) continue;
    await cluster.net.heal(node);
    cluster.startDaemon(node);
  }
  await cluster.allStarted([1, 2, 3], 40_000);
  for (const node of [1, 2, 3]) writeFileSync(cluster.net.path(node, "var/log/fence-dead"), "");
  const owner = await cluster.started(1, primary);
  const [executor = 1, other = 2] = [1, 2, 3].filter((node) => node !== owner);
  await cluster.net.powerOff(owner);
  const fence = async () =>
    (await cluster.status(other))?.nodes.find((one) => one.id === owner)?.fence ?? "";
  await cluster.until("two rounds have failed", async () =>
    /failed [2-9] times/.test(await fence()),
  );
  t.equal((await cluster.service(other, primary))?.owner, owner);
  t.same(
    cluster.net.holders(serviceAddress).filter((node) => node !== owner),
    [],
  );
  const moved = await cluster.command(other, "clusvcadm-ts", "-r", "qpidd-primary-service");
  t.equal(moved.code, 243, moved.stdout);
  const name = `node${owner}.example.com`;
  const said = await cluster.command(executor, "fence_ack-ts", name, "--yes", name);
  t.equal(said.code, 0, said.stderr);
  await cluster.takenOver(other, owner);
  t.match(await fence(), /^fenced \(override\)/);
  const doubles = judge.doubles();
  t.same(doubles, []);
  t.comment(judge.attention);
});
