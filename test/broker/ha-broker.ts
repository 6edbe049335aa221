/**
 * The stand-in broker without its AMQP side: states, promotion, members, queues, replication.
 * Knows no AMQP. Source: qpid-cpp ha/HaBroker.cpp, Backup.cpp, Primary.cpp, Membership.cpp.
 *
 * As the original it does not prevent a second primary, and `ready` is a memory of the past.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { type AccessControl, anonymousUser, qualified } from "./access-control.ts";
import type { BrokerHooks } from "./broker-hooks.ts";
import {
  type Address,
  type BrokerOptions,
  formatBrokersUrl,
  type ReplicateLevel,
} from "./broker-options.ts";
import { BrokerStore } from "./broker-store.ts";
import {
  type HaState,
  isLegalTransition,
  isPrimary,
  type Member,
  stateNumber,
} from "./ha-states.ts";
import type { PeerLink } from "./peer-link.ts";
import type { PeerCaller, PeerMessage } from "./peer-protocol.ts";
import { QueueSet, replicateLevel } from "./queue-set.ts";
import type { MessageQueue, QueueArguments, StoredMessage } from "./queue-store.ts";
import { type LinkOutline, ReplicationSink } from "./replication-sink.ts";
import { ReplicationSource } from "./replication-source.ts";
import { askPeer } from "./status-check.ts";
import type { Worker, WorkerPool } from "./worker-pool.ts";

/** How another broker begins. */
type PeerFirst = Extract<PeerMessage, { readonly type: "ask" | "hello" }>;

/** What the AMQP side is told. */
export type BrokerListener = {
  readonly onMembers: (members: readonly Member[]) => void;
  readonly onMessage: (queue: MessageQueue) => void;
  readonly onDrop: (queue: MessageQueue) => void;
};

export type HaBrokerOptions = {
  readonly settings: BrokerOptions;
  readonly systemId: string;
  readonly access: AccessControl;
  readonly hooks: BrokerHooks;
  readonly workers: WorkerPool;
  readonly log: (text: string) => void;
  /** The broker cannot go on; with this exit code it ends. */
  readonly onFatal: (text: string, code: number) => void;
  readonly onState: (state: HaState) => void;
};

export class HaBroker {
  readonly settings: BrokerOptions;
  readonly systemId: string;
  readonly access: AccessControl;
  readonly hooks: BrokerHooks;
  readonly workers: WorkerPool;
  readonly queues: QueueSet;
  brokersUrl: readonly Address[];
  publicUrl = "";
  readonly #options: HaBrokerOptions;
  readonly #log: (text: string) => void;
  readonly #sink: ReplicationSink;
  readonly #caller: PeerCaller;
  #listener: BrokerListener | null = null;
  #source: ReplicationSource | null = null;
  #state: HaState = "standalone";
  #members: readonly Member[] = [];
  #own: Address = { host: "", port: 0 };
  /** Null: the start-up checks have ended. */
  #checks: Promise<unknown> | null = null;
  #notPromotable = false;
  #tag = randomBytes(4).toString("hex");
  #count = 0;

  constructor(options: HaBrokerOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.systemId = options.systemId;
    this.access = options.access;
    this.hooks = options.hooks;
    this.workers = options.workers;
    this.#log = options.log;
    this.brokersUrl = options.settings.brokersUrl;
    const { port, username, password } = options.settings;
    this.#caller = { port, username, password };
    const { store } = options.settings;
    this.queues = new QueueSet(store === null ? null : new BrokerStore(store), (queue) => {
      this.#source?.queueDropped(queue);
      this.#listener?.onDrop(queue);
    });
    this.#sink = new ReplicationSink({
      systemId: this.systemId,
      addresses: () => this.brokersUrl,
      queues: this.queues,
      linkMaintenanceMs: options.settings.linkMaintenanceMs,
      linkHeartbeatMs: options.settings.linkHeartbeatMs,
      hooks: options.hooks,
      workers: options.workers,
      caller: this.#caller,
      self: () => this.#self(),
      log: this.#log,
      onMembers: (members, level) => this.#onMembers(members, level),
      // Exit code 0, as for another level of replication.
      onForced: (words) =>
        options.onFatal(`Connection forced, cluster may be misconfigured: ${words}`, 0),
    });
    if (options.settings.cluster) this.#state = "joining";
    options.onState(this.#state);
    this.#members = [this.#self()];
  }

  get state(): HaState {
    return this.#state;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get link(): LinkOutline | null {
    return this.#sink.outline;
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  /** Call once the port is open, since the check must be able to recognise this broker. */
  start(): void {
    if (!this.settings.cluster) return;
    const checks = Promise.all(this.brokersUrl.map((address) => this.#check(address)));
    this.#checks = checks;
    void checks.then(() => {
      if (this.#checks === checks) this.#checks = null;
    });
    this.#sink.start();
  }

  /**
   * Null, or why it is refused. While the start-up checks run the answer waits for them and
   * occupies a worker, even when the caller has gone: the promotion then happens later.
   */
  async promote(worker: Worker): Promise<string | null> {
    this.#log(`promote received in state ${this.#state}`);
    this.hooks.pass("promote-received");
    const waits = [
      ...(this.#state === "joining" && this.#checks !== null ? [this.#checks] : []),
      ...(this.hooks.promote.type === "hold" ? [this.hooks.promotionGoes()] : []),
    ];
    if (waits.length > 0) {
      this.#log("promote waits");
      worker.occupy();
      await Promise.all(waits);
      worker.release();
    }
    const refusal = this.hooks.promote.type === "refuse" ? this.hooks.promote.text : null;
    const answer = refusal ?? this.#promoteNow();
    this.#log(`promote answered: ${answer ?? `ok, ${this.#state}`}`);
    if (answer === null) this.hooks.pass("promoted");
    return answer;
  }

  /** In state joining the checks that this starts never end: a defect of the original, kept. */
  setBrokersUrl(addresses: readonly Address[]): void {
    this.brokersUrl = addresses;
    this.#log(`brokers URL is ${formatBrokersUrl(addresses)}`);
    if (this.#state === "joining") this.#checks = new Promise(() => {});
  }

  createQueue(name: string, properties: QueueArguments): MessageQueue {
    const level = replicateLevel(properties, this.settings.replicateDefault);
    const { durable = false, ...rest } = properties;
    const { exclusive: _, "auto-delete": __, ...given } = rest;
    const queueArguments = level === "none" ? given : { ...given, "qpid.replicate": level };
    const outline = { name, uuid: randomUUID(), level, durable: durable === true, queueArguments };
    const queue = this.queues.create(outline);
    this.#source?.queueCreated(queue);
    return queue;
  }

  /** Stores a message; `confirm` is called once it may be acknowledged. */
  enqueue(queue: MessageQueue, content: Buffer, confirm: () => void): void {
    this.#count += 1;
    const id = `${this.#tag}.${this.#count}`;
    queue.append(id, content);
    if (this.#source === null) confirm();
    else this.#source.enqueued(queue, id, confirm);
    this.#listener?.onMessage(queue);
  }

  consume(queue: MessageQueue, message: StoredMessage): void {
    if (queue.remove(message.id)) this.#source?.dequeued(queue, message.id);
  }

  release(queue: MessageQueue, message: StoredMessage): void {
    queue.release(message);
    this.#listener?.onMessage(queue);
  }

  /** A connection of another stand-in: its first message says what it wants. */
  acceptPeer(link: PeerLink): void {
    link.serveBy(this.workers);
    link.receive(
      (message) => {
        if (message.type !== "ask" && message.type !== "hello") link.close();
        else this.#onCaller(link, message);
      },
      () => {},
    );
  }

  #onCaller(link: PeerLink, message: PeerFirst): void {
    const { port, username, password } = message.caller;
    if (this.settings.auth && !this.access.isAccount(username, password)) {
      this.#log(`broker at port ${port} failed to authenticate as ${username}`);
      link.close();
      return;
    }
    const address = link.peerAddress(port);
    this.hooks.cuts.whenConnected(address, () => {
      link.subjectTo(this.hooks.cuts, address);
      if (!link.ended) this.#onFirst(link, message, qualified(username || anonymousUser));
    });
  }

  #onFirst(link: PeerLink, message: PeerFirst, user: string): void {
    if (message.type === "ask") {
      link.send({ type: "answer", systemId: this.systemId, state: this.#state });
      link.finish();
      return;
    }
    const words = this.access.linkRefusal(user);
    if (words !== null) {
      link.send({ type: "forced", words });
      link.finish();
    } else if (this.#source === null || message.member.systemId === this.systemId) {
      link.send({ type: "refused", systemId: this.systemId, state: this.#state });
      link.finish();
    } else {
      this.#source.attach(link, message.member);
    }
  }

  async #check(address: Address): Promise<void> {
    const status = await askPeer(address, {
      systemId: this.systemId,
      caller: this.#caller,
      limitMs: 2 * this.settings.linkHeartbeatMs,
      cuts: this.hooks.cuts,
    });
    if (status.type === "silent") return;
    if (status.systemId === this.systemId) {
      this.#own = address;
      this.#sink.recogniseOwn(address);
      if (this.#state === "joining") this.#publish([this.#self()]);
    } else if (status.state !== "joining") {
      this.#log(
        `peer ${address.host}:${address.port} is ${status.state}: no promotion from joining`,
      );
      this.#notPromotable = true;
    }
  }

  #promoteNow(): string | null {
    switch (this.#state) {
      case "joining":
        if (this.#notPromotable) return "Joining active cluster, cannot be promoted.";
        this.#becomePrimary();
        return null;
      case "catchup":
        return "Still catching up, cannot be promoted.";
      case "ready":
        this.#becomePrimary();
        return null;
      default:
        return null;
    }
  }

  #becomePrimary(): void {
    const expected = this.#members.filter(
      (member) => member.state === "ready" && member.systemId !== this.systemId,
    );
    this.#sink.stop();
    this.queues.keepRecovered();
    for (const queue of this.queues.all()) queue.dropPlaceholders();
    this.#tag = randomBytes(4).toString("hex");
    const source = new ReplicationSource({
      queues: this.queues,
      level: this.settings.replicateDefault,
      linkHeartbeatMs: this.settings.linkHeartbeatMs,
      log: this.#log,
      onChange: () => this.#onReplicas(source),
    });
    this.#source = source;
    source.expect(expected);
    this.#enter("recovering");
    this.#log(`waiting for ${expected.length} expected backups`);
    setTimeout(() => this.#onBackupTimeout(source), this.settings.backupTimeoutMs);
    this.#onReplicas(source);
  }

  #onBackupTimeout(source: ReplicationSource): void {
    if (this.#state === "recovering") source.giveUpAbsent();
  }

  #onReplicas(source: ReplicationSource): void {
    if (this.#state === "recovering" && source.expected === 0) this.#enter("active");
    const members = [this.#self(), ...source.members()];
    source.tellMembers(members);
    this.#publish(members);
  }

  /** A backup's whole table is the primary's word, its own state included. */
  #onMembers(members: readonly Member[], level: ReplicateLevel): void {
    if (isPrimary(this.#state)) return;
    const own = this.settings.replicateDefault;
    if (level !== own) {
      // Exit code 0, as the original: to whoever restarts it this looks like a clean end.
      this.#options.onFatal(`ha-replicate is ${own}, but ${level} on the primary`, 0);
      return;
    }
    const self = members.find((member) => member.systemId === this.systemId);
    if (self !== undefined && self.state !== this.#state) this.#enter(self.state);
    this.#publish(members);
  }

  #enter(state: HaState): void {
    if (!isLegalTransition(this.#state, state)) {
      this.#options.onFatal(`illegal transition ${this.#state} -> ${state}`, 1);
      return;
    }
    this.#log(`${this.#state} -> ${state}`);
    this.#state = state;
    this.#options.onState(state);
  }

  #publish(members: readonly Member[]): void {
    this.#members = members;
    const shown = members.map(
      (member) => `${member.systemId.slice(0, 8)}=${stateNumber(member.state)}`,
    );
    this.#log(`members ${shown.join(" ")}`);
    this.#listener?.onMembers(members);
  }

  #self(): Member {
    return { systemId: this.systemId, ...this.#own, state: this.#state };
  }
}
