/**
 * How long a client of a service goes without an answer, scene by scene, beside the time that the
 * timers alone take. Three real daemons in namespaces; nothing else should run on the machine.
 */
import { readFileSync } from "node:fs";
import { readClusterConf } from "../../../src/config/cluster-conf.ts";
import { parseXml } from "../../../src/config/text/xml.ts";
import { RealCluster } from "../../e2e/real-cluster.ts";
import type { Child } from "../../netns/child.ts";
import { brokerWork } from "./broker-work.ts";
import { echoWork } from "./echo-service.ts";
import { type Scene, type Stage, scenes, settled, type Timers } from "./failover-scenes.ts";
import type { Silence, Work } from "./failover-work.ts";

export type FailoverBench = {
  readonly runs: number;
  /** Attributes of `<totem>`. */
  readonly totem: string;
  readonly work: keyof typeof works;
  /** Scenes whose name contains it. */
  readonly only: string;
  /** Where the logs of the daemons stay; null: nowhere. */
  readonly directory: string | null;
};

/** A plain service, and brokers with and without scripts. */
export const works = {
  echo: echoWork,
  scripts: brokerWork("scripts"),
  native: brokerWork("native"),
} as const;

export function isWork(name: string): name is keyof typeof works {
  return name in works;
}

type Outage = { readonly outageMs: number; readonly commandMs: number | null };

/** The client must have gone without trouble for so long before anything is done. */
const calmMs = 300;

export async function runFailoverBench(options: FailoverBench): Promise<void> {
  const able = scenes.filter(({ needs }) => needs === undefined || works[options.work][needs]);
  const chosen = able.filter(({ name }) => name.includes(options.only));
  const { totem, runs, work } = options;
  say(`client outage in ms, ${work}, 3 nodes, <totem ${totem}/>, ${runs} runs of each`);
  say(row(["scene", "median", "min", "max", "bound", "over it", "command"]));
  const kinds = new Set(chosen.map(({ conf }) => JSON.stringify(conf)));
  for (const kind of kinds) {
    const alike = chosen.filter(({ conf }) => JSON.stringify(conf) === kind);
    await runScenes(alike, options);
  }
}

/** Scenes with the same configuration share a cluster. */
async function runScenes(alike: readonly Scene[], options: FailoverBench): Promise<void> {
  const [first] = alike;
  if (first === undefined) return;
  const conf = { totem: options.totem, ...first.conf };
  const work = works[options.work];
  const cluster = new RealCluster({
    conf: work.confPath,
    ...(options.directory === null ? {} : { directory: options.directory }),
  });
  await cluster.start();
  try {
    work.writeFiles(cluster, conf);
    cluster.startAll();
    const client = cluster.net.spawnClient(work.client);
    for (const scene of alike) {
      const outages: Outage[] = [];
      for (let run = 0; run < options.runs; run += 1) {
        outages.push(await runOnce({ cluster, work, client, scene }));
      }
      say(summary(scene, outages, scene.bound(timersOf(work.confText(conf)))));
    }
  } finally {
    await cluster.stop();
  }
}

type Play = {
  readonly cluster: RealCluster;
  readonly work: Work;
  readonly client: Child;
  readonly scene: Scene;
};

async function runOnce({ cluster, work, client, scene }: Play): Promise<Outage> {
  const owner = await settled(cluster, work);
  await calm({ cluster, work, client, scene });
  const [one = 1, other = 2] = cluster.net.nodes.filter((node) => node !== owner);
  const stage: Stage = { cluster, work, owner, others: [one, other] };
  const beganMs = performance.timeOrigin + performance.now();
  const commandMs = await scene.act(stage);
  const ended = (): Silence | undefined =>
    silences(client).find((silence) => silence.toMs > beganMs && work.isOutage(silence));
  await cluster.until("the client is answered again", () => ended() !== undefined, 60_000);
  await scene.mend(stage);
  await settled(cluster, work);
  const after = silences(client).filter(({ toMs }) => toMs > beganMs);
  const longest = Math.max(...after.filter(work.isOutage).map(({ fromMs, toMs }) => toMs - fromMs));
  return { outageMs: longest, commandMs };
}

/** The client was served, and then without trouble for a while. */
async function calm({ cluster, work, client }: Play): Promise<void> {
  const beganMs = performance.timeOrigin + performance.now();
  await cluster.until("a calm client", () => {
    if (!work.isServed(printed(client))) return false;
    const last = silences(client).findLast(work.isOutage)?.toMs ?? beganMs;
    return performance.timeOrigin + performance.now() - last > calmMs;
  });
}

function silences(client: Child): readonly Silence[] {
  const lines = printed(client).filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line));
}

function printed(client: Child): readonly string[] {
  return readFileSync(client.logFile, "utf8").split("\n").slice(0, -1);
}

/** As the daemons compute them from the same text. */
function timersOf(text: string): Timers & { readonly safeWaitMs: number } {
  const read = readClusterConf(parseXml(text), { file: "cluster.conf" });
  if (read.conf === null) throw new Error(JSON.stringify(read.complaints));
  const { totem, fencing } = read.conf;
  const { tokenMs, consensusMs } = totem;
  return { tokenMs, consensusMs, safeWaitMs: fencing.safeWaitMs };
}

function summary(scene: Scene, outages: readonly Outage[], boundMs: number): string {
  const sorted = outages.map(({ outageMs }) => outageMs).toSorted((a, b) => a - b);
  const commands = outages.flatMap(({ commandMs }) => commandMs ?? []).toSorted((a, b) => a - b);
  const middle = median(sorted);
  const figures = [middle, sorted[0] ?? 0, sorted.at(-1) ?? 0, boundMs, middle - boundMs];
  const command = commands.length === 0 ? "-" : Math.round(median(commands)).toString();
  return row([scene.name, ...figures.map((figure) => Math.round(figure).toString()), command]);
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function row([name = "", ...cells]: readonly string[]): string {
  return `${name.padEnd(28)}${cells.map((cell) => cell.padStart(9)).join("")}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
