/**
 * The client of the control socket: one call sends one HTTP request and parses one reply.
 * Every failure is a value, so that a command can say what went wrong.
 * Tested in: test/control/control-server.test.ts
 */

import { request as httpRequest, type IncomingMessage } from "node:http";
import { getSystemErrorMap } from "node:util";
import type { Acceptance } from "../model/acceptance.ts";
import type { ServiceName } from "../model/ids.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import type { ServiceOperation } from "../model/service-operation.ts";
import type { ClusterStatus } from "../model/status.ts";
import {
  type LeaveBody,
  type LockOperation,
  nodePath,
  parseAcceptance,
  parseErrorText,
  parseServiceReply,
  type ServiceReply,
  servicePath,
} from "./protocol.ts";
import { parseClusterStatus } from "./status-shape.ts";

export type ControlProblem =
  /** No connection could be made; `text` is the system's, as perror(3) prints it. */
  | { readonly type: "unreachable"; readonly code: string; readonly text: string }
  /** The connection ended before the reply: it is unknown whether the request is carried out. */
  | { readonly type: "lost"; readonly text: string }
  | { readonly type: "timed-out"; readonly afterMs: number }
  | { readonly type: "refused"; readonly text: string }
  | { readonly type: "malformed"; readonly text: string };

/** The problem as text, for commands that have no text of their own for it. */
export function problemText(problem: ControlProblem): string {
  if (problem.type === "timed-out") {
    return `the daemon has not answered for ${problem.afterMs / 1000} s`;
  }
  return problem.type === "unreachable"
    ? `no clusterd answers here: ${problem.text}`
    : problem.text;
}

export type ServiceCall = {
  readonly service: ServiceName;
  readonly operation: ServiceOperation;
  readonly target: string | null;
  readonly byDomain: boolean;
};

/** How long commands wait for an answer: as long as rgmanager's clustat waits for its daemon. */
export const answerMs = 10_000;

export type ControlClient = {
  /** `afterMs` bounds the whole call. */
  status(afterMs: number): Promise<Result<ClusterStatus, ControlProblem>>;
  /** Waits for the end of the operation, without limit. */
  request(call: ServiceCall): Promise<Result<ServiceReply, ControlProblem>>;
  /** Acknowledges that a node is off; `by` names the operator. */
  acknowledge(
    node: string,
    by: string,
    afterMs: number,
  ): Promise<Result<Acceptance, ControlProblem>>;
  /** Locks or unlocks all services. */
  lock(operation: LockOperation, afterMs: number): Promise<Result<ServiceReply, ControlProblem>>;
  /** Orders a member to end; `by` names the operator. Does not wait for its end. */
  kill(node: string, by: string, afterMs: number): Promise<Result<Acceptance, ControlProblem>>;
  /** Asks the daemon to put its file in force on all nodes; waits until it is. */
  reload(afterMs: number): Promise<Result<Acceptance, ControlProblem>>;
  /** Asks the daemon to leave the cluster and end; does not wait for its end. */
  leave(how: LeaveBody, afterMs: number): Promise<Result<Acceptance, ControlProblem>>;
};

/** The status of 1000 services on 16 nodes with all their decisions is a third of this. */
const replyBytesMax = 64 * 1024 * 1024;

export function controlClient(socketPath: string): ControlClient {
  return {
    async status(afterMs) {
      const reply = await exchange({ socketPath, method: "GET", path: "/v1/status", afterMs });
      return parseReply(reply, parseClusterStatus);
    },
    async acknowledge(node, by, afterMs) {
      const body = JSON.stringify({ confirm: node, by });
      const path = nodePath(node, "acknowledge");
      const reply = await exchange({ socketPath, method: "POST", path, body, afterMs });
      return parseReply(reply, parseAcceptance);
    },
    async reload(afterMs) {
      const reply = await exchange({ socketPath, method: "POST", path: "/v1/reload", afterMs });
      return parseReply(reply, parseAcceptance);
    },
    async kill(node, by, afterMs) {
      const body = JSON.stringify({ by });
      const path = nodePath(node, "kill");
      const reply = await exchange({ socketPath, method: "POST", path, body, afterMs });
      return parseReply(reply, parseAcceptance);
    },
    async leave(how, afterMs) {
      // Every version of the daemon takes an empty body for an ordinary leave.
      const body = how.remove ? JSON.stringify(how) : "";
      const path = "/v1/leave";
      const reply = await exchange({ socketPath, method: "POST", path, body, afterMs });
      return parseReply(reply, parseAcceptance);
    },
    async lock(operation, afterMs) {
      const path = `/v1/${operation}`;
      return parseReply(
        await exchange({ socketPath, method: "POST", path, afterMs }),
        parseServiceReply,
      );
    },
    async request({ service, operation, target, byDomain }) {
      const body = JSON.stringify({
        ...(target === null ? {} : { target }),
        ...(byDomain ? { byDomain } : {}),
      });
      const path = servicePath(service, operation);
      const reply = await exchange({ socketPath, method: "POST", path, body });
      return parseReply(reply, parseServiceReply);
    },
  };
}

/** Sends one request of any kind; without `afterMs` it waits for the reply without limit. */
export async function askControl<Value>(
  options: Exchange,
  parse: (value: unknown) => Result<Value, string>,
): Promise<Result<Value, ControlProblem>> {
  return parseReply(await exchange(options), parse);
}

export type Exchange = {
  readonly socketPath: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: string;
  readonly afterMs?: number;
};

type Reply = { readonly status: number; readonly content: string };

function exchange(options: Exchange): Promise<Result<Reply, ControlProblem>> {
  const { socketPath, method, path, body, afterMs } = options;
  return new Promise((resolve) => {
    const headers = { host: "localhost", connection: "close" };
    const call = httpRequest({ socketPath, method, path, headers, agent: false });
    const deadline =
      afterMs === undefined
        ? null
        : setTimeout(() => {
            resolve(refuse({ type: "timed-out", afterMs }));
            call.destroy();
          }, afterMs);
    call.on("response", (response) => collect(response, resolve));
    call.on("error", (error) => resolve(refuse(connectionProblem(error))));
    call.on("close", () => {
      if (deadline !== null) clearTimeout(deadline);
    });
    call.end(body);
  });
}

function collect(
  response: IncomingMessage,
  resolve: (reply: Result<Reply, ControlProblem>) => void,
): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  response.on("data", (part: Buffer) => {
    bytes += part.length;
    if (bytes <= replyBytesMax) parts.push(part);
    else response.destroy(new Error(`the reply is larger than ${replyBytesMax} bytes`));
  });
  response.on("end", () => {
    const content = Buffer.concat(parts).toString("utf8");
    resolve(accept({ status: response.statusCode ?? 0, content }));
  });
  response.on("error", (error) => resolve(refuse({ type: "lost", text: error.message })));
}

function connectionProblem(error: Error): ControlProblem {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const atConnect = "syscall" in error && error.syscall === "connect";
  if (!atConnect) return { type: "lost", text: error.message };
  const entry = [...getSystemErrorMap().values()].find(([name]) => name === code);
  const text = entry?.[1] ?? error.message;
  return { type: "unreachable", code, text: text.charAt(0).toUpperCase() + text.slice(1) };
}

function parseReply<Value>(
  reply: Result<Reply, ControlProblem>,
  parse: (value: unknown) => Result<Value, string>,
): Result<Value, ControlProblem> {
  if (!reply.ok) return reply;
  const json = parseJson(reply.value.content);
  if (!json.ok) return refuse({ type: "malformed", text: json.problem });
  if (reply.value.status !== 200) {
    const text = parseErrorText(json.value) ?? `HTTP status ${reply.value.status}`;
    return refuse({ type: "refused", text });
  }
  const parsed = parse(json.value);
  return parsed.ok ? parsed : refuse({ type: "malformed", text: parsed.problem });
}

function parseJson(content: string): Result<unknown, string> {
  try {
    return accept(JSON.parse(content));
  } catch {
    return refuse(`the reply is not JSON: ${content.slice(0, 80)}`);
  }
}
