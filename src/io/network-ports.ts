/**
 * The ports to the machine's network interfaces and addresses; see ports.ts for the other ports.
 * Source for the terms: ip-address(8), RFC 5227 (probe), RFC 4861 (neighbour advertisement).
 * Tested in: test/io/addresses.test.ts, test/io/linux-network.test.ts
 */
import type { AddressOrder } from "../model/agent-orders.ts";
import type { AddressFamily } from "../model/numeric-address.ts";
import type { Result } from "../model/outcome.ts";
import type { DoneFor, Stop } from "./ports.ts";

export type InterfaceAddress = {
  readonly address: string;
  readonly prefix: number;
  readonly family: AddressFamily;
  /** IPv6 duplicate address detection; `done` also for IPv4. */
  readonly detection: "done" | "tentative" | "duplicate";
  /** Its protocol number in the kernel (IFA_PROTO) says that a clusterd has added it. */
  readonly marked: boolean;
};

export type NetworkInterface = {
  readonly name: string;
  readonly index: number;
  /** Null for interfaces without a link-layer address. */
  readonly mac: string | null;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** LOWER_UP: the cable is plugged in and the other end answers. */
  readonly carrier: boolean;
  /** The operational state in lower case: up, down, unknown, dormant, lowerlayerdown, … */
  readonly operstate: string;
  readonly loopback: boolean;
  /** Null: the kernel does not report it. */
  readonly mtuBytes: number | null;
  /** Member of a bond (IFF_SLAVE). */
  readonly slave: boolean;
  readonly addresses: readonly InterfaceAddress[];
};

export type AddAddressResult =
  | { readonly type: "added" }
  /** The address was on that interface already (EEXIST). */
  | { readonly type: "present" }
  | { readonly type: "failed"; readonly cause: string };

export type RemoveAddressResult =
  | { readonly type: "removed" }
  /** The address or its interface was not there. */
  | { readonly type: "absent" }
  | { readonly type: "failed"; readonly cause: string };

export type ProbeResult =
  | { readonly type: "free" }
  | { readonly type: "taken"; readonly mac: string }
  /** The network could not be asked; the caller decides what follows. */
  | { readonly type: "unknown"; readonly cause: string };

export type LinkEvent =
  /** A link was created or changed; `gone` when it was deleted. */
  | {
      readonly type: "link";
      readonly interface: string;
      readonly up: boolean;
      readonly carrier: boolean;
      readonly gone: boolean;
    }
  | {
      readonly type: "address";
      readonly interface: string;
      readonly address: string;
      readonly prefix: number;
      readonly gone: boolean;
    }
  /** The watch has begun, or changes may have been lost: all interfaces must be read. */
  | { readonly type: "resync" };

/**
 * As with the other ports, results arrive after the call has returned, and never as a rejection.
 */
export interface Addresses {
  interfaces(by?: DoneFor): PromiseLike<Result<readonly NetworkInterface[], string>>;
  addAddress(order: AddressOrder, by?: DoneFor): PromiseLike<AddAddressResult>;
  removeAddress(order: AddressOrder, by?: DoneFor): PromiseLike<RemoveAddressResult>;
}

export interface Network extends Addresses {
  /**
   * Announces the address at once, and again after 1 s and 3 s in the background, until stopped.
   */
  announce(order: AddressOrder, by?: DoneFor): Stop;
  /** Asks whether another host has the address; takes 300 ms, or 1 s with arping. */
  probe(order: AddressOrder, by?: DoneFor): PromiseLike<ProbeResult>;
  watch(onEvent: (event: LinkEvent) => void): Stop;
}

/** Connections with one of the hosts, to or from one of the ports. */
export type ConnectionFilter = {
  /** Numeric. */
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
};

/** The TCP connections of this machine. */
export interface TcpConnections {
  /** The numeric addresses of the host; none if its name cannot be resolved. */
  resolve(host: string): PromiseLike<readonly string[]>;
  /** Ends them as a reset would. Returns how many were ended, or why some are left. */
  end(filter: ConnectionFilter): PromiseLike<Result<number, string>>;
  /** Whether anybody accepts a connection at one of the addresses and ports in this time. */
  answers(where: ConnectionFilter, withinMs: number): PromiseLike<boolean>;
}

/** The addresses that clusterd has added on this machine, or was about to add. */
export interface ClaimedAddresses {
  /** Accepts the address in any spelling. */
  has(address: string): boolean;
  /** Records the address also for later lives; refuses, with the reason, if it cannot. */
  claim(address: string): PromiseLike<Result<null, string>>;
  /** Removes the record: the address was seen to be absent. */
  release(address: string): void;
}
