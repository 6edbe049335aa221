/**
 * One random run that tries to break the self-fencing lease: every machine's clock drifts by up to
 * a hundredth, owners are cut off, stopped and killed at bad moments, their stops hang, and in half
 * of the runs the safe wait is only just long enough.
 * Source: the inequality of the lease (fencing/lease.ts); Gray and Cheriton 1989.
 */
import type { ClusterConf, FenceMethodConf, FencingConf } from "../../src/model/conf.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { method } from "../fencing/fence-cluster.ts";
import { Cluster } from "./cluster.ts";
import { type ClusterVerdict, verdictOf } from "./cluster-schedule.ts";
import { type Act, ClusterStage } from "./cluster-stage.ts";
import { HostileMembership } from "./hostile-membership.ts";
import { ClusterJudge } from "./judges.ts";
import { Random } from "./random.ts";
import { RingNetwork } from "./ring-network.ts";
import { sampleConf, watchdogFencing } from "./sample-conf.ts";
import { guardWorkMs } from "./virtual-guard.ts";
import { DriftingClock, VirtualTime } from "./virtual-time.ts";

export type LeaseOptions = {
  /** Milliseconds that the safe wait is shorter than needed, to see that the judges are awake. */
  readonly missingMs?: number;
};

const driftMax = 0.01;
/** From here on machines are blind for a while; the seeds that failed are older. */
export const blindLeaseSeedMin = 10_000;
/** From here on fence devices come, go and change while the cluster runs. */
export const liveLeaseSeedMin = 4_000_000;
const primary = "qpidd-primary-service";
const primaryScript = "/etc/init.d/qpidd-primary";
const scripts = ["/etc/init.d/qpidd", primaryScript];
const tokenMs = sampleConf().totem.tokenMs;

export function runLeaseSchedule(seed: number, options: LeaseOptions = {}): ClusterVerdict {
  const random = new Random(seed);
  const time = new VirtualTime();
  const fencing = fencingOf(random, options);
  // Devices work, fail, or are slow; in half of the runs there are none, and the lease decides.
  const fenceMethods = random.chance(0.5) ? [] : [oneDevice];
  const works = random.pick([0, 0.5, 1]);
  const conf = sampleConf({ nodes: random.pick([3, 3, 4, 5]), fencing, fenceMethods });
  const network = new RingNetwork(random);
  const nodes = conf.nodes.map((node) => node.id);
  const clocks = new Map(nodes.map((node) => [node, driftingClock(time, random)]));
  const membership = new HostileMembership(time, nodes, { network, clocks });
  const judge = new ClusterJudge(time, {
    safeWaitMs: fencing.safeWaitMs * (1 - driftMax),
    livesOnMs: (fencing.leaseMs + (fencing.watchdog?.timeoutMs ?? 0)) / (1 - driftMax),
  });
  const texts = seed >= liveLeaseSeedMin ? laterDevices(conf) : {};
  const cluster = new Cluster({
    conf,
    texts,
    time,
    clocks,
    membership,
    judge: (seen) => judge.look(seen),
    fenceAgent: () => (random.chance(works) ? "success" : "failure"),
  });
  const stage = new ClusterStage({ cluster, random, time, network });
  const acts = new Ambush(stage, cluster, random).acts({
    watchdogs: fencing.watchdog !== null,
    blind: seed >= blindLeaseSeedMin,
    texts: Object.keys(texts),
  });
  return verdictOf(seed, { cluster, time }, () => {
    stage.play(acts);
    judge.finish(cluster);
  });
}

const oneDevice = {
  name: "power",
  devices: [{ device: "plug", agent: "fence_test", parameters: [] }],
};

/** Versions that may follow each other, by their texts. */
function laterDevices(conf: ClusterConf): Readonly<Record<string, ClusterConf>> {
  const version = (number: number, fenceMethods: readonly FenceMethodConf[]): ClusterConf => {
    const nodes = conf.nodes.map((node) => ({ ...node, fenceMethods }));
    const postFailDelayMs = ms(number * 500);
    const fencing = { ...conf.fencing, postFailDelayMs };
    return { ...conf, version: conf.version + number, nodes, fencing };
  };
  const first = method("power", "fence_test first");
  const second = method("power", "fence_test second");
  return {
    first: version(1, [first]),
    none: version(2, []),
    second: version(3, [second]),
    both: version(4, [first, second]),
    "none again": version(5, []),
  };
}

/** As shipped, or so that only a clock that is wrong by more than allowed could break it. */
function fencingOf(random: Random, options: LeaseOptions): FencingConf {
  const guarded = random.chance(0.6) ? {} : watchdogFencing;
  const { fencing } = sampleConf({ fencing: guarded });
  const { leaseMs, watchdog, safeWaitMs } = fencing;
  const lastsMs = leaseMs + (watchdog === null ? guardWorkMs : watchdog.timeoutMs);
  const needed = Math.ceil((lastsMs / (1 - driftMax)) * (1 + driftMax));
  const tight = random.chance(0.5) || options.missingMs !== undefined;
  const waitMs = ms(tight ? needed - (options.missingMs ?? 0) : safeWaitMs);
  return {
    ...fencing,
    safeWaitMs: waitMs,
    watchdog: watchdog === null ? null : { ...watchdog, safeWaitMs: waitMs },
  };
}

function driftingClock(time: VirtualTime, random: Random): DriftingClock {
  const slow = 1 - driftMax;
  const fast = 1 + driftMax;
  const rate = random.pick([slow, fast, 1, random.between(slow, fast)]);
  return new DriftingClock(time, { rate, offsetMs: Math.floor(random.between(0, 1e6)) });
}

/** What is done to the owner of the primary more often than to others. */
class Ambush {
  readonly #stage: ClusterStage;
  readonly #cluster: Cluster;
  readonly #random: Random;

  constructor(stage: ClusterStage, cluster: Cluster, random: Random) {
    this.#stage = stage;
    this.#cluster = cluster;
    this.#random = random;
  }

  acts({
    watchdogs,
    blind,
    texts,
  }: {
    readonly watchdogs: boolean;
    readonly blind: boolean;
    readonly texts: readonly string[];
  }): readonly Act[] {
    const weight = (scale: number): number =>
      this.#random.chance(0.3) ? 0 : this.#random.next() * scale;
    const stage = this.#stage;
    const cluster = this.#cluster;
    const later: readonly Act[] = blind
      ? [
          [weight(0.7), (node) => stage.blind(this.#prey(node), "daemon")],
          [weight(0.5), (node) => this.#cutOffBlind(this.#prey(node), "daemon")],
          [watchdogs ? weight(0.7) : 0, (node) => this.#cutOffBlind(this.#prey(node), "guard too")],
        ]
      : [];
    const live: readonly Act[] =
      texts.length === 0
        ? []
        : [
            [weight(0.8), (node) => stage.reload(node, texts)],
            [0.5, (node, other) => this.#cutThenReload(this.#prey(node), other, texts)],
          ];
    return [
      [0.2 + weight(1), (node) => this.#cutOff(this.#prey(node))],
      [weight(1), (node) => this.#stopThenCut(this.#prey(node))],
      [weight(0.5), () => stage.partition()],
      [weight(1), (node, other) => stage.oneWay(node, other)],
      [weight(0.7), (node) => stage.pause(this.#prey(node), [100, 3500])],
      [weight(0.7), (node) => stage.pause(this.#prey(node), [3500, 44_000])],
      [weight(0.4), (node) => cluster.killDaemon(this.#prey(node))],
      [weight(0.3), (node) => cluster.crash(this.#prey(node))],
      [0.8, (node) => stage.boot(node)],
      [weight(0.2), (node) => stage.terminate(node)],
      [weight(0.3), () => stage.changeWeather()],
      [0.8, () => cluster.heal()],
      [weight(0.5), (node) => stage.spoilAgent(node, scripts)],
      [weight(0.5), (node) => this.#setWallClock(node)],
      [weight(0.6), (node, other) => this.#relocate(node, other)],
      [weight(0.3), (node) => this.#restartOthers(this.#prey(node))],
      // Only a watchdog ends what nobody is left to end, or what cannot be killed.
      [watchdogs ? weight(0.7) : 0, (node) => this.#killBoth(this.#prey(node))],
      [watchdogs ? weight(0.4) : 0, (node) => this.#makeUndying(this.#prey(node))],
      ...later,
      ...live,
    ];
  }

  #prey(otherwise: NodeId): NodeId {
    const [owner = otherwise] = this.#cluster.runningOn(primary);
    return this.#random.chance(0.7) ? owner : otherwise;
  }

  /** Cut off, and its stop never ends: only the end of the lease ends the service. */
  #cutOff(node: NodeId): void {
    if (this.#random.chance(0.7)) {
      this.#hang(node);
    }
    this.#stage.isolate(node);
  }

  /** Cut off, and the others get another conf while they are about to fence it. */
  #cutThenReload(node: NodeId, other: NodeId, texts: readonly string[]): void {
    this.#cutOff(node);
    this.#stage.later(this.#random.between(2000, 5000), () => this.#stage.reload(other, texts));
  }

  /** Cut off, and whoever has to end its services cannot look at them for a while. */
  #cutOffBlind(node: NodeId, who: "daemon" | "guard too"): void {
    this.#cutOff(node);
    this.#stage.blind(node, who);
  }

  /** The process stands still while the token is on its way, and wakes up behind a cut. */
  #stopThenCut(node: NodeId): void {
    this.#hang(node);
    this.#stage.pause(node, [tokenMs * 0.3, tokenMs * 1.2]);
    const cutAfterMs = this.#random.between(0, tokenMs * 0.5);
    this.#stage.later(cutAfterMs, () => this.#stage.isolate(node));
  }

  /** Away from the node that the token waits on, where no token is ever found in a socket. */
  #relocate(node: NodeId, target: NodeId): void {
    if (this.#cluster.node(node) === null || this.#cluster.isPaused(node)) return;
    this.#cluster.request(node, "relocate", { service: primary, target });
  }

  /** Cut off, and nobody of the others remembers when it was heard. */
  #restartOthers(node: NodeId): void {
    this.#cutOff(node);
    for (const other of this.#cluster.nodes.filter((one) => one !== node)) {
      this.#cluster.killDaemon(other);
      this.#stage.later(this.#random.between(0, 1000), () => this.#stage.boot(other));
    }
  }

  #hang(node: NodeId): void {
    const { behaviours } = this.#cluster.host(node);
    behaviours.set(`${primaryScript} stop`, { takesMs: null });
    this.#stage.later(20_000, () => behaviours.delete(`${primaryScript} stop`));
  }

  #killBoth(node: NodeId): void {
    this.#cluster.killGuard(node).killDaemon(node);
  }

  #makeUndying(node: NodeId): void {
    const host = this.#cluster.host(node);
    host.undying = true;
    this.#stage.later(20_000, () => {
      host.undying = false;
    });
  }

  #setWallClock(node: NodeId): void {
    const hourMs = 3_600_000;
    this.#cluster.setWallClock(node, this.#random.pick([-hourMs, -1000, 1000, 5000, hourMs]));
  }
}
