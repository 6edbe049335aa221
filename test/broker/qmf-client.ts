/**
 * Management of one broker, real or stand-in, over AMQP 1.0: queries and methods with a time limit.
 * Source: qpid-cpp broker/amqp/Session.cpp, management/ManagementAgent.cpp; qpid-ha.
 */
import { randomUUID } from "node:crypto";
import rhea, { type Connection, type Message, type Sender } from "rhea";
import { asList, asMap, asText } from "./qmf-values.ts";

export type QmfClientOptions = {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  /** For the connection and for each answer; null: none. */
  readonly timeoutMs: number | null;
  /** False: as an ordinary client, which backups refuse. */
  readonly admin?: boolean;
};

/** A failure in the words of the tool: `ConnectError`, `Timeout`, `Exception`. */
export class QmfFailure extends Error {
  override readonly name: string;

  constructor(name: string, text: string) {
    super(text);
    this.name = name;
  }
}

/** Refused by the broker: error code and text as it gave them. */
export class QmfException extends Error {
  override readonly name = "QmfException";
  readonly code: number;
  readonly text: string;

  constructor(code: number, text: string) {
    super(`${code} ${text}`);
    this.code = code;
    this.text = text;
  }
}

export type QmfAnswer = { readonly opcode: string; readonly messages: readonly Message[] };
export type QmfValues = Readonly<Record<string, unknown>>;

const haName = "org.apache.qpid.ha:habroker:ha-broker";
const brokerName = "org.apache.qpid.broker:broker:amqp-broker";

type Waiting = {
  readonly parts: Message[];
  readonly resolve: (messages: Message[]) => void;
  readonly reject: (failure: QmfFailure) => void;
};

export class QmfClient {
  readonly connection: Connection;
  readonly #sender: Sender;
  readonly #replyTo: string;
  readonly #timeoutMs: number | null;
  readonly #waiting = new Map<string, Waiting>();
  #count = 0;

  private constructor(
    connection: Connection,
    links: { readonly sender: Sender; readonly replyTo: string; readonly timeoutMs: number | null },
  ) {
    this.connection = connection;
    this.#sender = links.sender;
    this.#replyTo = links.replyTo;
    this.#timeoutMs = links.timeoutMs;
    connection.on("message", ({ message }) => this.#onAnswer(message));
    for (const event of ["disconnected", "connection_close"]) {
      connection.on(event, () => {
        const failure = new QmfFailure("ConnectionError", "connection aborted");
        for (const { reject } of this.#waiting.values()) reject(failure);
      });
    }
  }

  /** Connects as an administrative client, which every state accepts, unless told otherwise. */
  static async open(options: QmfClientOptions): Promise<QmfClient> {
    const connection = await (options.admin === false ? openConnection : openAdmin)(options);
    const key = `clusterd.${randomUUID()}`;
    const filter = rhea.types.wrap_described(key, "apache.org:legacy-amqp-direct-binding:string");
    connection.open_receiver({
      source: { address: "qmf.default.direct", filter: { key: filter } },
    });
    const sender = connection.open_sender("qmf.default.direct");
    const links = { sender, replyTo: `qmf.default.direct/${key}`, timeoutMs: options.timeoutMs };
    const client = new QmfClient(connection, links);
    const ready = new Promise<void>((resolve) => connection.once("sendable", () => resolve()));
    await within(ready, options.timeoutMs, "Timeout: Connection attach timed out");
    return client;
  }

  /** The `_values` of all objects of a class; empty when the broker has no such class. */
  async query(className: string): Promise<readonly QmfValues[]> {
    const body = { _what: "OBJECT", _schema_id: { _class_name: className } };
    return valuesOf(await this.request("_query_request", body));
  }

  async habroker(): Promise<QmfValues | null> {
    const body = { _what: "OBJECT", _object_id: { _object_name: haName } };
    return valuesOf(await this.request("_query_request", body))[0] ?? null;
  }

  async status(): Promise<string> {
    return asText((await this.habroker())?.["status"]);
  }

  async promote(): Promise<void> {
    await this.call(haName, "promote", {});
  }

  async replicate(broker: string, queue: string): Promise<void> {
    await this.call(haName, "replicate", { broker, queue });
  }

  /** Replicated, unless told otherwise. */
  async createQueue(
    name: string,
    properties: QmfValues = { "qpid.replicate": "all" },
  ): Promise<void> {
    await this.call(brokerName, "create", { type: "queue", name, properties, strict: true });
  }

  /** Throws `QmfException` when the broker answers with one. */
  async call(objectName: string, method: string, given: QmfValues): Promise<QmfValues> {
    const id = { _object_name: objectName };
    const body = { _object_id: id, _method_name: method, _arguments: given };
    const answer = await this.request("_method_request", body);
    return asMap(asMap(answer.messages[0]?.body)["_arguments"]);
  }

  async request(opcode: string, body: QmfValues): Promise<QmfAnswer> {
    this.#count += 1;
    const id = String(this.#count);
    const messages = await within(
      new Promise<Message[]>((resolve, reject) => {
        this.#waiting.set(id, { parts: [], resolve, reject });
        this.#sender.send({
          subject: "broker",
          reply_to: this.#replyTo,
          correlation_id: id,
          application_properties: {
            "x-amqp-0-10.app-id": "qmf2",
            "qmf.opcode": opcode,
            method: "request",
          },
          body,
        });
      }),
      this.#timeoutMs,
      "Timeout: no answer",
    );
    this.#waiting.delete(id);
    const [first] = messages;
    const opcodeBack = asText(asMap(first?.application_properties)["qmf.opcode"]);
    if (opcodeBack === "_exception") {
      const values = asMap(asMap(first?.body)["_values"]);
      throw new QmfException(Number(values["error_code"]), asText(values["error_text"]));
    }
    return { opcode: opcodeBack, messages };
  }

  close(): void {
    this.connection.close();
  }

  #onAnswer(message: Message | undefined): void {
    if (message === undefined) return;
    const id = String(message.correlation_id ?? "");
    const waiting = this.#waiting.get(id);
    waiting?.parts.push(message);
    if ("partial" in asMap(message.application_properties)) return;
    waiting?.resolve(waiting.parts);
  }
}

/** An open connection that backups accept too. */
export function openAdmin(options: QmfClientOptions): Promise<Connection> {
  return openConnection({ ...options, properties: { "qpid.ha-admin": 1 } });
}

/** Resolves when the broker has opened it; a backup refuses ordinary clients without a word. */
export function openConnection(
  options: QmfClientOptions & { readonly properties?: Readonly<Record<string, number>> },
): Promise<Connection> {
  const { host, port, timeoutMs } = options;
  const credentials =
    options.username === undefined
      ? { username: "anonymous" }
      : { username: options.username, password: options.password ?? "" };
  const idle = timeoutMs === null ? {} : { idle_time_out: Math.ceil(timeoutMs / 2000) * 1000 };
  // Unknown to rhea's typings; without it an authenticated connection costs 40 ms more.
  const noDelay = { tcp_no_delay: true };
  const connection = rhea.create_container().create_connection({
    host,
    port,
    reconnect: false,
    ...noDelay,
    ...credentials,
    ...idle,
    ...(options.properties === undefined ? {} : { properties: options.properties }),
  });
  const opened = new Promise<Connection>((resolve, reject) => {
    connection.on("connection_open", () => resolve(connection));
    connection.on("connection_error", ({ error }) =>
      reject(new QmfFailure("AuthenticationFailure", textOf(error))),
    );
    connection.on("disconnected", ({ error }) =>
      reject(new QmfFailure("ConnectError", textOf(error))),
    );
    connection.on("error", (error: Error) => reject(error));
  });
  connection.connect();
  return within(opened, timeoutMs, "Timeout: Connection attach timed out");
}

/** Ends a connection that may be dead: a polite close would wait for an answer. */
export function abandon(connection: Connection): void {
  connection.removeAllListeners();
  connection.on("disconnected", () => {});
  connection.on("error", () => {});
  connection.close();
  setImmediate(() => connection["socket"]?.destroy());
}

function valuesOf(answer: QmfAnswer): readonly QmfValues[] {
  const objects = answer.messages.flatMap((message) => asList(message.body));
  return objects.map((object) => asMap(asMap(object)["_values"]));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "connection closed by peer";
}

/** The text is `Name: words`. */
async function within<Value>(
  promise: Promise<Value>,
  limitMs: number | null,
  text: string,
): Promise<Value> {
  if (limitMs === null) return promise;
  const [name = "", words = ""] = text.split(": ");
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new QmfFailure(name, words)), limitMs);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}
