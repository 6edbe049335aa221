/**
 * What can befall the node with the primary, the network, or all of them: each scene begins with a
 * whole cluster and ends with one. In between a judge from outside looks for two owners.
 * Without quorum the primary and its address stop, and the broker with them that was the primary;
 * each other broker goes on as the same process, since no other node may run it.
 */
import assert from "node:assert/strict";
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

/** What the nodes log and run, seen from one moment on. */
class Course {
  readonly #cluster: RealCluster;
  readonly #logged = new Map<number, number>();
  readonly #brokers = new Map<number, readonly number[]>();

  constructor({ cluster }: Stage) {
    this.#cluster = cluster;
    for (const node of cluster.net.nodes) {
      this.#logged.set(node, cluster.daemon(node).output().length);
      this.#brokers.set(node, cluster.brokers(node));
    }
  }

  /** The log of a daemon since then. */
  log(node: number): string {
    return this.#cluster.daemon(node).output().slice(this.#logged.get(node));
  }

  /** The broker of the node has not been away since then. */
  wentOn(node: number): boolean {
    const before = this.#brokers.get(node) ?? [];
    const now = this.#cluster.brokers(node);
    return before.length > 0 && before.every((pid) => now.includes(pid));
  }

  /** Nothing is done to what goes on: neither by the loss of quorum nor by the end of the lease. */
  async leaseEnds(nodes: readonly number[]): Promise<void> {
    for (const node of nodes) {
      await this.#cluster.until(`the lease of node ${node} has ended`, () =>
        this.log(node).includes("guard: the lease has ended"),
      );
    }
  }

  /** The network is whole again, and each of them has told the others what it still runs. */
  async merged(nodes: readonly number[]): Promise<void> {
    for (const node of nodes) {
      await this.#cluster.until(
        `node ${node} is ready again`,
        () => this.log(node).includes(`node${node}.example.com is ready`),
        60_000,
      );
    }
    await whole(this.#cluster);
  }

  /** Restarted is what may be stale, and only that. */
  isCurrent(node: number): boolean {
    const stale = this.log(node).includes("what went on here may be stale");
    assert.equal(this.wentOn(node), !stale, `node ${node}: its broker went on`);
    return !stale;
  }
}

/** The node ran the primary: its broker is not started again without quorum. */
async function ranThePrimary(stage: Stage, course: Course): Promise<void> {
  const { cluster, owner } = stage;
  await nobodyHolds(stage);
  await cluster.until("the broker that was the primary has ended", () => {
    return cluster.brokers(owner).length === 0;
  });
  await course.leaseEnds([owner]);
  assert.deepEqual(cluster.brokers(owner), [], "no broker where the primary was");
  assert.deepEqual(cluster.net.holders(serviceAddress), [], "nobody holds the address");
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
    title: "2 + 1, the owner with another one: the broker of the third goes on until the merge",
    expected: "stays",
    play: async (stage) => {
      const { cluster, owner, witness, third } = stage;
      const course = new Course(stage);
      await cluster.net.partition([[owner, witness], [third]]);
      await noneQuorate(stage, [third]);
      await course.leaseEnds([third]);
      assert.ok(course.wentOn(third), "the broker of the third goes on");
      await cluster.net.healAll();
      await course.merged([third]);
      assert.equal(course.isCurrent(third), false, "the others were quorate without the third");
      assert.ok(course.wentOn(owner), "the broker of the owner went on");
      assert.ok(course.wentOn(witness), "the broker of the other one went on");
    },
  },
  {
    title: "1 + 1 + 1: nobody is quorate, the primary stops, the backups go on",
    expected: "either",
    play: async (stage) => {
      const { cluster, owner, witness, third } = stage;
      const backups = [witness, third];
      const course = new Course(stage);
      await cluster.net.partition([[owner], [witness], [third]]);
      await noneQuorate(stage, [owner, ...backups]);
      await ranThePrimary(stage, course);
      await course.leaseEnds(backups);
      for (const node of backups) assert.ok(course.wentOn(node), `the broker of node ${node}`);
      await cluster.net.healAll();
      await course.merged([owner, ...backups]);
      // Two of the three that find each other first are quorate without the third.
      const current = backups.filter((node) => course.isCurrent(node));
      assert.notDeepEqual(current, [], "a backup has kept what it had");
    },
  },
  {
    title: "the other two lose their power: the owner stops the primary, until they are back",
    expected: "either",
    play: async (stage) => {
      const { cluster, owner, witness, third } = stage;
      const course = new Course(stage);
      await cluster.net.powerOff(witness);
      await cluster.net.powerOff(third);
      await noneQuorate(stage, [owner]);
      await ranThePrimary(stage, course);
      for (const node of [witness, third]) {
        await cluster.net.heal(node);
        cluster.startDaemon(node);
      }
    },
  },
];
