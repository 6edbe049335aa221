/**
 * What can befall the node with the primary, the network, or all of them: each scene begins with a
 * whole cluster and ends with one. In between a judge from outside looks for two owners.
 */
import { readFileSync } from "node:fs";
import type { Test } from "tap";
import { nodeAddress, serviceAddress } from "../netns/node-files.ts";
import { type Handover, OutsideJudge } from "./outside-judge.ts";
import { primary, RealCluster, type RealClusterOptions } from "./real-cluster.ts";

export type SceneReport = {
  readonly title: string;
  readonly from: number;
  readonly to: number;
  readonly handovers: readonly Handover[];
  readonly gaps: string;
  readonly doubles: readonly string[];
  readonly tookMs: number;
};

export type Scene = {
  readonly title: string;
  /** `moves`: another node must run the primary at the end; `stays`: the same, all the time. */
  readonly expected: "moves" | "stays" | "either";
  /** Cuts in one direction need more of the kernel. */
  readonly oneWay?: true;
  readonly play: (stage: Stage) => Promise<void>;
};

/** The whole cluster as a scene finds it. */
export type Stage = {
  readonly cluster: RealCluster;
  readonly owner: number;
  /** The other two. */
  readonly witness: number;
  readonly third: number;
};

/** Plays the scene, and holds it against what it says of itself. */
export async function tellScene(t: Test, stage: PartitionScenes, scene: Scene): Promise<void> {
  const { from, to, doubles, gaps } = await stage.play(scene);
  t.comment(gaps);
  t.same(doubles, [], "never two owners");
  if (scene.expected === "moves") t.not(to, from);
  if (scene.expected === "stays") {
    t.equal(to, from);
    t.equal(gaps, "nothing changed hands");
  }
}

export class PartitionScenes {
  readonly cluster: RealCluster;
  readonly judge = new OutsideJudge();

  constructor(options: RealClusterOptions = {}) {
    this.cluster = new RealCluster(options);
  }

  async start(): Promise<void> {
    await this.cluster.start();
    this.judge.start(this.cluster.net, serviceAddress);
    this.cluster.startAll();
    await whole(this.cluster);
  }

  async stop(): Promise<void> {
    await this.judge.stop();
    await this.cluster.stop();
  }

  async play({ title, play }: Scene): Promise<SceneReport> {
    const { cluster, judge } = this;
    const owner = await cluster.started(1, primary);
    const [witness = 1, third = 2] = cluster.net.nodes.filter((node) => node !== owner);
    const sinceMs = judge.nowMs;
    await play({ cluster, owner, witness, third });
    await whole(cluster);
    const untilMs = judge.nowMs;
    await cluster.until("the judge has seen it", () => judge.sawUntil(untilMs));
    return {
      title,
      from: owner,
      to: await cluster.started(1, primary),
      handovers: judge.handovers(sinceMs),
      gaps: judge.gapsInWords(sinceMs),
      doubles: judge.doubles(sinceMs),
      tookMs: untilMs - sinceMs,
    };
  }
}

/** Every service started, on every node's word, and every broker caught up. */
async function whole(cluster: RealCluster): Promise<void> {
  const nodes = cluster.net.nodes;
  await cluster.allStarted(nodes, 90_000);
  await cluster.until(
    "all brokers have caught up",
    () => nodes.every((node) => /^\d+ (ready|active)$/.test(brokerState(cluster, node))),
    60_000,
  );
}

function brokerState(cluster: RealCluster, node: number): string {
  try {
    return readFileSync(cluster.net.path(node, "var/lib/qpidd/ha-state"), "utf8").trim();
  } catch {
    return "";
  }
}

// --- steps of scenes ----------------------------------------------------------------------------

async function missed({ cluster, owner, witness }: Stage): Promise<void> {
  await cluster.until("the owner is missed", async () => {
    const status = await cluster.status(witness);
    return status?.nodes.find((one) => one.id === owner)?.online === false;
  });
}

async function takenOver({ cluster, owner, witness }: Stage): Promise<void> {
  await cluster.takenOver(witness, owner, 60_000);
}

async function suspended({ cluster, owner }: Stage): Promise<void> {
  const before = cluster.daemon(owner).output().length;
  await cluster.until("the owner's ring is suspended", () =>
    cluster.daemon(owner).output().slice(before).includes("the ring is suspended"),
  );
}

async function nobodyHolds({ cluster }: Stage): Promise<void> {
  await cluster.until("nobody holds the address", () => {
    return cluster.net.holders(serviceAddress).length === 0;
  });
}

async function noneQuorate({ cluster }: Stage, nodes: readonly number[]): Promise<void> {
  await cluster.until("none of them is quorate", async () => {
    for (const node of nodes)
      if ((await cluster.status(node))?.quorum.quorate !== false) return false;
    return true;
  });
}

/** Cuts the owner off, heals when `moment` has come. */
function cutUntil(title: string, moment: (stage: Stage) => Promise<void>): Scene {
  return {
    title: `link of the owner cut, healed ${title}`,
    expected: title === "after the takeover" ? "moves" : "either",
    play: async (stage) => {
      const coming = moment(stage);
      await stage.cluster.net.cut(stage.owner);
      await coming;
      await stage.cluster.net.heal(stage.owner);
    },
  };
}

// --- the scenes ---------------------------------------------------------------------------------

export const deaths: readonly Scene[] = [
  {
    title: "clusterd of the owner killed, started after the takeover",
    expected: "moves",
    play: async (stage) => {
      stage.cluster.daemon(stage.owner).kill("SIGKILL");
      await takenOver(stage);
      stage.cluster.startDaemon(stage.owner);
    },
  },
  {
    title: "clusterd of the owner killed, started at once",
    expected: "either",
    play: async ({ cluster, owner }) => {
      cluster.daemon(owner).kill("SIGKILL");
      await cluster.daemon(owner).exited;
      cluster.startDaemon(owner);
    },
  },
  {
    title: "clusterd of the owner stands still, goes on after the takeover",
    expected: "moves",
    play: async (stage) => {
      stage.cluster.daemon(stage.owner).kill("SIGSTOP");
      await takenOver(stage);
      stage.cluster.daemon(stage.owner).kill("SIGCONT");
    },
  },
  {
    title: "the owner loses its power, and has it again after the takeover",
    expected: "moves",
    play: async (stage) => {
      await stage.cluster.net.powerOff(stage.owner);
      await takenOver(stage);
      await stage.cluster.net.heal(stage.owner);
      stage.cluster.startDaemon(stage.owner);
    },
  },
];

export const cuts: readonly Scene[] = [
  cutUntil("at once", async () => undefined),
  cutUntil("when its ring is suspended", suspended),
  cutUntil("when it is missed", missed),
  cutUntil("when it has stopped everything", nobodyHolds),
  cutUntil("after the takeover", takenOver),
];

export const oneWayCuts: readonly Scene[] = [
  {
    title: "the owner hears nobody",
    expected: "moves",
    oneWay: true,
    play: async (stage) => {
      await stage.cluster.net.deafen(stage.owner);
      await takenOver(stage);
      await stage.cluster.net.heal(stage.owner);
    },
  },
  {
    title: "nobody hears the owner",
    expected: "moves",
    oneWay: true,
    play: async (stage) => {
      await stage.cluster.net.mute(stage.owner);
      await takenOver(stage);
      await stage.cluster.net.heal(stage.owner);
    },
  },
  {
    title: "the owner and one other do not hear each other, the third hears both",
    expected: "either",
    oneWay: true,
    play: async ({ cluster, owner, witness, third }) => {
      await cluster.net.deafen(owner, nodeAddress(witness));
      await cluster.net.deafen(witness, nodeAddress(owner));
      await cluster.until(
        "the third is in a ring of two, and the primary runs",
        async () => {
          const status = await cluster.status(third);
          const online = status?.nodes.filter((one) => one.online).length;
          const service = status?.services?.find(({ name }) => name === primary);
          return online === 2 && service?.state === "started";
        },
        60_000,
      );
      await cluster.net.heal(owner);
      await cluster.net.heal(witness);
    },
  },
];

export const splits: readonly Scene[] = [
  {
    title: "2 + 1, the owner alone, healed after the takeover",
    expected: "moves",
    play: async (stage) => {
      const { cluster, owner, witness, third } = stage;
      await cluster.net.partition([[witness, third], [owner]]);
      await takenOver(stage);
      await cluster.net.healAll();
    },
  },
  {
    title: "2 + 1, the owner with another one",
    expected: "stays",
    play: async (stage) => {
      const { cluster, owner, witness, third } = stage;
      await cluster.net.partition([[owner, witness], [third]]);
      await noneQuorate(stage, [third]);
      await cluster.until("the third has stopped its broker", () => {
        return cluster.brokers(third).length === 0;
      });
      await cluster.net.healAll();
    },
  },
  {
    title: "1 + 1 + 1: nobody is quorate, everything stops",
    expected: "either",
    play: async (stage) => {
      const { cluster, owner, witness, third } = stage;
      await cluster.net.partition([[owner], [witness], [third]]);
      await noneQuorate(stage, [owner, witness, third]);
      await cluster.until("everything has stopped", () =>
        [owner, witness, third].every((node) => cluster.brokers(node).length === 0),
      );
      await nobodyHolds(stage);
      await cluster.net.healAll();
    },
  },
  {
    title: "the other two lose their power: the owner stops, until they are back",
    expected: "either",
    play: async (stage) => {
      const { cluster, owner, witness, third } = stage;
      await cluster.net.powerOff(witness);
      await cluster.net.powerOff(third);
      await noneQuorate(stage, [owner]);
      await nobodyHolds(stage);
      for (const node of [witness, third]) {
        await cluster.net.heal(node);
        cluster.startDaemon(node);
      }
    },
  },
];
