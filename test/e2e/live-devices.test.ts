/**
 * A fence device with a wrong password is mended by a new configuration, while its victim waits;
 * the log and the sockets of accounts change with it.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { enterNamespaces } from "../netns/enter.ts";
import { fencedConf } from "./fenced-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, project, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const onNode = "/etc/cluster/cluster.conf";
const logFile = "/var/log/clusterd.log";
/** As a switch that keeps its password. */
const agent = `#!/bin/sh
grep -q '^passwd=right$' && exit 0
echo "wrong password" >&2
exit 1
`;

function confWith(version: number, password: string, more = ""): string {
  const text = fencedConf(project, {
    daemon: 'override_time="1"',
    methods: (node) => `<method name="power"><device name="switch" port="${node}"/></method>`,
    devices: `<fencedevice name="switch" agent="fence_switch" passwd="${password}"/>`,
  });
  return text
    .replace(/config_version="\d+"/, `config_version="${version}"`)
    .replace("</cluster>", `${more}</cluster>`);
}

const cluster = new RealCluster({ conf: onNode });
const judge = new OutsideJudge();
if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    const sbin = `${cluster.net.rootOf(node)}/usr/local/sbin`;
    mkdirSync(sbin, { recursive: true });
    writeFileSync(join(sbin, "fence_switch"), agent);
    chmodSync(join(sbin, "fence_switch"), 0o755);
    mkdirSync(cluster.net.path(node, "etc/cluster"), { recursive: true });
    write(node, confWith(1, "wrong"));
  }
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 30_000);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

function write(node: number, text: string): void {
  writeFileSync(cluster.net.path(node, "etc/cluster/cluster.conf"), text);
}

function socketOf(node: number): string {
  return `${cluster.net.rootOf(node)}/run/clusterd/groups-uid-0.sock`;
}

test("a victim waits for a device; its password is mended, and it is off at once", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const [node = 1, other = 2] = [1, 2, 3].filter((one) => one !== owner);
  await cluster.net.powerOff(owner);
  const failed = /fence node\d\.example\.com failed \(round 2\)/;
  await cluster.until("two rounds have failed", () =>
    failed.test(cluster.daemon(node).output() + cluster.daemon(other).output()),
  );
  t.equal((await cluster.service(node, primary))?.owner, owner, "nothing is released");
  const more = `<uidgid uid="0"/><logging to_logfile="yes" logfile="${logFile}"/>`;
  write(node, confWith(2, "right", more));
  const reloaded = await cluster.command(node, "cman_tool-ts", "version", "-r");
  t.same({ code: reloaded.code, err: reloaded.stderr }, { code: 0, err: "" });
  await cluster.takenOver(node, owner);
  t.match(cluster.daemon(Math.min(node, other)).output(), /success \(agent\): method power/);
  const file = `${cluster.net.rootOf(node)}${logFile}`;
  await cluster.until("the log goes to its file, too", () => {
    return existsSync(file) && /success \(agent\)/.test(readFileSync(file, "utf8"));
  });
  await cluster.until("the account has its socket", () => existsSync(socketOf(node)));
  judge.neverTwo(t);
});

test("what is not in the next configuration any more goes as well", { skip }, async (t) => {
  const [node = 1] = [1, 2, 3].filter((one) => existsSync(socketOf(one)));
  write(node, confWith(3, "right"));
  const reloaded = await cluster.command(node, "cman_tool-ts", "version", "-r");
  t.same({ code: reloaded.code, err: reloaded.stderr }, { code: 0, err: "" });
  await cluster.until("its socket is gone", () => !existsSync(socketOf(node)));
  const file = `${cluster.net.rootOf(node)}${logFile}`;
  const size = () => readFileSync(file).length;
  const before = size();
  const relocated = await cluster.command(node, "clusvcadm-ts", "-R", primary);
  t.equal(relocated.code, 0, relocated.stderr);
  t.equal(size(), before, "nothing is written into the former file");
});
