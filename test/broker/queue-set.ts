/**
 * All queues of one broker, and the rule which of them are replicated.
 * Source: qpid-cpp ha/ReplicationTest.cpp.
 */
import { parseLevel, type ReplicateLevel } from "./broker-options.ts";
import type { QueueOutline } from "./peer-protocol.ts";
import { MessageQueue, type QueueArguments } from "./queue-store.ts";

export class QueueSet {
  readonly #queues = new Map<string, MessageQueue>();
  readonly #onDrop: (queue: MessageQueue) => void;

  constructor(onDrop: (queue: MessageQueue) => void) {
    this.#onDrop = onDrop;
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
    const queue = new MessageQueue(outline);
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
    this.#onDrop(queue);
  }
}

/** The queue's own argument before the broker's default. */
export function replicateLevel(
  queueArguments: QueueArguments,
  absent: ReplicateLevel,
): ReplicateLevel {
  return parseLevel(String(queueArguments["qpid.replicate"] ?? absent)) ?? absent;
}

export function outlineOf(queue: MessageQueue): QueueOutline {
  const { name, uuid, level, queueArguments } = queue;
  return { name, uuid, level, queueArguments };
}
