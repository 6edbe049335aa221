/**
 * Takes messages off a queue, or looks at them, in rounds: each round ends when the broker says
 * that it has nothing more. So "empty" is the broker's word, not a time without messages.
 */
import type { Connection, Message, Receiver } from "rhea";

const creditPerRound = 200;
const ends = ["disconnected", "connection_close", "session_close", "receiver_close", "error"];

export type ReaderOptions = {
  readonly connection: Connection;
  readonly queue: string;
  /** Leaves the messages where they are. */
  readonly browse?: boolean;
  readonly take: (message: Message) => void;
};

export class QueueReader {
  readonly #receiver: Receiver;
  #ended = false;
  #left = 0;
  #onRound: () => void = () => {};

  constructor({ connection, queue, browse = false, take }: ReaderOptions) {
    const address = browse ? { address: queue, distribution_mode: "copy" as const } : queue;
    this.#receiver = connection.open_receiver({ source: address, credit_window: 0 });
    for (const event of ends) {
      connection.on(event, () => {
        this.#ended = true;
        this.#onRound();
      });
    }
    // A refused link is an ended one; somebody must listen to its error.
    connection.on("receiver_error", () => {});
    this.#receiver.on("message", ({ message }) => {
      if (message !== undefined) take(message);
      this.#left -= 1;
      if (this.#left === 0) this.#onRound();
    });
    this.#receiver.on("receiver_drained", () => this.#onRound());
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves with the number of messages; fewer than asked for: the queue was empty. */
  async #round(): Promise<number> {
    if (this.#ended) return 0;
    this.#left = creditPerRound;
    const over = new Promise<void>((resolve) => {
      this.#onRound = resolve;
    });
    this.#receiver.add_credit(creditPerRound);
    this.#receiver.drain_credit();
    await over;
    return creditPerRound - this.#left;
  }

  /** True when the broker has said that the queue is empty, false when the link has ended. */
  async drain(): Promise<boolean> {
    while ((await this.#round()) === creditPerRound) if (this.#ended) return false;
    return !this.#ended;
  }
}
