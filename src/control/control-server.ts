/**
 * The control socket's server: HTTP requests on a UNIX socket → calls of the backend → replies.
 * It enforces the limits; the backend decides.
 * CONTROL1  A client holds at most one connection's worth of memory: bounded headers, bounded body,
 *     bounded backlog of events, and a deadline for taking its reply.
 * CONTROL2  A request that was handed to the backend is carried out even if its client goes away.
 * CONTROL3  A request that a socket does not serve is refused, whatever its body says.
 */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Duplex } from "node:stream";
import type { Acceptance } from "../model/acceptance.ts";
import { type NodeId, parseNodeId, type ServiceName } from "../model/ids.ts";
import { accept, assertNever, type Result, refuse } from "../model/outcome.ts";
import type { ServiceOperation } from "../model/service-operation.ts";
import type { ClusterStatus } from "../model/status.ts";
import { limitConnections } from "./connection-room.ts";
import { type ControlError, httpStatus } from "./control-error.ts";
import { GroupRequests } from "./control-groups.ts";
import { type ControlLimits, controlLimits } from "./control-limits.ts";
import { OrderRequests } from "./control-orders.ts";
import {
  clearSocketPath,
  restrictSocket,
  type SocketAccess,
  type SocketProblem,
  socketMask,
} from "./control-socket.ts";
import type { GroupBackend } from "./group-protocol.ts";
import { formatMetrics, metricsContentType } from "./metrics.ts";
import type { OperatorBackend } from "./operator-protocol.ts";
import {
  type ControlEvent,
  type ControlRoute,
  type LeaveBody,
  type LockOperation,
  parseAcknowledgeBody,
  parseKillBody,
  parseLeaveBody,
  parseRoute,
  parseServiceBody,
  type ServiceReply,
} from "./protocol.ts";
import { readJsonBody } from "./request-body.ts";

/** A request of a client for a service; the target is already a node of the configuration. */
export type ServiceCommand = {
  readonly service: ServiceName;
  readonly operation: ServiceOperation;
  readonly target: NodeId | null;
  readonly byDomain: boolean;
};

/** A request of a client for all services. */
export type LockCommand = { readonly operation: LockOperation };

/** The part of the daemon that the control socket calls. */
export type ControlBackend = {
  status(): ClusterStatus;
  /** Settles when the operation has ended, however long that takes; never rejects. */
  request(request: ServiceCommand | LockCommand): Promise<ServiceReply>;
  /** An operator acknowledges that a node is off; never rejects. */
  acknowledge(node: NodeId, by: string): Promise<Acceptance>;
  /** Orders a member to end; never rejects. */
  kill(node: NodeId, by: string): Promise<Acceptance>;
  /** Puts the daemon's file in force on all nodes; settles when it is; never rejects. */
  reload(): Promise<Acceptance>;
  /** Begins to stop services, leave and end; a second call changes nothing. */
  leave(how: LeaveBody): Acceptance;
  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: ControlEvent) => void): () => void;
  readonly groups: GroupBackend;
  readonly operators: OperatorBackend;
};

export type ControlServerOptions = {
  readonly socketPath: string;
  readonly backend: ControlBackend;
  /** Writes a sentence to the log. */
  readonly notice: (text: string) => void;
  /** Who may connect; by default the group `haclient`. */
  readonly access?: SocketAccess;
  /** Whether the socket serves process groups only; by default it serves everything. */
  readonly scope?: "groups" | "all";
  readonly limits?: ControlLimits;
};

export type ControlServer = {
  /** Stops listening, ends event streams, and gives clients `replyMs` to take pending replies. */
  close(): Promise<void>;
};

/** Serves the backend on the socket path; resolves once clients can connect. */
export async function startControlServer(
  options: ControlServerOptions,
): Promise<Result<ControlServer, SocketProblem>> {
  const path = options.socketPath;
  const cleared = await clearSocketPath(path);
  if (!cleared.ok) return cleared;
  const access = options.access ?? { type: "group-name", name: "haclient" };
  const listener = new Listener(options);
  const cause = await listener.listen(path, socketMask(access));
  if (cause !== null) return refuse({ type: "listen-failed", path, cause });
  const unrestricted = await restrictSocket(path, access);
  if (unrestricted !== null) {
    options.notice(`${path}: only the daemon's own user may connect: ${unrestricted}`);
  }
  return accept(listener);
}

class Listener implements ControlServer {
  readonly #backend: ControlBackend;
  readonly #limits: ControlLimits;
  readonly #scope: "groups" | "all";
  readonly #groups: GroupRequests;
  readonly #orders: OrderRequests;
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();
  /** Sockets with a request at the backend: only its reply may be written there. */
  readonly #reserved = new WeakSet<Duplex>();
  #pending = 0;

  constructor({ backend, limits = controlLimits, scope = "all" }: ControlServerOptions) {
    this.#backend = backend;
    this.#limits = limits;
    this.#scope = scope;
    const answering = {
      reply: (response: ServerResponse, content: object) => this.#send(response, 200, content),
      error: (response: ServerResponse, error: ControlError) => this.#sendError(response, error),
      reserve: ({ socket }: ServerResponse) => {
        if (socket !== null) this.#reserved.add(socket);
      },
    };
    this.#orders = new OrderRequests(backend.operators, limits, {
      ...answering,
      findNode: (name) => this.#findNode(name),
    });
    this.#groups = new GroupRequests(backend.groups, limits, {
      ...answering,
      limitReplyTime: ({ socket }) => {
        if (socket !== null) limitTime(socket, limits.replyMs);
      },
    });
    this.#server = createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.headersMs,
        requestTimeout: limits.requestMs,
        connectionsCheckingInterval: Math.min(1000, limits.headersMs),
        keepAlive: false,
      },
      (request, response) => void this.#serve(request, response),
    );
    limitConnections(this.#server, limits.connectionsMax);
    // A second request on a connection might be carried out although nobody reads its reply.
    this.#server.maxRequestsPerSocket = 1;
    this.#server.on("clientError", (error, socket) => {
      this.#refuseRaw(error, socket);
    });
  }

  /** Null, or why it cannot listen on the path. */
  listen(path: string, mask: number): Promise<string | null> {
    return new Promise((resolve) => {
      this.#server.once("error", (error) => resolve(error.message));
      // listen() binds at once, and the mask makes the socket private from the start.
      const usual = process.umask(mask);
      this.#server.listen(path, () => {
        this.#server.removeAllListeners("error");
        resolve(null);
      });
      process.umask(usual);
    });
  }

  close(): Promise<void> {
    for (const stream of this.#streams) stream.end();
    const deadline = setTimeout(() => this.#server.closeAllConnections(), this.#limits.replyMs);
    return new Promise((resolve) => {
      this.#server.close(() => resolve(clearTimeout(deadline)));
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = parseRoute(request.method ?? "", request.url ?? "");
    if (!route.ok) {
      this.#sendError(response, route.problem);
      return;
    }
    if (this.#scope === "groups" && !isGroupRoute(route.value)) {
      const text = "this socket serves process groups only, at /v1/groups";
      this.#sendError(response, { type: "forbidden", text });
      return;
    }
    switch (route.value.type) {
      case "groups":
      case "group-join":
      case "group-multicast":
      case "group-leave":
        await this.#groups.serve(request, response, route.value);
        return;
      case "status":
        this.#send(response, 200, this.#backend.status());
        return;
      case "metrics": {
        const text = formatMetrics(this.#backend.status(), this.#backend.groups.listing());
        this.#sendBody(response, 200, { type: metricsContentType, text });
        return;
      }
      case "events":
        this.#stream(response);
        return;
      case "reload":
        await this.#serveReload(response);
        return;
      case "leave":
        await this.#serveLeave(request, response);
        return;
      case "lock":
      case "unlock":
        await this.#sendReply(response, { operation: route.value.type });
        return;
      case "service":
        await this.#serveService(request, response, route.value);
        return;
      case "fencing":
      case "conf":
      case "cluster-order":
      case "node-order":
        await this.#orders.serve(request, response, route.value);
        return;
      case "acknowledge":
      case "kill":
        await this.#serveOrder(request, response, route.value);
        return;
      default:
        assertNever(route.value);
    }
  }

  async #serveService(
    request: IncomingMessage,
    response: ServerResponse,
    route: Extract<ControlRoute, { type: "service" }>,
  ): Promise<void> {
    const parsed = await readJsonBody(request, this.#limits.bodyBytesMax);
    const body = parsed.ok ? parseServiceBody(parsed.value, route.operation) : parsed;
    if (!body.ok) {
      this.#sendError(response, body.problem);
      return;
    }
    const { byDomain, target: name } = body.value;
    const target = name === null ? accept(null) : this.#findNode(name);
    if (!target.ok) {
      this.#sendError(response, target.problem);
      return;
    }
    const { service, operation } = route;
    await this.#sendReply(response, { service, operation, target: target.value, byDomain });
  }

  /** Hands the request to the backend, unless too many wait there, and sends its reply. */
  async #sendReply(response: ServerResponse, wanted: ServiceCommand | LockCommand): Promise<void> {
    if (this.#pending >= this.#limits.requestsPendingMax) {
      const text = `${this.#pending} requests have not ended yet; try again`;
      this.#sendError(response, { type: "busy", text });
      return;
    }
    // If the parser has refused what follows the request, the connection is closed already.
    if (!response.socket?.writable) return;
    this.#reserved.add(response.socket);
    this.#pending += 1;
    const reply = await this.#backend.request(wanted);
    this.#pending -= 1;
    this.#send(response, 200, reply);
  }

  async #serveOrder(
    request: IncomingMessage,
    response: ServerResponse,
    { type, node: name }: Extract<ControlRoute, { type: "acknowledge" | "kill" }>,
  ): Promise<void> {
    const parsed = await readJsonBody(request, this.#limits.bodyBytesMax);
    const parse = type === "kill" ? parseKillBody : parseAcknowledgeBody;
    const body = parsed.ok ? parse(parsed.value, name) : parsed;
    const node = body.ok ? this.#findNode(name) : body;
    if (!body.ok) this.#sendError(response, body.problem);
    else if (!node.ok) this.#sendError(response, node.problem);
    else this.#send(response, 200, await this.#backend[type](node.value, body.value.by));
  }

  async #serveLeave(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parsed = await readJsonBody(request, this.#limits.bodyBytesMax);
    const body = parsed.ok ? parseLeaveBody(parsed.value) : parsed;
    if (body.ok) this.#send(response, 200, this.#backend.leave(body.value));
    else this.#sendError(response, body.problem);
  }

  async #serveReload(response: ServerResponse): Promise<void> {
    if (response.socket !== null) this.#reserved.add(response.socket);
    this.#send(response, 200, await this.#backend.reload());
  }

  #findNode(name: string): Result<NodeId, ControlError> {
    const node = this.#backend.status().nodes.find((each) => each.name === name);
    const id = parseNodeId(node?.id);
    if (id !== null) return accept(id);
    return refuse({ type: "unknown-node", text: `'${name}' is not a node of the configuration` });
  }

  #stream(response: ServerResponse): void {
    const { socket } = response;
    if (socket === null) return;
    response.writeHead(200, { "content-type": "application/x-ndjson", connection: "close" });
    const send = (event: ControlEvent): void => {
      if (response.writableLength > this.#limits.eventBacklogBytesMax) socket.destroy();
      else response.write(`${JSON.stringify(event)}\n`);
    };
    this.#streams.add(response);
    this.#reserved.add(socket);
    // The status comes before the first event, so that no event is missed or sent twice.
    send({ type: "status", status: this.#backend.status() });
    const unsubscribe = this.#backend.subscribe(send);
    response.on("close", () => {
      this.#streams.delete(response);
      unsubscribe();
    });
  }

  #sendError(response: ServerResponse, error: ControlError): void {
    if (error.type === "method-not-allowed") response.setHeader("allow", error.allow);
    this.#send(response, httpStatus(error.type), { error });
  }

  #send(response: ServerResponse, status: number, content: object): void {
    const text = `${JSON.stringify(content)}\n`;
    this.#sendBody(response, status, { type: "application/json", text });
  }

  #sendBody(
    response: ServerResponse,
    status: number,
    content: { readonly type: string; readonly text: string },
  ): void {
    const socket = response.socket;
    if (socket === null || socket.destroyed) return;
    limitTime(socket, this.#limits.replyMs);
    const body = Buffer.from(content.text);
    response.writeHead(status, {
      "content-type": content.type,
      "content-length": body.length,
      connection: "close",
    });
    response.end(body);
  }

  /** Answers a request that the HTTP parser refused; there is no response object for it. */
  #refuseRaw(cause: Error, socket: Duplex): void {
    if (!socket.writable || this.#reserved.has(socket)) {
      socket.destroy();
      return;
    }
    const error = parserError(cause);
    const body = `${JSON.stringify({ error })}\n`;
    const status = httpStatus(error.type);
    limitTime(socket, this.#limits.replyMs);
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      () => socket.destroy(),
    );
  }
}

function isGroupRoute({ type }: ControlRoute): boolean {
  return type === "groups" || type.startsWith("group-");
}

function parserError(cause: Error): ControlError {
  const code = "code" in cause ? cause.code : "";
  if (code === "HPE_HEADER_OVERFLOW") {
    return { type: "headers-too-large", text: "the headers are too large" };
  }
  return code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? { type: "request-timeout", text: "the request did not arrive in time" }
    : { type: "bad-request", text: "this is not an HTTP request" };
}

/** Destroys the socket after this time, even if the client takes a byte now and then. */
function limitTime(socket: Duplex, afterMs: number): void {
  const deadline = setTimeout(() => socket.destroy(), afterMs);
  socket.on("close", () => clearTimeout(deadline));
}
