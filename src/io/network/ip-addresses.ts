/**
 * Lists and changes the addresses of this machine with the command `ip`, if there are no native
 * calls. Each order runs a process.
 * Source: ip(8), ip-address(8), ip-monitor(8).
 * Tested in: test/io/addresses.test.ts
 * IP1  The outcome of a failed order is read from the interface, not from the texts of `ip`, which
 *     change.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { AddressOrder } from "../../model/agent-orders.ts";
import { type Result, refuse } from "../../model/outcome.ts";
import type {
  AddAddressResult,
  Addresses,
  LinkEvent,
  NetworkInterface,
  RemoveAddressResult,
} from "../network-ports.ts";
import type { DoneFor, Stop } from "../ports.ts";
import { type RunServiceTool, runPlainly, toolEnvironment } from "../processes/system-command.ts";
import { holdsAddress } from "./interface-addresses.ts";
import { parseInterfaces, parseMonitorLine } from "./interface-listing.ts";

/** The pause before a watch that ended is started again, so that it does not load the machine. */
const watchAgainMs = 1000;
/** How long `ip monitor` may take until it listens; a listing then shows earlier changes. */
const watchReadyMs = 100;

export async function listInterfaces(
  ipProgram: string,
  run: RunServiceTool = runPlainly,
  by?: DoneFor,
): Promise<Result<readonly NetworkInterface[], string>> {
  const listing = await run(ipProgram, ["-j", "addr", "show"], by);
  return listing.ok ? parseInterfaces(listing.value) : refuse(listing.problem.cause);
}

export class IpAddresses implements Addresses {
  readonly #ip: string;
  readonly #run: RunServiceTool;

  /** `run` runs a command as a process of the service for which it is done. */
  constructor(ipProgram: string, run: RunServiceTool = runPlainly) {
    this.#ip = ipProgram;
    this.#run = run;
  }

  interfaces(by?: DoneFor): Promise<Result<readonly NetworkInterface[], string>> {
    return listInterfaces(this.#ip, this.#run, by);
  }

  async addAddress(order: AddressOrder, by?: DoneFor): Promise<AddAddressResult> {
    // The kernel's duplicate detection would delay an IPv6 address by a second; see `probe`.
    const detection = order.family === "ipv6" ? ["nodad"] : [];
    const target = [`${order.address}/${order.prefix}`, "dev", order.interface];
    const added = await this.#run(this.#ip, ["addr", "add", ...target, ...detection], by);
    if (added.ok) return { type: "added" };
    const present = await this.#present(order, by);
    return present === true ? { type: "present" } : { type: "failed", cause: added.problem.cause };
  }

  async removeAddress(order: AddressOrder, by?: DoneFor): Promise<RemoveAddressResult> {
    const target = [`${order.address}/${order.prefix}`, "dev", order.interface];
    const removed = await this.#run(this.#ip, ["addr", "del", ...target], by);
    if (removed.ok) return { type: "removed" };
    const present = await this.#present(order, by);
    return present === false
      ? { type: "absent" }
      : { type: "failed", cause: removed.problem.cause };
  }

  /** Whether the address is present; null: unknown. */
  async #present(order: AddressOrder, by?: DoneFor): Promise<boolean | null> {
    const listed = await this.interfaces(by);
    return listed.ok ? holdsAddress(listed.value, order) : null;
  }
}

/** Reports changes that `ip monitor` prints. */
export function watchByIp(ipProgram: string, onEvent: (event: LinkEvent) => void): Stop {
  const watch = new LinkWatch(ipProgram, onEvent);
  return () => watch.stop();
}

/** Keeps `ip monitor` running and reads it. */
class LinkWatch {
  readonly #ip: string;
  readonly #onEvent: (event: LinkEvent) => void;
  #child: ChildProcess | null = null;
  #again: NodeJS.Timeout | null = null;
  #ready: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(ipProgram: string, onEvent: (event: LinkEvent) => void) {
    this.#ip = ipProgram;
    this.#onEvent = onEvent;
    this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#forget();
    this.#child?.kill("SIGKILL");
  }

  #begin(): void {
    const child = spawn(this.#ip, ["-o", "monitor", "link", "address"], {
      env: toolEnvironment,
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child = child;
    this.#ready = setTimeout(() => this.#onEvent({ type: "resync" }), watchReadyMs);
    child.once("error", () => this.#died());
    child.once("exit", () => this.#died());
    // A child that could not be started for lack of descriptors has no streams.
    if (child.pid === undefined) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = parseMonitorLine(line);
      if (event !== null && !this.#stopped) this.#onEvent(event);
    });
  }

  #forget(): void {
    for (const timer of [this.#again, this.#ready]) if (timer !== null) clearTimeout(timer);
    this.#again = null;
  }

  #died(): void {
    if (this.#stopped || this.#again !== null) return;
    this.#forget();
    this.#again = setTimeout(() => {
      this.#again = null;
      this.#begin();
    }, watchAgainMs);
  }
}
