/** How connections fail: with servers that are silent, talk nonsense or refuse. */
import type { Socket } from "node:net";
import rhea, { type Connection } from "rhea";
import { type Test, test } from "tap";
import type { BrokerCredentials } from "../../../src/brokers/broker-account.ts";
import { AmqpConnection, beginSession } from "../../../src/io/amqp/amqp-connection.ts";
import { freePorts } from "../../broker/brokers.ts";
import { until } from "../../netns/until.ts";
import { serveSockets } from "./servers.ts";

const anonymous: BrokerCredentials = { type: "anonymous" };
const plain = (username: string, password: string) => {
  return { type: "plain", username, password } as const;
};

type Opened = {
  readonly connection: AmqpConnection;
  readonly ended: Promise<string>;
};

function open(
  t: Test,
  port: number,
  options: {
    readonly credentials?: BrokerCredentials;
    readonly limitMs?: number;
    readonly prepare?: (connection: Connection, done: () => void) => void;
  } = {},
): Opened {
  const { credentials = anonymous, limitMs = 60_000, prepare = beginSession } = options;
  let onEnded: (words: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    onEnded = resolve;
  });
  const target = { host: "127.0.0.1", port, credentials };
  const connection = new AmqpConnection(target, { limitMs, idleMs: 10_000, prepare, onEnded });
  t.teardown(() => connection.close());
  return { connection, ended };
}

/** A server that speaks AMQP and asks for a password. */
function serveAmqp(
  t: Test,
  mechanisms: { readonly anonymous?: true; readonly accepts?: readonly [string, string] },
): Promise<{ readonly port: number; readonly connections: Connection[] }> {
  const container = rhea.create_container();
  if (mechanisms.anonymous === true) container.sasl_server_mechanisms.enable_anonymous();
  const { accepts } = mechanisms;
  if (accepts !== undefined) {
    container.sasl_server_mechanisms.enable_plain((name: string, secret?: string) => {
      return name === accepts[0] && (secret ?? "") === accepts[1];
    });
  }
  const connections: Connection[] = [];
  t.teardown(() => {
    // Otherwise rhea goes on with its heartbeats, though the socket is destroyed.
    for (const connection of connections) connection["eof"]();
  });
  for (const name of ["disconnected", "error", "connection_close", "connection_error"]) {
    container.on(name, () => undefined);
  }
  const serve = (socket: Socket): void => {
    const connection = container.create_connection({ host: "", port: 0 });
    connections.push(connection);
    connection["accept"](socket);
  };
  return serveSockets(t, serve).then((port) => ({ port, connections }));
}

test("AMQP1: nobody listens", async (t) => {
  const [port = 0] = await freePorts(1);
  const { connection } = open(t, port);
  t.match(await connection.opened, { problem: { type: "unreachable", code: "ECONNREFUSED" } });
});

test("AMQP1: a port that is none", async (t) => {
  const { connection } = open(t, 70_000);
  t.match(await connection.opened, { problem: { type: "unreachable", words: /Port should be/ } });
});

test("AMQP1: a server that is silent", async (t) => {
  const port = await serveSockets(t, () => undefined);
  const { connection } = open(t, port, { limitMs: 50 });
  t.match(await connection.opened, { problem: { type: "timed-out", words: /after 50 ms/ } });
});

test("AMQP1: a server that ends the connection, before and after it has read", async (t) => {
  const destroying = await serveSockets(t, (socket) => socket.destroy());
  t.match(await open(t, destroying).connection.opened, { problem: { type: "dropped" } });
  const ending = await serveSockets(t, (socket) => socket.once("data", () => socket.end()));
  t.match(await open(t, ending).connection.opened, { problem: { type: "dropped" } });
});

test("AMQP1: a server that speaks something else", async (t) => {
  const pages = ["HTTP/1.1 400 Bad Request\r\n\r\n", "AMQP\0\0\x09\x01", "\0\0\0\x01\0\0\0\0"];
  const amqp = "AMQP\x03\x01\0\0";
  for (const text of [
    ...pages,
    `${amqp}\xff\xff\xff\xff`,
    `${amqp}\0\0\0\x10\x02\x01\0\0garbages`,
  ]) {
    const port = await serveSockets(t, (socket) => socket.end(Buffer.from(text, "latin1")));
    const opened = await open(t, port).connection.opened;
    t.match(opened, { problem: { type: "dropped", words: /\S/ } }, JSON.stringify(text));
  }
});

test("AMQP1: the password is wrong, right, or in another script", async (t) => {
  const { port } = await serveAmqp(t, { accepts: ["qpid-hä", "pässwört🔑"] });
  const wrong = open(t, port, { credentials: plain("qpid-hä", "wrong") });
  t.match(await wrong.connection.opened, {
    problem: { type: "refused", words: "Failed to authenticate: 1" },
  });
  const right = open(t, port, { credentials: plain("qpid-hä", "pässwört🔑") });
  t.same(await right.connection.opened, { ok: true, value: null });
  const none = open(t, port, { credentials: anonymous });
  t.match(await none.connection.opened, {
    problem: { type: "refused", words: /No suitable mechanism; server supports PLAIN/ },
  });
});

test("AMQP1: an empty password is a password", async (t) => {
  const { port } = await serveAmqp(t, { anonymous: true, accepts: ["qpid", ""] });
  const { connection } = open(t, port, { credentials: plain("qpid", "") });
  t.same(await connection.opened, { ok: true, value: null });
});

test("the end of an open connection is told once, and not when it is closed here", async (t) => {
  const { port, connections } = await serveAmqp(t, { anonymous: true });
  const first = open(t, port);
  await first.connection.opened;
  connections[0]?.close({ condition: "amqp:connection:forced", description: "going down" });
  t.equal(await first.ended, "going down");

  const second = open(t, port);
  await second.connection.opened;
  const told: string[] = [];
  void second.ended.then((words) => told.push(words));
  const gone = new Promise((resolve) => connections[1]?.once("connection_close", resolve));
  second.connection.close();
  second.connection.close();
  await gone;
  t.same(told, []);
});

test("AMQP1: a link that is refused ends the connection", async (t) => {
  const { port, connections } = await serveAmqp(t, { anonymous: true });
  const { connection } = open(t, port, {
    prepare: (raw, done) => {
      const server = connections[0];
      server?.on("sender_open", ({ sender }) => {
        sender?.close({ condition: "amqp:unauthorized-access", description: "ACL denied it" });
      });
      raw.open_receiver("queue").on("message", done);
    },
  });
  t.match(await connection.opened, { problem: { type: "refused", words: "ACL denied it" } });
});

test("AMQP1: a question that is forbidden ends the connection, and is no mere end", async (t) => {
  const { port, connections } = await serveAmqp(t, { anonymous: true });
  const told: (readonly [string, string])[] = [];
  const close = async (description: string): Promise<void> => {
    const onEnded = (words: string, how: string): number => told.push([words, how]);
    const target = { host: "127.0.0.1", port, credentials: anonymous };
    const options = { limitMs: 60_000, idleMs: 10_000, prepare: beginSession, onEnded };
    const count = told.length;
    await new AmqpConnection(target, options).opened;
    connections.at(-1)?.close({ condition: "amqp:internal-error", description });
    await until(() => told.length > count);
  };
  await close("unauthorized-access: ACL denied QMF query of ha-broker from qpid");
  await close("out of memory");
  t.same(told, [
    ["unauthorized-access: ACL denied QMF query of ha-broker from qpid", "refused"],
    ["out of memory", "ended"],
  ]);
});

test("AMQP2: closing while it opens leaves nothing behind", async (t) => {
  let socketEnded: (value: unknown) => void = () => undefined;
  const ended = new Promise((resolve) => {
    socketEnded = resolve;
  });
  const port = await serveSockets(t, (socket) => {
    socket.on("close", socketEnded);
    socket.resume();
    connection.close();
  });
  const { connection } = open(t, port);
  t.match(await connection.opened, { problem: { type: "dropped", words: "closed here" } });
  await ended;
});
