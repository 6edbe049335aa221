/**
 * Real daemons, and a primary that clusterd has not made and that does not answer: an operator has
 * promoted it, and its process stands still. Whoever promotes another one loses messages.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { appendFileSync } = await import("node:fs");
const { brokerState } = await import("./broker-cluster.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
if (skip === false) {
  await cluster.start();
  for (const node of cluster.net.nodes) {
    appendFileSync(cluster.net.path(node, "etc/sysconfig/qpidd"), "QPID_HA_TIMEOUT=2\n");
  }
  cluster.startAll();
}
suite.teardown(() => cluster.stop());

const ask = async (node: number, ...words: string[]) => {
  const argv = ["/etc/qpid/bin/qpid-ha", ...words, "--timeout", "5"];
  return (await cluster.net.execOnNode(node, argv)).stdout.trim();
};

test("a primary that does not answer stays the only one", { skip }, async (t) => {
  await cluster.allStarted([1, 2, 3]);
  const before = await cluster.started(1, primary);
  t.match(await cluster.command(1, "clusvcadm-ts", "-d", "qpidd-primary-service"), { code: 0 });
  await cluster.until("every broker answers", async () => {
    const states = await Promise.all([1, 2, 3].map((node) => ask(node, "status")));
    return states.every((state) => /^(joining|ready)$/.test(state));
  });
  const [byHand = 0, other = 0] = [1, 2, 3].filter((node) => node !== before);
  const service = `node${byHand}-qpidd-service`;
  t.match(await cluster.command(1, "clusvcadm-ts", "-Z", service), { code: 0 });
  t.equal(await ask(byHand, "promote", "--cluster-manager"), "");
  await cluster.until("one primary, two backups", async () => {
    const states = await Promise.all([1, 2, 3].map((node) => ask(node, "status")));
    return states.every((state, at) => state === (at + 1 === byHand ? "active" : "ready"));
  });
  const [frozen] = cluster.brokers(byHand);
  if (frozen === undefined) throw new Error(`no broker on node ${byHand}`);
  process.kill(frozen, "SIGSTOP");
  const order = ["clusvcadm-ts", "-e", "qpidd-primary-service"] as const;
  const words = async () => {
    const beside = await cluster.command(other, ...order, "-m", `node${other}.example.com`);
    t.not(beside.code, 0);
    return beside.stdout + beside.stderr;
  };
  t.match(await words(), new RegExp(`node${byHand}\\S* is active already`));
  await cluster.until(
    "it is missed",
    async () => (await brokerState(cluster, byHand)) !== "active",
  );
  t.match(await words(), new RegExp(`node${byHand}\\S* may still be the primary`));
  process.kill(frozen, "SIGCONT");
  await cluster.until("it answers", async () => (await brokerState(cluster, byHand)) === "active");
  t.equal(await ask(other, "status"), "ready");
  t.match(await cluster.command(other, ...order), { code: 0 });
  t.equal(await cluster.started(other, primary), byHand, "it is the primary of the service now");
  for (const node of [1, 2, 3]) {
    t.equal(await ask(node, "status"), node === byHand ? "active" : "ready");
  }
});

test("the end of its node ends the waiting", { skip }, async (t) => {
  const owner = await cluster.started(1, primary).catch(() => cluster.started(2, primary));
  await cluster.net.powerOff(owner);
  const witness = owner === 1 ? 2 : 1;
  await cluster.takenOver(witness, owner, 60_000);
  const next = await cluster.started(witness, primary);
  t.match(await ask(next, "status"), /^(active|recovering)$/);
});
