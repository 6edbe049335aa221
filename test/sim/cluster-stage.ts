/**
 * What can happen to a simulated cluster, and the play in which it does: random acts for a while,
 * then everything is healed, nobody holds anything back, and the cluster must come to rest.
 */
import type { NodeId } from "../../src/model/ids.ts";
import type { ServiceOperation } from "../../src/model/service-operation.ts";
import type { Cluster } from "./cluster.ts";
import type { Random } from "./random.ts";
import { Release } from "./release.ts";
import type { RingNetwork } from "./ring-network.ts";
import type { VirtualHost } from "./virtual-host.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How often it happens among the others, 0 for never; it gets two random nodes. */
export type Act = readonly [weight: number, happen: (node: NodeId, other: NodeId) => void];

export type StageParts = {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly time: VirtualTime;
  readonly network: RingNetwork;
};

/** Until nobody's decisions hang on the copy any more. */
const afterCopyMs = 20_000;

export type Pace = {
  readonly faultsMs: number;
  /** From healing to rest: detection, safe wait, retries of 30 s, twice. */
  readonly restMs: number;
  readonly spacingMs: readonly number[];
};

export const usualPace: Pace = {
  faultsMs: 60_000,
  restMs: 150_000,
  spacingMs: [300, 1500, 5000],
};

export class ClusterStage {
  readonly #parts: StageParts;
  #healed = false;
  /** A node has two machines, or had until shortly ago. */
  #copying = false;

  constructor(parts: StageParts) {
    this.#parts = parts;
  }

  get healed(): boolean {
    return this.#healed;
  }

  /** Happens then, unless everything has been healed meanwhile. */
  later(delayMs: number, happen: () => void): void {
    this.#parts.time.after(delayMs, () => {
      if (!this.#healed) happen();
    });
  }

  partition(): void {
    const { cluster, random } = this.#parts;
    if (this.#copying) return;
    const left = cluster.nodes.filter(() => random.chance(0.5));
    const right = cluster.nodes.filter((one) => !left.includes(one));
    cluster.cut(left, right);
  }

  isolate(node: number): void {
    const { cluster } = this.#parts;
    cluster.cut(
      [node],
      cluster.nodes.filter((one) => one !== node),
    );
  }

  oneWay(from: number, to: number): void {
    if (from !== to && !this.#copying) this.#parts.network.cut(from, to);
  }

  /** SIGSTOP to the daemon, and SIGCONT some time later. */
  pause(node: number, between: readonly [number, number]): void {
    const { cluster, random, time } = this.#parts;
    cluster.pause(node);
    time.after(random.between(...between), () => cluster.resume(node));
  }

  /**
   * A copy of the node's machine is started beside it, of the owner of the service more often than
   * of others; half of the time the original is cut off with what it runs, and then the daemons of
   * all others may start anew, which have not heard it. One at a time, and on the side of the
   * others: with an original on each side both could have a majority, which no node can know.
   */
  copyMachine(otherwise: number, service: string): void {
    const { cluster, random, time } = this.#parts;
    if (this.#copying) return;
    this.#copying = true;
    cluster.heal();
    const [owner = otherwise] = cluster.runningOn(service);
    const node =
      random.chance(0.7) && cluster.nodes.some((one) => one === owner) ? owner : otherwise;
    if (random.chance(0.5)) {
      this.isolate(node);
      if (random.chance(0.3)) this.#restartOthers(node);
    }
    const startedMs = random.between(0, 5000);
    this.later(startedMs, () => cluster.clone(node));
    const endsMs = startedMs + random.between(500, 40_000);
    const ends = random.pick(["copy", "copy", "original"] as const);
    this.later(endsMs, () => (ends === "copy" ? cluster.removeClone(node) : cluster.crash(node)));
    const aloneMs = endsMs + (ends === "copy" ? afterCopyMs : 0);
    time.after(aloneMs, () => {
      this.#copying = ends !== "copy";
    });
  }

  #restartOthers(node: number): void {
    const { cluster, random } = this.#parts;
    for (const other of cluster.nodes) {
      if (other === node) continue;
      cluster.killDaemon(other);
      this.later(random.between(100, 1000), () => this.boot(other));
    }
  }

  boot(node: number): void {
    const { cluster } = this.#parts;
    if (!cluster.isUp(node)) cluster.boot(node);
  }

  terminate(node: number): void {
    const { cluster } = this.#parts;
    if (!cluster.isPaused(node)) cluster.terminate(node);
  }

  /** For a while they cannot look at anything on the machine, for want of descriptors. */
  blind(node: number, who: "daemon" | "guard too"): void {
    const { cluster, random } = this.#parts;
    const host = cluster.host(node);
    host.blind = who;
    this.later(random.between(500, 20_000), () => {
      host.blind = "nobody";
    });
  }

  /** For a while what adds and removes addresses does its work late. */
  delayAddresses(node: number, means: VirtualHost["addressMeans"] = "command"): void {
    const { cluster, random } = this.#parts;
    const host = cluster.host(node);
    // A kernel that hangs takes longer than anybody waits for it.
    const hangs = means === "kernel" && random.chance(0.7);
    host.addressMs = hangs ? random.between(5000, 15_000) : random.between(100, 5000);
    host.addressMeans = means;
    this.later(random.between(500, 20_000), () => {
      host.addressMs = 2;
      host.addressMeans = "command";
    });
  }

  /** For a while what is killed takes its time to end. */
  delayKills(node: number): void {
    const { cluster, random } = this.#parts;
    const host = cluster.host(node);
    host.killMs = random.between(50, 900);
    this.later(random.between(500, 20_000), () => {
      host.killMs = 1;
    });
  }

  changeWeather(): void {
    const { network, random } = this.#parts;
    network.weather = {
      loss: random.chance(0.5) ? 0 : random.between(0, 0.15),
      duplication: random.chance(0.5) ? 0 : random.between(0, 0.1),
      delayMs: random.pick([0.2, 1, 4, 20]),
      jitterMs: random.pick([0, 1, 10]),
    };
  }

  /** For a while the script fails or is slow: the longest outlives detection and safe wait. */
  spoilAgent(node: number, scripts: readonly string[]): void {
    const { cluster, random, time } = this.#parts;
    const script = random.pick(scripts);
    const action = random.pick(["start", "start", "status", "stop"]);
    const { behaviours } = cluster.host(node);
    const takesMs = random.pick([5, 5, 400, 3000, 25_000]);
    behaviours.set(`${script} ${action}`, random.chance(0.6) ? { code: 1, takesMs } : { takesMs });
    time.after(random.between(500, 20_000), () => behaviours.delete(`${script} ${action}`));
  }

  /** A user asks on a node; half of the requests name the other one as the target. */
  request(
    node: number,
    target: number,
    choices: {
      readonly operations: readonly ServiceOperation[];
      readonly services: readonly string[];
    },
  ): void {
    const { cluster, random } = this.#parts;
    if (cluster.node(node) === null || cluster.isPaused(node)) return;
    cluster.request(node, random.pick(choices.operations), {
      service: random.pick(choices.services),
      ...(random.chance(0.5) ? { target } : {}),
    });
  }

  /** Somebody has another configuration on the node, and wants it on all. */
  reload(node: number, texts: readonly string[]): void {
    const { cluster, random } = this.#parts;
    if (cluster.node(node) === null || cluster.isPaused(node)) return;
    cluster.propose(node, random.pick(texts));
  }

  lock(node: number): void {
    const { cluster, random } = this.#parts;
    if (cluster.node(node) === null || cluster.isPaused(node)) return;
    cluster.lock(node, random.chance(0.5) ? "lock" : "unlock");
  }

  killProcess(node: number): void {
    const { cluster, random } = this.#parts;
    const { running } = cluster.host(node);
    if (running.size === 0) return;
    const process = random.pick([...running]);
    running.delete(process);
    // Every other node has cgroups; on the others it is noticed by polling.
    if (node % 2 === 0) cluster.checkNow(node, process.split(" ", 1)[0] ?? "");
  }

  /** For a while the machine has no room for another process. */
  exhaust(node: number): void {
    const { cluster, random } = this.#parts;
    cluster.host(node).exhausted = true;
    this.later(random.between(500, 30_000), () => {
      cluster.host(node).exhausted = false;
    });
  }

  toggleLink(node: number): void {
    const { cluster } = this.#parts;
    const host = cluster.host(node);
    host.linkUp = !host.linkUp;
    cluster.checkNow(node, null);
  }

  play(acts: readonly Act[], pace: Pace = usualPace): void {
    const { cluster, random, network, time } = this.#parts;
    const delayMs = random.pick([0.2, 1, 4]);
    network.weather = { loss: 0, duplication: 0, delayMs, jitterMs: delayMs };
    for (const node of cluster.nodes) {
      time.after(random.chance(0.7) ? 0 : random.between(0, 5000), () => this.boot(node));
    }
    const spacingMs = random.pick(pace.spacingMs);
    const next = () => random.between(0, 2 * spacingMs);
    for (let at = random.between(0, 5000); at < pace.faultsMs; at += next()) {
      time.after(at, () => this.#act(acts));
    }
    cluster.run(pace.faultsMs);
    this.#heal();
    // A daemon that was about to leave when everything was healed comes back, too.
    for (const pauseMs of [10_000, 20_000]) {
      cluster.run(pauseMs);
      for (const node of cluster.nodes) this.boot(node);
    }
    this.#mendFiles();
    const [first = 1] = cluster.nodes;
    new Release(cluster, first).insist();
    cluster.run(pace.restMs);
    cluster.run(this.#pendingRetryMs());
  }

  #act(acts: readonly Act[]): void {
    const { cluster, random } = this.#parts;
    const total = acts.reduce((sum, [weight]) => sum + weight, 0);
    let rest = random.between(0, total);
    for (const [weight, happen] of acts) {
      rest -= weight;
      if (rest > 0) continue;
      happen(random.pick(cluster.nodes), random.pick(cluster.nodes));
      return;
    }
  }

  #heal(): void {
    const { cluster, network } = this.#parts;
    this.#healed = true;
    network.weather = { loss: 0, duplication: 0, delayMs: 0.2, jitterMs: 0.1 };
    cluster.heal();
    for (const node of cluster.nodes) {
      // Whoever starts the originals now has switched it off: no node could know of it.
      cluster.removeClone(node, "fenced");
      const host = cluster.host(node);
      host.behaviours.clear();
      host.killStuck();
      host.linkUp = true;
      host.undying = false;
      host.exhausted = false;
      host.blind = "nobody";
      host.addressMs = 2;
      host.addressMeans = "command";
      host.killMs = 1;
      cluster.resume(node);
    }
    for (const node of cluster.nodes) this.boot(node);
  }

  /**
   * A newer file on some nodes than others have, after all were down, takes an operator: the file
   * of the nodes that work, or the newest where two halves are too few to work. A node that was
   * not counted for it is started anew also where the others have come to its file meanwhile.
   */
  #mendFiles(): void {
    const { cluster } = this.#parts;
    const newest = cluster.nodes.toSorted((a, b) => cluster.version(b) - cluster.version(a))[0];
    const working = cluster.nodes.find((node) => cluster.node(node)?.snapshot.table != null);
    const holder = working ?? newest;
    if (holder === undefined) return;
    const file = cluster.file(holder);
    const wrong = cluster.nodes.filter((node) => {
      const snapshot = cluster.node(node)?.snapshot;
      const refused = (snapshot?.refusal ?? null) !== null;
      return snapshot?.table == null && (refused || cluster.file(node) !== file);
    });
    for (const node of wrong) cluster.crash(node).setFile(node, file).boot(node);
    if (wrong.length > 0) cluster.run(20_000);
  }

  /** Until the last retry that failed starts have postponed, and its start. */
  #pendingRetryMs(): number {
    const { cluster } = this.#parts;
    const [first = 1] = cluster.nodes;
    const table = cluster.node(first)?.snapshot.table?.snapshot();
    const due = (table?.services ?? []).map((one) => one.retryAt ?? 0);
    return table === undefined ? 0 : Math.max(0, Math.max(...due) - table.nowMs) + 10_000;
  }
}
