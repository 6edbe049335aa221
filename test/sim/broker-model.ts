/**
 * Brokers that replicate in memory, as qpidd does: one is active, the others copy it; a message is
 * acknowledged when every copy that counts has it. Lives on the machines of a simulated cluster and
 * knows nothing of clusterd but which processes run.
 * Source: qpid cpp: ha/PrimaryBroker, ha/ReplicatingSubscription; the manual, "Active-passive
 * messaging clusters".
 */
import type { BrokerMember, BrokerStatus } from "../../src/brokers/broker-status.ts";
import type { TcpConnections } from "../../src/io/network-ports.ts";
import type { PromotionMemory } from "../../src/life/broker-observer.ts";
import { accept } from "../../src/model/outcome.ts";
import { brokerStatus, systemId } from "../brokers/statuses.ts";
import type { Cluster } from "./cluster.ts";
import { Violation } from "./judges.ts";
import type { RingNetwork } from "./ring-network.ts";
import { VirtualBroker } from "./virtual-brokers.ts";
import { settled } from "./virtual-promise.ts";
import type { VirtualTime } from "./virtual-time.ts";

const primaryProcess = "service:qpidd-primary-service /etc/init.d/qpidd-primary";
const primaryScript = "/etc/init.d/qpidd-primary";
/** Of a start: it has failed, and nobody was primary in between. */
const notRunning = 7;
const stepMs = 25;
/** From its promotion until a primary has been found by those that it waits for. */
const recoverMs = 300;
/** From the first connection until a backup has everything. */
const catchUpMs = 300;
/** A backup that is not heard any more counts for so long; longer than lease and kill together. */
const heartbeatMs = 12_000;

type Broker = {
  readonly node: number;
  readonly systemId: string;
  /** The list of its primary, when it heard of it last. */
  members: readonly BrokerMember[];
  state: "joining" | "catchup" | "ready" | "active";
  /** It was not alone in joining when it started, and refuses to be promoted while it joins. */
  readonly refuses: boolean;
  /** Active from then on; until then it is recovering, and acknowledges nothing. */
  activeFromMs: number;
  messages: Journal;
  /** When the active broker last had a connection to it, and since when it has had one. */
  heardAtMs: number;
  connectedAtMs: number | null;
};

/**
 * Messages of one broker, in the order in which they were sent. Copies share the list as long as
 * nobody goes on differently: a copy costs the same, however many there are.
 */
class Journal {
  #list: number[];
  #count: number;

  constructor(list: number[] = [], count = list.length) {
    this.#list = list;
    this.#count = count;
  }

  get size(): number {
    return this.#count;
  }

  copy(): Journal {
    return new Journal(this.#list, this.#count);
  }

  /** `message`: higher than all before. */
  add(message: number): void {
    if (this.#list.length > this.#count) this.#list = this.#list.slice(0, this.#count);
    this.#list.push(message);
    this.#count += 1;
  }

  has(message: number): boolean {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#list[middle] ?? 0) < message) low = middle + 1;
      else high = middle;
    }
    return low < this.#count && this.#list[low] === message;
  }
}

export type BrokerParts = {
  readonly cluster: Cluster;
  readonly network: RingNetwork;
  readonly time: VirtualTime;
  /** As with qpidd: what catches up when its primary ends is stuck, and what joins then refuses. */
  readonly sticks: boolean;
};

export class BrokerModel {
  readonly #parts: BrokerParts;
  readonly #brokers = new Map<number, Broker>();
  readonly #acknowledged = new Set<number>();
  #unacknowledged: number[] = [];
  #sent = 0;
  #started = 0;
  /** As the observers of the nodes see them. */
  readonly #seen = new Map<number, VirtualBroker>();
  readonly #memories = new Map<number, PromotionMemory>();
  /** Acknowledged messages that have ended with the only broker that had them. */
  #forfeited: ReadonlySet<number> = new Set();
  /** Backups get what they lack. */
  copies = true;
  /** Brokers that no other one reaches, whatever the network of the nodes is like. */
  readonly apart = new Set<number>();

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    for (const node of parts.cluster.nodes) {
      this.seenOn(node).status = () => this.#statusOf(node);
      const host = parts.cluster.host(node);
      host.running.onChange = (process, what) => this.#onProcess(node, process, what);
      host.insight = (file, verb) => this.#insight(node, file, verb);
      host.words = (file, verb) => this.#words(node, file, verb);
    }
    this.#step();
  }

  seenOn(node: number): VirtualBroker {
    const known = this.#seen.get(node) ?? new VirtualBroker();
    this.#seen.set(node, known);
    return known;
  }

  /** What the node has stored. */
  memoryOf(node: number): PromotionMemory {
    const known = this.#memories.get(node) ?? {
      last: null,
      remember(last) {
        Object.assign(this, { last });
      },
    };
    this.#memories.set(node, known);
    return known;
  }

  /** An end of the connections with another broker counts as if that one had ended. */
  connectionsOf(node: number): TcpConnections {
    const named = (addresses: readonly string[]) =>
      [...this.#brokers.values()].filter((broker) => {
        return addresses.some((host) => host.split(".")[0] === `node${broker.node}`);
      });
    return {
      resolve: (host) => settled([host]),
      end: ({ addresses }) => {
        const primary = this.#brokers.get(node)?.state === "active";
        for (const broker of primary ? named(addresses) : []) broker.heardAtMs = -heartbeatMs;
        return settled(accept(1));
      },
      answers: ({ addresses }) =>
        settled(named(addresses).some((broker) => this.#connected(node, broker.node))),
    };
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** One active broker, and every other one has all that it has. */
  get settled(): boolean {
    const states = [...this.#brokers.values()].map(({ state }) => state);
    const actives = states.filter((state) => state === "active").length;
    return actives === 1 && states.length === this.#parts.cluster.nodes.length && !this.#joins;
  }

  /** Whoever is active has every acknowledged message. */
  judge(): void {
    for (const { node, messages, state } of this.#brokers.values()) {
      if (state !== "active") continue;
      const lost = [...this.#acknowledged].filter((message) => {
        return !messages.has(message) && !this.#forfeited.has(message);
      });
      if (lost.length === 0) continue;
      const of = `${lost.length} of ${this.#acknowledged.size}`;
      throw new Violation(`lost acknowledged messages: ${of} are not on node ${node}`);
    }
  }

  /**
   * The only broker that has everything is about to end, by no fault of clusterd: what no other one
   * has is lost, and no more than that may be. False: another one is ready.
   */
  forfeit(node: number): boolean {
    const others = [...this.#brokers.values()].filter((one) => one.node !== node);
    if (others.some(({ state }) => state === "ready")) return false;
    const lost = [...this.#acknowledged].filter((message) => {
      return !others.some(({ messages }) => messages.has(message));
    });
    this.#forfeited = new Set([...this.#forfeited, ...lost]);
    return true;
  }

  /** The brokers of these nodes run, and copy the primary. */
  catchUp(nodes: readonly number[]): boolean {
    return nodes.every((node) => this.#brokers.get(node)?.state === "catchup");
  }

  describe(): string {
    const words = [...this.#brokers.values()].map(({ node, state, messages }) => {
      return `node${node} ${state} ${messages.size}`;
    });
    return `${words.join(", ")}; acknowledged ${this.#acknowledged.size}`;
  }

  get #joins(): boolean {
    return [...this.#brokers.values()].some(({ state }) => {
      return state === "joining" || state === "catchup";
    });
  }

  #onProcess(node: number, process: string, what: "begins" | "ends"): void {
    const { time } = this.#parts;
    if (process === brokerProcess(node)) {
      this.#brokers.delete(node);
      this.seenOn(node).kill();
      if (what === "ends") return;
      this.#started += 1;
      const fresh = { heardAtMs: time.nowMs, connectedAtMs: null, messages: new Journal() };
      const named = { systemId: systemId(this.#started), members: [], activeFromMs: 0 };
      const refuses = this.#parts.sticks && this.#othersWork(node);
      this.#brokers.set(node, { node, state: "joining", refuses, ...named, ...fresh });
      this.seenOn(node).start();
    }
    if (process !== primaryProcess) return;
    const broker = this.#brokers.get(node);
    if (broker === undefined) return;
    if (what === "begins") {
      const other = [...this.#brokers.values()].find(({ state }) => state === "active");
      if (other !== undefined && other !== broker) {
        throw new Violation(`two primaries: node ${other.node} is active, and now node ${node}`);
      }
      broker.state = "active";
      // The backups come to it one after the other.
      broker.activeFromMs = time.nowMs + recoverMs;
      broker.members = [entryOf(broker, "recovering")];
      this.judge();
      // What was not acknowledged the clients send again.
      this.#unacknowledged = [];
    } else if (broker.state === "active" && !this.#standsStill(node)) this.#end(node);
  }

  /** Promotes what is ready, or, where nobody is, the first one; a check sees what is active. */
  #insight(node: number, file: string, verb: string): number | null {
    if (file !== primaryScript) return null;
    const own = this.#brokers.get(node);
    if (verb === "status") return own?.state === "active" ? 0 : 3;
    // A backup that has lost its primary may not answer, as a frozen primary does: it is ended.
    // One that stands still is not: its script believes that it is no primary.
    const { sticks } = this.#parts;
    const ends = own !== undefined && !this.#serves(own) && !this.#standsStill(node) && !sticks;
    if (verb === "stop" && ends) this.#end(node);
    if (verb !== "start") return null;
    if (own === undefined) return notRunning;
    if (sticks) return own.state === "catchup" || this.#refuses(own) ? notRunning : null;
    return own.state === "ready" || !this.#othersWork(node) ? null : notRunning;
  }

  /** As qpid-ha prints it. */
  #words(node: number, file: string, verb: string): string {
    const own = this.#brokers.get(node);
    const asked = file === primaryScript && verb === "start";
    if (!asked || own === undefined || !this.#refuses(own)) return "";
    return "Exception: Joining active cluster, cannot be promoted.";
  }

  #refuses({ state, refuses }: Broker): boolean {
    return state === "joining" && refuses;
  }

  /** Whether one that it reaches is anything else than joining. */
  #othersWork(node: number): boolean {
    const seen = [...this.#brokers.values()].filter((one) => this.#connected(node, one.node));
    return seen.some((one) => one.node !== node && one.state !== "joining");
  }

  #serves(one: Broker): boolean {
    const others = [...this.#brokers.values()].filter(({ node }) =>
      this.#connected(one.node, node),
    );
    return one.state !== "active" && others.some(({ state }) => state === "active");
  }

  /** All brokers that run reach each other, and answer. */
  heal(): void {
    this.copies = true;
    this.apart.clear();
    for (const seen of this.#seen.values()) {
      seen.forbids = null;
      seen.goOn();
    }
  }

  /** The process of the broker ends. */
  end(node: number): void {
    this.#end(node);
  }

  #standsStill(node: number): boolean {
    return this.seenOn(node).process === "stopped";
  }

  #end(node: number): void {
    this.#parts.cluster.host(node).running.delete(brokerProcess(node));
  }

  /** A broker that has just ended is asked nothing. */
  #statusOf(node: number): BrokerStatus {
    const broker = this.#brokers.get(node);
    if (broker === undefined) return brokerStatus("joining");
    const { state, systemId: identity, members } = broker;
    const shown = this.#recovers(broker) ? "recovering" : state;
    return brokerStatus(shown, { systemId: identity, members });
  }

  #recovers({ state, activeFromMs }: Broker): boolean {
    return state === "active" && this.#parts.time.nowMs < activeFromMs;
  }

  #step(): void {
    const { time } = this.#parts;
    for (const broker of this.#brokers.values()) {
      const serves = broker.state === "active" && !this.#recovers(broker);
      if (serves && !this.#standsStill(broker.node)) this.#serve(broker);
    }
    time.after(stepMs, () => this.#step());
  }

  /** The active broker copies to whom it reaches, takes a message, and acknowledges. */
  #serve(active: Broker): void {
    const { nowMs } = this.#parts.time;
    const counted: Broker[] = [];
    const reached: Broker[] = [];
    for (const one of this.#brokers.values()) {
      if (one === active || one.state === "active") continue;
      if (!this.#connected(active.node, one.node)) {
        one.connectedAtMs = null;
        if (one.state === "ready" && nowMs - one.heardAtMs < heartbeatMs) counted.push(one);
        continue;
      }
      one.connectedAtMs ??= nowMs;
      one.heardAtMs = nowMs;
      reached.push(one);
      const has = one.state === "ready" && one.messages.size <= active.messages.size;
      if (this.#parts.sticks && one.state === "joining") this.#turn(one, "catchup");
      if (!has && (!this.copies || nowMs - one.connectedAtMs < catchUpMs)) continue;
      one.state = "ready";
      one.messages = active.messages.copy();
      counted.push(one);
    }
    this.#list(active, { counted, reached });
    this.#sent += 1;
    active.messages.add(this.#sent);
    this.#unacknowledged.push(this.#sent);
    const safe = this.#unacknowledged.filter((message) => {
      return active.messages.has(message) && counted.every(({ messages }) => messages.has(message));
    });
    for (const message of safe) this.#acknowledged.add(message);
    this.#unacknowledged = this.#unacknowledged.filter((message) => !safe.includes(message));
  }

  #turn(one: Broker, state: Broker["state"]): void {
    one.state = state;
    this.seenOn(one.node).tellMembers();
  }

  /** A primary tells all that it reaches before it goes on without another one. */
  #list(
    active: Broker,
    {
      counted,
      reached,
    }: { readonly counted: readonly Broker[]; readonly reached: readonly Broker[] },
  ): void {
    const joining = reached.filter((one) => !counted.includes(one));
    const members = [
      entryOf(active, "active"),
      ...counted.map((one) => entryOf(one, "ready")),
      ...joining.map((one) => entryOf(one, "catchup")),
    ];
    if (JSON.stringify(members) === JSON.stringify(active.members)) return;
    for (const one of [active, ...reached]) {
      one.members = members;
      this.seenOn(one.node).tellMembers();
    }
  }

  #connected(one: number, other: number): boolean {
    if (one === other) return true;
    if (this.#standsStill(one) || this.#standsStill(other)) return false;
    if (this.apart.has(one) || this.apart.has(other)) return false;
    return this.#parts.network.connects(one, other);
  }
}

function entryOf({ node, systemId: identity }: Broker, state: BrokerMember["state"]): BrokerMember {
  return { systemId: identity, host: `node${node}`, port: 5672, state };
}

function brokerProcess(node: number): string {
  return `service:node${node}-qpidd-service /etc/init.d/qpidd`;
}
