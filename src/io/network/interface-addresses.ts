/**
 * Finds addresses in a list of interfaces, however they are written.
 * Does not know where the list comes from.
 * Tested in: test/io/service-sweep.test.ts
 */

import type { AddressOrder } from "../../model/agent-orders.ts";
import { canonicalAddress } from "../../model/numeric-address.ts";
import type { InterfaceAddress, NetworkInterface } from "../network-ports.ts";

/** An address where it stands. */
export type AddressPlace = AddressOrder & Pick<InterfaceAddress, "marked">;

/** Whether the address stands on that interface with that prefix. */
export function holdsAddress(
  interfaces: readonly NetworkInterface[],
  { address, prefix, interface: name }: AddressOrder,
): boolean {
  return placesOf(interfaces, [address]).some(
    (place) => place.interface === name && place.prefix === prefix,
  );
}

/** Every place of every one of these addresses, which are numeric and without prefix. */
export function placesOf(
  interfaces: readonly NetworkInterface[],
  wanted: readonly string[],
): readonly AddressPlace[] {
  const names = new Set(wanted.map(canonicalAddress));
  return interfaces.flatMap(({ name, addresses }) =>
    addresses
      .filter(({ address }) => names.has(canonicalAddress(address)))
      .map(({ address, prefix, family, marked }) => {
        return { interface: name, address, prefix, family, marked };
      }),
  );
}
