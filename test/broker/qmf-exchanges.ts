/**
 * The two exchanges of management: who listens with which key, and where a message goes.
 * Source: AMQP legacy exchange filters; qpid-cpp broker/amqp/Session.cpp.
 */
import type { Sender } from "rhea";
import { PacedSender } from "./paced-sender.ts";

export type ExchangeName = "qmf.default.direct" | "qmf.default.topic";

export function parseExchange(name: string): ExchangeName | null {
  return name === "qmf.default.direct" || name === "qmf.default.topic" ? name : null;
}

/** A listener that takes nothing loses its oldest messages beyond this number. */
const waitingMax = 10_000;

type Binding = {
  readonly exchange: ExchangeName;
  readonly key: string;
  readonly waiting: Buffer[];
  readonly paced: PacedSender;
};

export class QmfExchanges {
  readonly #bindings = new Map<Sender, Binding>();

  bind(exchange: ExchangeName, key: string, sender: Sender): void {
    const waiting: Buffer[] = [];
    const paced = new PacedSender(sender, () => {
      const content = waiting.shift();
      return content === undefined ? null : { content, sent: () => {} };
    });
    this.#bindings.set(sender, { exchange, key, waiting, paced });
  }

  unbind(sender: Sender): void {
    this.#bindings.delete(sender);
  }

  pump(sender: Sender): void {
    this.#bindings.get(sender)?.paced.pump();
  }

  route(exchange: ExchangeName, key: string, content: Buffer): void {
    for (const binding of this.#bindings.values()) {
      if (binding.exchange !== exchange || !matches(binding, key)) continue;
      binding.waiting.push(content);
      if (binding.waiting.length > waitingMax) binding.waiting.shift();
      binding.paced.pump();
    }
  }
}

function matches(binding: Binding, key: string): boolean {
  if (binding.exchange === "qmf.default.direct") return binding.key === key;
  return matchesTopic(binding.key.split("."), key.split("."));
}

/** `*` stands for one word, `#` for any number of words. */
export function matchesTopic(pattern: readonly string[], words: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return words.length === 0;
  if (first === "#") {
    return words.some((_, from) => matchesTopic(rest, words.slice(from))) || matchesTopic(rest, []);
  }
  return (
    words.length > 0 && (first === "*" || first === words[0]) && matchesTopic(rest, words.slice(1))
  );
}
