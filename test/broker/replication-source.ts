/**
 * The primary's side of replication: attached backups, what each still has to confirm, and which
 * sends may be acknowledged. Knows no AMQP.
 * Source: qpid-cpp ha/Primary.cpp, ha/RemoteBackup.cpp, ha/QueueGuard.cpp.
 *
 * BACKUP1  A send is acknowledged when no attached and no expected backup has still to confirm it,
 *     or when it was consumed.
 * BACKUP2  A backup is listed ready only when it holds all messages of the moment of its
 *     attachment; later ones are guarded by BACKUP1. So a listed backup holds every acknowledged
 *     message.
 * BACKUP3  An expected backup that leaves while recovering stays expected, until it returns or
 *     time is up.
 */
import type { ReplicateLevel } from "./broker-options.ts";
import type { Member } from "./ha-states.ts";
import type { PeerLink } from "./peer-link.ts";
import type { PeerMessage } from "./peer-protocol.ts";
import { outlineOf, type QueueSet } from "./queue-set.ts";
import type { MessageQueue } from "./queue-store.ts";

/** Identities per frame of a list. */
const listChunk = 20_000;

type Guard = {
  readonly order: number;
  readonly waiting: Set<string>;
  readonly confirm: () => void;
};

type Replica = {
  readonly link: PeerLink;
  member: Member;
  /** Guards with a smaller order are covered by the list of messages, not by a live event. */
  readonly attachOrder: number;
  seq: number;
  readonly unconfirmed: { readonly seq: number; readonly id: string }[];
};

export type ReplicationSourceOptions = {
  readonly queues: QueueSet;
  readonly level: ReplicateLevel;
  readonly linkHeartbeatMs: number;
  readonly log: (text: string) => void;
  /** The list of backups is another one now. */
  readonly onChange: () => void;
};

export class ReplicationSource {
  readonly #options: ReplicationSourceOptions;
  readonly #replicas = new Map<string, Replica>();
  readonly #expected = new Map<string, Member>();
  readonly #timedOut = new Map<string, Member>();
  readonly #guards = new Map<string, Guard>();
  #order = 0;
  #timeUp = false;

  constructor(options: ReplicationSourceOptions) {
    this.#options = options;
  }

  /** Backups this primary still waits for; recovering ends when there are none. */
  get expected(): number {
    return this.#expected.size;
  }

  expect(members: readonly Member[]): void {
    for (const member of members) this.#expected.set(member.systemId, member);
  }

  /** Attached backups, and those given up, which are listed as catching up. */
  members(): Member[] {
    const attached = [...this.#replicas.values()].map((replica) => replica.member);
    return [...attached, ...this.#timedOut.values()];
  }

  /** Time is up: expected backups that are not attached are given up. */
  giveUpAbsent(): void {
    this.#timeUp = true;
    for (const [systemId, member] of this.#expected) {
      if (this.#replicas.has(systemId)) continue;
      this.#expected.delete(systemId);
      this.#timedOut.set(systemId, { ...member, state: "catchup" });
      this.#options.log(`backup ${systemId} timed out`);
      this.#excuse(systemId, () => true);
    }
    this.#options.onChange();
  }

  attach(link: PeerLink, hello: Member): void {
    const { systemId } = hello;
    this.#replicas.get(systemId)?.link.close();
    const keepsReady = this.#expected.has(systemId) && hello.state === "ready";
    const replica: Replica = {
      link,
      member: { ...hello, state: keepsReady ? "ready" : "catchup" },
      attachOrder: this.#order,
      seq: 0,
      unconfirmed: [],
    };
    this.#timedOut.delete(systemId);
    this.#replicas.set(systemId, replica);
    link.receive(
      (message) => this.#onMessage(replica, message),
      () => this.#onEnd(replica),
    );
    const period = this.#options.linkHeartbeatMs;
    link.watch({ beatMs: period / 2, silenceMs: period });
    this.#options.log(`backup ${systemId} attached`);
    // The member list is the first message: it makes a joining backup catch up.
    this.#options.onChange();
    this.#sendQueues(replica);
  }

  tellMembers(members: readonly Member[]): void {
    this.#tell({ type: "members", members, level: this.#options.level });
  }

  queueCreated(queue: MessageQueue): void {
    if (queue.level !== "none") this.#tell({ type: "queue", queue: outlineOf(queue) });
  }

  queueDropped(queue: MessageQueue): void {
    if (queue.level === "none") return;
    for (const id of queue.ids()) this.#release(id);
    this.#tell({ type: "drop", queue: queue.name });
  }

  /** Shares a message that the queue has just taken; `confirm` is called once, perhaps at once. */
  enqueued(queue: MessageQueue, id: string, confirm: () => void): void {
    const content = queue.content(id);
    if (queue.level !== "all" || content === null) {
      confirm();
      return;
    }
    this.#order += 1;
    const waiting = new Set([...this.#replicas.keys(), ...this.#expected.keys()]);
    for (const replica of this.#replicas.values()) {
      replica.seq += 1;
      replica.unconfirmed.push({ seq: replica.seq, id });
      replica.link.send({ type: "enqueue", seq: replica.seq, queue: queue.name, id, content });
    }
    if (waiting.size === 0) confirm();
    else this.#guards.set(id, { order: this.#order, waiting, confirm });
  }

  dequeued(queue: MessageQueue, id: string): void {
    if (queue.level !== "all") return;
    this.#tell({ type: "dequeue", queue: queue.name, id });
    this.#release(id);
  }

  #tell(message: PeerMessage): void {
    for (const replica of this.#replicas.values()) replica.link.send(message);
  }

  #sendQueues(replica: Replica): void {
    const queues = this.#options.queues.replicated();
    for (const queue of queues) {
      replica.link.send({ type: "queue", queue: outlineOf(queue) });
      if (queue.level !== "all") continue;
      const ids = queue.ids();
      for (let from = 0; from < ids.length; from += listChunk) {
        const part = ids.slice(from, from + listChunk);
        replica.link.send({ type: "list", queue: queue.name, ids: part });
      }
    }
    replica.link.send({ type: "listed", queues: queues.map((queue) => queue.name) });
  }

  #onMessage(replica: Replica, message: PeerMessage): void {
    switch (message.type) {
      case "want":
        this.#copy(replica, message.queue, message.ids);
        return;
      case "confirm":
        this.#onConfirm(replica, message.seq);
        return;
      case "synced":
        this.#onSynced(replica);
        return;
      case "beat":
        return;
      default:
        replica.link.close();
    }
  }

  #copy(replica: Replica, name: string, ids: readonly string[]): void {
    const queue = this.#options.queues.get(name);
    for (const id of ids) {
      const content = queue?.content(id) ?? null;
      if (content !== null) replica.link.send({ type: "copy", queue: name, id, content });
    }
    replica.link.send({ type: "copied" });
  }

  #onConfirm(replica: Replica, seq: number): void {
    const { unconfirmed } = replica;
    let count = 0;
    while ((unconfirmed[count]?.seq ?? Number.POSITIVE_INFINITY) <= seq) count += 1;
    for (const { id } of unconfirmed.splice(0, count)) this.#strike(id, replica.member.systemId);
  }

  #onSynced(replica: Replica): void {
    const { systemId } = replica.member;
    this.#excuse(systemId, (guard) => guard.order <= replica.attachOrder);
    this.#expected.delete(systemId);
    replica.member = { ...replica.member, state: "ready" };
    this.#options.log(`backup ${systemId} is in sync`);
    this.#options.onChange();
  }

  #onEnd(replica: Replica): void {
    const { systemId } = replica.member;
    if (this.#replicas.get(systemId) !== replica) return;
    this.#replicas.delete(systemId);
    this.#options.log(`backup ${systemId} left`);
    if (this.#timeUp && this.#expected.has(systemId)) {
      this.giveUpAbsent();
      return;
    }
    if (!this.#expected.has(systemId)) this.#excuse(systemId, () => true);
    this.#options.onChange();
  }

  /** The backup need no longer confirm the chosen messages. */
  #excuse(systemId: string, chosen: (guard: Guard) => boolean): void {
    for (const [id, guard] of this.#guards) if (chosen(guard)) this.#strike(id, systemId);
  }

  #strike(id: string, systemId: string): void {
    const guard = this.#guards.get(id);
    if (guard === undefined) return;
    guard.waiting.delete(systemId);
    if (guard.waiting.size === 0) this.#release(id);
  }

  #release(id: string): void {
    const guard = this.#guards.get(id);
    if (guard === undefined) return;
    this.#guards.delete(id);
    guard.confirm();
  }
}
