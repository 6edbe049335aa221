/**
 * Failovers of brokers without end, under load: draws one fault of broker-faults.ts after the other
 * and goes on when the cluster is at rest again, until so many were played or something is lost.
 * `npm run brokers-chaos -- --failovers 50 --seed 3 [--scripts] [--only WORD] [--logs DIRECTORY]`.
 * A client sends to the virtual address during each fault; a receiver that knows nothing of it
 * takes everything from the queue, during the fault or afterwards, and holds it against what was
 * acknowledged. At the end, and on SIGINT or SIGTERM, a table of what was played is printed.
 * Exit status 1 when a message was lost, an address or a primary was there twice, or a cluster
 * did not recover; 77 where namespaces are missing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { enterOrSkip } from "../netns/enter.ts";

await enterOrSkip();
const { serviceAddress } = await import("../netns/node-files.ts");
const { Random } = await import("../sim/random.ts");
const { brokersSettled, withoutScripts } = await import("./broker-cluster.ts");
const { brokerFaults } = await import("./broker-faults.ts");
const { ChaosRound, chaosTable } = await import("./chaos-round.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, RealCluster } = await import("./real-cluster.ts");

const { values } = parseArgs({
  options: {
    failovers: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    scripts: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    logs: { type: "string" },
  },
});
const tableEvery = 25;
const say = (text: string) => process.stdout.write(`${text}\n`);
const directory = mkdtempSync(join(tmpdir(), "clusterd-brokers-chaos-"));
const changed = values.scripts ? {} : { change: withoutScripts };
const logs = values.logs === undefined ? {} : { directory: values.logs };
const cluster = new RealCluster({ ...changed, ...logs });
const judge = new OutsideJudge();
const random = new Random(Number(values.seed));
const drawn = brokerFaults
  .filter(({ title }) => title.includes(values.only))
  .flatMap((fault) => Array.from({ length: fault.weight }, () => fault));
const played: InstanceType<typeof ChaosRound>[] = [];
const how = values.scripts ? "with scripts" : "without scripts";

/** All services are started, one broker is the primary, and all others have everything. */
async function rest(): Promise<number> {
  await cluster.allStarted(cluster.net.nodes, 90_000);
  const owner = await cluster.started(1, primary);
  await brokersSettled(cluster, owner);
  return owner;
}

async function playOne(owner: number): Promise<number> {
  const fault = random.pick(drawn);
  const backups = cluster.net.nodes.filter((node) => node !== owner);
  const backup = random.pick(backups);
  const witness = backups.find((node) => node !== backup) ?? 0;
  const receives = random.chance(0.5) ? "during" : "afterwards";
  const round = new ChaosRound({ cluster, fault, receives, directory });
  const next = await round.play({ cluster, owner, witness, backup }, rest);
  played.push(round);
  say(`${played.length}. ${round.inWords(owner, next)}`);
  if (fault.moves && next === owner) throw new Error("the primary has not moved");
  return next;
}

async function play(): Promise<boolean> {
  await cluster.start();
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  let owner = await rest();
  while (played.length < Number(values.failovers)) {
    owner = await playOne(owner);
    const lost = played.at(-1)?.report.lost ?? 0;
    if (lost > 0 || judge.doubles().length > 0) return false;
    if (played.length % tableEvery === 0) say(chaosTable(played));
  }
  return true;
}

async function end(good: boolean): Promise<never> {
  for (const double of judge.doubles()) say(`TWO OWNERS: ${double}`);
  say(chaosTable(played));
  say(judge.attention);
  const what = `${played.length} of ${values.failovers} faults, seed ${values.seed}, ${how}`;
  say(`brokers-chaos: ${what}: ${good ? "passed" : "FAILED"}`);
  await judge.stop();
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
  process.exit(good ? 0 : 1);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    say(`ended by ${signal}`);
    void end(played.length === Number(values.failovers));
  });
}
let good = false;
try {
  good = await play();
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
await end(good);
