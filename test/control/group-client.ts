/** A client of process groups for tests: a stream that is read, and single requests. */
import { type ClientRequest, type IncomingMessage, request } from "node:http";

export type Line = { readonly type: string; readonly [field: string]: unknown };
export type Reply = { readonly status: number; readonly body: Line };

export type Target = { readonly socketPath: string; readonly group: string };

/** One membership, until it is closed. */
export class GroupClient {
  readonly lines: Line[] = [];
  status = 0;
  ended = false;
  readonly #target: Target;
  readonly #call: ClientRequest;
  #response: IncomingMessage | null = null;
  #parts: string[] = [];

  constructor(target: Target, body = "") {
    const { socketPath, group } = target;
    const path = `/v1/groups/${encodeURIComponent(group)}/join`;
    this.#target = target;
    this.#call = request({ socketPath, path, method: "POST", agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      this.#response = response;
      response.setEncoding("utf8");
      response.on("data", (part: string) => this.#read(part));
      response.on("error", () => {
        this.ended = true;
      });
      response.on("close", () => {
        this.ended = true;
      });
    });
    this.#call.on("error", () => {
      this.ended = true;
    });
    this.#call.end(body);
  }

  get ticket(): string {
    return String(this.lines[0]?.["ticket"]);
  }

  get types(): readonly string[] {
    return this.lines.map(({ type }) => type);
  }

  /** Path of a request of this member. */
  path(operation: "multicast" | "leave"): string {
    return `/v1/groups/${encodeURIComponent(this.#target.group)}/${this.ticket}/${operation}`;
  }

  multicast(payload: string | Uint8Array): Promise<Reply> {
    return post(this.#target.socketPath, this.path("multicast"), payload);
  }

  leave(): Promise<Reply> {
    return post(this.#target.socketPath, this.path("leave"));
  }

  /** Does not read its stream any more. */
  pause(): void {
    this.#response?.pause();
  }

  /** Ends without leaving. */
  close(): void {
    this.#call.destroy();
  }

  #read(part: string): void {
    const [first = "", ...others] = part.split("\n");
    this.#parts.push(first);
    for (const next of others) {
      this.lines.push(JSON.parse(this.#parts.join("")));
      this.#parts = [next];
    }
  }
}

/** The error of an error reply is its body. */
export function post(
  socketPath: string,
  path: string,
  body: string | Uint8Array = "",
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method: "POST", path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("error", reject);
      response.on("end", () => {
        const parsed = JSON.parse(text);
        call.destroy();
        resolve({ status: response.statusCode ?? 0, body: parsed.error ?? parsed });
      });
    });
    call.on("error", reject);
    // With end() Node writes an empty chunk behind the body, which fails when the reply was faster.
    call.setHeader("content-length", Buffer.byteLength(body));
    if (body.length === 0) call.end();
    else call.write(body);
  });
}
