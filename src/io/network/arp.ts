/**
 * Tells the neighbours that an address moved here, and asks whether somebody else has it.
 * Uses raw sockets, else arping(8), else nothing. Does not know services.
 * Source: rgmanager's ip.sh announces with arping; RFC 5227 for the probe.
 * Deviation: both forms at once and again after 1 s and 3 s, since a lost announcement means an
 * outage as long as the neighbours' caches live.
 * Tested in: test/io/linux-network.test.ts
 */

import type { AddressOrder } from "../../model/agent-orders.ts";
import { accept, assertNever, type Result, refuse } from "../../model/outcome.ts";
import type { Addresses, ProbeResult } from "../network-ports.ts";
import type { DoneFor, Stop } from "../ports.ts";
import { findTool, type RunServiceTool, runPlainly } from "../processes/system-command.ts";
import type { SystemCalls } from "../system-calls.ts";
import { type NeighbourPlace, probeNeighbours, sendAnnouncement } from "./neighbour-sockets.ts";

/** When the announcement is sent, counted from the order. */
const announceAtMs = [0, 1000, 3000];

export type AnnounceMeans =
  | { readonly type: "raw-sockets"; readonly calls: SystemCalls }
  | { readonly type: "arping"; readonly program: string }
  | { readonly type: "none" };

export type AnnouncerOptions = {
  readonly means: AnnounceMeans;
  readonly interfaces: Addresses["interfaces"];
  /** As in IpAddresses. */
  readonly run?: RunServiceTool;
  readonly onFailure: (text: string) => void;
};

/** Raw sockets where the process may open one, else arping where it is installed. */
export async function chooseAnnounceMeans(calls: SystemCalls | null): Promise<AnnounceMeans> {
  if (calls !== null) {
    const socket = calls.openSocket({ domain: 17, type: 2, protocol: 0 });
    if (socket.ok) {
      calls.closeSocket(socket.value);
      return { type: "raw-sockets", calls };
    }
  }
  const program = await findTool("arping");
  return program === null ? { type: "none" } : { type: "arping", program };
}

export class Announcer {
  readonly #options: AnnouncerOptions;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  announce(order: AddressOrder, by?: DoneFor): Stop {
    const timers = announceAtMs.map((atMs) => setTimeout(() => void this.#send(order, by), atMs));
    return () => {
      for (const timer of timers) clearTimeout(timer);
    };
  }

  async probe(order: AddressOrder, by?: DoneFor): Promise<ProbeResult> {
    const { means, run = runPlainly } = this.#options;
    switch (means.type) {
      case "raw-sockets": {
        const place = await this.#place(order);
        if (!place.ok) return { type: "unknown", cause: place.problem };
        return probeNeighbours(means.calls, place.value);
      }
      case "arping":
        return order.family === "ipv4"
          ? probeByArping(order, (words) => run(means.program, words, by))
          : { type: "unknown", cause: "arping knows no IPv6" };
      case "none":
        return { type: "unknown", cause: "neither raw sockets nor arping are available" };
      default:
        return assertNever(means);
    }
  }

  async #send(order: AddressOrder, by?: DoneFor): Promise<void> {
    const cause = await this.#sendOnce(order, by);
    if (cause !== null) {
      this.#options.onFailure(`${order.address} on ${order.interface} not announced: ${cause}`);
    }
  }

  async #sendOnce(order: AddressOrder, by?: DoneFor): Promise<string | null> {
    const { means, run = runPlainly } = this.#options;
    switch (means.type) {
      case "raw-sockets": {
        const place = await this.#place(order);
        return place.ok ? sendAnnouncement(means.calls, place.value) : place.problem;
      }
      case "arping":
        return order.family === "ipv4"
          ? announceByArping(order, (words) => run(means.program, words, by))
          : "arping knows no IPv6";
      case "none":
        return "neither raw sockets nor arping are available";
      default:
        return assertNever(means);
    }
  }

  async #place(order: AddressOrder): Promise<Result<NeighbourPlace, string>> {
    const listed = await this.#options.interfaces();
    if (!listed.ok) return listed;
    const found = listed.value.find(({ name }) => name === order.interface);
    if (found === undefined || found.mac === null || found.loopback) {
      return refuse(`${order.interface} has no link-layer address`);
    }
    const { address, family } = order;
    return accept({ address, family, interfaceIndex: found.index, mac: found.mac });
  }
}

type Arping = (words: readonly string[]) => ReturnType<RunServiceTool>;

async function announceByArping(order: AddressOrder, arping: Arping): Promise<string | null> {
  const once = ["-c", "1", "-I", order.interface, order.address];
  const results = await Promise.all([arping(["-U", ...once]), arping(["-A", ...once])]);
  for (const result of results) if (!result.ok) return result.problem.cause;
  return null;
}

/** Exit code 0: nobody answered; 1 with the answer printed: somebody did. */
async function probeByArping(order: AddressOrder, arping: Arping): Promise<ProbeResult> {
  const result = await arping(["-D", "-c", "1", "-w", "1", "-I", order.interface, order.address]);
  if (result.ok) return { type: "free" };
  const mac = /\[([0-9A-Fa-f:]{17})\]/.exec(result.problem.output)?.[1];
  if (mac !== undefined) return { type: "taken", mac: mac.toLowerCase() };
  return { type: "unknown", cause: result.problem.cause };
}
