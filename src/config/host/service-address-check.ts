/**
 * Checks the addresses of services against those of the nodes and of this machine.
 * Its caller gathers the facts.
 * Source: rgmanager's ip.sh, which adopts addresses that it finds, and so can cut off a node.
 * Tested in: test/config/host-check.test.ts
 * HOST1  No service has the address of a node: its first stop would take that node off the network.
 * HOST2  clusterd does not touch an address that is on an interface already and that it has not put
 *     up: the service cannot start here, so there is a warning.
 * HOST3  An address that no interface of this machine can carry is warned of, with the agent's own
 *     reasons, if the service may run here.
 */
import { writtenAddress } from "../../model/address-holders.ts";
import type { InterfaceReport } from "../../model/agent-orders.ts";
import type { ClusterConf, ResourceConf, ServiceConf } from "../../model/conf.ts";
import { canonicalAddress } from "../../model/numeric-address.ts";
import { chooseInterface } from "../../vip/interface-choice.ts";
import { ipSettings } from "../../vip/ip-agent.ts";
import type { SourceLocations } from "../source-locations.ts";
import type { Report, SourceLocation } from "../text/complaint.ts";
import { addressesOf, chooseLocalNode, type LocalFacts } from "./local-node.ts";

/** What must be known of this machine. */
export type AddressFacts = LocalFacts & {
  /** Addresses that clusterd has put up on this machine; null: unknown. */
  readonly claimed?: readonly string[] | null;
  /** Of this machine; null or absent: unknown. */
  readonly interfaces?: readonly InterfaceReport[] | null;
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

/** HOST3 */
export function checkInterfaces(conf: ClusterConf, given: Given, report: Report): void {
  const { interfaces = null } = given.host;
  const local = chooseLocalNode(conf, given.host);
  if (interfaces === null || !local.ok) return;
  const { domains, services } = conf.services;
  const mayRunHere = ({ domain: name }: ServiceConf): boolean => {
    const domain = domains.find((one) => one.name === name);
    return domain?.restricted !== true || domain.nodes.some(({ node }) => node === local.value.id);
  };
  for (const { tree } of services.filter(mayRunHere)) {
    for (const { settings, location } of virtualAddresses(tree, tree.key)) {
      const wanted = { ...settings, needLink: settings.monitorLink };
      const choice = chooseInterface(interfaces, wanted);
      if (choice.type === "chosen") continue;
      const problem = `no interface of this machine can carry ${settings.address}: ${choice.why}`;
      const allowed =
        "give this machine an interface in its subnet, or correct the address or prefer_interface";
      report.warning(location, { type: "host", problem, allowed });
    }
  }
}

type VirtualAddress = {
  readonly settings: NonNullable<ReturnType<typeof ipSettings>>;
  readonly location: SourceLocation;
};

function virtualAddresses(resource: ResourceConf, service: string): readonly VirtualAddress[] {
  const { type, key, line, children, attributes } = resource;
  const settings = type === "ip" ? ipSettings(new Map(attributes)) : null;
  const location = { path: `/cluster/rm/service(${service})/${type}(${key})`, line };
  const own = settings === null ? [] : [{ settings, location }];
  return [...own, ...children.flatMap((child) => virtualAddresses(child, service))];
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
