/**
 * One random run of clients of process groups on a whole simulated cluster, services included, from
 * one seed: clients come, send, leave and die while nodes and network fail; then all is healed, and
 * every node must know the same members, all of them alive.
 */
import { groupLimits } from "../../src/groups/group-events.ts";
import type { GroupClients } from "../../src/life/group-clients.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { group } from "../groups/group-nodes.ts";
import { Cluster } from "./cluster.ts";
import { GroupJudge, observer, watched } from "./group-judge.ts";
import { HostileMembership } from "./hostile-membership.ts";
import { judgeOwners, Violation } from "./judges.ts";
import { Random } from "./random.ts";
import { RingNetwork } from "./ring-network.ts";
import { sampleConf } from "./sample-conf.ts";
import { VirtualTime } from "./virtual-time.ts";
import { WatchedGroups } from "./watched-groups.ts";

export type GroupVerdict = {
  readonly breach: string | null;
  readonly messages: number;
  readonly rings: number;
};

export type GroupRunOptions = {
  /** Probability that a node's groups do not get a frame they should. */
  readonly deafness?: number;
};

const faultsMs = 20_000;
const restMs = 15_000;
const groups = [watched, "other"];

type Client = { readonly number: number; readonly group: string; readonly ticket: string };

export function runGroupSchedule(seed: number, options: GroupRunOptions = {}): GroupVerdict {
  const random = new Random(seed);
  const conf = sampleConf({ nodes: 3 + (seed % 3) });
  const time = new VirtualTime();
  const network = new RingNetwork(random);
  const nodes = conf.nodes.map((node) => node.id);
  const judge = new GroupJudge();
  const membership = new HostileMembership(time, nodes, { network });
  const { deafness = 0 } = options;
  const loses = () => deafness > 0 && random.chance(deafness);
  const groups = (self: NodeId) => new WatchedGroups(self, { witness: judge, loses });
  const cluster = new Cluster({ conf, time, membership, judge: judgeOwners, groups });
  const run = new Run({ cluster, random, time, network });
  try {
    run.play();
    judge.finish();
    run.judgeRest();
  } catch (error) {
    const breach = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { breach, messages: judge.messages, rings: judge.rings };
  }
  return { breach: null, messages: judge.messages, rings: judge.rings };
}

type Parts = {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly time: VirtualTime;
  readonly network: RingNetwork;
};

class Run {
  readonly #parts: Parts;
  readonly #clients = new Map<GroupClients, Client[]>();
  #numbers = observer;
  #messages = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  play(): void {
    const { cluster, random, network, time } = this.#parts;
    const delayMs = random.pick([0.2, 1, 4]);
    network.weather = { loss: 0, duplication: 0, delayMs, jitterMs: delayMs };
    for (const node of cluster.nodes) cluster.boot(node);
    this.#every(random.pick([50, 200]), () => this.#clientActs());
    const spacingMs = random.pick([400, 2000]);
    for (let at = random.between(0, 3000); at < faultsMs; at += random.between(0, 2 * spacingMs)) {
      time.after(at, () => this.#fault());
    }
    cluster.run(faultsMs);
    network.weather = { loss: 0, duplication: 0, delayMs: 0.2, jitterMs: 0.1 };
    cluster.heal();
    for (const node of cluster.nodes) {
      cluster.resume(node);
      if (!cluster.isUp(node)) cluster.boot(node);
    }
    cluster.run(restMs);
  }

  /** Every node knows the same members, and they are those that are there. */
  judgeRest(): void {
    const { cluster } = this.#parts;
    const lives = cluster.nodes.flatMap((node) => {
      const clients = cluster.groups(node);
      return clients === null ? [] : [{ node, clients }];
    });
    if (lives.length < cluster.nodes.length) throw new Violation("not every node is there");
    const expected = groups.map((name) => ({
      name,
      members: lives.flatMap(({ node, clients }) =>
        (this.#clients.get(clients) ?? [])
          .filter((client) => client.group === name)
          .map(({ number }) => ({ node, process: number })),
      ),
    }));
    const wanted = JSON.stringify(expected.filter(({ members }) => members.length > 0));
    for (const { node, clients } of lives) {
      const listing = clients.listing();
      const shown = JSON.stringify(listing.groups);
      if (shown !== wanted) throw new Violation(`node ${node} knows ${shown}, not ${wanted}`);
      const { queuedBytes, malformed } = listing.counters;
      if (queuedBytes + malformed > 0) throw new Violation(`node ${node}: ${queuedBytes} queued`);
    }
  }

  #every(periodMs: number, act: () => void): void {
    const { time } = this.#parts;
    const again = () => {
      // Quiet at the end, so that everything comes to rest.
      if (time.nowMs > faultsMs + restMs - 3000) return;
      act();
      time.after(periodMs, again);
    };
    time.after(periodMs, again);
  }

  #clientActs(): void {
    const { cluster, random } = this.#parts;
    for (const node of cluster.nodes) {
      const life = cluster.groups(node);
      if (life === null || cluster.isPaused(node) || cluster.node(node) === null) continue;
      const clients = this.#clients.get(life) ?? [];
      this.#clients.set(life, clients);
      if (!clients.some(({ number }) => number === observer)) {
        this.#join(life, { number: observer, group: watched });
      } else if (random.chance(0.05) && clients.length < 4) {
        this.#numbers += 1;
        this.#join(life, { number: this.#numbers, group: random.pick(groups) });
      } else if (random.chance(0.03)) {
        this.#end(life, random.pick(clients));
      } else if (random.chance(0.5)) {
        this.#send(life, { node, client: random.pick(clients) });
      }
    }
  }

  #join(life: GroupClients, { number, group: name }: Omit<Client, "ticket">): void {
    const wanted = { group: group(name), process: number };
    const joined = life.join(wanted, { write: () => undefined, end: () => undefined });
    if (!joined.ok) return;
    this.#clients.get(life)?.push({ number, group: name, ticket: joined.value });
  }

  #end(life: GroupClients, client: Client): void {
    const { number, ticket } = client;
    if (number === observer) return;
    if (this.#parts.random.chance(0.5)) life.disconnect(ticket);
    else {
      // Its stream ends when the leave was ordered, or with the life.
      const leaves = life.leave(group(client.group), ticket);
      if (!leaves.ok) return;
    }
    const clients = this.#clients.get(life) ?? [];
    clients.splice(clients.indexOf(client), 1);
  }

  #send(
    life: GroupClients,
    { node, client }: { readonly node: NodeId; readonly client: Client },
  ): void {
    const { random } = this.#parts;
    this.#messages += 1;
    const long = groupLimits.partBytesMax * 2 + 1;
    const bytes = random.chance(0.03) ? long : random.pick([100, 3000]);
    const payload = Buffer.alloc(bytes, " ");
    payload.write(`${node}/${client.number}#${this.#messages}#`);
    void life.multicast(group(client.group), client.ticket, payload);
  }

  #fault(): void {
    const { cluster, random, network, time } = this.#parts;
    const node = random.pick(cluster.nodes);
    const left = cluster.nodes.filter(() => random.chance(0.5));
    switch (random.pick(["cut", "heal", "heal", "crash", "boot", "boot", "pause", "weather"])) {
      case "cut":
        cluster.cut(
          left,
          cluster.nodes.filter((one) => !left.includes(one)),
        );
        return;
      case "heal":
        cluster.heal();
        return;
      case "crash":
        cluster.crash(node);
        return;
      case "boot":
        if (!cluster.isUp(node)) cluster.boot(node);
        return;
      case "pause":
        cluster.pause(node);
        time.after(random.between(100, 3000), () => cluster.resume(node));
        return;
      case "weather":
        network.weather = {
          loss: random.pick([0, 0.02, 0.1]),
          duplication: random.pick([0, 0.05]),
          delayMs: random.pick([0.2, 1, 4]),
          jitterMs: random.pick([0, 1, 10]),
        };
        return;
    }
  }
}
