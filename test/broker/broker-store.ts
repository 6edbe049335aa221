/**
 * The message store: durable queues and what they hold, in a file that only grows. Survives the
 * death of the process, not that of the machine: nothing is synchronised.
 * Deviation: every message of a durable queue is kept, whether it was sent as durable or not.
 */
import { openSync, readFileSync, writeSync } from "node:fs";
import { parseOutline, type QueueOutline, TypedFields } from "./peer-protocol.ts";
import type { QueueJournal } from "./queue-store.ts";

export type RecoveredQueue = {
  readonly outline: QueueOutline;
  readonly messages: ReadonlyMap<string, Buffer>;
};

type Replayed = { readonly outline: QueueOutline; messages: Map<string, Buffer | null> };

export class BrokerStore {
  readonly #file: string;
  readonly #fd: number;

  constructor(file: string) {
    this.#file = file;
    this.#fd = openSync(file, "a");
  }

  /** What a former process left. */
  recover(): readonly RecoveredQueue[] {
    const replayed = new Map<string, Replayed>();
    for (const line of readFileSync(this.#file, "utf8").split("\n")) replay(line, replayed);
    return [...replayed.values()].map(({ outline, messages }) => {
      const complete = new Map<string, Buffer>();
      for (const [id, content] of messages) if (content !== null) complete.set(id, content);
      return { outline, messages: complete };
    });
  }

  /** For a queue that is created; a queue that is not durable is not recorded. */
  journal(outline: QueueOutline): QueueJournal | null {
    if (!outline.durable) return null;
    this.#write({ type: "queue", outline });
    return this.resume(outline.name);
  }

  /** For a queue that was recovered: what is written goes on where it ended. */
  resume(queue: string): QueueJournal {
    const text = (content: Buffer | null) => content?.toString("base64") ?? null;
    return {
      placed: (id, content) => this.#write({ type: "placed", queue, id, content: text(content) }),
      removed: (id) => this.#write({ type: "removed", queue, id }),
      arranged: (ids) => this.#write({ type: "arranged", queue, ids }),
      dropped: () => this.#write({ type: "dropped", queue }),
    };
  }

  #write(entry: object): void {
    writeSync(this.#fd, `${JSON.stringify(entry)}\n`);
  }
}

/** A line that the death of the process cut off counts as not written. */
function replay(line: string, queues: Map<string, Replayed>): void {
  if (!line.endsWith("}")) return;
  const fields = new TypedFields(JSON.parse(line));
  const queue = queues.get(fields.text("queue"));
  const id = fields.text("id");
  switch (fields.text("type")) {
    case "queue": {
      const outline = parseOutline(fields.nested("outline"));
      queues.set(outline.name, { outline, messages: new Map() });
      return;
    }
    case "placed": {
      const content = fields.text("content");
      queue?.messages.set(id, content === "" ? null : Buffer.from(content, "base64"));
      return;
    }
    case "removed":
      queue?.messages.delete(id);
      return;
    case "arranged": {
      if (queue === undefined) return;
      const known = queue.messages;
      queue.messages = new Map(fields.texts("ids").map((one) => [one, known.get(one) ?? null]));
      return;
    }
    case "dropped":
      queues.delete(fields.text("queue"));
  }
}
