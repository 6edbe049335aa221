/**
 * One random run of a random configuration of services: agents that fail, hang, succeed late and
 * lie, users who ask for everything on every node, faults of nodes and network; then everything is
 * healed and must come to rest.
 */
import type { NodeId } from "../../src/model/ids.ts";
import type { ServiceOperation } from "../../src/model/service-operation.ts";
import { Cluster } from "./cluster.ts";
import { type ClusterVerdict, verdictOf } from "./cluster-schedule.ts";
import { type Act, ClusterStage } from "./cluster-stage.ts";
import { HostileMembership } from "./hostile-membership.ts";
import { Random } from "./random.ts";
import { RingNetwork } from "./ring-network.ts";
import { randomConf, scriptsOf } from "./service-conf.ts";
import { ServiceJudge } from "./service-judge.ts";
import type { ScriptBehaviour, VirtualHost } from "./virtual-host.ts";
import { VirtualTime } from "./virtual-time.ts";

const operations: readonly ServiceOperation[] = [
  "enable",
  "disable",
  "stop",
  "restart",
  "relocate",
  "freeze",
  "unfreeze",
  "convalesce",
];

/** From here on machines are blind for a while, and stops lie; the seeds that failed are older. */
export const blindServiceSeedMin = 400_000;
/** From here on addresses change late whoever gives up waiting, and kills take their time. */
export const slowKernelSeedMin = 500_000;

export function runServiceSchedule(seed: number): ClusterVerdict {
  const random = new Random(seed);
  const time = new VirtualTime();
  const fenceDevices = random.chance(0.5);
  const works = random.pick([0.3, 0.8, 1]);
  const conf = randomConf(random, fenceDevices);
  const network = new RingNetwork(random);
  const nodes = conf.nodes.map((node) => node.id);
  const membership = new HostileMembership(time, nodes, { network });
  const judge = new ServiceJudge(conf, time);
  const cluster = new Cluster({
    conf,
    time,
    membership,
    judge: (seen) => judge.look(seen),
    fenceAgent: () => (random.chance(works) ? "success" : "failure"),
  });
  const stage = new ClusterStage({ cluster, random, time, network });
  const services = conf.services.services.map(({ name }) => name);
  const acts = actsOf(stage, { cluster, random, services, scripts: scriptsOf(conf), seed });
  return verdictOf(seed, { cluster, time }, () => {
    stage.play(acts);
    judge.finish(cluster);
  });
}

function actsOf(
  stage: ClusterStage,
  parts: {
    readonly cluster: Cluster;
    readonly random: Random;
    readonly services: readonly string[];
    readonly scripts: readonly string[];
    readonly seed: number;
  },
): readonly Act[] {
  const { cluster, random, services, scripts, seed } = parts;
  const weight = (scale: number): number => (random.chance(0.35) ? 0 : random.next() * scale);
  const choices = { operations, services };
  const later: readonly Act[] =
    seed < blindServiceSeedMin
      ? []
      : [
          [weight(0.5), (node) => stage.blind(node, "daemon")],
          [weight(0.7), (node, other) => moveBadly(stage, parts, { node, other, lies: true })],
        ];
  const slow: readonly Act[] =
    seed < slowKernelSeedMin
      ? []
      : [
          [weight(1), (node) => stage.delayAddresses(node, "kernel")],
          [weight(1), (node, other) => moveLate(stage, parts, { node, other })],
          [weight(1), (node) => stage.delayKills(node)],
        ];
  return [
    [weight(0.6), () => stage.partition()],
    [weight(0.3), (node, other) => stage.oneWay(node, other)],
    [weight(0.5), (node) => stage.pause(node, [100, 3500])],
    [weight(0.3), (node) => stage.pause(node, [3500, 15_000])],
    [weight(0.4), (node) => cluster.killDaemon(node)],
    [weight(0.5), (node) => cluster.crash(node)],
    [1, (node) => stage.boot(node)],
    [weight(0.4), (node) => stage.terminate(node)],
    [weight(0.3), () => stage.changeWeather()],
    [0.6, () => cluster.heal()],
    [weight(2), (node) => spoilScript(stage, random, { host: cluster.host(node), scripts })],
    [weight(3), (node, other) => stage.request(node, other, choices)],
    [weight(1), (node, other) => moveBadly(stage, parts, { node, other, lies: false })],
    [weight(0.3), (node) => stage.lock(node)],
    [weight(2), (node) => stage.killProcess(node)],
    [weight(0.3), (node) => stage.exhaust(node)],
    [weight(0.5), (node, other) => moveWithoutRoom(stage, parts, { node, other })],
    [weight(0.2), (node) => stage.toggleLink(node)],
    ...later,
    ...slow,
  ];
}

/** A service moves to where addresses come late, and the node is cut off meanwhile for a while. */
function moveLate(
  stage: ClusterStage,
  parts: {
    readonly cluster: Cluster;
    readonly random: Random;
    readonly services: readonly string[];
  },
  { node, other }: { readonly node: NodeId; readonly other: NodeId },
): void {
  const { cluster, random, services } = parts;
  stage.delayAddresses(node, "kernel");
  stage.request(other, node, { operations: ["relocate", "enable"], services });
  const cutMs = random.between(0, 2000);
  stage.later(cutMs, () => stage.isolate(node));
  // Long enough for it to be lost, often too short for its lease to end.
  if (random.chance(0.7)) stage.later(cutMs + random.between(2000, 5000), () => cluster.heal());
}

/** Somebody wants a service of the node elsewhere, and its stop fails, or says wrongly done. */
function moveBadly(
  stage: ClusterStage,
  parts: { readonly cluster: Cluster; readonly random: Random },
  place: { readonly node: NodeId; readonly other: NodeId; readonly lies: boolean },
): void {
  const { running, behaviours } = parts.cluster.host(place.node);
  if (running.size === 0) return;
  const [service = "", file = ""] = parts.random.pick([...running]).split(" ");
  const lie: ScriptBehaviour = { code: 0, takesMs: 5, effect: "nothing" };
  behaviours.set(`${file} stop`, place.lies ? lie : { code: 1, takesMs: 5 });
  stage.later(parts.random.between(500, 20_000), () => behaviours.delete(`${file} stop`));
  const choices = { operations: ["relocate", "relocate", "stop"] as const, services: [service] };
  stage.request(parts.random.pick(parts.cluster.nodes), place.other, choices);
}

/** Somebody wants a service of the node elsewhere, and there its stop cannot even be called. */
function moveWithoutRoom(
  stage: ClusterStage,
  parts: { readonly cluster: Cluster; readonly random: Random },
  place: { readonly node: NodeId; readonly other: NodeId },
): void {
  const { running } = parts.cluster.host(place.node);
  if (running.size === 0) return;
  const [service = ""] = parts.random.pick([...running]).split(" ");
  stage.exhaust(place.node);
  const choices = { operations: ["relocate", "restart"] as const, services: [service] };
  stage.request(parts.random.pick(parts.cluster.nodes), place.other, choices);
}

/** Failing, hanging, late and lying; a stop alone never says done when it is not. */
function spoilScript(
  stage: ClusterStage,
  random: Random,
  prey: { readonly host: VirtualHost; readonly scripts: readonly string[] },
): void {
  const action = random.pick(["start", "start", "status", "stop"]);
  const takesMs = random.pick([5, 5, 400, 3000, 25_000]);
  const fails: ScriptBehaviour = { code: random.pick([1, 2, 7]), takesMs };
  const late: ScriptBehaviour = { takesMs };
  const hangs: ScriptBehaviour = { takesMs: null };
  const lies: Readonly<Record<string, ScriptBehaviour>> = {
    start: random.chance(0.5)
      ? { code: 1, takesMs, effect: "done" }
      : { code: 0, takesMs, effect: "nothing" },
    status: { code: random.pick([0, 3]), takesMs },
    stop: { code: 1, takesMs, effect: "done" },
  };
  const call = `${random.pick(prey.scripts)} ${action}`;
  const behaviour = random.pick([fails, fails, late, late, hangs, lies[action] ?? fails]);
  const { behaviours } = prey.host;
  behaviours.set(call, behaviour);
  stage.later(random.between(500, 20_000), () => behaviours.delete(call));
}
