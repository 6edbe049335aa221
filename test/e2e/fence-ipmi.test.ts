/**
 * Debian's own fence agent against simulated BMCs, whose power switch really kills everything on
 * the node and starts its daemon again. A judge from outside watches for a second owner.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { enterNamespaces } from "../netns/enter.ts";
import { fencedConf } from "./fenced-conf.ts";
import { bmcDevice, bmcPassword, PowerSwitch, powerSwitchProblem } from "./power-switch.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { join } = await import("node:path");
const { serviceAddress } = await import("../netns/node-files.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, project, RealCluster } = await import("./real-cluster.ts");
const { SecretWatch } = await import("./secret-watch.ts");
const problem = entry.type === "unsupported" ? entry.reason : powerSwitchProblem();
const skip = problem ?? false;

const fenced = fencedConf(project, {
  methods: (node) => `<method name="power"><device name="bmc${node}"/></method>`,
  devices: [1, 2, 3].map(bmcDevice).join(""),
});
// With the usual second a machine that stands still for one would lose, and fence, a healthy node.
const conf = fenced.replace("</cluster>", '<totem token="4000"/></cluster>');
const cluster = new RealCluster({ conf: "/etc/cluster/cluster.conf" });
const judge = new OutsideJudge();
const switches = new Map<number, PowerSwitch>();
const log = "/var/log/clusterd-after.log";

if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    mkdirSync(cluster.net.path(node, "etc/cluster"), { recursive: true });
    writeFileSync(cluster.net.path(node, "etc/cluster/cluster.conf"), conf);
    const daemon = `exec ${join(project, "bin/clusterd")} -c /etc/cluster/cluster.conf`;
    switches.set(node, new PowerSwitch(cluster.net, node, `${daemon} >>${log} 2>&1`));
  }
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 30_000);
}
suite.teardown(async () => {
  await judge.stop();
  for (const one of switches.values()) await one.stop();
  await cluster.stop();
});

/** Neither daemon nor guard is left on the node; its broker and its address are. */
function orphan(node: number): void {
  const guard = cluster.guard(node);
  cluster.daemon(node).kill("SIGSTOP");
  process.kill(guard, "SIGKILL");
  cluster.daemon(node).kill("SIGKILL");
}

test("daemon and guard are killed: the node is switched off before anybody takes over", {
  skip,
}, async (t) => {
  const owner = await cluster.started(1, primary);
  const witness = owner === 1 ? 2 : 1;
  const secrets = new SecretWatch(bmcPassword);
  const sinceMs = judge.nowMs;
  orphan(owner);
  await cluster.until("the others miss it", async () => {
    const status = await cluster.status(witness);
    return status?.nodes.find((one) => one.id === owner)?.online === false;
  });
  t.same(cluster.net.holders(serviceAddress), [owner], "nobody on the node ends anything");
  t.ok(cluster.brokers(owner).length > 0);
  await cluster.until(
    "takeover",
    async () => {
      const now = await cluster.service(witness, primary);
      return now?.state === "started" && now.owner !== owner;
    },
    40_000,
  );
  const momentMs = judge.nowMs;
  await cluster.until("the judge has seen it", () => judge.sawUntil(momentMs));
  secrets.stop();
  t.equal(switches.get(owner)?.acts[0], "off");
  const victim = (await cluster.status(witness))?.nodes.find((one) => one.id === owner);
  t.match(victim?.fence, /^(fenced \(agent\)|clean)/);
  t.match(cluster.daemon(witness).output(), /fence node\d\.example\.com: device bmc\d agent fence/);
  t.same(judge.doubles(), []);
  for (const { what, from, to, gapMs } of judge.handovers(sinceMs)) {
    t.comment(`${what}: node ${from} to node ${to}, ${gapMs.toFixed(0)} ms with nobody`);
  }
  t.ok(secrets.looks > 50);
  t.same(
    secrets.seen.filter((program) => program !== "ipmitool" && program !== "/usr/bin/ipmitool"),
    [],
    "the password is in no command line but of the agent's own tool",
  );
});

test("the node is switched on again, its daemon comes back, and everything is whole", {
  skip,
}, async (t) => {
  await cluster.allStarted([1, 2, 3], 60_000);
  // A datagram that the switch answers late is sent again: the same order twice in a row is one.
  const acts = [1, 2, 3].map((node) => {
    return (switches.get(node)?.acts ?? []).filter((act, at, all) => act !== all[at - 1]);
  });
  t.same(
    acts.filter((one) => one.length > 0),
    [["off", "on"]],
    "one node, once",
  );
  t.same(judge.doubles(), []);
  t.equal(cluster.net.holders(serviceAddress).length, 1);
});

test("passwords are neither in the logs nor in the status", { skip }, async (t) => {
  for (const node of [1, 2, 3]) {
    t.notMatch(cluster.daemon(node).output(), bmcPassword);
    t.notMatch(JSON.stringify(await cluster.status(node)), bmcPassword);
  }
  const shown = await cluster.command(1, "clustat-ts", "--why", "qpidd-primary-service");
  t.notMatch(shown.stdout, bmcPassword);
  t.comment(judge.attention);
  t.ok(judge.samples > 1000);
});
