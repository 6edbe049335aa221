/**
 * Checks the addresses of services against those of the nodes and of this machine.
 * Its caller gathers the facts.
 * Source: rgmanager's ip.sh, which adopts addresses that it finds, and so can cut off a node.
 * Tested in: test/config/host-check.test.ts
 * HOST1  No service has the address of a node: its first stop would take that node off the network.
 * HOST2  clusterd does not touch an address that is on an interface already and that it has not put
 *     up: the service cannot start here, so there is a warning.
 */
import { writtenAddress } from "../../model/address-holders.ts";
import type { ClusterConf, ResourceConf } from "../../model/conf.ts";
import { canonicalAddress } from "../../model/numeric-address.ts";
import type { SourceLocations } from "../source-locations.ts";
import type { Report, SourceLocation } from "../text/complaint.ts";
import { addressesOf, type LocalFacts } from "./local-node.ts";

/** What must be known of this machine. */
export type AddressFacts = LocalFacts & {
  /** Addresses that clusterd has put up on this machine; null: unknown. */
  readonly claimed?: readonly string[] | null;
};

type Given = { readonly host: AddressFacts; readonly locations: SourceLocations };

export function checkServiceAddresses(conf: ClusterConf, given: Given, report: Report): void {
  const nodes = nodeAddresses(conf, given);
  const here = new Set(given.host.localAddresses.map(canonicalAddress));
  const claimed = given.host.claimed?.map(canonicalAddress) ?? null;
  const complained = new Set<string>();
  for (const { tree } of conf.services.services) {
    for (const { address, location } of holders(tree, tree.key)) {
      const canonical = canonicalAddress(address);
      const node = nodes.get(canonical);
      if (node !== undefined) {
        const problem =
          `${address} is the address of ${node} itself: to stop the service would take ${node} ` +
          "off the network";
        const allowed = "give the service an address that no node has";
        report.error(location, { type: "conflict", problem, allowed });
      } else if (claimed !== null && here.has(canonical) && !claimed.includes(canonical)) {
        if (complained.has(canonical)) continue;
        complained.add(canonical);
        const problem =
          `${address} is on an interface of this machine, and clusterd has not put it there: it ` +
          "is left alone, and the service cannot start here";
        const allowed = "take it off the interface, or give the service another address";
        report.warning(location, { type: "host", problem, allowed });
      }
    }
  }
}

/** By canonical address: the node that has it, with all its names. */
function nodeAddresses(conf: ClusterConf, { host, locations }: Given): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { node, name } of locations.altnames) {
    const resolved = host.resolved.get(name);
    const addresses = resolved?.type === "addresses" ? resolved.addresses : [name];
    for (const address of addresses) found.set(canonicalAddress(address), node);
  }
  for (const node of conf.nodes) {
    for (const address of addressesOf(host, node)) found.set(canonicalAddress(address), node.name);
  }
  return found;
}

type AddressHolder = { readonly address: string; readonly location: SourceLocation };

function holders(resource: ResourceConf, service: string): readonly AddressHolder[] {
  const { type, key, line, children } = resource;
  const address = writtenAddress(resource);
  const location = { path: `/cluster/rm/service(${service})/${type}(${key})`, line };
  const own = address === null || address === "" ? [] : [{ address, location }];
  return [...own, ...children.flatMap((child) => holders(child, service))];
}
