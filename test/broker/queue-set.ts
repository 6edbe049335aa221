/**
 * All queues of one broker, and the rule which of them are replicated.
 * Source: qpid-cpp ha/ReplicationTest.cpp.
 */

import { parseLevel, type ReplicateLevel } from "./broker-options.ts";
import type { BrokerStore } from "./broker-store.ts";
import type { QueueOutline } from "./peer-protocol.ts";
import { MessageQueue, type QueueArguments } from "./queue-store.ts";

export class QueueSet {
  readonly #queues = new Map<string, MessageQueue>();
  readonly #onDrop: (queue: MessageQueue) => void;
  readonly #store: BrokerStore | null;
  /** Names of replicated queues that a former process left in the store. */
  #recovered = new Set<string>();

  constructor(store: BrokerStore | null, onDrop: (queue: MessageQueue) => void) {
    this.#store = store;
    this.#onDrop = onDrop;
    if (store === null) return;
    for (const { outline, messages } of store.recover()) {
      const journal = store.resume(outline.name);
      const queue = new MessageQueue({ ...outline, journal, recovered: messages });
      this.#queues.set(queue.name, queue);
      if (queue.level !== "none") this.#recovered.add(queue.name);
    }
  }

  /** A backup throws away what it recovered, since the primary is right. Answers how many. */
  discardRecovered(): number {
    const names = [...this.#recovered];
    this.keepRecovered();
    for (const name of names) this.drop(name);
    return names.length;
  }

  /** What was recovered is ours: this broker leads. */
  keepRecovered(): void {
    this.#recovered = new Set();
  }

  get(name: string): MessageQueue | undefined {
    return this.#queues.get(name);
  }

  all(): MessageQueue[] {
    return [...this.#queues.values()];
  }

  replicated(): MessageQueue[] {
    return this.all().filter((queue) => queue.level !== "none");
  }

  create(outline: QueueOutline): MessageQueue {
    const journal = this.#store?.journal(outline) ?? null;
    const queue = new MessageQueue({ ...outline, journal });
    this.#queues.set(queue.name, queue);
    return queue;
  }

  /** As the primary has it: a queue of the same name but another identity is replaced. */
  adopt(outline: QueueOutline): void {
    const own = this.#queues.get(outline.name);
    if (own?.uuid === outline.uuid) return;
    this.drop(outline.name);
    this.create(outline);
  }

  drop(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    this.#queues.delete(name);
    queue.journal?.dropped();
    this.#onDrop(queue);
  }
}

/**
 * The queue's own argument before the broker's default. A temporary queue, exclusive and deleted by
 * itself, is replicated only when asked for.
 */
export function replicateLevel(properties: QueueArguments, absent: ReplicateLevel): ReplicateLevel {
  const own = parseLevel(String(properties["qpid.replicate"]));
  const temporary = properties["exclusive"] === true && properties["auto-delete"] === true;
  return own ?? (temporary ? "none" : absent);
}

export function outlineOf(queue: MessageQueue): QueueOutline {
  const { name, uuid, level, durable, queueArguments } = queue;
  return { name, uuid, level, durable, queueArguments };
}
