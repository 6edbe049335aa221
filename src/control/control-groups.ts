/**
 * Process groups for HTTP clients: streams with a bounded backlog, messages with a bounded body.
 * STREAM1  If a client does not read its stream, the stream and its membership end with a reason:
 *     no other client waits for it, and no more than the limit is kept for it.
 * STREAM2  Group clients can use only a part of the socket's connections.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ControlError } from "./control-error.ts";
import type { ControlLimits } from "./control-limits.ts";
import {
  formatGroupLine,
  type GroupBackend,
  type GroupRoute,
  type GroupStream,
  parseJoinBody,
} from "./group-protocol.ts";
import { readBody, readJsonBody } from "./request-body.ts";

/** What the server offers to its group requests. */
export type ServerForGroups = {
  readonly reply: (response: ServerResponse, content: object) => void;
  readonly error: (response: ServerResponse, error: ControlError) => void;
  /** Reserves the socket for this response: the server writes nothing else to it. */
  readonly reserve: (response: ServerResponse) => void;
  /** Closes the connection unless the client takes the rest of the response within `replyMs`. */
  readonly limitReplyTime: (response: ServerResponse) => void;
};

export class GroupRequests {
  readonly #backend: GroupBackend;
  readonly #limits: ControlLimits;
  readonly #server: ServerForGroups;
  readonly #streams = new Set<OpenStream>();
  readonly #tickets = new Map<string, OpenStream>();
  #requests = 0;

  constructor(backend: GroupBackend, limits: ControlLimits, server: ServerForGroups) {
    this.#backend = backend;
    this.#limits = limits;
    this.#server = server;
  }

  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    route: GroupRoute,
  ): Promise<void> {
    if (route.type === "groups") {
      this.#server.reply(response, this.#backend.listing());
    } else if (this.#requests >= this.#limits.groupRequestsMax) {
      const text = `${this.#requests} group requests are being served on this socket; try again`;
      this.#server.error(response, { type: "busy", text });
    } else {
      this.#requests += 1;
      response.on("close", () => {
        this.#requests -= 1;
      });
      await this.#serveMember(request, response, route);
    }
  }

  async #serveMember(
    request: IncomingMessage,
    response: ServerResponse,
    route: Exclude<GroupRoute, { readonly type: "groups" }>,
  ): Promise<void> {
    switch (route.type) {
      case "group-join":
        await this.#join(request, response, route.group);
        return;
      case "group-multicast":
        await this.#multicast(request, response, route);
        return;
      case "group-leave": {
        const left = this.#backend.leave(route.group, route.ticket);
        if (left.ok) this.#server.reply(response, { accepted: true });
        else this.#server.error(response, left.problem);
        return;
      }
    }
  }

  async #join(
    request: IncomingMessage,
    response: ServerResponse,
    group: Parameters<GroupBackend["leave"]>[0],
  ): Promise<void> {
    const parsed = await readJsonBody(request, this.#limits.bodyBytesMax);
    const body = parsed.ok ? parseJoinBody(parsed.value) : parsed;
    if (!body.ok) {
      this.#server.error(response, body.problem);
      return;
    }
    if (response.socket === null || response.socket.destroyed) return;
    this.#server.reserve(response);
    let ticket: string | null = null;
    const stream = new OpenStream(response, {
      bytesMax: this.#limits.groupBacklogBytesMax,
      others: this.#streams,
      totalBytesMax: this.#limits.groupBacklogsBytesMax,
      limitReplyTime: () => this.#server.limitReplyTime(response),
      onEnd: () => {
        if (ticket === null) return;
        this.#tickets.delete(ticket);
        this.#backend.disconnect(ticket);
      },
    });
    const joined = this.#backend.join({ group, process: body.value.process }, stream);
    if (!joined.ok) {
      this.#streams.delete(stream);
      this.#server.error(response, joined.problem);
      return;
    }
    ticket = joined.value;
    this.#tickets.set(ticket, stream);
    response.on("close", () => stream.close());
  }

  async #multicast(
    request: IncomingMessage,
    response: ServerResponse,
    { group, ticket }: Extract<GroupRoute, { readonly ticket: string }>,
  ): Promise<void> {
    const body = await readBody(request, this.#limits.groupMessageBytesMax);
    if (!body.ok) {
      this.#server.error(response, body.problem);
      return;
    }
    const behindBytes = this.#tickets.get(ticket)?.backlogBytes ?? 0;
    if (behindBytes > this.#limits.groupSenderBacklogBytesMax) {
      const text = `${behindBytes} bytes wait in your own stream; read them, then try again`;
      this.#server.error(response, { type: "try-again", text });
      return;
    }
    this.#server.reserve(response);
    const sent = await this.#backend.multicast(group, ticket, body.value);
    if (sent.ok) this.#server.reply(response, sent.value);
    else this.#server.error(response, sent.problem);
  }
}

type StreamOptions = {
  readonly bytesMax: number;
  /** All open streams, whose total backlog is bounded, too. */
  readonly others: Set<OpenStream>;
  readonly totalBytesMax: number;
  readonly limitReplyTime: () => void;
  /** Called once, when the client is no member any more. */
  readonly onEnd: () => void;
};

class OpenStream implements GroupStream {
  readonly #response: ServerResponse;
  readonly #options: StreamOptions;
  #open = true;
  /** The bytes that were waiting before the last line; 0 for a client that keeps up. */
  #behindBytes = 0;

  constructor(response: ServerResponse, options: StreamOptions) {
    this.#response = response;
    this.#options = options;
    response.setHeader("content-type", "application/x-ndjson");
    response.setHeader("connection", "close");
    options.others.add(this);
  }

  get backlogBytes(): number {
    return this.#response.writableLength;
  }

  write(line: Uint8Array): void {
    if (!this.#open) return;
    const { bytesMax, totalBytesMax, others } = this.#options;
    this.#behindBytes = this.backlogBytes;
    if (this.#behindBytes > 0 && this.#behindBytes + line.length > bytesMax) {
      this.#cutOff();
      return;
    }
    this.#response.write(line);
    const all = [...others];
    const total = all.reduce((sum, each) => sum + each.#behindBytes, 0);
    if (total <= totalBytesMax) return;
    const last = all.reduce((a, b) => (b.#behindBytes > a.#behindBytes ? b : a));
    last.#cutOff();
  }

  end(line: Uint8Array): void {
    if (!this.#open) return;
    this.#open = false;
    this.#options.limitReplyTime();
    this.#response.end(line);
    this.#options.others.delete(this);
  }

  /** The connection has ended. */
  close(): void {
    this.#open = false;
    this.#options.others.delete(this);
    this.#options.onEnd();
  }

  #cutOff(): void {
    const text = `${this.#behindBytes} bytes wait for this client: read faster, and join again`;
    this.end(formatGroupLine({ type: "ended", reason: "slow-reader", text }));
    this.#options.onEnd();
  }
}
