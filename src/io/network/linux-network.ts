/**
 * The port to the network of this machine. It uses netlink if there are native calls, and otherwise
 * the command `ip`.
 */

import type { AddressOrder } from "../../model/agent-orders.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type {
  AddAddressResult,
  Addresses,
  LinkEvent,
  Network,
  NetworkInterface,
  ProbeResult,
  RemoveAddressResult,
} from "../network-ports.ts";
import type { DoneFor, Stop } from "../ports.ts";
import { findTool, type RunServiceTool, runPlainly } from "../processes/system-command.ts";
import type { SystemCalls } from "../system-calls.ts";
import type { Announcer } from "./arp.ts";
import { IpAddresses, watchByIp } from "./ip-addresses.ts";
import { NetlinkAddresses } from "./netlink-addresses.ts";
import { watchByNetlink } from "./netlink-watch.ts";

/** How addresses are listed, added and removed. */
export type AddressMechanism =
  | { readonly type: "netlink"; readonly addresses: Addresses; readonly calls: SystemCalls }
  /** `why`: why netlink cannot be used. */
  | {
      readonly type: "ip";
      readonly addresses: Addresses;
      readonly program: string;
      readonly why: string;
    };

/** Opens everything that is needed later; `run` as in IpAddresses. */
export async function openAddresses(
  calls: Result<SystemCalls, string>,
  run: RunServiceTool = runPlainly,
): Promise<Result<AddressMechanism, string>> {
  const netlink = calls.ok ? await NetlinkAddresses.open() : calls;
  if (calls.ok && netlink.ok) {
    return accept({ type: "netlink", addresses: netlink.value, calls: calls.value });
  }
  const why = netlink.ok ? "" : netlink.problem;
  const program = await findTool("ip");
  if (program !== null) {
    return accept({ type: "ip", addresses: new IpAddresses(program, run), program, why });
  }
  return refuse(`there is neither netlink (${why}) nor the program ip (package iproute2)`);
}

/** The log line at the start that names the mechanism. */
export function addressMechanismText(mechanism: AddressMechanism): string {
  return mechanism.type === "netlink"
    ? "addresses are listed, added and removed by netlink"
    : `addresses are listed, added and removed by the command ${mechanism.program} (no netlink: ` +
        `${mechanism.why}): where no process can be started, none can be removed`;
}

export class LinuxNetwork implements Network {
  readonly #mechanism: AddressMechanism;
  readonly #announcer: Announcer;

  constructor(mechanism: AddressMechanism, announcer: Announcer) {
    this.#mechanism = mechanism;
    this.#announcer = announcer;
  }

  interfaces(by?: DoneFor): PromiseLike<Result<readonly NetworkInterface[], string>> {
    return this.#mechanism.addresses.interfaces(by);
  }

  addAddress(order: AddressOrder, by?: DoneFor): PromiseLike<AddAddressResult> {
    return this.#mechanism.addresses.addAddress(order, by);
  }

  removeAddress(order: AddressOrder, by?: DoneFor): PromiseLike<RemoveAddressResult> {
    return this.#mechanism.addresses.removeAddress(order, by);
  }

  announce(order: AddressOrder, by?: DoneFor): Stop {
    return this.#announcer.announce(order, by);
  }

  probe(order: AddressOrder, by?: DoneFor): PromiseLike<ProbeResult> {
    return this.#announcer.probe(order, by);
  }

  watch(onEvent: (event: LinkEvent) => void): Stop {
    const mechanism = this.#mechanism;
    if (mechanism.type === "ip") return watchByIp(mechanism.program, onEvent);
    return watchByNetlink({ calls: mechanism.calls, addresses: mechanism.addresses, onEvent });
  }
}
