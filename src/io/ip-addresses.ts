/**
 * Interfaces and addresses of this machine, through the command `ip`: where there are no native
 * calls. Each act needs a process of its own. Does not know what belongs where.
 * Source: ip(8), ip-address(8), ip-monitor(8).
 * N1  The outcome of an order is read from the interface, not from the words of `ip`: those change.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Result, refuse } from "../model/outcome.ts";
import { holdsAddress } from "./interface-addresses.ts";
import { parseInterfaces, parseMonitorLine } from "./interface-listing.ts";
import type {
  AddAddressResult,
  Addresses,
  AddressOrder,
  LinkEvent,
  NetworkInterface,
  RemoveAddressResult,
  Stop,
} from "./ports.ts";
import { runTool, toolEnvironment } from "./tool.ts";

/** After the watch died: often enough to matter, too seldom to load a machine without memory. */
const watchAgainMs = 1000;
/** From the start of `ip monitor` until it surely listens; what came before shows in a listing. */
const watchReadyMs = 100;

export async function listInterfaces(
  ipProgram: string,
): Promise<Result<readonly NetworkInterface[], string>> {
  const listing = await runTool(ipProgram, ["-j", "addr", "show"]);
  return listing.ok ? parseInterfaces(listing.value) : refuse(listing.problem.cause);
}

export class IpAddresses implements Addresses {
  readonly #ip: string;

  constructor(ipProgram: string) {
    this.#ip = ipProgram;
  }

  interfaces(): Promise<Result<readonly NetworkInterface[], string>> {
    return listInterfaces(this.#ip);
  }

  async addAddress(order: AddressOrder): Promise<AddAddressResult> {
    // The kernel's own detection would hold an IPv6 address back for a second; see `probe`.
    const detection = order.family === "ipv6" ? ["nodad"] : [];
    const target = [`${order.address}/${order.prefix}`, "dev", order.interface];
    const added = await runTool(this.#ip, ["addr", "add", ...target, ...detection]);
    if (added.ok) return { type: "added" };
    const present = await this.#present(order);
    return present === true ? { type: "present" } : { type: "failed", cause: added.problem.cause };
  }

  async removeAddress(order: AddressOrder): Promise<RemoveAddressResult> {
    const target = [`${order.address}/${order.prefix}`, "dev", order.interface];
    const removed = await runTool(this.#ip, ["addr", "del", ...target]);
    if (removed.ok) return { type: "removed" };
    const present = await this.#present(order);
    return present === false
      ? { type: "absent" }
      : { type: "failed", cause: removed.problem.cause };
  }

  /** Null when it cannot be known. */
  async #present(order: AddressOrder): Promise<boolean | null> {
    const listed = await this.interfaces();
    return listed.ok ? holdsAddress(listed.value, order) : null;
  }
}

/** Tells of changes as `ip monitor` prints them. */
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
