/**
 * Queues and their messages in memory. The same class serves the primary, where clients acquire
 * and consume, and the backup, where messages are placed by identity in the primary's order.
 * Knows no network, no state of the broker.
 *
 * A message identity is unique for ever: the tag of the promotion that accepted it and a count.
 * Otherwise a message that an old primary never shared would pass for another one of its successor.
 */
import type { ReplicateLevel } from "./broker-options.ts";

export type QueueArguments = Readonly<Record<string, string | number | boolean>>;

export type StoredMessage = {
  readonly id: string;
  readonly position: number;
  /** Encoded AMQP 1.0 message; null: its place is known, its content not yet copied. */
  content: Buffer | null;
  /** It came from another broker. */
  readonly replicated: boolean;
  acquired: boolean;
  gone: boolean;
};

/** Keeps record of what a queue holds. */
export type QueueJournal = {
  /** At the end of the queue, or at the place that its identity already has. */
  readonly placed: (id: string, content: Buffer | null) => void;
  readonly removed: (id: string) => void;
  readonly arranged: (ids: readonly string[]) => void;
  readonly dropped: () => void;
};

/** Entries that are gone are cut off in steps of this size: then a cut costs little per message. */
const compactionStep = 4096;

export class MessageQueue {
  readonly name: string;
  readonly uuid: string;
  readonly level: ReplicateLevel;
  readonly queueArguments: QueueArguments;
  readonly durable: boolean;
  readonly journal: QueueJournal | null;
  #entries: StoredMessage[] = [];
  #firstPosition = 0;
  #availableFrom = 0;
  #gonePrefix = 0;
  #byId = new Map<string, StoredMessage>();
  #placeholders = 0;

  constructor(options: {
    readonly name: string;
    readonly uuid: string;
    readonly level: ReplicateLevel;
    readonly queueArguments: QueueArguments;
    readonly durable?: boolean;
    readonly journal?: QueueJournal | null;
    readonly recovered?: ReadonlyMap<string, Buffer>;
  }) {
    this.name = options.name;
    this.uuid = options.uuid;
    this.level = options.level;
    this.queueArguments = options.queueArguments;
    this.durable = options.durable ?? false;
    this.journal = options.journal ?? null;
    for (const [id, content] of options.recovered ?? []) {
      this.#place({ id, content, replicated: false });
    }
  }

  get depth(): number {
    return this.#byId.size;
  }

  /** Messages whose content is still to be copied from the primary. */
  get placeholders(): number {
    return this.#placeholders;
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  content(id: string): Buffer | null {
    return this.#byId.get(id)?.content ?? null;
  }

  /** Takes a message of a client. */
  append(id: string, content: Buffer): void {
    this.#place({ id, content, replicated: false });
    this.journal?.placed(id, content);
  }

  /** Takes a message of the primary. */
  follow(id: string, content: Buffer): void {
    this.#place({ id, content, replicated: true });
    this.journal?.placed(id, content);
  }

  fill(id: string, content: Buffer): void {
    const message = this.#byId.get(id);
    if (message === undefined || message.content !== null) return;
    message.content = content;
    this.#placeholders -= 1;
    this.journal?.placed(id, content);
  }

  remove(id: string): boolean {
    const message = this.#byId.get(id);
    if (message === undefined) return false;
    this.#byId.delete(id);
    message.gone = true;
    if (message.content === null) this.#placeholders -= 1;
    this.journal?.removed(id);
    this.#compact();
    return true;
  }

  /** The oldest message that nobody has acquired, now acquired; null when there is none. */
  acquire(): StoredMessage | null {
    const message = this.next(this.#availableFrom);
    if (message === null) {
      this.#availableFrom = this.#firstPosition + this.#entries.length;
      return null;
    }
    this.#availableFrom = message.position + 1;
    message.acquired = true;
    return message;
  }

  release(message: StoredMessage): void {
    message.acquired = false;
    this.#availableFrom = Math.min(this.#availableFrom, message.position);
  }

  /** The first free message at or after the position, for browsing. */
  next(position: number): StoredMessage | null {
    const start = Math.max(0, position - this.#firstPosition);
    for (let index = start; index < this.#entries.length; index += 1) {
      const message = this.#entries[index];
      if (message === undefined) return null;
      if (!message.gone && !message.acquired && message.content !== null) return message;
    }
    return null;
  }

  /** Takes over the primary's list: its order, nothing that it lacks. Answers what to copy. */
  arrange(ids: readonly string[]): string[] {
    const known = this.#byId;
    this.#entries = [];
    this.#firstPosition = 0;
    this.#availableFrom = 0;
    this.#gonePrefix = 0;
    this.#byId = new Map();
    this.#placeholders = 0;
    for (const id of ids) {
      this.#place({ id, content: known.get(id)?.content ?? null, replicated: true });
    }
    this.journal?.arranged(ids);
    return ids.filter((id) => this.content(id) === null);
  }

  /** Drops places without content: what was announced by a primary that died before sending it. */
  dropPlaceholders(): void {
    if (this.#placeholders === 0) return;
    for (const message of [...this.#byId.values()]) {
      if (message.content === null) this.remove(message.id);
    }
  }

  #place(message: Pick<StoredMessage, "id" | "content" | "replicated">): void {
    const position = this.#firstPosition + this.#entries.length;
    const entry = { ...message, position, acquired: false, gone: false };
    this.#entries.push(entry);
    this.#byId.set(entry.id, entry);
    if (entry.content === null) this.#placeholders += 1;
  }

  #compact(): void {
    while (this.#entries[this.#gonePrefix]?.gone === true) this.#gonePrefix += 1;
    const all = this.#gonePrefix === this.#entries.length;
    if (this.#gonePrefix < compactionStep && !all) return;
    this.#entries.splice(0, this.#gonePrefix);
    this.#firstPosition += this.#gonePrefix;
    this.#gonePrefix = 0;
  }
}
