/**
 * Lists and changes the addresses of this machine by netlink, in a thread that is started in
 * advance.
 * Source: rtnetlink(7); ip(8), which has the same outcomes.
 * Tested in: test/io/addresses.test.ts
 * NETLINK1  Every request is answered within a limit: with the kernel's answer, or with the fact
 *     that there was none. Such a request may still be carried out, but before any later one
 *     (ROUTE4).
 * NETLINK2  A thread that has ended is replaced at the next request; the outcome of its requests is
 *     unknown.
 */
import { Worker } from "node:worker_threads";
import type { AddressOrder } from "../../model/agent-orders.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type {
  AddAddressResult,
  Addresses,
  NetworkInterface,
  RemoveAddressResult,
} from "../network-ports.ts";
import { causeText } from "../os-error.ts";
import { holdsAddress } from "./interface-addresses.ts";
import {
  addressUnavailable,
  fileExists,
  type RouteProblem,
  routeProblemText,
} from "./route-socket.ts";
import type { RouteReply, RouteRequest } from "./route-thread.ts";

/** The same limit as for a command; normally the kernel answers within a millisecond. */
const answerWithinMs = 5000;
/** The most requests that wait while the kernel does not answer. */
const waitingMax = 4096;
/** Enough for the thread, which holds a few lists of interfaces at most. */
const heapMb = 64;

type Answer = (reply: RouteReply | null) => void;
type RequestBody =
  | { readonly type: "interfaces" }
  | { readonly type: "add" | "remove"; readonly order: AddressOrder };
type ChangeOutcome = Result<null, RouteProblem>;

export class NetlinkAddresses implements Addresses {
  #worker: Worker | null = null;
  readonly #waiting = new Map<number, Answer>();
  #lastId = 0;
  #opened: (problem: string | null) => void = () => undefined;

  /** Refuses, with the reason, if addresses cannot be listed by netlink. */
  static async open(): Promise<Result<NetlinkAddresses, string>> {
    const addresses = new NetlinkAddresses();
    const problem = await addresses.#begin();
    if (problem !== null) {
      addresses.close();
      return refuse(problem);
    }
    const listed = await addresses.interfaces();
    if (listed.ok) return accept(addresses);
    addresses.close();
    return listed;
  }

  /** Ends the thread; open requests count as not answered. */
  close(): void {
    const worker = this.#worker;
    if (worker === null) return;
    this.#onEnd(worker);
    void worker.terminate();
  }

  async interfaces(): Promise<Result<readonly NetworkInterface[], string>> {
    const reply = await this.#ask({ type: "interfaces" });
    if (reply?.type !== "interfaces") return refuse(silence);
    return reply.result.ok ? reply.result : refuse(routeProblemText(reply.result.problem));
  }

  async addAddress(order: AddressOrder): Promise<AddAddressResult> {
    const outcome = await this.#change({ type: "add", order });
    if (outcome?.ok === true) return { type: "added" };
    const exists = outcome !== null && isErrno(outcome, fileExists);
    // An interface can have an IPv6 address only once, so this one may have another prefix.
    if (exists && (await this.#present(order)) === true) return { type: "present" };
    return { type: "failed", cause: causeOf(outcome) };
  }

  async removeAddress(order: AddressOrder): Promise<RemoveAddressResult> {
    const outcome = await this.#change({ type: "remove", order });
    if (outcome?.ok === true) return { type: "removed" };
    const absent =
      outcome !== null &&
      (isErrno(outcome, addressUnavailable) || outcome.problem.type === "no-interface");
    if (absent && (await this.#present(order)) === false) return { type: "absent" };
    return { type: "failed", cause: causeOf(outcome) };
  }

  /** Whether the address is present; null: unknown. */
  async #present(order: AddressOrder): Promise<boolean | null> {
    const listed = await this.interfaces();
    return listed.ok ? holdsAddress(listed.value, order) : null;
  }

  async #change(body: RequestBody): Promise<ChangeOutcome | null> {
    const reply = await this.#ask(body);
    return reply?.type === "changed" ? reply.result : null;
  }

  /** Null: no answer came in time (NETLINK1). */
  async #ask(body: RequestBody): Promise<RouteReply | null> {
    if (this.#worker === null && (await this.#begin()) !== null) return null;
    const worker = this.#worker;
    if (worker === null || this.#waiting.size >= waitingMax) return null;
    this.#lastId += 1;
    const id = this.#lastId;
    return await new Promise((resolve) => {
      const limit = setTimeout(() => answer(null), answerWithinMs);
      const answer: Answer = (reply) => {
        clearTimeout(limit);
        this.#waiting.delete(id);
        resolve(reply);
      };
      this.#waiting.set(id, answer);
      const request: RouteRequest = { ...body, id };
      worker.postMessage(request);
    });
  }

  /** Starts the thread, which does not keep the process alive. Null, or why it cannot work. */
  async #begin(): Promise<string | null> {
    const started = startThread();
    if (!started.ok) return started.problem;
    const worker = started.value;
    this.#worker = worker;
    const opened = new Promise<string | null>((resolve) => {
      this.#opened = resolve;
    });
    worker.on("message", (reply: RouteReply) => this.#onReply(reply));
    worker.on("error", () => this.#onEnd(worker));
    worker.on("exit", () => this.#onEnd(worker));
    const limit = setTimeout(() => this.#opened(silence), answerWithinMs);
    const problem = await opened;
    clearTimeout(limit);
    worker.unref();
    return problem;
  }

  #onReply(reply: RouteReply): void {
    if (reply.type === "open") this.#opened(reply.problem);
    else this.#waiting.get(reply.id)?.(reply);
  }

  /** The thread has ended (NETLINK2). */
  #onEnd(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    this.#opened(silence);
    for (const answer of [...this.#waiting.values()]) answer(null);
  }
}

/** Refuses if the system has no room for another thread. */
function startThread(): Result<Worker, string> {
  try {
    const options = {
      name: "addresses",
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: heapMb },
      execArgv: ["--enable-source-maps"],
    };
    return accept(new Worker(new URL("../network/route-thread.js", import.meta.url), options));
  } catch (error) {
    return refuse(causeText(error));
  }
}

const silence = "netlink: the kernel has not answered";

function isErrno(outcome: ChangeOutcome, errno: number): boolean {
  return !outcome.ok && outcome.problem.type === "errno" && outcome.problem.errno === errno;
}

function causeOf(outcome: ChangeOutcome | null): string {
  return outcome === null || outcome.ok ? silence : routeProblemText(outcome.problem);
}
