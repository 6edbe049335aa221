/**
 * The thread that makes the system calls about addresses. The kernel may block such a call until
 * another change of the network has ended; then only this thread waits.
 * Tested in: test/io/addresses.test.ts
 * ROUTE4  Requests are done one after the other, so the last one determines the result.
 */
import { parentPort } from "node:worker_threads";
import type { AddressOrder } from "../../model/agent-orders.ts";
import { type Result, refuse } from "../../model/outcome.ts";
import type { NetworkInterface } from "../network-ports.ts";
import { loadSystemCalls } from "../system-calls.ts";
import { type RouteProblem, RouteSocket } from "./route-socket.ts";

export type RouteRequest =
  | { readonly type: "interfaces"; readonly id: number }
  | { readonly type: "add" | "remove"; readonly id: number; readonly order: AddressOrder };

export type RouteReply =
  /** The first reply; `problem` null: the thread can work. */
  | { readonly type: "open"; readonly problem: string | null }
  | {
      readonly type: "interfaces";
      readonly id: number;
      readonly result: Result<readonly NetworkInterface[], RouteProblem>;
    }
  | {
      readonly type: "changed";
      readonly id: number;
      readonly result: Result<null, RouteProblem>;
    };

async function openSocket(): Promise<Result<RouteSocket, string>> {
  const calls = await loadSystemCalls();
  if (!calls.ok) return calls;
  const opened = RouteSocket.open(calls.value);
  return opened.ok ? opened : refuse(`a netlink socket: errno ${opened.problem}`);
}

function perform(socket: RouteSocket, request: RouteRequest): RouteReply {
  const { id } = request;
  switch (request.type) {
    case "interfaces":
      return { type: "interfaces", id, result: socket.interfaces() };
    case "add":
      return { type: "changed", id, result: socket.addAddress(request.order) };
    default:
      return { type: "changed", id, result: socket.removeAddress(request.order) };
  }
}

const port = parentPort;
if (port !== null) {
  const say = (reply: RouteReply): void => port.postMessage(reply);
  const socket = await openSocket();
  if (socket.ok) {
    port.on("message", (request: RouteRequest) => say(perform(socket.value, request)));
    say({ type: "open", problem: null });
  } else say({ type: "open", problem: socket.problem });
}
