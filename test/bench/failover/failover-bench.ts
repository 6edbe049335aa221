/**
 * How long a client of a service goes without an answer, scene by scene, beside the time that the
 * timers alone take. Three real nodes in namespaces; nothing else should run on the machine.
 */
import type { Result } from "../../../src/model/outcome.ts";
import { brokerWork } from "./broker-work.ts";
import { clusterdGroups } from "./clusterd-scenes.ts";
import { echoWork } from "./echo-service.ts";
import { missingPackages, type Peer, peers } from "./failover-peers.ts";
import { legend, type Played, sceneLines, tableHead } from "./failover-report.ts";
import { SubjectRuns } from "./failover-run.ts";
import type { SceneGroup } from "./failover-subject.ts";
import { type Profile, profiles, type Work } from "./failover-work.ts";

/** As they are written on the command line, several with commas. */
export type FailoverOptions = {
  readonly runs?: string;
  readonly work?: string;
  readonly profile?: string;
  /** Measured on the echo service. */
  readonly peers?: string;
  /** Attributes of `<totem>`, in place of the profiles. */
  readonly totem?: string;
  /** Scenes whose name contains it. */
  readonly only?: string;
  /** Where the logs of the daemons stay. */
  readonly directory?: string;
};

/** Brokers without and with scripts, and a plain service. */
const works: Readonly<Record<string, Work>> = {
  native: brokerWork("native"),
  scripts: brokerWork("scripts"),
  echo: echoWork,
};

const runsUsual = "20";

type Table = {
  readonly runs: number;
  readonly only: string;
  readonly directory: string | null;
};

export async function runFailoverBench(options: FailoverOptions): Promise<void> {
  const { runs = runsUsual, only = "", directory = null } = options;
  const table: Table = { runs: Number(runs), only, directory };
  if (!Number.isInteger(table.runs) || table.runs < 1) throw new Error(`--runs ${runs}: 1 or more`);
  const chosenWorks = chosen("work", options.work ?? Object.keys(works).join(","), works);
  const chosenPeers = chosen("peers", options.peers ?? "", peers);
  const measured = chosenProfiles(options);
  say(legend);
  const installed: (readonly [string, Peer])[] = [];
  for (const [name, peer] of chosenPeers) {
    const missing = await missingPackages(peer);
    if (missing === null) installed.push([name, peer]);
    else say(`\n${name} is left out: install ${missing}`);
  }
  for (const profile of measured) {
    for (const [work, keeps] of chosenWorks) {
      say(`\nclusterd, ${work}, ${profile.name} timers, ${runs} runs of each scene`);
      await runGroups(clusterdGroups({ work: keeps, profile, directory }), table);
    }
    for (const [name, peer] of installed) {
      say(`\n${name}, echo, ${peer.timers(profile)}, ${runs} runs of each scene\n${peer.limits}`);
      await runGroups(peer.groups(profile, directory), table);
    }
  }
}

/** The named ones of those that there are. */
function chosen<One>(
  option: string,
  names: string,
  known: Readonly<Record<string, One>>,
): readonly (readonly [string, One])[] {
  return names
    .split(",")
    .filter((name) => name !== "")
    .map((name) => {
      const one = known[name];
      if (one !== undefined) return [name, one];
      throw new Error(`--${option} ${name}: ${Object.keys(known).join(", ")}`);
    });
}

function chosenProfiles({ totem, profile }: FailoverOptions): readonly Profile[] {
  const [normal] = profiles;
  if (totem !== undefined) return [{ ...normal, name: `<totem ${totem}/>`, totem }];
  const known = Object.fromEntries(profiles.map((one) => [one.name, one]));
  return chosen("profile", profile ?? Object.keys(known).join(","), known).map(([, one]) => one);
}

async function runGroups(groups: readonly SceneGroup[], table: Table): Promise<void> {
  say(tableHead);
  for (const { subject, scenes } of groups) {
    const wanted = scenes.filter(({ name }) => name.includes(table.only));
    if (wanted.length > 0) await runScenes({ subject, scenes: wanted }, table.runs);
  }
}

async function runScenes({ subject, scenes }: SceneGroup, count: number): Promise<void> {
  const runs = new SubjectRuns(subject);
  try {
    for (const scene of scenes) {
      const results: Result<Played, string>[] = [];
      while (results.length < count) results.push(await runs.play(scene));
      for (const line of sceneLines(scene, results)) say(line);
    }
    say(`   judge: ${runs.attention}`);
  } finally {
    await runs.close();
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
