/**
 * Announces addresses to the neighbours, and probes whether another host has one: with raw sockets,
 * or with arping(8), or not at all.
 * Source: rgmanager's ip.sh announces with arping; RFC 5227 for the probe.
 * Deviation: both forms of ARP are sent at once, and again after 1 s and 3 s, since after a lost
 * announcement the service is out of reach until the neighbours' caches expire.
 * Tested in: test/io/linux-network.test.ts
 */

import type { AddressOrder } from "../../model/agent-orders.ts";
import { accept, assertNever, type Result, refuse } from "../../model/outcome.ts";
import type { Addresses, ProbeResult } from "../network-ports.ts";
import type { DoneFor, Stop } from "../ports.ts";
import { findTool, type RunServiceTool, runPlainly } from "../processes/system-command.ts";
import type { SystemCalls } from "../system-calls.ts";
import { type AddressOnLink, probeNeighbours, sendAnnouncement } from "./neighbour-sockets.ts";

/** When announcements are sent, counted from the call. */
const announceAtMs = [0, 1000, 3000];

export type AnnounceMechanism =
  | { readonly type: "raw-sockets"; readonly calls: SystemCalls }
  | { readonly type: "arping"; readonly program: string }
  | { readonly type: "none" };

export type AnnouncerOptions = {
  readonly mechanism: AnnounceMechanism;
  readonly interfaces: Addresses["interfaces"];
  /** Runs arping; as in IpAddresses. */
  readonly run?: RunServiceTool;
  readonly onFailure: (text: string) => void;
};

/** Raw sockets if the process may open one, else arping if it is installed. */
export async function chooseAnnounceMechanism(
  calls: SystemCalls | null,
): Promise<AnnounceMechanism> {
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
    const { mechanism, run = runPlainly } = this.#options;
    switch (mechanism.type) {
      case "raw-sockets": {
        const subject = await this.#subject(order);
        if (!subject.ok) return { type: "unknown", cause: subject.problem };
        return probeNeighbours(mechanism.calls, subject.value);
      }
      case "arping":
        return order.family === "ipv4"
          ? probeByArping(order, (words) => run(mechanism.program, words, by))
          : { type: "unknown", cause: "arping does not support IPv6" };
      case "none":
        return { type: "unknown", cause: "neither raw sockets nor arping are available" };
      default:
        return assertNever(mechanism);
    }
  }

  async #send(order: AddressOrder, by?: DoneFor): Promise<void> {
    const cause = await this.#sendOnce(order, by);
    if (cause !== null) {
      this.#options.onFailure(`${order.address} on ${order.interface} not announced: ${cause}`);
    }
  }

  async #sendOnce(order: AddressOrder, by?: DoneFor): Promise<string | null> {
    const { mechanism, run = runPlainly } = this.#options;
    switch (mechanism.type) {
      case "raw-sockets": {
        const subject = await this.#subject(order);
        return subject.ok ? sendAnnouncement(mechanism.calls, subject.value) : subject.problem;
      }
      case "arping":
        return order.family === "ipv4"
          ? announceByArping(order, (words) => run(mechanism.program, words, by))
          : "arping does not support IPv6";
      case "none":
        return "neither raw sockets nor arping are available";
      default:
        return assertNever(mechanism);
    }
  }

  async #subject(order: AddressOrder): Promise<Result<AddressOnLink, string>> {
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

/** With `-D`, arping exits 0 if no host answers, and 1 after it has printed an answer. */
async function probeByArping(order: AddressOrder, arping: Arping): Promise<ProbeResult> {
  const result = await arping(["-D", "-c", "1", "-w", "1", "-I", order.interface, order.address]);
  if (result.ok) return { type: "free" };
  const mac = /\[([0-9A-Fa-f:]{17})\]/.exec(result.problem.output)?.[1];
  if (mac !== undefined) return { type: "taken", mac: mac.toLowerCase() };
  return { type: "unknown", cause: result.problem.cause };
}
