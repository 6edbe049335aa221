/**
 * Finds addresses in a list of interfaces, whatever their spelling.
 * Tested in: test/io/service-sweep.test.ts
 */

import type { AddressOrder } from "../../model/agent-orders.ts";
import { canonicalAddress } from "../../model/numeric-address.ts";
import type { InterfaceAddress, NetworkInterface } from "../network-ports.ts";

/** An address with the interface and prefix under which it is listed. */
export type ListedAddress = AddressOrder & Pick<InterfaceAddress, "marked">;

/** Whether the interface has the address with that prefix. */
export function holdsAddress(
  interfaces: readonly NetworkInterface[],
  { address, prefix, interface: name }: AddressOrder,
): boolean {
  return listedAddresses(interfaces, [address]).some(
    (listed) => listed.interface === name && listed.prefix === prefix,
  );
}

/** All listed occurrences of these addresses, which are numeric and without prefix. */
export function listedAddresses(
  interfaces: readonly NetworkInterface[],
  wanted: readonly string[],
): readonly ListedAddress[] {
  const names = new Set(wanted.map(canonicalAddress));
  return interfaces.flatMap(({ name, addresses }) =>
    addresses
      .filter(({ address }) => names.has(canonicalAddress(address)))
      .map(({ address, prefix, family, marked }) => {
        return { interface: name, address, prefix, family, marked };
      }),
  );
}
