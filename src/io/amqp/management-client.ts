/**
 * Requests to the management agent of a broker: each has a correlation id and a time limit, since
 * the agent does not answer what it does not understand. brokers/management-answer.ts reads the
 * answers.
 * Source: qpid-cpp management/ManagementAgent.cpp: dispatchCommand, broker/amqp/Session.cpp; the
 * AMQP filter registry of the Apache Software Foundation.
 * Tested in: test/io/amqp/broker-connections.test.ts
 * QMF1  Every request ends: with an answer, at its limit, or with the connection.
 */
import { randomUUID } from "node:crypto";
import rhea, { type Connection, type Message, type Receiver, type Sender } from "rhea";
import {
  type ManagementAnswer,
  type ManagementMessage,
  parseAnswer,
} from "../../brokers/management-answer.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type { BrokerAskProblem } from "../broker-port.ts";
import { causeText } from "../os-error.ts";

/** What a request says: its opcode and its body. */
export type ManagementRequest = {
  readonly opcode: "_query_request" | "_method_request";
  readonly body: Readonly<Record<string, unknown>>;
};

type Outcome = Result<ManagementAnswer, BrokerAskProblem>;
type Waiting = { readonly parts: ManagementMessage[]; readonly settle: (outcome: Outcome) => void };

/** Each holds 100 objects. */
const partsMax = 1000;
const haEvents = "agent.ind.event.org_apache_qpid_ha.#";

export class ManagementClient {
  readonly #waiting = new Map<string, Waiting>();
  readonly #replyKey = `clusterd.${randomUUID()}`;
  #sender: Sender | null = null;
  #requests = 0;
  #ended: string | null = null;

  /** Attaches the links; `onEvent` gets the events of the HA module, null for none. */
  attach(
    connection: Connection,
    done: () => void,
    onEvent: ((message: ManagementMessage) => void) | null,
  ): void {
    const answers = openReceiver(connection, "direct", this.#replyKey);
    answers.on("message", ({ message }) => this.#onAnswer(message));
    const events = onEvent === null ? null : openReceiver(connection, "topic", haEvents);
    events?.on("message", ({ message }) => {
      if (message !== undefined) onEvent?.(managementMessage(message));
    });
    const sender = connection.open_sender("qmf.default.direct");
    this.#sender = sender;
    const links = [answers, sender, ...(events === null ? [] : [events])];
    const attached = (): void => {
      if (links.every((link) => link.is_remote_open()) && sender.has_credit()) done();
    };
    for (const link of links) link.on("receiver_open", attached);
    sender.on("sender_open", attached);
    sender.on("sendable", attached);
  }

  request(request: ManagementRequest, limitMs: number): Promise<Outcome> {
    const sender = this.#sender;
    if (sender === null || this.#ended !== null) {
      const words = this.#ended ?? "the connection is not open yet";
      return Promise.resolve(refuse({ type: "disconnected", words }));
    }
    this.#requests += 1;
    const id = String(this.#requests);
    return new Promise((resolve) => {
      const settle = (outcome: Outcome): void => {
        clearTimeout(limit);
        this.#waiting.delete(id);
        resolve(outcome);
      };
      const limit = setTimeout(() => {
        settle(refuse({ type: "timed-out", words: `no answer after ${limitMs} ms` }));
      }, limitMs);
      this.#waiting.set(id, { parts: [], settle });
      try {
        sender.send(this.#message(id, request));
      } catch (error) {
        settle(refuse({ type: "disconnected", words: causeText(error) }));
      }
    });
  }

  /** QMF1: nothing more will come. */
  end(words: string): void {
    this.#ended ??= words;
    for (const { settle } of this.#waiting.values()) {
      settle(refuse({ type: "disconnected", words }));
    }
  }

  #message(id: string, { opcode, body }: ManagementRequest): Message {
    return {
      subject: "broker",
      reply_to: `qmf.default.direct/${this.#replyKey}`,
      correlation_id: id,
      application_properties: {
        "x-amqp-0-10.app-id": "qmf2",
        "qmf.opcode": opcode,
        method: "request",
      },
      body,
    };
  }

  #onAnswer(message: Message | undefined): void {
    const waiting = this.#waiting.get(String(message?.correlation_id ?? ""));
    if (message === undefined || waiting === undefined) return;
    waiting.parts.push(managementMessage(message));
    const properties: unknown = message.application_properties;
    const partial =
      typeof properties === "object" && properties !== null && "partial" in properties;
    if (partial && waiting.parts.length < partsMax) return;
    const answer = partial
      ? refuse({ part: "answer", text: `has more than ${partsMax} messages` })
      : parseAnswer(waiting.parts);
    if (!answer.ok) waiting.settle(refuse({ type: "misfit", misfit: answer.problem }));
    else if (answer.value.type !== "refused") waiting.settle(accept(answer.value));
    else waiting.settle(refuse({ type: "refused", refusal: answer.value.refusal }));
  }
}

function openReceiver(connection: Connection, exchange: "direct" | "topic", key: string): Receiver {
  const descriptor = `apache.org:legacy-amqp-${exchange}-binding:string`;
  const filter = { key: rhea.types.wrap_described(key, descriptor) };
  return connection.open_receiver({ source: { address: `qmf.default.${exchange}`, filter } });
}

function managementMessage({ application_properties, body }: Message): ManagementMessage {
  const opcode: unknown = application_properties?.["qmf.opcode"];
  return { opcode: typeof opcode === "string" ? opcode : "", body };
}
