/**
 * One random run of a whole cluster from one seed: faults of nodes, network and agents, requests of
 * users; then everything is healed and must come to rest. Some weights are zero in each run.
 */

import type { ClusterConf, ServiceConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { Cluster } from "./cluster.ts";
import { HostileMembership } from "./hostile-membership.ts";
import { ClusterJudge } from "./judges.ts";
import { Random } from "./random.ts";
import { RingNetwork, type Weather } from "./ring-network.ts";
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

type Fault =
  | "partition"
  | "one-way"
  | "pause"
  | "crash"
  | "long-pause"
  | "kill-daemon"
  | "boot"
  | "terminate"
  | "weather"
  | "heal";
type Act = Fault | "reload" | "agent" | "request" | "lock" | "kill-process" | "link";

export type ClusterVerdict = {
  readonly seed: number;
  /** What a judge objected to, or null. */
  readonly breach: string | null;
  readonly log: readonly string[];
  /** Equal for equal seeds. */
  readonly digest: string;
};

const faultsMs = 60_000;
/** From healing to rest: detection, safe wait, retries of 30 s, twice. */
const restMs = 150_000;
/** Shorter than the lease, so that a node that was paused still is what it was. */
const pauseMsMax = 3500;
/** Long enough that others have taken over meanwhile. */
const longPauseMsMax = 15_000;
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
const allOperations = [...operations, "convalesce"] as const;
const services = ["qpidd-primary-service", "node1-qpidd-service", "node2-qpidd-service"];

export function runClusterSchedule(seed: number, sample: SampleOptions = {}): ClusterVerdict {
  const random = new Random(seed);
  const brokers = seed >= partsSeedMin ? { tree: brokerInParts } : {};
  const conf = sampleConf({ nodes: 3 + (seed % 3), brokers, ...sample });
  const time = new VirtualTime();
  const network = new RingNetwork(random);
  const membership = new HostileMembership(
    time,
    conf.nodes.map((node) => node.id),
    network,
  );
  // The judge holds the run against what safety needs, whatever the configuration says.
  const judge = new ClusterJudge(time, sampleConf().fencing.safeWaitMs);
  const reloads = seed >= reloadSeedMin;
  const texts = reloads ? laterVersions(conf) : {};
  const cluster = new Cluster({
    conf,
    texts,
    time,
    membership,
    judge: (seen) => judge.look(seen),
    fenceAgent: () => (random.chance(0.8) ? "success" : "failure"),
  });
  const bold = seed >= boldSeedMin;
  const parts = seed >= partsSeedMin;
  const run = new Schedule({ cluster, random, time, network, bold, parts, texts });
  let breach: string | null = null;
  try {
    run.play();
    judge.finish(cluster);
  } catch (error) {
    breach = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  return {
    seed,
    breach,
    log: cluster.log,
    digest: `${cluster.log.length} ${time.nowMs} ${cluster.log.join("|").length}`,
  };
}

type Parts = {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly time: VirtualTime;
  readonly network: RingNetwork;
  readonly bold: boolean;
  readonly parts: boolean;
  readonly texts: Readonly<Record<string, ClusterConf>>;
};

class Schedule {
  readonly #parts: Parts;
  readonly #weights: readonly (readonly [Act, number])[];

  constructor(parts: Parts) {
    this.#parts = parts;
    const { random, bold } = parts;
    const weight = (scale: number): number => (random.chance(0.35) ? 0 : random.next() * scale);
    this.#weights = [
      ["partition", weight(1)],
      ["one-way", weight(0.5)],
      ["pause", weight(1)],
      ["crash", weight(1)],
      ["boot", 1],
      ["terminate", weight(0.4)],
      ["weather", weight(0.5)],
      ["heal", 0.6],
      ["agent", weight(1)],
      ["request", weight(2)],
      ["lock", weight(0.3)],
      ["kill-process", weight(1)],
      ["link", weight(0.2)],
      ...(bold
        ? [["long-pause", weight(0.6)] as const, ["kill-daemon", weight(0.8)] as const]
        : []),
      ...(Object.keys(parts.texts).length > 0 ? [["reload", weight(0.8)] as const] : []),
    ];
  }

  play(): void {
    const { cluster, random, network, time } = this.#parts;
    const delayMs = random.pick([0.2, 1, 4]);
    network.weather = { loss: 0, duplication: 0, delayMs, jitterMs: delayMs };
    for (const node of cluster.nodes) {
      time.after(random.chance(0.7) ? 0 : random.between(0, 5000), () => {
        if (cluster.node(node) === null) cluster.boot(node);
      });
    }
    const spacingMs = random.pick([300, 1500, 5000]);
    for (let at = random.between(0, 5000); at < faultsMs; at += random.between(0, 2 * spacingMs)) {
      time.after(at, () => this.#act());
    }
    cluster.run(faultsMs);
    this.#heal();
    // A daemon that was about to leave when everything was healed comes back, too.
    for (const pauseMs of [10_000, 20_000]) {
      cluster.run(pauseMs);
      this.#bootMissing();
    }
    this.#mendFiles();
    this.#letGo();
    cluster.run(restMs);
    cluster.run(this.#pendingRetryMs());
  }

  /** A newer file on one node than the cluster has, after all were down, takes an operator. */
  #mendFiles(): void {
    const { cluster } = this.#parts;
    const holder = cluster.nodes.find((node) => cluster.node(node)?.snapshot.table != null);
    if (holder === undefined) return;
    const file = cluster.file(holder);
    for (const node of cluster.nodes) {
      if (cluster.node(node)?.snapshot.table != null) continue;
      if (cluster.file(node) === file) continue;
      cluster.crash(node);
      cluster.setFile(node, file).boot(node);
    }
    cluster.run(20_000);
  }

  /** Nobody holds anything back any more. */
  #letGo(): void {
    const { cluster } = this.#parts;
    const [first = 1] = cluster.nodes;
    cluster.lock(first, "unlock");
    const frozen = cluster.node(first)?.snapshot.table?.frozen() ?? [];
    for (const service of frozen) cluster.request(first, "unfreeze", { service });
  }

  /** Until the last retry that failed starts have postponed, and its start. */
  #pendingRetryMs(): number {
    const { cluster } = this.#parts;
    const [first = 1] = cluster.nodes;
    const table = cluster.node(first)?.snapshot.table?.snapshot();
    const due = (table?.services ?? []).map((one) => one.retryAt ?? 0);
    return table === undefined ? 0 : Math.max(0, Math.max(...due) - table.nowMs) + 10_000;
  }

  #heal(): void {
    const { cluster, network } = this.#parts;
    network.weather = { loss: 0, duplication: 0, delayMs: 0.2, jitterMs: 0.1 };
    cluster.heal();
    for (const node of cluster.nodes) {
      const host = cluster.host(node);
      host.behaviours.clear();
      host.linkUp = true;
      cluster.resume(node);
    }
    this.#bootMissing();
  }

  #bootMissing(): void {
    const { cluster } = this.#parts;
    for (const node of cluster.nodes) if (cluster.node(node) === null) cluster.boot(node);
  }

  #act(): void {
    const { random } = this.#parts;
    const total = this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
    let rest = random.between(0, total);
    for (const [act, weight] of this.#weights) {
      rest -= weight;
      if (rest > 0) continue;
      this.#do(act);
      return;
    }
  }

  #do(act: Act): void {
    const { cluster, random, network, time } = this.#parts;
    const node = random.pick(cluster.nodes);
    const other = random.pick(cluster.nodes);
    switch (act) {
      case "partition": {
        const left = cluster.nodes.filter(() => random.chance(0.5));
        cluster.cut(
          left,
          cluster.nodes.filter((one) => !left.includes(one)),
        );
        return;
      }
      case "one-way":
        if (node !== other) network.cut(node, other);
        return;
      case "pause":
        cluster.pause(node);
        time.after(random.between(100, pauseMsMax), () => cluster.resume(node));
        return;
      case "long-pause":
        cluster.pause(node);
        time.after(random.between(pauseMsMax, longPauseMsMax), () => cluster.resume(node));
        return;
      case "kill-daemon":
        cluster.killDaemon(node);
        return;
      case "crash":
        cluster.crash(node);
        return;
      case "boot":
        if (cluster.node(node) === null) cluster.boot(node);
        return;
      case "terminate":
        if (!cluster.isPaused(node)) cluster.terminate(node);
        return;
      case "weather":
        network.weather = this.#newWeather();
        return;
      case "heal":
        cluster.heal();
        return;
      case "agent":
        this.#spoilAgent(node);
        return;
      case "request":
      case "reload":
      case "lock":
        this.#operate(act, node, other);
        return;
      case "kill-process": {
        const { running } = cluster.host(node);
        if (running.size > 0) running.delete(random.pick([...running]));
        return;
      }
      case "link": {
        const host = cluster.host(node);
        host.linkUp = !host.linkUp;
        cluster.networkChanged(node);
        return;
      }
    }
  }

  /** What an operator does on a node. */
  #operate(act: "request" | "reload" | "lock", node: number, other: number): void {
    const { cluster, random, parts, texts } = this.#parts;
    if (cluster.node(node) === null || cluster.isPaused(node)) return;
    if (act === "reload") cluster.propose(node, random.pick(Object.keys(texts)));
    else if (act === "lock") cluster.lock(node, random.chance(0.5) ? "lock" : "unlock");
    else {
      cluster.request(node, random.pick(parts ? allOperations : operations), {
        service: random.pick(services),
        ...(random.chance(0.5) ? { target: other } : {}),
      });
    }
  }

  #newWeather(): Weather {
    const { random } = this.#parts;
    return {
      loss: random.chance(0.5) ? 0 : random.between(0, 0.15),
      duplication: random.chance(0.5) ? 0 : random.between(0, 0.1),
      delayMs: random.pick([0.2, 1, 4, 20]),
      jitterMs: random.pick([0, 1, 10]),
    };
  }

  #spoilAgent(node: number): void {
    const { cluster, random, time } = this.#parts;
    const scripts = ["/etc/init.d/qpidd", "/etc/init.d/qpidd-primary"];
    const extra = this.#parts.parts ? ["/etc/init.d/extra"] : [];
    const script = random.pick([...scripts, ...extra]);
    const action = random.pick(["start", "start", "status", "stop"]);
    const { behaviours } = cluster.host(node);
    // The longest outlives detection, lease and safe wait together.
    const takesMs = random.pick([5, 5, 400, 3000, 25_000]);
    behaviours.set(`${script} ${action}`, random.chance(0.6) ? { code: 1, takesMs } : { takesMs });
    time.after(random.between(500, 20_000), () => behaviours.delete(`${script} ${action}`));
  }
}
