/**
 * Fence devices: nobody takes over before the agent has said that the victim is off. The agent of
 * this test asks the test itself, which switches the node off, or does not.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { enterNamespaces } from "../netns/enter.ts";
import { fencedConf } from "./fenced-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { primary, project, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

/** Writes what it was told, then waits for the verdict: the exit status. */
const agent = `#!/bin/sh
cat >/var/log/fence-request.new && mv /var/log/fence-request.new /var/log/fence-request
while [ ! -e /var/log/fence-verdict ]; do sleep 0.05; done
read -r status </var/log/fence-verdict
rm -f /var/log/fence-verdict
echo "the operator's console says something about hunter2"
exit "$status"
`;

const conf = fencedConf(project, {
  methods: (node) =>
    `<method name="power"><device name="console" port="${node}" action="off"/></method>`,
  devices: '<fencedevice name="console" agent="fence_console" login="admin" passwd="hunter2"/>',
});

const cluster = new RealCluster({ conf: "/etc/cluster/cluster.conf" });
if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    const sbin = `${cluster.net.rootOf(node)}/usr/local/sbin`;
    mkdirSync(sbin, { recursive: true });
    writeFileSync(join(sbin, "fence_console"), agent);
    chmodSync(join(sbin, "fence_console"), 0o755);
    writeFileSync(cluster.net.path(node, "etc/cluster/cluster.conf"), conf);
  }
}
suite.teardown(() => cluster.stop());

const request = (node: number) => cluster.net.path(node, "var/log/fence-request");
const say = (node: number, status: number) => {
  rmSync(request(node), { force: true });
  writeFileSync(cluster.net.path(node, "var/log/fence-verdict"), `${status}\n`);
};

test("with fence devices nobody takes over before the agent succeeded", { skip }, async (t) => {
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 60_000);
  const owner = await cluster.started(1, primary);
  const [executor = 1, other = 2] = [1, 2, 3].filter((node) => node !== owner);
  await cluster.net.cut(owner);
  await cluster.until("the agent is called", () => existsSync(request(executor)));
  const told = readFileSync(request(executor), "utf8").split("\n");
  t.ok(told.includes("action=off"), told.join("; "));
  t.ok(told.includes(`port=${owner}`));
  t.ok(told.includes(`nodename=node${owner}.example.com`));
  t.equal(told.filter((line) => line.startsWith("action=")).length, 1);
  t.equal((await cluster.service(executor, primary))?.owner, owner);
  const pending = await cluster.command(executor, "clusvcadm-ts", "-r", "qpidd-primary-service");
  t.equal(pending.code, 243, pending.stdout);
  say(executor, 1);
  await cluster.until("a second round", () => existsSync(request(executor)));
  t.equal((await cluster.service(executor, primary))?.owner, owner, "a failure releases nothing");
  t.same(
    cluster.net.holders(serviceAddress).filter((node) => node !== owner),
    [],
  );
  await cluster.net.powerOff(owner);
  say(executor, 0);
  await cluster.until("takeover", async () => {
    const service = await cluster.service(other, primary);
    return service?.state === "started" && service.owner !== owner;
  });
  const victim = (await cluster.status(other))?.nodes.find((one) => one.id === owner);
  t.match(victim?.fence, /^fenced \(agent\)/);
  const log = cluster.daemon(executor).output();
  t.match(log, /failed \(round 1\)/);
  t.notMatch(log, /hunter2/, "secrets are not logged");
});
