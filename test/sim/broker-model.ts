/**
 * Brokers that replicate in memory, as qpidd does: one is active, the others copy it; a message is
 * acknowledged when every copy that counts has it. Lives on the machines of a simulated cluster and
 * knows nothing of clusterd but which processes run.
 * Source: qpid cpp: ha/PrimaryBroker, ha/ReplicatingSubscription; the manual, "Active-passive
 * messaging clusters".
 */
import type { Cluster } from "./cluster.ts";
import { Violation } from "./judges.ts";
import type { RingNetwork } from "./ring-network.ts";
import type { VirtualTime } from "./virtual-time.ts";

const primaryProcess = "service:qpidd-primary-service /etc/init.d/qpidd-primary";
const primaryScript = "/etc/init.d/qpidd-primary";
/** Of a start: it has failed, and nobody was primary in between. */
const notRunning = 7;
const stepMs = 25;
/** From the first connection until a backup has everything. */
const catchUpMs = 300;
/** A backup that is not heard any more counts for so long; longer than lease and kill together. */
const heartbeatMs = 12_000;

type Broker = {
  readonly node: number;
  state: "joining" | "ready" | "active";
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
};

export class BrokerModel {
  readonly #parts: BrokerParts;
  readonly #brokers = new Map<number, Broker>();
  readonly #acknowledged = new Set<number>();
  #unacknowledged: number[] = [];
  #sent = 0;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    for (const node of parts.cluster.nodes) {
      const host = parts.cluster.host(node);
      host.running.onChange = (process, what) => this.#onProcess(node, process, what);
      host.insight = (file, verb) => this.#insight(node, file, verb);
    }
    this.#step();
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
      const lost = [...this.#acknowledged].filter((message) => !messages.has(message));
      if (lost.length === 0) continue;
      const of = `${lost.length} of ${this.#acknowledged.size}`;
      throw new Violation(`lost acknowledged messages: ${of} are not on node ${node}`);
    }
  }

  describe(): string {
    const words = [...this.#brokers.values()].map(({ node, state, messages }) => {
      return `node${node} ${state} ${messages.size}`;
    });
    return `${words.join(", ")}; acknowledged ${this.#acknowledged.size}`;
  }

  get #joins(): boolean {
    return [...this.#brokers.values()].some(({ state }) => state === "joining");
  }

  #onProcess(node: number, process: string, what: "begins" | "ends"): void {
    const { time } = this.#parts;
    if (process === brokerProcess(node)) {
      this.#brokers.delete(node);
      if (what === "ends") return;
      const fresh = { heardAtMs: time.nowMs, connectedAtMs: null, messages: new Journal() };
      this.#brokers.set(node, { node, state: "joining", ...fresh });
    }
    if (process !== primaryProcess) return;
    const broker = this.#brokers.get(node);
    if (broker === undefined) return;
    if (what === "begins") {
      broker.state = "active";
      this.judge();
      // What was not acknowledged the clients send again.
      this.#unacknowledged = [];
    } else if (broker.state === "active") this.#end(node);
  }

  /** Promotes what is ready, or, where nobody is, the first one; a check sees what is active. */
  #insight(node: number, file: string, verb: string): number | null {
    if (file !== primaryScript) return null;
    const own = this.#brokers.get(node);
    if (verb === "status") return own?.state === "active" ? 0 : 3;
    // A backup that has lost its primary may not answer, as a frozen primary does: it is ended.
    if (verb === "stop" && own !== undefined && !this.#serves(own)) this.#end(node);
    if (verb !== "start") return null;
    if (own === undefined) return notRunning;
    const seen = [...this.#brokers.values()].filter((one) => this.#connected(node, one.node));
    const others = seen.filter((one) => one.node !== node && one.state !== "joining");
    return own.state === "ready" || others.length === 0 ? null : notRunning;
  }

  #serves(one: Broker): boolean {
    const others = [...this.#brokers.values()].filter(({ node }) =>
      this.#connected(one.node, node),
    );
    return one.state !== "active" && others.some(({ state }) => state === "active");
  }

  #end(node: number): void {
    this.#parts.cluster.host(node).running.delete(brokerProcess(node));
  }

  #step(): void {
    const { time } = this.#parts;
    for (const broker of this.#brokers.values()) if (broker.state === "active") this.#serve(broker);
    time.after(stepMs, () => this.#step());
  }

  /** The active broker copies to whom it reaches, takes a message, and acknowledges. */
  #serve(active: Broker): void {
    const { nowMs } = this.#parts.time;
    const counted: Broker[] = [];
    for (const one of this.#brokers.values()) {
      if (one === active || one.state === "active") continue;
      if (!this.#connected(active.node, one.node)) {
        one.connectedAtMs = null;
        if (one.state === "ready" && nowMs - one.heardAtMs < heartbeatMs) counted.push(one);
        continue;
      }
      one.connectedAtMs ??= nowMs;
      one.heardAtMs = nowMs;
      const has = one.state === "ready" && one.messages.size <= active.messages.size;
      if (!has && nowMs - one.connectedAtMs < catchUpMs) continue;
      one.state = "ready";
      one.messages = active.messages.copy();
      counted.push(one);
    }
    this.#sent += 1;
    active.messages.add(this.#sent);
    this.#unacknowledged.push(this.#sent);
    const safe = this.#unacknowledged.filter((message) => {
      return active.messages.has(message) && counted.every(({ messages }) => messages.has(message));
    });
    for (const message of safe) this.#acknowledged.add(message);
    this.#unacknowledged = this.#unacknowledged.filter((message) => !safe.includes(message));
  }

  #connected(one: number, other: number): boolean {
    return one === other || this.#parts.network.connects(one, other);
  }
}

function brokerProcess(node: number): string {
  return `service:node${node}-qpidd-service /etc/init.d/qpidd`;
}
