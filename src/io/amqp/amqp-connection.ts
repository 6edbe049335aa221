/**
 * One AMQP 1.0 connection to a broker as an administrative client: how it opens, how it ends and
 * why. management-client.ts asks over it.
 * Source: rhea 3; qpid-cpp ha/ConnectionObserver.cpp, broker/amqp/Connection.cpp.
 * AMQP1  Whatever the other side sends, or fails to send, the connection opens or ends with a typed
 *     reason, and nothing is thrown.
 * AMQP2  A closed connection leaves no socket and no timer behind, also when the broker is frozen.
 */
import { Socket } from "node:net";
import rhea, { type Connection, type EventContext, type Session } from "rhea";
import type { BrokerCredentials } from "../../brokers/broker-account.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type { BrokerConnectProblem, BrokerTarget, ConnectionEnd } from "../broker-port.ts";
import { causeCode, causeText } from "../os-error.ts";

export type AmqpOptions = {
  /** Until the connection is of use. */
  readonly limitMs: number;
  /** After twice this time without a frame the connection is dead; null: never. */
  readonly idleMs: number | null;
  /** Makes the connection useful, such as by attaching links; calls `done` then. */
  readonly prepare: (connection: Connection, done: () => void) => void;
  /** Once, at the end of a connection that was opened. */
  readonly onEnded: (words: string, how: ConnectionEnd) => void;
};

/** What is written to a frozen broker may never leave; after this it is dropped. */
const closeGraceMs = 500;

const failures = ["connection_error", "session_error", "sender_error", "receiver_error"] as const;
const closures = ["connection_close", "session_close", "sender_close", "receiver_close"] as const;

export class AmqpConnection {
  readonly opened: Promise<Result<null, BrokerConnectProblem>>;
  readonly #connection: Connection;
  readonly #options: AmqpOptions;
  #phase: "opening" | "open" | "ended" = "opening";
  #settle: (result: Result<null, BrokerConnectProblem>) => void = () => undefined;

  constructor(target: BrokerTarget, options: AmqpOptions) {
    this.#options = options;
    const limit = setTimeout(() => this.#onLimit(), options.limitMs);
    this.opened = new Promise((resolve) => {
      this.#settle = (result) => {
        clearTimeout(limit);
        resolve(result);
      };
    });
    this.#connection = rhea.create_container().create_connection(rheaOptions(target, options));
    this.#listen();
    try {
      this.#connection.connect();
    } catch (error) {
      this.#end({ type: "unreachable", code: causeCode(error) ?? "", words: causeText(error) });
    }
  }

  close(): void {
    const open = this.#phase === "open";
    this.#end({ type: "dropped", words: "closed here" }, "silently");
    const socket: unknown = this.#connection["socket"];
    if (!open || !(socket instanceof Socket)) return;
    // The Close frame is written in the next tick.
    this.#connection.close();
    setImmediate(() => {
      socket.destroySoon();
      this.#forget();
    });
    setTimeout(() => socket.destroy(), closeGraceMs).unref();
  }

  #listen(): void {
    const on = (name: string, act: (context: EventContext) => void): void => {
      this.#connection.on(name, act);
    };
    on("connection_open", () => {
      if (this.#phase === "opening") this.#options.prepare(this.#connection, () => this.#onReady());
    });
    for (const name of failures) {
      on(name, (context) => this.#end(refusalOf(context)));
    }
    for (const name of closures) {
      on(name, () => this.#end({ type: "dropped", words: "closed by the broker" }));
    }
    on("disconnected", ({ error }) => this.#end(disconnection(error)));
    for (const name of ["protocol_error", "error"]) {
      this.#connection.on(name, (error: unknown) => {
        const words = `the other side does not speak AMQP 1.0 as expected: ${causeText(error)}`;
        this.#end({ type: "dropped", words });
      });
    }
  }

  #onReady(): void {
    if (this.#phase !== "opening") return;
    this.#phase = "open";
    this.#settle(accept(null));
  }

  #onLimit(): void {
    const words = `no connection after ${this.#options.limitMs} ms`;
    this.#end({ type: "timed-out", words });
  }

  #end(problem: BrokerConnectProblem, how: "told" | "silently" = "told"): void {
    const phase = this.#phase;
    if (phase === "ended") return;
    this.#phase = "ended";
    this.#settle(refuse(problem));
    if (phase === "opening" || how === "told") this.#destroy();
    // Not within the events of rhea, which takes an exception for one of its own.
    if (phase === "open" && how === "told") {
      const how = problem.type === "refused" ? "refused" : "ended";
      queueMicrotask(() => this.#options.onEnded(problem.words, how));
    }
  }

  #destroy(): void {
    const socket: unknown = this.#connection["socket"];
    if (socket instanceof Socket) socket.destroy();
    // This may be within an event, after which rhea sets a timer.
    setImmediate(() => this.#forget());
  }

  /** AMQP2: rhea clears its timers when it is told that the socket has ended. */
  #forget(): void {
    this.#connection["eof"]();
  }
}

/** Calls when a session has begun, and links can be attached to it. */
export function beginSession(connection: Connection, done: () => void): void {
  const session: Session = connection.create_session();
  session.once("session_open", done);
  session.begin();
}

function rheaOptions(target: BrokerTarget, { idleMs }: AmqpOptions) {
  // Options that the typings of rhea do not know. Without the first, each answer takes 40 ms more.
  const untyped = { tcp_no_delay: true, ...mechanismOf(target.credentials) };
  return {
    host: target.host,
    port: target.port,
    reconnect: false,
    properties: { "qpid.ha-admin": 1 },
    ...(idleMs === null ? {} : { idle_time_out: idleMs }),
    ...untyped,
  };
}

/**
 * The mechanisms of rhea count characters where bytes are meant, and take an empty password for
 * none. The table has no prototype, since the broker names the mechanism that is looked up.
 */
function mechanismOf(credentials: BrokerCredentials) {
  if (credentials.type === "none") return {};
  const [name, response] =
    credentials.type === "anonymous"
      ? ["ANONYMOUS", "clusterd"]
      : ["PLAIN", `\0${credentials.username}\0${credentials.password}`];
  const start = (send: (error: undefined, bytes: Buffer) => void): void => {
    send(undefined, Buffer.from(response, "utf8"));
  };
  const table: unknown = Object.setPrototypeOf({ [name]: () => ({ start }) }, null);
  return { sasl_mechanisms: table };
}

/** Of the connection, the session or a link, whichever failed. */
function refusalOf(context: EventContext): BrokerConnectProblem {
  const { connection, session, sender, receiver } = context;
  const given: unknown[] = [context.error, receiver?.error, sender?.error, session?.error];
  const error = given.find((one) => one !== undefined && one !== null) ?? connection.error;
  const words = wordsOf(error);
  const condition = fieldOf(error, "condition");
  // SASL fails with its own condition, and with that of an internal error when the broker is at a
  // loss, as when its password database cannot be read; so do questions that the ACL forbids.
  const told = /authenticat|^unauthorized-access/i.test(words);
  const forbids = condition === "amqp:unauthorized-access" || told;
  return { type: forbids ? "refused" : "dropped", words };
}

function disconnection(error: unknown): BrokerConnectProblem {
  const code = error === undefined ? null : causeCode(error);
  if (code === null || code === "ECONNRESET" || code === "EPIPE") {
    return { type: "dropped", words: "the broker ended the connection" };
  }
  return { type: "unreachable", code, words: causeText(error) };
}

function wordsOf(error: unknown): string {
  const description = fieldOf(error, "description") ?? fieldOf(error, "message");
  return description ?? fieldOf(error, "condition") ?? "refused without a reason";
}

function fieldOf(value: unknown, name: string): string | null {
  if (typeof value !== "object" || value === null) return null;
  const field: unknown = Reflect.get(value, name);
  return typeof field === "string" && field !== "" ? field : null;
}
