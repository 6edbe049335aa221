/**
 * Chooses the interface for an address: the first one with a subnet that contains the address.
 * Source: resource-agents ip.sh: ipv4, ipv6 (choice of the interface).
 */
import type { InterfaceReport } from "../model/agent-orders.ts";
import { inSubnet } from "../model/numeric-address.ts";

export type InterfaceChoice =
  | { readonly type: "chosen"; readonly interface: string; readonly prefix: number }
  | { readonly type: "none"; readonly why: string };

/** The first usable interface whose own subnet contains the address, in kernel order. */
export function chooseInterface(
  interfaces: readonly InterfaceReport[],
  wanted: {
    readonly address: string;
    readonly prefix: number | null;
    readonly needLink: boolean;
    /** Null: any interface. */
    readonly preferred: string | null;
  },
): InterfaceChoice {
  const reasons: string[] = [];
  for (const one of interfaces) {
    const onLink = one.addresses.filter(
      (entry) =>
        inSubnet(entry.address, wanted.address, entry.prefix) &&
        entry.prefix < (entry.family === "ipv4" ? 32 : 128),
    );
    const own = onLink.find((entry) => entry.prefix === wanted.prefix) ?? onLink[0];
    if (own === undefined) {
      const nets = one.addresses.map((entry) => `${entry.address}/${entry.prefix}`).join(" ");
      reasons.push(`${one.name} (${nets === "" ? "no address" : nets}): other subnet`);
    } else if (wanted.preferred !== null && one.name !== wanted.preferred) {
      reasons.push(`${one.name}: not the preferred interface ${wanted.preferred}`);
    } else if (one.slave) reasons.push(`${one.name}: part of a bond or bridge`);
    else if (wanted.prefix !== null && wanted.prefix !== own.prefix) {
      reasons.push(`${one.name}: its prefix is ${own.prefix}, not ${wanted.prefix}`);
    } else if (!one.up) reasons.push(`${one.name}: down`);
    else if (wanted.needLink && !one.carrier) reasons.push(`${one.name}: no link`);
    else return { type: "chosen", interface: one.name, prefix: own.prefix };
  }
  return { type: "none", why: reasons.join("; ") };
}
