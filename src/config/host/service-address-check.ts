/**
 * The addresses of services against those of the nodes and of this machine.
 * Does not gather the facts; they come as values.
 * Source: rgmanager's ip.sh, which takes over what it finds, and takes a node off the network.
 * Tested in: test/config/host-check.test.ts
 * HOST1  No service has the address of a node: its first stop would take that node off the network.
 * HOST2  An address that stands here already, and that clusterd has not put up, is left alone: its
 *     service cannot start here, and whoever looks at the configuration should know.
 */
import { writtenAddress } from "../../model/address-holders.ts";
import type { ClusterConf, ResourceConf } from "../../model/conf.ts";
import { canonicalAddress } from "../../model/numeric-address.ts";
import type { SourceLocations } from "../source-locations.ts";
import type { Report, SourcePlace } from "../text/complaint.ts";
import { addressesOf, type LocalFacts } from "./local-node.ts";

/** What must be known of this machine. */
export type AddressFacts = LocalFacts & {
  /** Addresses that clusterd has put up on this machine; null: it cannot be known. */
  readonly claimed?: readonly string[] | null;
};

type Given = { readonly host: AddressFacts; readonly places: SourceLocations };

export function checkServiceAddresses(conf: ClusterConf, given: Given, report: Report): void {
  const nodes = nodeAddresses(conf, given);
  const here = new Set(given.host.localAddresses.map(canonicalAddress));
  const claimed = given.host.claimed?.map(canonicalAddress) ?? null;
  const complained = new Set<string>();
  for (const { tree } of conf.services.services) {
    for (const { address, place } of holders(tree, tree.key)) {
      const canonical = canonicalAddress(address);
      const node = nodes.get(canonical);
      if (node !== undefined) {
        const problem =
          `${address} is the address of ${node} itself: to stop the service would take ${node} ` +
          "off the network";
        const allowed = "give the service an address that no node has";
        report.error(place, { type: "conflict", problem, allowed });
      } else if (claimed !== null && here.has(canonical) && !claimed.includes(canonical)) {
        if (complained.has(canonical)) continue;
        complained.add(canonical);
        const problem =
          `${address} is on an interface of this machine, and clusterd has not put it there: it ` +
          "is left alone, and the service cannot start here";
        const allowed = "take it off the interface, or give the service another address";
        report.warning(place, { type: "host", problem, allowed });
      }
    }
  }
}

/** By canonical address: the node that has it, with all its names. */
function nodeAddresses(conf: ClusterConf, { host, places }: Given): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { node, name } of places.altnames) {
    const resolved = host.resolved.get(name);
    const addresses = resolved?.type === "addresses" ? resolved.addresses : [name];
    for (const address of addresses) found.set(canonicalAddress(address), node);
  }
  for (const node of conf.nodes) {
    for (const address of addressesOf(host, node)) found.set(canonicalAddress(address), node.name);
  }
  return found;
}

type AddressHolder = { readonly address: string; readonly place: SourcePlace };

function holders(resource: ResourceConf, service: string): readonly AddressHolder[] {
  const { type, key, line, children } = resource;
  const address = writtenAddress(resource);
  const place = { path: `/cluster/rm/service(${service})/${type}(${key})`, line };
  const own = address === null || address === "" ? [] : [{ address, place }];
  return [...own, ...children.flatMap((child) => holders(child, service))];
}
