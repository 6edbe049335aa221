/**
 * Settles, before the first life begins, what becomes of the addresses that an earlier clusterd has
 * left on this machine. Addresses of a service are not removed here, but by its first stop.
 * Tested in: test/e2e/standing-addresses.test.ts
 * INHERITED1  An address with clusterd's mark counts as its own, even if the record of it is lost.
 * INHERITED2  An address that is no longer in the conf is removed here, since nothing else would
 *     remove it.
 */
import type { AddressClaims } from "../io/files/address-claims.ts";
import { listedAddresses } from "../io/network/interface-addresses.ts";
import type { Addresses } from "../io/network-ports.ts";
import type { LogSink } from "../io/ports.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";

export type InheritedAddressesPorts = {
  readonly addresses: Addresses;
  readonly claims: AddressClaims;
  readonly log: LogSink;
};

/** Refuses, with the reason, if the addresses cannot be listed or claimed. */
export async function settleInheritedAddresses(
  { addresses, claims, log }: InheritedAddressesPorts,
  configured: readonly string[],
): Promise<Result<null, string>> {
  const listed = await addresses.interfaces();
  if (!listed.ok) return refuse(`addresses cannot be listed: ${listed.problem}`);
  for (const place of listedAddresses(listed.value, configured).filter(({ marked }) => marked)) {
    const claimed = await claims.claim(place.address);
    if (!claimed.ok) return claimed;
  }
  const standing = listedAddresses(listed.value, claims.all);
  const expected = listedAddresses(listed.value, configured);
  for (const claimed of claims.all) {
    if (!standing.some(({ address }) => address === claimed)) claims.release(claimed);
  }
  for (const place of standing) {
    if (expected.some(({ address }) => address === place.address)) continue;
    const removed = await addresses.removeAddress(place);
    const where = `${place.address} on ${place.interface}`;
    const text = `${where}, left by an earlier clusterd, is of no service`;
    if (removed.type === "failed") {
      log.write("services", "err", { text: `${text}, and cannot be removed: ${removed.cause}` });
    } else log.write("services", "notice", { text: `${text}: removed` });
  }
  return accept(null);
}
