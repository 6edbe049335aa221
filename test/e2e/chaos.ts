/**
 * Faults at random, one at a time, on real daemons under load, for as long as one likes:
 * `npm run chaos -- --minutes 5 --seed 7`. After each fault everything must come back, with every
 * broker caught up. At no moment may two nodes hold the address or two brokers be primary, and
 * nothing acknowledged may be lost. Exit status 1 when one of these is broken.
 */
import { enterNamespaces, skippedStatus } from "../netns/enter.ts";

const entry = await enterNamespaces();
if (entry.type === "unsupported") {
  process.stdout.write(`chaos: skipped: ${entry.reason}\n`);
  process.exit(skippedStatus);
}
const { parseArgs } = await import("node:util");
const { serviceAddress } = await import("../netns/node-files.ts");
const { endLoad, startLoad } = await import("./message-load.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");
const { Random } = await import("../sim/random.ts");

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "2" }, seed: { type: "string", default: "1" } },
});
const random = new Random(Number(values.seed));
const cluster = new RealCluster();
const judge = new OutsideJudge();
const say = (text: string) => process.stdout.write(`${text}\n`);

const nodes = [1, 2, 3];

async function rest(): Promise<void> {
  await cluster.allStarted(nodes, 90_000);
  for (const node of nodes) {
    await cluster.until(
      `the broker of node${node} has caught up`,
      async () => {
        const state = await cluster.net.execOnNode(node, ["/etc/qpid/bin/qpid-ha", "status"]);
        return /^(ready|active)$/m.test(state.stdout);
      },
      60_000,
    );
  }
}

async function gone(witness: number, node: number): Promise<void> {
  await cluster.until("the node is seen as lost", async () => {
    const status = await cluster.status(witness);
    return status?.nodes.find((one) => one.id === node)?.online === false;
  });
}

const faults: Readonly<Record<string, (node: number, witness: number) => Promise<void>>> = {
  relocate: async (node) => {
    const target = `node${node}.example.com`;
    await cluster.command(node, "clusvcadm-ts", "-r", "qpidd-primary-service", "-m", target);
  },
  "kill the broker": async (node) => {
    for (const pid of cluster.brokers(node)) process.kill(pid, "SIGKILL");
  },
  "cut and heal at once": async (node) => {
    await cluster.net.cut(node);
    await cluster.net.heal(node);
  },
  "cut until it is lost": async (node, witness) => {
    await cluster.net.cut(node);
    await gone(witness, node);
    await cluster.net.heal(node);
  },
  "cut until others took over": async (node, witness) => {
    await cluster.net.cut(node);
    await cluster.takenOver(witness, node, 60_000);
    await cluster.net.heal(node);
  },
  "terminate and start": async (node) => {
    cluster.daemon(node).kill("SIGTERM");
    await cluster.daemon(node).exited;
    cluster.startDaemon(node);
  },
  "kill clusterd and start it": async (node) => {
    cluster.daemon(node).kill("SIGKILL");
    await cluster.daemon(node).exited;
    cluster.startDaemon(node);
  },
  "kill clusterd, start it when it is missed": async (node, witness) => {
    cluster.daemon(node).kill("SIGKILL");
    await gone(witness, node);
    cluster.startDaemon(node);
  },
  "freeze clusterd until it is missed": async (node, witness) => {
    cluster.daemon(node).kill("SIGSTOP");
    await gone(witness, node);
    cluster.daemon(node).kill("SIGCONT");
  },
  "freeze clusterd until others took over": async (node, witness) => {
    cluster.daemon(node).kill("SIGSTOP");
    await cluster.takenOver(witness, node, 60_000);
    cluster.daemon(node).kill("SIGCONT");
  },
  "power off and on": async (node, witness) => {
    await cluster.net.powerOff(node);
    await gone(witness, node);
    await cluster.net.heal(node);
    cluster.startDaemon(node);
  },
};

async function play(): Promise<number> {
  await cluster.start();
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await rest();
  const load = startLoad(cluster, 300);
  const began = performance.now();
  const endMs = began + Number(values.minutes) * 60_000;
  let acts = 0;
  while (performance.now() < endMs) {
    const owner = await cluster.started(random.pick(nodes), primary);
    const node = random.chance(0.7) ? owner : random.pick(nodes);
    const witness = random.pick(nodes.filter((one) => one !== node));
    const name = random.pick(Object.keys(faults));
    const actBegan = performance.now();
    await faults[name]?.(node, witness);
    await rest();
    acts += 1;
    const tookMs = Math.round(performance.now() - actBegan);
    say(
      `${acts}. ${name}: node${node}${node === owner ? " (owner)" : ""}, whole after ${tookMs} ms`,
    );
    if (judge.doubles().length > 0) break;
  }
  const report = await endLoad(load);
  say(JSON.stringify(report));
  for (const double of judge.doubles()) say(`TWO OWNERS: ${double}`);
  const { lost } = report;
  const good = lost === 0 && judge.doubles().length === 0;
  say(`chaos: ${acts} faults, seed ${values.seed}: ${good ? "passed" : "FAILED"}`);
  return good ? 0 : 1;
}

let status = 1;
try {
  status = await play();
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
await judge.stop();
await cluster.stop();
process.exit(status);
