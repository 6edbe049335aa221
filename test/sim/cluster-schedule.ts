/**
 * One random run of a whole cluster from one seed: faults of nodes, network and agents, requests of
 * users; then everything is healed and must come to rest. Some weights are zero in each run.
 */
import type { ClusterConf, ServiceConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { Cluster } from "./cluster.ts";
import { type Act, ClusterStage } from "./cluster-stage.ts";
import { HostileMembership } from "./hostile-membership.ts";
import { ClusterJudge } from "./judges.ts";
import { Random } from "./random.ts";
import { RingNetwork } from "./ring-network.ts";
import { resource, type SampleOptions, sampleConf, sampleService, script } from "./sample-conf.ts";
import { VirtualTime } from "./virtual-time.ts";

/** A broker that is restarted in place, and something it can do without. */
const brokerInParts = resource("service", "broker", {
  children: [
    script("qpidd", {
      subtree: { kind: "independent", restarts: { max: 2, expireMs: ms(60_000) } },
    }),
    script("extra", { subtree: { kind: "non-critical", restarts: null } }),
  ],
});

/** Versions that add a service, change one and remove it again; the judged ones stay. */
function laterVersions(conf: ClusterConf): Readonly<Record<string, ClusterConf>> {
  const made = (version: number, ...more: readonly ServiceConf[]): ClusterConf => {
    const services = [...conf.services.services, ...more];
    return { ...conf, version, services: { ...conf.services, services } };
  };
  const guest = (...names: readonly string[]) => {
    return sampleService(
      "guest",
      names.map((name) => script(name)),
    );
  };
  return {
    added: made(conf.version + 1, guest("g")),
    grown: made(conf.version + 2, guest("g", "h"), sampleService("more", [script("m")])),
    shrunk: made(conf.version + 3, guest("h")),
    removed: made(conf.version + 4),
  };
}

export type ClusterVerdict = {
  readonly seed: number;
  /** What a judge objected to, or null. */
  readonly breach: string | null;
  readonly log: readonly string[];
  /** How often watchdogs have reset machines. */
  readonly resets: number;
  /** Equal for equal seeds. */
  readonly digest: string;
};

/** Shorter than the lease, so that a node that was paused still is what it was. */
const shortPauseMs = [100, 3500] as const;
const longPauseMs = [3500, 15_000] as const;
/** From here on daemons also pause for long or are killed; the seeds that failed are older. */
const boldSeedMin = 1000;
const operations = [
  "enable",
  "disable",
  "stop",
  "restart",
  "relocate",
  "freeze",
  "unfreeze",
] as const;
/** From here on brokers have parts of their own, which users also bring back. */
const partsSeedMin = 2000;
/** From here on operators also bring in other configurations. */
const reloadSeedMin = 4000;
/**
 * From here on users also touch what comes and goes with configurations, machines take their time
 * to be asked what a text supposes, and nodes are unfenced first.
 */
const slowReadSeedMin = 2_000_000;
/** From here on machines are also copied with their state, and the copies started. */
export const cloneSeedMin = 3_000_000;
/** From here on commands for addresses are also late, and machines have no room for processes. */
const lateCommandSeedMin = 4_000_000;
const allOperations = [...operations, "convalesce"] as const;
const services = ["qpidd-primary-service", "node1-qpidd-service", "node2-qpidd-service"];
const scripts = ["/etc/init.d/qpidd", "/etc/init.d/qpidd-primary"];
const allScripts = [...scripts, "/etc/init.d/extra"];
const visitors = ["guest", "more"];
const lateScripts = [...allScripts, "/etc/init.d/g", "/etc/init.d/h", "/etc/init.d/m"];
const unfencing = { unfence: [{ device: "san", agent: "fence_test", parameters: [] }] };

export function runClusterSchedule(seed: number, sample: SampleOptions = {}): ClusterVerdict {
  const random = new Random(seed);
  const parts = seed >= partsSeedMin ? { tree: brokerInParts } : {};
  // In half of the runs with copied machines everything stops without quorum, and is judged.
  const stopsAll = seed >= cloneSeedMin && seed % 4 >= 2;
  const brokers = { ...parts, ...(stopsAll ? { boundTo: null } : {}) };
  const late = seed >= slowReadSeedMin;
  const unfence = late && seed % 2 === 0 ? unfencing : {};
  const conf = sampleConf({ nodes: 3 + (seed % 3), brokers, ...unfence, ...sample });
  const time = new VirtualTime();
  const network = new RingNetwork(random);
  const nodes = conf.nodes.map((node) => node.id);
  const { safeWaitMs, watchdog } = conf.fencing;
  const wait = { safeWaitMs: watchdog?.safeWaitMs ?? safeWaitMs };
  const membership = new HostileMembership(time, nodes, { network, ...wait });
  // The judge holds the run against what safety needs, whatever the configuration says.
  const judge = new ClusterJudge(time, sampleConf().fencing);
  const texts = seed >= reloadSeedMin ? laterVersions(conf) : {};
  const cluster = new Cluster({
    conf,
    texts,
    time,
    membership,
    judge: (seen) => judge.look(seen),
    fenceAgent: () => (random.chance(0.8) ? "success" : "failure"),
    // One that fails for ever keeps its node out, and that is right.
    unfenceAgent: () => (random.chance(0.7) || stage.healed ? "success" : "failure"),
    ...(late ? { readMs: () => random.pick([1, 50, 400, 3000]) } : {}),
  });
  const stage = new ClusterStage({ cluster, random, time, network });
  const watchdogs = conf.fencing.watchdog !== null;
  const acts = actsOf(stage, { cluster, random, seed, watchdogs, texts: Object.keys(texts) });
  return verdictOf(seed, { cluster, time }, () => {
    stage.play(acts);
    judge.finish(cluster);
  });
}

/** Plays, and says what was wrong. */
export function verdictOf(
  seed: number,
  { cluster, time }: { readonly cluster: Cluster; readonly time: VirtualTime },
  play: () => void,
): ClusterVerdict {
  let breach: string | null = null;
  try {
    play();
  } catch (error) {
    breach = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  const { log, resets } = cluster;
  const digest = `${log.length} ${time.nowMs} ${log.join("|").length}`;
  return { seed, breach, log, resets, digest };
}

function actsOf(
  stage: ClusterStage,
  parts: {
    readonly cluster: Cluster;
    readonly random: Random;
    readonly seed: number;
    readonly watchdogs: boolean;
    readonly texts: readonly string[];
  },
): readonly Act[] {
  const { cluster, random, seed, watchdogs, texts } = parts;
  const spoiled = seed < partsSeedMin ? scripts : allScripts;
  const whole = seed < partsSeedMin;
  const late = seed >= slowReadSeedMin;
  const choices = {
    operations: whole ? operations : allOperations,
    services: late ? [...services, ...visitors] : services,
  };
  const weight = (scale: number): number => (random.chance(0.35) ? 0 : random.next() * scale);
  const acts: Act[] = [
    [weight(1), () => stage.partition()],
    [weight(0.5), (node, other) => stage.oneWay(node, other)],
    [weight(1), (node) => stage.pause(node, shortPauseMs)],
    [weight(1), (node) => cluster.crash(node)],
    [1, (node) => stage.boot(node)],
    [weight(0.4), (node) => stage.terminate(node)],
    [weight(0.5), () => stage.changeWeather()],
    [0.6, () => cluster.heal()],
    [weight(1), (node) => stage.spoilAgent(node, late ? lateScripts : spoiled)],
    [weight(2), (node, other) => stage.request(node, other, choices)],
    [weight(0.3), (node) => stage.lock(node)],
    [weight(1), (node) => stage.killProcess(node)],
    [weight(0.2), (node) => stage.toggleLink(node)],
  ];
  if (seed >= boldSeedMin) {
    acts.push([weight(0.6), (node) => stage.pause(node, longPauseMs)]);
    acts.push([weight(0.8), (node) => cluster.killDaemon(node)]);
  }
  if (texts.length > 0) acts.push([weight(0.8), (node) => stage.reload(node, texts)]);
  if (seed >= cloneSeedMin) {
    acts.push([weight(0.6), (node) => stage.copyMachine(node, services[0] ?? "")]);
  }
  if (seed >= lateCommandSeedMin) {
    acts.push([weight(0.8), (node) => stage.delayAddresses(node)]);
    acts.push([weight(0.3), (node) => stage.exhaust(node)]);
  }
  if (watchdogs) acts.push([0.5, (node) => cluster.killGuard(node).killDaemon(node)]);
  return acts;
}
