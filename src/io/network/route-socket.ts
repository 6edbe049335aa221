/**
 * Lists interfaces and addresses, and changes addresses, over one netlink socket that is opened in
 * advance: later it needs no process, no descriptor and no buffer. Its calls return when the kernel
 * has done the work, which may wait for the kernel's network lock, so they need their own thread.
 * Source: netlink(7), rtnetlink(7); libnetlink(3) for the repetition of interrupted listings.
 * ROUTE1  A list is complete. A list that was cut, interrupted, mixed or not understood is
 *     requested again; in the end it is a problem, never a shorter list.
 * ROUTE2  An answer belongs to the request whose sequence number it has.
 * ROUTE3  The outcome of a change is what the kernel answers; if the answer was lost, it is
 *     unknown.
 */

import type { AddressOrder } from "../../model/agent-orders.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type { NetworkInterface } from "../network-ports.ts";
import {
  rawSocket,
  receiveBuffer,
  type SystemCalls,
  socketLevel,
  tryAgain,
} from "../system-calls.ts";
import {
  type AddressRecord,
  addAddressRequest,
  decodeAddress,
  decodeLink,
  decodeMessages,
  type LinkRecord,
  listAddressesRequest,
  listLinksRequest,
  netlinkFamily,
  netlinkRoute,
  type RouteMessage,
  removeAddressRequest,
  requestErrno,
  routeAddress,
  wasInterrupted,
} from "./rtnetlink.ts";

export type RouteProblem =
  /** The kernel refused, or a call failed. */
  | { readonly type: "errno"; readonly errno: number }
  | { readonly type: "no-interface"; readonly name: string }
  /** No try has given a complete and consistent answer. */
  | { readonly type: "unclear"; readonly why: string };

export type RouteCalls = Pick<
  SystemCalls,
  "openSocket" | "setOption" | "sendTo" | "receiveInto" | "closeSocket"
>;

export const fileExists = 17;
export const addressUnavailable = 99;
const interruptedCall = 4;
const noBufferSpace = 105;
const noDevice = 19;
/** Larger than any datagram of an answer; one interface needs a few kilobytes. */
const datagramBytesMax = 256 * 1024;
/** Other programs may change the network during a listing, but not during each of these tries. */
const triesMax = 16;
/** The most datagrams of one answer: thousands of interfaces with thousands of addresses. */
const datagramsMax = 100_000;

export class RouteSocket {
  readonly #calls: RouteCalls;
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(datagramBytesMax);
  readonly #kernel = routeAddress(0);
  #sequence = 0;
  /** An answer is not read to its end yet; the kernel accepts no list request before that. */
  #unread = false;

  private constructor(calls: RouteCalls, fd: number) {
    this.#calls = calls;
    this.#fd = fd;
  }

  /** Refuses with an errno. */
  static open(calls: RouteCalls): Result<RouteSocket, number> {
    const kind = { domain: netlinkFamily, type: rawSocket, protocol: netlinkRoute };
    const opened = calls.openSocket(kind);
    if (!opened.ok) return opened;
    const size = { level: socketLevel, name: receiveBuffer, value: datagramBytesMax };
    calls.setOption(opened.value, size);
    return accept(new RouteSocket(calls, opened.value));
  }

  close(): void {
    this.#calls.closeSocket(this.#fd);
  }

  interfaces(): Result<readonly NetworkInterface[], RouteProblem> {
    let why = "";
    for (let tries = 0; tries < triesMax; tries += 1) {
      const links = this.#list(listLinksRequest, decodeLink);
      if (!links.ok) return links;
      const addresses = this.#list(listAddressesRequest, decodeAddress);
      if (!addresses.ok) return addresses;
      const joined = joinLists(links.value, addresses.value);
      if (joined !== null) return accept(joined);
      why = "interfaces keep changing";
    }
    return refuse({ type: "unclear", why });
  }

  addAddress(order: AddressOrder): Result<null, RouteProblem> {
    return this.#change(order, addAddressRequest);
  }

  removeAddress(order: AddressOrder): Result<null, RouteProblem> {
    return this.#change(order, removeAddressRequest);
  }

  #change(order: AddressOrder, request: typeof addAddressRequest): Result<null, RouteProblem> {
    const links = this.#list(listLinksRequest, decodeLink);
    if (!links.ok) return links;
    const link = links.value.find(({ name }) => name === order.interface);
    if (link === undefined) return refuse({ type: "no-interface", name: order.interface });
    const sequence = this.#next();
    const sent = this.#send(request(order, { interfaceIndex: link.index, sequence }));
    if (!sent.ok) return sent;
    const answer = this.#collect(sequence);
    if (!answer.ok) return answer;
    const { errno } = answer.value;
    if (errno === noDevice) return refuse({ type: "no-interface", name: order.interface });
    return errno === 0 ? accept(null) : refuse({ type: "errno", errno });
  }

  /** Requests one list (ROUTE1). */
  #list<Row extends LinkRecord | AddressRecord>(
    request: (sequence: number) => Uint8Array,
    read: (message: RouteMessage) => Row | "unreadable" | null,
  ): Result<readonly Row[], RouteProblem> {
    let problem: RouteProblem = { type: "unclear", why: "" };
    for (let tries = 0; tries < triesMax; tries += 1) {
      const sequence = this.#next();
      const sent = this.#send(request(sequence));
      if (!sent.ok) return sent;
      const rows: Row[] = [];
      let unreadable = false;
      const answer = this.#collect(sequence, (message) => {
        const row = read(message);
        if (row === "unreadable") unreadable = true;
        else if (row !== null) rows.push(row);
      });
      if (answer.ok && answer.value.errno !== 0) {
        return refuse({ type: "errno", errno: answer.value.errno });
      }
      if (answer.ok && unreadable) {
        return refuse({ type: "unclear", why: "the kernel's list is not understood" });
      }
      if (answer.ok && !answer.value.interrupted) return accept(rows);
      problem = answer.ok ? { type: "unclear", why: "the list keeps changing" } : answer.problem;
    }
    return refuse(problem);
  }

  /** Reads the answer; messages of earlier answers are dropped (ROUTE2). */
  #collect(
    sequence: number,
    onMessage: (message: RouteMessage) => void = () => undefined,
  ): Result<{ readonly errno: number; readonly interrupted: boolean }, RouteProblem> {
    let interrupted = false;
    this.#unread = true;
    for (let datagrams = 0; datagrams < datagramsMax; datagrams += 1) {
      const received = this.#calls.receiveInto(this.#fd, this.#buffer);
      if (!received.ok && received.problem === interruptedCall) continue;
      if (!received.ok) return refuse(receiveProblem(received.problem));
      if (received.value > this.#buffer.length) {
        return refuse({ type: "unclear", why: "an answer was cut" });
      }
      const messages = decodeMessages(this.#buffer.subarray(0, received.value));
      if (messages === null) return refuse({ type: "unclear", why: "an answer is malformed" });
      for (const message of messages) {
        if (message.sequence !== sequence) continue;
        if (wasInterrupted(message)) interrupted = true;
        const errno = requestErrno(message);
        if (errno !== null) {
          this.#unread = false;
          return accept({ errno, interrupted });
        }
        onMessage(message);
      }
    }
    return refuse({ type: "unclear", why: "an answer has no end" });
  }

  #send(request: Uint8Array): Result<null, RouteProblem> {
    this.#readRest();
    for (let tries = 0; tries < triesMax; tries += 1) {
      const sent = this.#calls.sendTo(this.#fd, request, this.#kernel);
      if (sent.ok) return sent;
      if (sent.problem !== interruptedCall) return refuse({ type: "errno", errno: sent.problem });
    }
    return refuse({ type: "errno", errno: interruptedCall });
  }

  #readRest(): void {
    for (let datagrams = 0; this.#unread && datagrams < datagramsMax; datagrams += 1) {
      const received = this.#calls.receiveInto(this.#fd, this.#buffer);
      if (!received.ok && received.problem === tryAgain) this.#unread = false;
    }
  }

  #next(): number {
    this.#sequence = (this.#sequence + 1) >>> 0 || 1;
    return this.#sequence;
  }
}

/** Null: an address has no interface, since the network changed between the two lists. */
function joinLists(
  links: readonly LinkRecord[],
  addresses: readonly AddressRecord[],
): readonly NetworkInterface[] | null {
  const known = new Set(links.map(({ index }) => index));
  if (!addresses.every(({ interfaceIndex }) => known.has(interfaceIndex))) return null;
  return links.map(({ gone: _, ...link }) => ({
    ...link,
    addresses: addresses
      .filter(({ interfaceIndex }) => interfaceIndex === link.index)
      .map(({ interfaceIndex: _, gone: __, ...address }) => address),
  }));
}

function receiveProblem(errno: number): RouteProblem {
  if (errno === tryAgain) return { type: "unclear", why: "no answer" };
  if (errno === noBufferSpace) return { type: "unclear", why: "answers were lost" };
  return { type: "errno", errno };
}

export function routeProblemText(problem: RouteProblem): string {
  switch (problem.type) {
    case "errno":
      return `netlink: ${errnoText(problem.errno)}`;
    case "no-interface":
      return `no interface ${problem.name}`;
    default:
      return `netlink: ${problem.why}`;
  }
}

/** The text of an errno, with a hint where an operator can do something. */
function errnoText(errno: number): string {
  const names: Readonly<Record<number, string>> = {
    1: "EPERM, the process may not administer the network (CAP_NET_ADMIN)",
    12: "ENOMEM",
    13: "EACCES",
    [fileExists]: "EEXIST",
    22: "EINVAL",
    [addressUnavailable]: "EADDRNOTAVAIL",
    [noBufferSpace]: "ENOBUFS",
  };
  return names[errno] ?? `errno ${errno}`;
}
