/**
 * One random run of faults that no broker dies of by itself: networks that are away as a whole or
 * in parts, and machines that are starved. Between two of them the brokers are in step again, so
 * that no acknowledged message may be lost, whatever clusterd stops.
 */
import type { NodeId } from "../../src/model/ids.ts";
import { accept } from "../../src/model/outcome.ts";
import { BrokerModel } from "./broker-model.ts";
import { Cluster, service } from "./cluster.ts";
import { type ClusterVerdict, verdictOf } from "./cluster-schedule.ts";
import { HostileMembership } from "./hostile-membership.ts";
import { ClusterJudge, Violation } from "./judges.ts";
import { Random } from "./random.ts";
import { RingNetwork } from "./ring-network.ts";
import { sampleConf, watchdogFencing } from "./sample-conf.ts";
import { VirtualBrokers } from "./virtual-brokers.ts";
import { VirtualProcesses } from "./virtual-processes.ts";
import { settled } from "./virtual-promise.ts";
import { VirtualTime } from "./virtual-time.ts";

const primary = "qpidd-primary-service";
const primaryScript = "/etc/init.d/qpidd-primary";
/** Detection, safe wait, clean-up, start, a failed start and its retry, three times. */
const settleMsMax = 240_000;

export function runOutageSchedule(seed: number): ClusterVerdict {
  const random = new Random(seed);
  const time = new VirtualTime();
  const fencing = random.chance(0.3) ? watchdogFencing : {};
  // Where brokers are not observed, the search knows what is wrong without it.
  const qpid = random.chance(0.8) ? "observe" : "off";
  // Every fourth seed: brokers that are stuck without their primary, as those of qpidd are.
  const sticks = qpid === "observe" && seed % 4 === 2;
  const hangRecovery = sticks && random.chance(0.8) ? "restart" : "report";
  const options = { fencing, qpid, hangRecovery } as const;
  const conf = sampleConf({ nodes: random.pick([3, 3, 4, 5]), ...options });
  const network = new RingNetwork(random);
  const nodes = conf.nodes.map((node) => node.id);
  const membership = new HostileMembership(time, nodes, { network });
  const judge = new ClusterJudge(time, conf.fencing);
  const cluster: Cluster = new Cluster({
    ...{ conf, time, membership, judge: (seen) => judge.look(seen) },
    brokerPorts: (node, process) => ({
      brokers: new VirtualBrokers(brokers.seenOn(node), process, time),
      readConf: () => settled({ path: "/etc/qpid/qpidd.conf", text: accept("ha-cluster=yes\n") }),
      memory: brokers.memoryOf(node),
      connections: brokers.connectionsOf(node),
      processes: new VirtualProcesses({ host: cluster.host(node), process, fenceAgent: noAgent }),
    }),
  });
  const brokers: BrokerModel = new BrokerModel({ cluster, network, time, sticks });
  const outages = new Outages({ cluster, random, time, network, sticks }, brokers);
  return verdictOf(seed, { cluster, time }, () => {
    for (const node of nodes) cluster.boot(node);
    for (let round = random.below(4) + 2; round > 0; round -= 1) outages.play();
    judge.finish(cluster);
  });
}

const noAgent = () => ({ takesMs: 1, end: () => 1 });

type Parts = {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly time: VirtualTime;
  readonly network: RingNetwork;
  readonly sticks: boolean;
};

class Outages {
  readonly #parts: Parts;
  readonly #brokers: BrokerModel;

  constructor(parts: Parts, brokers: BrokerModel) {
    this.#parts = parts;
    this.#brokers = brokers;
  }

  /** Waits until all is well, lets something happen, heals it, and counts. */
  play(): void {
    const { cluster, random } = this.#parts;
    this.#settle();
    cluster.run(random.between(0, 3000));
    const kind = random.below(cluster.conf.services.brokers === "observe" ? 12 : 8);
    this.#say(`outage ${kind}`);
    if (this.#parts.sticks && random.chance(0.5)) {
      this.#hang();
      this.#end();
      return;
    }
    if (random.chance(0.3)) this.#hangPrimary();
    else if (random.chance(0.2)) this.#relocate();
    if (kind <= 1) this.#allPortsDown();
    else if (kind === 2) this.#partition();
    else if (kind === 3) this.#swap();
    else if (kind <= 5) this.#starve(cluster.nodes);
    else if (kind === 6) this.#starve(cluster.nodes.filter(() => random.chance(0.5)));
    else if (kind === 7) this.#oneWay();
    else if (kind <= 9) this.#leaveBehind();
    else if (kind === 10) this.#standStill();
    else this.#diesAgain();
    this.#end();
  }

  /** All is as before, and is waited for. */
  #end(): void {
    const { cluster } = this.#parts;
    cluster.heal();
    this.#brokers.heal();
    for (const node of cluster.nodes) {
      cluster.host(node).behaviours.clear();
      cluster.host(node).killStuck();
      cluster.resume(node);
    }
    this.#settle();
  }

  #settle(): void {
    const { cluster } = this.#parts;
    cluster.run(5000);
    for (let waitedMs = 0; !this.#atRest(); waitedMs += 500) {
      this.#repair(waitedMs);
      cluster.run(500);
      if (waitedMs < settleMsMax) continue;
      throw new Violation(`liveness: the brokers are not in step: ${this.#brokers.describe()}`);
    }
    this.#brokers.judge();
    this.#say(this.#brokers.describe());
  }

  /**
   * A stop that hung until it was killed has failed: an operator looks, and starts it again. Of
   * brokers that stand still for long an operator restarts those that the status names, one by one.
   */
  #repair(waitedMs: number): void {
    const { cluster } = this.#parts;
    const [node] = cluster.nodes;
    if (node === undefined) return;
    const patient = waitedMs < 60_000;
    const remedy = patient ? "" : this.#remedy(node);
    for (const [, own = ""] of remedy.matchAll(/clusvcadm-ts -R service:(\S+);/g)) {
      this.#say(`an operator restarts ${own}`);
      cluster.request(node, "restart", { service: own });
      cluster.run(5000);
    }
    if (cluster.record(node, primary)?.state !== "failed") return;
    cluster.request(node, "disable", { service: primary });
    cluster.run(1000);
    cluster.request(node, "enable", { service: primary });
  }

  #remedy(node: NodeId): string {
    const table = this.#parts.cluster.node(node)?.snapshot.table ?? null;
    return table?.wait(service(primary))?.remedy ?? "";
  }

  /** The brokers are in step, and every node sees all services started. */
  #atRest(): boolean {
    const { cluster } = this.#parts;
    const tables = cluster.nodes.map((node) => cluster.node(node)?.snapshot.table ?? null);
    // A node that stands still may be in the middle of a step, and has no snapshot then.
    const names = cluster.conf.services.services.map(({ name }) => name);
    const started = tables.every((table) => {
      return names.every((name) => table?.service(name)?.state === "started");
    });
    return started && this.#brokers.settled;
  }

  /** For a second, for as long as a lease, or for long. */
  #while(): void {
    const { cluster, random } = this.#parts;
    cluster.run(random.pick([random.between(300, 3000), random.between(3000, 12_000), 60_000]));
  }

  #allPortsDown(): void {
    const { cluster } = this.#parts;
    cluster.cut(...cluster.nodes.map((node) => [node]));
    this.#while();
  }

  #partition(): void {
    const { cluster, random } = this.#parts;
    const left = cluster.nodes.filter(() => random.chance(0.5));
    cluster.cut(
      left,
      cluster.nodes.filter((node) => !left.includes(node)),
    );
    this.#while();
  }

  /** Two majorities, one after the other: whoever is in both has everything. */
  #swap(): void {
    const { cluster, random } = this.#parts;
    for (const _ of [1, 2]) {
      const alone = random.pick(cluster.nodes);
      const rest = cluster.nodes.filter((node) => node !== alone);
      cluster.cut([alone], rest);
      this.#say(`node${alone} is alone`);
      cluster.run(random.between(20_000, 40_000));
    }
  }

  /** Their daemons stand still, at about the same time; brokers and guards do not. */
  #starve(nodes: readonly NodeId[]): void {
    const { cluster, random, time } = this.#parts;
    for (const node of nodes) {
      time.after(random.between(0, 200), () => cluster.pause(node));
      const forMs = random.pick([random.between(500, 4000), random.between(4000, 20_000)]);
      time.after(200 + forMs, () => cluster.resume(node));
    }
    cluster.run(25_000);
  }

  #oneWay(): void {
    const { cluster, random, network } = this.#parts;
    const [one, other] = [random.pick(cluster.nodes), random.pick(cluster.nodes)];
    if (one !== other) network.cut(one, other);
    this.#while();
  }

  /**
   * The broker of one node is cut off from all others, and left behind; then the primary dies, or
   * an operator wants it there.
   */
  #leaveBehind(): void {
    const { cluster, random } = this.#parts;
    const [owner] = cluster.runningOn(primary);
    const backups = cluster.nodes.filter((node) => node !== owner);
    if (owner === undefined) return;
    const behind = random.pick(backups);
    this.#say(`the broker of node${behind} is cut off, the primary is on node${owner}`);
    this.#brokers.apart.add(behind);
    cluster.run(random.pick([random.between(1000, 12_000), random.between(12_000, 20_000)]));
    const target = random.chance(0.7) ? behind : random.pick(backups);
    if (random.chance(0.4)) cluster.request(owner, "relocate", { service: primary, target });
    else if (random.chance(0.7)) this.#brokers.end(owner);
    else cluster.crash(owner);
    if (random.chance(0.3)) this.#brokers.heal();
    this.#while();
    if (!cluster.nodes.every((node) => cluster.node(node) !== null)) cluster.boot(owner);
  }

  /** The primary ends, and the next one as soon as it is one, before the others have come to it. */
  #diesAgain(): void {
    const { cluster, random } = this.#parts;
    const [owner] = cluster.runningOn(primary);
    if (owner === undefined) return;
    this.#brokers.end(owner);
    for (let waits = 0; waits < 2000; waits += 1) {
      cluster.run(10);
      const [next] = cluster.runningOn(primary);
      if (next === undefined || next === owner) continue;
      cluster.run(random.between(0, 600));
      this.#say(`the primary on node${next} ends, too`);
      this.#brokers.end(next);
      break;
    }
    this.#while();
  }

  /** A broker stands still for so long that it may be killed, and wakes up. */
  #standStill(): void {
    const { cluster, random } = this.#parts;
    const [owner] = cluster.runningOn(primary);
    // Without the others the two still have quorum.
    const two = cluster.nodes.length <= 3;
    if (owner !== undefined && two && random.chance(0.6)) {
      this.#lastBackupStandsStill(owner);
      return;
    }
    const still = random.chance(0.5) && owner !== undefined ? owner : random.pick(cluster.nodes);
    this.#say(`the broker of node${still} stands still`);
    this.#brokers.seenOn(still).stop();
    cluster.run(random.pick([random.between(200, 3000), random.between(500, 8000)]));
    if (random.chance(0.6)) this.#relocate();
    cluster.run(random.between(500, 8000));
    this.#brokers.heal();
    this.#while();
  }

  /** The only other broker has just begun to stand still, and an operator moves the primary. */
  #lastBackupStandsStill(owner: NodeId): void {
    const { cluster, random } = this.#parts;
    const last = random.pick(cluster.nodes.filter((node) => node !== owner));
    const away = cluster.nodes.filter((node) => node !== owner && node !== last);
    for (const node of away) cluster.crash(node);
    cluster.run(random.between(8000, 20_000));
    this.#say(`the broker of node${last} stands still, the primary is on node${owner}`);
    this.#brokers.seenOn(last).stop();
    cluster.run(random.between(0, 2500));
    if (random.chance(0.3)) cluster.request(owner, "restart", { service: primary });
    else cluster.request(owner, "relocate", { service: primary, target: last });
    cluster.run(random.between(500, 20_000));
    this.#brokers.heal();
    this.#while();
    for (const node of away) if (cluster.node(node) === null) cluster.boot(node);
  }

  /**
   * Backups start anew, and the primary dies before one of them has copied it: a standstill. One
   * backup may have everything, but answers nobody who asks, and no other broker reaches it.
   */
  #hang(): void {
    const { cluster, random } = this.#parts;
    const [owner] = cluster.runningOn(primary);
    if (owner === undefined) return;
    const backups = cluster.nodes.filter((node) => node !== owner);
    const spared = random.chance(0.4) ? random.pick(backups) : null;
    const restarted = backups.filter((node) => node !== spared);
    this.#brokers.copies = false;
    for (const node of restarted) this.#brokers.end(node);
    for (let waits = 0; waits < 200 && !this.#brokers.catchUp(restarted); waits += 1) {
      cluster.run(100);
    }
    if (!this.#brokers.catchUp(restarted)) return;
    if (spared !== null) this.#brokers.seenOn(spared).forbids = "ACL denied";
    cluster.run(random.between(1000, 3000));
    this.#say(`the primary on node${owner} ends, and all others catch up but ${spared}`);
    if (spared === null) {
      this.#brokers.forfeit(owner);
      this.#meanwhile(owner);
    } else {
      this.#brokers.end(owner);
      // Others that saw it would refuse to be promoted.
      this.#brokers.apart.add(spared);
      this.#brokers.copies = true;
      cluster.run(random.between(20_000, 80_000));
    }
  }

  /** The primary of the node has ended, and this and that happens. */
  #meanwhile(owner: NodeId): void {
    const { cluster, random } = this.#parts;
    if (random.chance(0.8)) this.#brokers.end(owner);
    else cluster.crash(owner);
    this.#brokers.copies = true;
    for (let events = random.below(3); events > 0; events -= 1) {
      cluster.run(random.between(0, 45_000));
      // From now on there is something to lose again.
      if (cluster.runningOn(primary).length > 0) break;
      const node = random.pick(cluster.nodes);
      const event = random.below(5);
      this.#say(`meanwhile ${event} on node${node}`);
      if (event === 0) this.#brokers.end(node);
      else if (event === 1) this.#crashFor(node);
      else if (event === 2) this.#starve([node]);
      else if (event === 3) this.#partition();
      else this.#relocate();
    }
    cluster.run(random.between(0, 60_000));
    if (cluster.node(owner) === null) cluster.boot(owner);
  }

  #crashFor(node: NodeId): void {
    const { cluster, random } = this.#parts;
    if (cluster.node(node) === null) return;
    cluster.crash(node);
    cluster.run(random.between(0, 30_000));
    cluster.boot(node);
  }

  #hangPrimary(): void {
    const { cluster } = this.#parts;
    const [owner] = cluster.runningOn(primary);
    if (owner === undefined) return;
    cluster.host(owner).behaviours.set(`${primaryScript} stop`, { takesMs: null });
    this.#say(`the stop of the primary on node${owner} hangs`);
  }

  #relocate(): void {
    const { cluster, random } = this.#parts;
    const [node, target] = [random.pick(cluster.nodes), random.pick(cluster.nodes)];
    cluster.request(node, "relocate", { service: primary, target });
  }

  #say(text: string): void {
    const { cluster, time } = this.#parts;
    cluster.log.push(`${Math.round(time.nowMs)} ${text}`);
  }
}
