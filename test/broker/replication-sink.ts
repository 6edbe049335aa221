/**
 * The backup's side of replication: finds a primary, one address per tick, and keeps its queues
 * equal to the primary's. Knows no AMQP; losing the primary changes no state.
 * Source: qpid-cpp ha/BrokerReplicator.cpp, broker/Link.cpp.
 */
import type { BrokerHooks } from "./broker-hooks.ts";
import type { Address, ReplicateLevel } from "./broker-options.ts";
import type { Member } from "./ha-states.ts";
import { PeerLink } from "./peer-link.ts";
import type { PeerCaller, PeerMessage } from "./peer-protocol.ts";
import type { QueueSet } from "./queue-set.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Messages asked for at a time: the replication window. */
const windowMessages = 1000;
/** With a limited rate the window is small, so that the copying stays even. */
const slowWindowMessages = 50;
/** A call without an answer gives way to the next address after this time, or one tick. */
const answerMs = 1000;

export type LinkState = "Waiting" | "Connecting" | "Operational";
export type LinkOutline = {
  readonly state: LinkState;
  readonly address: Address;
  readonly lastError: string;
};

export type ReplicationSinkOptions = {
  readonly systemId: string;
  readonly addresses: () => readonly Address[];
  readonly queues: QueueSet;
  readonly linkMaintenanceMs: number;
  readonly linkHeartbeatMs: number;
  readonly hooks: BrokerHooks;
  readonly workers: WorkerPool;
  readonly caller: PeerCaller;
  readonly self: () => Member;
  readonly log: (text: string) => void;
  readonly onMembers: (members: readonly Member[], level: ReplicateLevel) => void;
  /** Another broker does not let this one replicate, in its words. */
  readonly onForced: (words: string) => void;
};

export class ReplicationSink {
  readonly #options: ReplicationSinkOptions;
  readonly #own = new Set<string>();
  #ticks: NodeJS.Timeout | undefined;
  #link: PeerLink | null = null;
  #calledAtMs = 0;
  #next = 0;
  #outline: LinkOutline | null = null;
  #attached = false;
  readonly #lists = new Map<string, string[]>();
  #wants: { readonly queue: string; readonly ids: readonly string[] }[] = [];
  #confirming: PeerLink | null = null;
  #toConfirm = 0;
  #askNow: (() => void) | null = null;
  #askTimer: NodeJS.Timeout | undefined;

  constructor(options: ReplicationSinkOptions) {
    this.#options = options;
    options.hooks.whenLinkPaused((paused) => this.#link?.hold(paused ? "both" : null));
    options.hooks.whenCatchupChanges(() => this.#askNow !== null && this.#pace(0, this.#askNow));
  }

  /** The link object of management; null before the first attempt. */
  get outline(): LinkOutline | null {
    return this.#outline;
  }

  start(): void {
    this.#ticks = setInterval(() => this.#tick(), this.#options.linkMaintenanceMs);
    this.#tick();
  }

  stop(): void {
    clearInterval(this.#ticks);
    this.#ticks = undefined;
    this.#link?.close();
    this.#outline = null;
  }

  /** This address is our own: no link to it is tried again. */
  recogniseOwn(address: Address): void {
    this.#own.add(`${address.host}:${address.port}`);
  }

  #tick(): void {
    if (this.#options.hooks.linkPaused) return;
    if (this.#link !== null) {
      const limitMs = Math.max(answerMs, this.#options.linkMaintenanceMs);
      if (this.#attached || performance.now() - this.#calledAtMs < limitMs) return;
      this.#link.close();
    }
    const others = this.#options
      .addresses()
      .filter((at) => !this.#own.has(`${at.host}:${at.port}`));
    const address = others[this.#next % Math.max(1, others.length)];
    this.#next += 1;
    if (address !== undefined) this.#call(address);
  }

  #call(address: Address): void {
    const { caller, hooks, workers } = this.#options;
    const link = PeerLink.call(address, hooks.cuts);
    link.serveBy(workers);
    this.#link = link;
    this.#calledAtMs = performance.now();
    this.#outline = { state: "Connecting", address, lastError: this.#outline?.lastError ?? "" };
    this.#lists.clear();
    this.#wants = [];
    this.#toConfirm = 0;
    link.receive(
      (message) => this.#onMessage(link, message, address),
      () => this.#onEnd(link, address),
    );
    link.send({ type: "hello", member: this.#options.self(), caller });
  }

  #onEnd(link: PeerLink, address: Address): void {
    if (this.#link !== link) return;
    this.#link = null;
    if (this.#attached) this.#options.log(`link to ${address.host}:${address.port} down`);
    this.#attached = false;
    this.#outline = { state: "Waiting", address, lastError: "Closed by peer" };
  }

  #onMessage(link: PeerLink, message: PeerMessage, address: Address): void {
    if (this.#link !== link) return;
    switch (message.type) {
      case "refused":
        if (message.systemId === this.#options.systemId) this.recogniseOwn(address);
        link.close();
        return;
      case "forced":
        this.#options.onForced(message.words);
        return;
      case "members":
        this.#onAttached(link, address);
        this.#options.onMembers(message.members, message.level);
        return;
      case "beat":
        return;
      default:
        this.#onReplication(link, message);
    }
  }

  #onAttached(link: PeerLink, address: Address): void {
    if (this.#attached) return;
    this.#attached = true;
    const discarded = this.#options.queues.discardRecovered();
    if (discarded > 0) this.#options.log(`discarded ${discarded} recovered queues`);
    this.#outline = { state: "Operational", address, lastError: "" };
    // The primary is given twice the time that it gives us.
    const period = this.#options.linkHeartbeatMs;
    link.watch({ beatMs: period / 2, silenceMs: 2 * period });
    this.#options.log(`link to ${address.host}:${address.port} up`);
  }

  #onReplication(link: PeerLink, message: PeerMessage): void {
    const { queues } = this.#options;
    switch (message.type) {
      case "queue":
        queues.adopt(message.queue);
        return;
      case "list":
        this.#lists.set(message.queue, [...(this.#lists.get(message.queue) ?? []), ...message.ids]);
        return;
      case "listed":
        this.#onListed(link, message.queues);
        return;
      case "copy":
        queues.get(message.queue)?.fill(message.id, message.content);
        return;
      case "copied":
        this.#askNext(link);
        return;
      case "enqueue":
        queues.get(message.queue)?.follow(message.id, message.content);
        this.#confirmSoon(link, message.seq);
        return;
      case "dequeue":
        queues.get(message.queue)?.remove(message.id);
        return;
      case "drop":
        queues.drop(message.queue);
        return;
      default:
        link.close();
    }
  }

  #onListed(link: PeerLink, names: readonly string[]): void {
    for (const queue of this.#options.queues.replicated()) {
      if (!names.includes(queue.name)) this.#options.queues.drop(queue.name);
    }
    const rate = this.#options.hooks.catchupRate;
    const window = rate === null ? windowMessages : slowWindowMessages;
    for (const queue of this.#options.queues.replicated()) {
      if (queue.level !== "all") continue;
      const missing = queue.arrange(this.#lists.get(queue.name) ?? []);
      for (let from = 0; from < missing.length; from += window) {
        this.#wants.push({ queue: queue.name, ids: missing.slice(from, from + window) });
      }
    }
    this.#lists.clear();
    this.#askNext(link);
  }

  #askNext(link: PeerLink): void {
    const want = this.#wants.shift();
    if (want === undefined) {
      link.send({ type: "synced" });
      return;
    }
    this.#pace(want.ids.length, () => {
      if (this.#link === link) link.send({ type: "want", ...want });
    });
  }

  /** Acts at the ordered rate of messages: 0 is never, until another rate is ordered. */
  #pace(messages: number, act: () => void): void {
    const rate = this.#options.hooks.catchupRate;
    clearTimeout(this.#askTimer);
    this.#askNow = act;
    const go = () => {
      this.#askNow = null;
      act();
    };
    if (rate === null) go();
    else if (rate > 0) this.#askTimer = setTimeout(go, (1000 * messages) / rate);
  }

  /** One confirmation for all events of a turn of the event loop. */
  #confirmSoon(link: PeerLink, seq: number): void {
    this.#toConfirm = seq;
    if (this.#confirming === link) return;
    this.#confirming = link;
    setImmediate(() => {
      if (this.#confirming === link) this.#confirming = null;
      if (this.#link === link) link.send({ type: "confirm", seq: this.#toConfirm });
    });
  }
}
