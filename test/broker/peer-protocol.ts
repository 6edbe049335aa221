/**
 * What stand-in brokers say to each other, on the port of the clients: messages, framing, parsing.
 * Knows no broker state. A connection begins with a preamble of eight bytes, as AMQP's does; then
 * frames follow: total length, header length, header as JSON, content.
 */
import { parseLevel, type ReplicateLevel } from "./broker-options.ts";
import { type HaState, haStates, type Member } from "./ha-states.ts";
import type { QueueArguments } from "./queue-store.ts";

export const peerPreamble = Buffer.from("HAREPL01");

/** A frame that claims more than this is damage, not content. */
const frameBytesMax = 64 * 1024 * 1024;

export type QueueOutline = {
  readonly name: string;
  readonly uuid: string;
  readonly level: ReplicateLevel;
  readonly durable: boolean;
  readonly queueArguments: QueueArguments;
};

/** Whoever calls says where it listens itself, and with which credentials it comes. */
export type PeerCaller = {
  readonly port: number;
  readonly username: string;
  readonly password: string;
};

export type PeerMessage =
  /** Who are you, and in which state? Asked by the status check of a starting broker. */
  | { readonly type: "ask"; readonly systemId: string; readonly caller: PeerCaller }
  | { readonly type: "answer"; readonly systemId: string; readonly state: HaState }
  /** A backup asks to be attached. */
  | { readonly type: "hello"; readonly member: Member; readonly caller: PeerCaller }
  | { readonly type: "refused"; readonly systemId: string; readonly state: HaState }
  /** No broker may replicate from there that comes like this. */
  | { readonly type: "forced"; readonly words: string }
  /** With the primary's default level, which every backup must share. */
  | {
      readonly type: "members";
      readonly members: readonly Member[];
      readonly level: ReplicateLevel;
    }
  /** All replicated queues of this moment; `ids` follow in `list` frames up to `listed`. */
  | { readonly type: "queue"; readonly queue: QueueOutline }
  | { readonly type: "list"; readonly queue: string; readonly ids: readonly string[] }
  | { readonly type: "listed"; readonly queues: readonly string[] }
  | { readonly type: "want"; readonly queue: string; readonly ids: readonly string[] }
  | {
      readonly type: "copy";
      readonly queue: string;
      readonly id: string;
      readonly content: Buffer;
    }
  /** The last `want` is answered: what did not come no longer exists. */
  | { readonly type: "copied" }
  | { readonly type: "synced" }
  | {
      readonly type: "enqueue";
      readonly seq: number;
      readonly queue: string;
      readonly id: string;
      readonly content: Buffer;
    }
  | { readonly type: "dequeue"; readonly queue: string; readonly id: string }
  | { readonly type: "drop"; readonly queue: string }
  | { readonly type: "confirm"; readonly seq: number }
  | { readonly type: "beat" };

const noContent = Buffer.alloc(0);

export function encodePeerMessage(message: PeerMessage): Buffer {
  if (message.type !== "copy" && message.type !== "enqueue") return encodeFrame(message, noContent);
  const { content, ...header } = message;
  return encodeFrame(header, content);
}

function encodeFrame(header: object, content: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.allocUnsafe(8);
  lengths.writeUInt32BE(8 + text.length + content.length, 0);
  lengths.writeUInt32BE(text.length, 4);
  return Buffer.concat([lengths, text, content]);
}

/** Collects bytes of one connection into messages; null in the list means damage: cut it. */
export class PeerDecoder {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #awaited = 8;

  push(chunk: Buffer): (PeerMessage | null)[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const messages: (PeerMessage | null)[] = [];
    if (this.#bytes < this.#awaited) return messages;
    let rest = Buffer.concat(this.#chunks, this.#bytes);
    this.#awaited = 8;
    while (rest.length >= 8) {
      const total = rest.readUInt32BE(0);
      const headerBytes = rest.readUInt32BE(4);
      if (total > frameBytesMax || headerBytes + 8 > total) return [...messages, null];
      if (rest.length < total) {
        this.#awaited = total;
        break;
      }
      const header = rest.subarray(8, 8 + headerBytes).toString();
      messages.push(parsePeerMessage(header, Buffer.from(rest.subarray(8 + headerBytes, total))));
      rest = rest.subarray(total);
    }
    this.#chunks = [rest];
    this.#bytes = rest.length;
    return messages;
  }
}

/** One JSON header with its content; null when it is none of the messages above. */
function parsePeerMessage(header: string, content: Buffer): PeerMessage | null {
  const fields = new TypedFields(JSON.parse(header));
  const type = fields.text("type");
  switch (type) {
    case "ask":
      return { type, systemId: fields.text("systemId"), caller: parseCaller(fields) };
    case "answer":
    case "refused":
      return { type, systemId: fields.text("systemId"), state: parseState(fields.text("state")) };
    case "forced":
      return { type, words: fields.text("words") };
    case "hello":
      return { type, member: parseMember(fields.nested("member")), caller: parseCaller(fields) };
    case "members":
      return {
        type,
        members: fields.list("members").map((entry) => parseMember(new TypedFields(entry))),
        level: parseLevel(fields.text("level")) ?? "none",
      };
    case "queue":
      return { type, queue: parseOutline(fields.nested("queue")) };
    case "list":
    case "want":
      return { type, queue: fields.text("queue"), ids: fields.texts("ids") };
    case "listed":
      return { type, queues: fields.texts("queues") };
    case "copy":
      return { type, queue: fields.text("queue"), id: fields.text("id"), content };
    case "enqueue":
      return {
        type,
        seq: fields.number("seq"),
        queue: fields.text("queue"),
        id: fields.text("id"),
        content,
      };
    case "dequeue":
      return { type, queue: fields.text("queue"), id: fields.text("id") };
    case "drop":
      return { type, queue: fields.text("queue") };
    case "confirm":
      return { type, seq: fields.number("seq") };
    case "copied":
    case "synced":
    case "beat":
      return { type };
    default:
      return null;
  }
}

/** Typed reading of an object of unknown shape; what is absent reads as empty. */
export class TypedFields {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    this.#fields = new Map(
      typeof value === "object" && value !== null ? Object.entries(value) : [],
    );
  }

  text(name: string): string {
    const value = this.#fields.get(name);
    return typeof value === "string" ? value : "";
  }

  number(name: string): number {
    const value = this.#fields.get(name);
    return typeof value === "number" ? value : 0;
  }

  flag(name: string): boolean {
    return this.#fields.get(name) === true;
  }

  list(name: string): readonly unknown[] {
    const value: unknown = this.#fields.get(name);
    return Array.isArray(value) ? value : [];
  }

  texts(name: string): readonly string[] {
    return this.list(name).filter((entry) => typeof entry === "string");
  }

  nested(name: string): TypedFields {
    return new TypedFields(this.#fields.get(name));
  }

  scalars(): QueueArguments {
    const scalars: Record<string, string | number | boolean> = {};
    for (const [name, value] of this.#fields) {
      if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
        scalars[name] = value;
      }
    }
    return scalars;
  }
}

function parseState(text: string): HaState {
  return haStates.find((state) => state === text) ?? "standalone";
}

function parseCaller(fields: TypedFields): PeerCaller {
  const caller = fields.nested("caller");
  const [port, username] = [caller.number("port"), caller.text("username")];
  return { port, username, password: caller.text("password") };
}

function parseMember(fields: TypedFields): Member {
  return {
    systemId: fields.text("systemId"),
    host: fields.text("host"),
    port: fields.number("port"),
    state: parseState(fields.text("state")),
  };
}

export function parseOutline(fields: TypedFields): QueueOutline {
  return {
    name: fields.text("name"),
    uuid: fields.text("uuid"),
    level: parseLevel(fields.text("level")) ?? "all",
    durable: fields.flag("durable"),
    queueArguments: fields.nested("queueArguments").scalars(),
  };
}
