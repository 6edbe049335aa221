/**
 * The AMQP side of the stand-in broker: who may connect, and what links lead to.
 * Source: qpid-cpp ha/ConnectionObserver.cpp, ha/BackupConnectionExcluder.h,
 * broker/amqp/Session.cpp, broker/NullSaslServer.cpp.
 */
import { randomUUID } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { hostname } from "node:os";
import type { Message, Receiver, Sender } from "rhea";
import rhea, { type Connection, type Container, type EventContext } from "rhea";
import { type Access, anonymousUser, qualified } from "./access-control.ts";
import type { HaBroker } from "./ha-broker.ts";
import { acceptsClients } from "./ha-states.ts";
import { PeerLink } from "./peer-link.ts";
import { peerPreamble } from "./peer-protocol.ts";
import { QmfAgent } from "./qmf-agent.ts";
import { parseExchange, QmfExchanges } from "./qmf-exchanges.ts";
import { asMap, asScalars, asText, asUuid } from "./qmf-values.ts";
import { QueueLinks } from "./queue-links.ts";
import type { MessageQueue } from "./queue-store.ts";

/** Filters of a source at an exchange: the described value is the binding key. */
const bindingFilters: ReadonlySet<unknown> = new Set([
  "apache.org:legacy-amqp-direct-binding:string",
  "apache.org:legacy-amqp-topic-binding:string",
  0x468c00000000,
  0x468c00000001,
]);

/** A request body larger than this is ignored without an answer. */
const requestBytesMax = 65_536;

export class AmqpFront {
  readonly #broker: HaBroker;
  readonly #log: (text: string) => void;
  readonly #container: Container;
  readonly #exchanges = new QmfExchanges();
  readonly #links: QueueLinks;
  readonly #agent: QmfAgent;
  readonly #sockets = new Map<Connection, Socket>();
  readonly #senders = new Map<Connection, Set<Sender>>();
  readonly #dynamic = new Map<Sender, MessageQueue>();
  readonly #requests = new WeakMap<Connection, Promise<void>>();

  constructor(broker: HaBroker, log: (text: string) => void) {
    this.#broker = broker;
    this.#log = log;
    this.#links = new QueueLinks(broker);
    this.#agent = new QmfAgent(broker, (address, content) => this.#reply(address, content));
    this.#container = rhea.create_container({ id: broker.systemId });
    this.#offerMechanisms();
    this.#listen();
    broker.listen({
      onMembers: (members) => {
        const event = this.#agent.membersEvent(members);
        this.#exchanges.route("qmf.default.topic", event.key, event.content);
      },
      onMessage: (queue) => this.#links.pumpQueue(queue),
      onDrop: (queue) => this.#links.closeQueue(queue),
    });
  }

  /** The listening server; AMQP and the stand-ins' own protocol share its port. */
  server(): Server {
    return createServer((socket) => {
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      socket.once("data", (first: Buffer) => this.#onPreamble(socket, first));
    });
  }

  #onPreamble(socket: Socket, first: Buffer): void {
    socket.pause();
    if (first.subarray(0, peerPreamble.length).equals(peerPreamble)) {
      socket.unshift(first.subarray(peerPreamble.length));
      this.#broker.acceptPeer(new PeerLink(socket));
      socket.resume();
      return;
    }
    socket.unshift(first);
    this.#broker.workers.serve(socket);
    const { auth } = this.#broker.settings;
    // An option of rhea that its typings do not know.
    const authentication = { require_sasl: auth };
    const connection = this.#container.create_connection({
      host: "",
      port: 0,
      container_id: this.#broker.systemId,
      ...authentication,
      channel_max: 32_767,
      offered_capabilities: "ANONYMOUS-RELAY",
      properties: {
        product: "qpid-cpp",
        version: "1.40.0",
        platform: "Linux",
        host: hostname(),
      },
      receiver_options: { autoaccept: false },
    });
    this.#sockets.set(connection, socket);
    this.#keepWhileHeld(connection, socket);
    connection["accept"](socket);
    socket.resume();
  }

  /** A broker that stands still does not notice that it hears nothing of its clients. */
  #keepWhileHeld(connection: Connection, socket: Socket): void {
    const onIdle: () => void = connection["idle"].bind(connection);
    connection["idle"] = () => {
      if (!this.#broker.workers.isHeld(socket)) onIdle();
    };
  }

  #offerMechanisms(): void {
    const { auth } = this.#broker.settings;
    const mechanisms = this.#container.sasl_server_mechanisms;
    if (!auth) mechanisms.enable_anonymous();
    mechanisms.enable_plain((given: string, secret: string) => {
      return !auth || this.#broker.access.isAccount(given, secret);
    });
  }

  #listen(): void {
    const on = (event: string, act: (context: EventContext) => void) =>
      this.#container.on(event, act);
    on("connection_open", (context) => this.#onOpen(context.connection));
    // rhea tells of an end before the acknowledgements that came in front of it.
    const later = (act: () => void) => setImmediate(act);
    for (const event of ["disconnected", "connection_close"]) {
      on(event, ({ connection }) => later(() => this.#onGone(connection)));
    }
    for (const event of ["connection_error", "session_error"]) on(event, () => {});
    for (const event of ["protocol_error", "error"]) {
      on(event, (context) =>
        this.#log(`${event} of a client: ${String(context.error ?? context)}`),
      );
    }
    for (const event of ["sender_error", "receiver_error"]) on(event, () => {});
    on("session_close", ({ connection, session }) =>
      later(() => {
        for (const sender of this.#senders.get(connection) ?? []) {
          if (sender.session === session) this.#forget(sender);
        }
      }),
    );
    on("sender_close", ({ sender }) => sender && later(() => this.#forget(sender)));
    on("sender_open", (context) => context.sender && this.#onReaderLink(context.sender));
    on("receiver_open", (context) => context.receiver && this.#onWriterLink(context.receiver));
    on("sendable", (context) => context.sender && this.#pump(context.sender));
    on("sender_draining", (context) => context.sender && this.#pump(context.sender));
    on("message", (context) => this.#onMessage(context));
    on("accepted", ({ sender, delivery }) => {
      if (sender !== undefined && delivery !== undefined) this.#links.accepted(sender, delivery);
    });
    for (const event of ["released", "rejected", "modified", "settled"]) {
      on(event, ({ sender, delivery }) => {
        if (sender !== undefined && delivery !== undefined) this.#links.returned(sender, delivery);
      });
    }
  }

  #onOpen(connection: Connection): void {
    const properties = asMap(connection.properties);
    const backup = asMap(properties["qpid.ha-backup"]);
    const isOwn = asUuid(backup["system-id"]) === this.#broker.systemId;
    const privileged = "qpid.ha-admin" in properties || "qpid.ha-backup" in properties;
    if (isOwn || (!privileged && !acceptsClients(this.#broker.state))) {
      const who = isOwn ? "connection to itself" : "client";
      this.#log(`${who} dropped in state ${this.#broker.state}`);
      // Before rhea writes our Open: the client sees the connection end without any explanation.
      this.#sockets.get(connection)?.destroy();
      this.#onGone(connection);
      return;
    }
    if (!privileged) this.#log("client accepted");
    const idleMs = connection.idle_time_out;
    if (idleMs !== undefined && idleMs > 0) connection["local"].open.idle_time_out = idleMs;
  }

  #onGone(connection: Connection): void {
    for (const sender of this.#senders.get(connection) ?? []) this.#forget(sender);
    this.#senders.delete(connection);
    this.#sockets.delete(connection);
  }

  #forget(sender: Sender): void {
    this.#senders.get(sender.connection)?.delete(sender);
    this.#exchanges.unbind(sender);
    this.#links.remove(sender);
    const queue = this.#dynamic.get(sender);
    this.#dynamic.delete(sender);
    if (queue !== undefined) this.#broker.queues.drop(queue.name);
  }

  #pump(sender: Sender): void {
    this.#exchanges.pump(sender);
    this.#links.pump(sender);
  }

  /** A client wants to receive. */
  #onReaderLink(sender: Sender): void {
    const { source } = sender;
    const senders = this.#senders.get(sender.connection) ?? new Set();
    this.#senders.set(sender.connection, senders.add(sender));
    if (source?.dynamic === true) {
      const queue = this.#broker.createQueue(
        randomUUID(),
        asScalars(source.dynamic_node_properties),
      );
      this.#dynamic.set(sender, queue);
      sender.set_source({ address: queue.name, dynamic: true });
      this.#links.consume(queue, sender);
      return;
    }
    const address = asText(source?.address);
    const exchange = parseExchange(address);
    const consume: Access = { action: "consume", object: "queue", name: address };
    // At an exchange a receiver gets a queue of its own.
    const own: Access = { action: "create", object: "queue", name: sender.name };
    const bind: Access = { action: "bind", object: "exchange", name: address };
    const more = exchange === null ? [consume] : [own, bind, { ...consume, name: sender.name }];
    if (this.#isDenied(sender, [...attaching(address), ...more])) return;
    if (exchange !== null) {
      sender.set_source(source);
      this.#exchanges.bind(exchange, bindingKey(source.filter), sender);
      return;
    }
    const queue = this.#broker.queues.get(address);
    if (queue === undefined) {
      refuseLink(sender, address);
      return;
    }
    sender.set_source(source);
    if (source.distribution_mode === "copy") this.#links.browse(queue, sender);
    else this.#links.consume(queue, sender);
  }

  /** A client wants to send. */
  #onWriterLink(receiver: Receiver): void {
    const address = asText(receiver.target?.address);
    const known = address === "" || parseExchange(address) !== null;
    const publish: Access = { action: "publish", object: "exchange", name: "" };
    const wanted = [...attaching(address), ...(known ? [] : [publish])];
    if (address !== "" && this.#isDenied(receiver, wanted)) return;
    if (known || this.#broker.queues.get(address) !== undefined) {
      receiver.set_target({ address });
    } else {
      refuseLink(receiver, address);
    }
  }

  /** Refuses the link if one of these is not allowed. */
  #isDenied(link: Sender | Receiver, wanted: readonly Access[]): boolean {
    const user = userOf(link.connection);
    const denied = wanted.find((one) => !this.#broker.access.permits(user, one));
    if (denied === undefined) return false;
    const request = `${denied.object} ${denied.action} request to ${denied.name}`;
    const description = `ACL denied ${request} from ${user}`;
    link.close({ condition: "amqp:unauthorized-access", description });
    return true;
  }

  #onMessage({ receiver, delivery, message }: EventContext): void {
    if (receiver === undefined || delivery === undefined || message === undefined) return;
    const target = asText(receiver.target?.address);
    const address = target === "" ? asText(message.to) : target;
    const queue = this.#broker.queues.get(address);
    if (queue !== undefined) {
      this.#broker.enqueue(queue, rhea.message.encode(message), () => delivery.accept());
      return;
    }
    if (target !== "" && parseExchange(target) === null) {
      delivery.reject({ condition: "amqp:not-found", description: `Node not found: ${target}` });
      return;
    }
    delivery.accept();
    this.#toExchange(address, message, receiver.connection);
  }

  #toExchange(address: string, message: Message, connection: Connection): void {
    const exchange = parseExchange(address);
    if (exchange === null) return;
    const expel = (description: string) =>
      connection.close({ condition: "amqp:internal-error", description });
    const user = userOf(connection);
    if (!this.#broker.access.permitsMessage(user, exchange)) {
      expel(`${user} cannot publish to ${exchange}`);
      return;
    }
    const content: Buffer = rhea.message.encode(message);
    const key = asText(message.subject);
    if (exchange !== "qmf.default.direct" || key !== "broker") {
      this.#exchanges.route(exchange, key, content);
    } else if (content.length <= requestBytesMax) {
      const worker = this.#broker.workers.worker(this.#sockets.get(connection));
      const requester = { user, worker, expel };
      // One after the other: behind a promotion that waits nothing of the connection is looked at.
      const former = this.#requests.get(connection);
      const act = () => this.#agent.request(message, requester);
      this.#requests.set(connection, former === undefined ? act() : former.then(act));
    }
  }

  #reply(address: string, content: Buffer): void {
    const [name = "", ...key] = address.split("/");
    const exchange = parseExchange(name);
    if (exchange !== null) {
      this.#exchanges.route(exchange, key.join("/"), content);
      return;
    }
    const queue = this.#broker.queues.get(address);
    if (queue !== undefined) this.#broker.enqueue(queue, content, () => {});
  }
}

/** What a client must be allowed for any link to a node whose kind it does not name. */
function attaching(name: string): readonly Access[] {
  return (["exchange", "queue"] as const).map((object) => ({ action: "access", object, name }));
}

/** The name with which the client has authenticated; rhea's typings do not know it. */
function userOf(connection: Connection): string {
  const sasl = asMap(connection["sasl_transport"]);
  const user = asText(sasl["username"]) || asText(asMap(sasl["selected"])["username"]);
  return user === "" ? anonymousUser : qualified(user);
}

/** The value of the first entry that is a binding filter; empty when there is none. */
function bindingKey(filter: unknown): string {
  for (const entry of Object.values(asMap(filter))) {
    const described = asMap(entry);
    const descriptor: unknown = asMap(described["descriptor"])["value"];
    if (bindingFilters.has(descriptor)) return asText(described["value"]);
  }
  return "";
}

function refuseLink(link: Sender | Receiver, address: string): void {
  link.close({ condition: "amqp:not-found", description: `Node not found: ${address}` });
}
