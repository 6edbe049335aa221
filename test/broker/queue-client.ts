/**
 * A client of one broker for tests: fills queues with numbered messages, and reads numbers back.
 */
import type { Message } from "rhea";
import { openConnection } from "./qmf-client.ts";
import { asMap } from "./qmf-values.ts";
import { QueueReader } from "./queue-reader.ts";

export type Filling = {
  readonly queue: string;
  /** Number of the first message. */
  readonly from?: number;
  readonly count: number;
  readonly durable?: boolean;
  /** Name of the run that the messages belong to. */
  readonly run?: string;
};

const limitMs = 20_000;

/** Sends, and resolves when every message is acknowledged; rejects when the connection ends. */
export async function fillQueue(port: number, filling: Filling): Promise<void> {
  const { queue, from = 1, count, durable = false, run } = filling;
  const connection = await openConnection({ host: "127.0.0.1", port, timeoutMs: limitMs });
  const sender = connection.open_sender(queue);
  let sent = 0;
  let accepted = 0;
  connection.on("sendable", () => {
    while (sent < count && sender.sendable()) {
      const id = from + sent;
      const properties = run === undefined ? { id } : { id, run };
      sender.send({ durable, application_properties: properties, body: `message ${id}` });
      sent += 1;
    }
  });
  await new Promise<void>((resolve, reject) => {
    connection.on("accepted", () => {
      accepted += 1;
      if (accepted === count) resolve();
    });
    for (const event of ["disconnected", "sender_close", "rejected", "released"]) {
      connection.on(event, () => reject(new Error(`${event} after ${accepted} messages`)));
    }
    connection.on("sender_error", () => {});
  });
  connection.removeAllListeners("disconnected");
  connection.close();
}

/** All messages that are there; they stay. */
export async function browseQueue(port: number, queue: string): Promise<readonly Message[]> {
  const connection = await openConnection({ host: "127.0.0.1", port, timeoutMs: limitMs });
  const messages: Message[] = [];
  const reader = new QueueReader({
    connection,
    queue,
    browse: true,
    take: (message) => messages.push(message),
  });
  const emptied = await reader.drain();
  connection.close();
  if (!emptied) throw new Error(`the link to ${queue} ended after ${messages.length} messages`);
  return messages;
}

/** Numbers of the messages that are there, in order. */
export async function idsIn(port: number, queue: string): Promise<readonly number[]> {
  const messages = await browseQueue(port, queue);
  return messages.map((message) => Number(asMap(message.application_properties)["id"]));
}
