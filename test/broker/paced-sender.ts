/**
 * Sends over a rhea link exactly as far as the peer's credit goes. rhea counts credit down only
 * after the current turn of the event loop, and would otherwise queue deliveries beyond it; and it
 * writes deliveries before the answer to an attach that came in the same turn.
 */
import type { Delivery, Sender } from "rhea";

export type Outgoing = {
  readonly content: Buffer;
  readonly sent: (delivery: Delivery) => void;
};

export class PacedSender {
  readonly sender: Sender;
  readonly #next: () => Outgoing | null;
  #resting = false;

  constructor(sender: Sender, next: () => Outgoing | null) {
    this.sender = sender;
    this.#next = next;
    this.#rest();
  }

  /** Sends what is there; goes on by itself in the next turn while there is more. */
  pump(): void {
    if (this.#resting || !this.sender.is_open()) return;
    let sent = 0;
    for (let left = linkCredit(this.sender); left > 0 && this.sender.sendable(); left -= 1) {
      const outgoing = this.#next();
      if (outgoing === null) {
        this.sender.set_drained(true);
        // rhea writes that only when something else makes it write.
        this.sender.connection["_register"]();
        break;
      }
      outgoing.sent(this.sender.send(outgoing.content, undefined, 0));
      sent += 1;
    }
    if (sent > 0) this.#rest();
  }

  #rest(): void {
    this.#resting = true;
    setImmediate(() => {
      this.#resting = false;
      this.pump();
    });
  }
}

/** The credit that the peer has given; rhea's typings do not name it. */
function linkCredit(sender: Sender): number {
  const credit: unknown = Reflect.get(sender, "credit");
  return typeof credit === "number" ? credit : 0;
}
