/**
 * Links of clients to queues: consumers, browsers, and what they hold unacknowledged.
 * Knows no management.
 */
import type { Delivery, Sender } from "rhea";
import type { HaBroker } from "./ha-broker.ts";
import { type Outgoing, PacedSender } from "./paced-sender.ts";
import type { MessageQueue, StoredMessage } from "./queue-store.ts";
import { translateReplicated } from "./replicated-message.ts";

type Consumer = {
  readonly queue: MessageQueue;
  readonly paced: PacedSender;
  readonly held: Map<Delivery, StoredMessage>;
};

export class QueueLinks {
  readonly #broker: HaBroker;
  readonly #consumers = new Map<Sender, Consumer>();

  constructor(broker: HaBroker) {
    this.#broker = broker;
  }

  consume(queue: MessageQueue, sender: Sender): void {
    const held = new Map<Delivery, StoredMessage>();
    const paced = new PacedSender(sender, () => this.#nextAcquired(queue, held));
    this.#consumers.set(sender, { queue, paced, held });
  }

  browse(queue: MessageQueue, sender: Sender): void {
    let position = 0;
    const paced = new PacedSender(sender, () => {
      const message = queue.next(position);
      if (message === null || message.content === null) return null;
      position = message.position + 1;
      return { content: this.#translated(queue, message, message.content), sent: () => {} };
    });
    this.#consumers.set(sender, { queue, paced, held: new Map() });
  }

  pump(sender: Sender): void {
    this.#consumers.get(sender)?.paced.pump();
  }

  pumpQueue(queue: MessageQueue): void {
    for (const consumer of this.#consumers.values()) {
      if (consumer.queue === queue) consumer.paced.pump();
    }
  }

  accepted(sender: Sender, delivery: Delivery): void {
    const consumer = this.#consumers.get(sender);
    const message = consumer?.held.get(delivery);
    if (consumer === undefined || message === undefined) return;
    consumer.held.delete(delivery);
    this.#broker.consume(consumer.queue, message);
  }

  /** Released, rejected, modified, or settled without an outcome: back to its place. */
  returned(sender: Sender, delivery: Delivery): void {
    const consumer = this.#consumers.get(sender);
    const message = consumer?.held.get(delivery);
    if (consumer === undefined || message === undefined) return;
    consumer.held.delete(delivery);
    this.#broker.release(consumer.queue, message);
  }

  /** The link is gone: what it held is free again. */
  remove(sender: Sender): void {
    const consumer = this.#consumers.get(sender);
    if (consumer === undefined) return;
    this.#consumers.delete(sender);
    for (const message of consumer.held.values()) this.#broker.release(consumer.queue, message);
  }

  /** Ends the links of a queue that no longer exists. */
  closeQueue(queue: MessageQueue): void {
    for (const [sender, consumer] of this.#consumers) {
      if (consumer.queue !== queue) continue;
      this.#consumers.delete(sender);
      sender.close({
        condition: "amqp:resource-deleted",
        description: `Queue ${queue.name} deleted`,
      });
    }
  }

  #nextAcquired(queue: MessageQueue, held: Map<Delivery, StoredMessage>): Outgoing | null {
    const message = queue.acquire();
    if (message === null || message.content === null) return null;
    const content = this.#translated(queue, message, message.content);
    return { content, sent: (delivery) => held.set(delivery, message) };
  }

  #translated(queue: MessageQueue, { replicated }: StoredMessage, content: Buffer): Buffer {
    const changes = replicated && this.#broker.settings.lossyTranslation;
    return changes ? translateReplicated(content, queue.name) : content;
  }
}
