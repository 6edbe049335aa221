/**
 * Which node of the configuration this machine is.
 * Does not resolve names; its caller does.
 * Source: cman cman-preconfig.c: verify_nodename.
 * Deviations: addresses are tried before short names, and both count only if they are unique; there
 * is no reverse lookup.
 * Tested in: test/config/host-check.test.ts
 */
import type { ClusterConf, NodeConf } from "../../model/conf.ts";
import { isLoopback, parseAddress, sameAddress } from "../../model/numeric-address.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { quoted } from "../../model/visible-text.ts";
import type { Finding } from "../text/complaint.ts";
import { nearestName } from "../text/nearest-name.ts";

/** What a node name resolves to; at least one address. */
export type ResolvedName =
  | {
      readonly type: "addresses";
      readonly addresses: readonly string[];
      readonly source: "literal" | "hosts" | "dns";
    }
  | { readonly type: "failed"; readonly cause: string };

export type LocalFacts = {
  /** Value of the option -n, or null. */
  readonly nodeName: string | null;
  /** Host name as the kernel knows it. */
  readonly uname: string;
  /** Numeric addresses of all interfaces that are up. */
  readonly localAddresses: readonly string[];
  /** By node name as written in the file. */
  readonly resolved: ReadonlyMap<string, ResolvedName>;
};

/** Tries, in this order: option -n; the exact host name; a local address; the short host name. */
export function chooseLocalNode(conf: ClusterConf, host: LocalFacts): Result<NodeConf, Finding> {
  const { nodes } = conf;
  if (host.nodeName !== null) return chooseByOption(nodes, host.nodeName);
  const exact = nodes.find((node) => node.name === host.uname);
  if (exact !== undefined) return accept(exact);
  const local = nodes.filter((node) => addressesOf(host, node).some((it) => isLocal(host, it)));
  if (local.length > 1) {
    const names = local.map((node) => node.name).join(" and ");
    const problem = `${names} all resolve to addresses of this machine`;
    return refuse({ type: "host", problem, allowed: "say which one it is with -n NAME" });
  }
  const [byAddress] = local;
  if (byAddress !== undefined) return accept(byAddress);
  const similar = nodes.filter((node) => shortName(node.name) === shortName(host.uname));
  const [byShortName] = similar;
  if (byShortName !== undefined && similar.length === 1) return accept(byShortName);
  return refuse(noLocalNode(conf, host));
}

/** The addresses of a node; empty when its name does not resolve. */
export function addressesOf(host: LocalFacts, node: NodeConf): readonly string[] {
  const resolved = host.resolved.get(node.name);
  return resolved?.type === "addresses" ? resolved.addresses : [];
}

/** Every address in 127.0.0.0/8 is local, whichever of them the interface lists. */
export function isLocal(host: LocalFacts, address: string): boolean {
  const literal = parseAddress(address);
  if (literal !== null && isLoopback(literal)) return true;
  return host.localAddresses.some((local) => sameAddress(local, address));
}

function chooseByOption(nodes: readonly NodeConf[], name: string): Result<NodeConf, Finding> {
  const node = nodes.find((each) => each.name === name);
  if (node !== undefined) return accept(node);
  const names = nodes.map((each) => each.name);
  const guess = nearestName(name, names);
  const problem = `node name ${quoted(name)} (option -n) is not a clusternode`;
  const hint = guess === null ? "" : `; did you mean "${guess}"?`;
  return refuse({ type: "host", problem, allowed: `clusternodes: ${names.join(", ")}${hint}` });
}

function noLocalNode(conf: ClusterConf, host: LocalFacts): Finding {
  const nodes = conf.nodes.map((node) => {
    const addresses = addressesOf(host, node);
    return `${node.name} (${addresses.length === 0 ? "unresolved" : addresses.join(" ")})`;
  });
  const here = host.localAddresses.length === 0 ? "none" : host.localAddresses.join(" ");
  const problem = `this machine (${quoted(host.uname)}, addresses ${here}) is not a clusternode`;
  return { type: "host", problem, allowed: `clusternodes: ${nodes.join(", ")}; use -n NAME` };
}

/** An address has no short form. */
function shortName(name: string): string {
  return parseAddress(name) === null ? (name.split(".", 1)[0] ?? name) : name;
}
