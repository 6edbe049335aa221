/**
 * Parses what `ip` prints: the JSON list of interfaces and the lines of `ip -o monitor`.
 * Source: ip-address(8), ip-monitor(8), as printed by iproute2 6.1.
 */
import { parseAddress } from "../../model/numeric-address.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { parseJson } from "../json-text.ts";
import type { InterfaceAddress, LinkEvent, NetworkInterface } from "../network-ports.ts";
import { addressProtocol } from "./rtnetlink.ts";

/**
 * Parses the output of `ip -j addr show`. It refuses the list if it does not understand an entry,
 * since that may have an address that must be known. Some versions print empty entries.
 */
export function parseInterfaces(text: string): Result<readonly NetworkInterface[], string> {
  const list = parseJson(text);
  if (!Array.isArray(list)) return refuse("ip did not print a JSON list");
  const found: NetworkInterface[] = [];
  for (const entry of list) {
    if (isEmpty(entry)) continue;
    const parsed = parseInterface(entry);
    if (parsed === null) return refuse("ip printed an interface that is not understood");
    found.push(parsed);
  }
  return accept(found);
}

function isEmpty(entry: unknown): boolean {
  return typeof entry === "object" && entry !== null && Object.keys(entry).length === 0;
}

/** One line of `ip -o monitor link address`, or null for anything else. */
export function parseMonitorLine(line: string): LinkEvent | null {
  return parseAddressLine(line) ?? parseLinkLine(line);
}

function parseInterface(entry: unknown): NetworkInterface | null {
  if (typeof entry !== "object" || entry === null) return null;
  if (!("ifname" in entry && "ifindex" in entry && "flags" in entry)) return null;
  const { ifname, ifindex } = entry;
  if (typeof ifname !== "string" || typeof ifindex !== "number") return null;
  const flags = Array.isArray(entry.flags) ? entry.flags : [];
  const listed = "addr_info" in entry && Array.isArray(entry.addr_info) ? entry.addr_info : [];
  const addresses: InterfaceAddress[] = [];
  for (const one of listed) {
    if (isEmpty(one) || isForeign(one)) continue;
    const parsed = parseListed(one);
    if (parsed === null) return null;
    addresses.push(parsed);
  }
  return {
    name: ifname,
    index: ifindex,
    mac: "address" in entry && isMac(entry.address) ? entry.address : null,
    up: flags.includes("UP"),
    carrier: flags.includes("LOWER_UP"),
    operstate: "operstate" in entry ? String(entry.operstate).toLowerCase() : "unknown",
    loopback: flags.includes("LOOPBACK"),
    mtuBytes: "mtu" in entry && typeof entry.mtu === "number" ? entry.mtu : null,
    slave: flags.includes("SLAVE"),
    addresses,
  };
}

/** Whether the entry is of a family other than IPv4 and IPv6. */
function isForeign(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null || !("family" in entry)) return false;
  return entry.family !== "inet" && entry.family !== "inet6";
}

function parseListed(entry: unknown): InterfaceAddress | null {
  if (typeof entry !== "object" || entry === null) return null;
  if (!("local" in entry && "prefixlen" in entry && "family" in entry)) return null;
  const { local, prefixlen, family } = entry;
  if (typeof local !== "string" || parseAddress(local) === null) return null;
  if (typeof prefixlen !== "number") return null;
  if (family !== "inet" && family !== "inet6") return null;
  return {
    address: local,
    prefix: prefixlen,
    family: family === "inet" ? "ipv4" : "ipv6",
    detection: detectionOf(entry),
    marked: "protocol" in entry && String(entry.protocol) === String(addressProtocol),
  };
}

function detectionOf(entry: object): InterfaceAddress["detection"] {
  if ("dadfailed" in entry && entry.dadfailed === true) return "duplicate";
  return "tentative" in entry && entry.tentative === true ? "tentative" : "done";
}

function parseLinkLine(line: string): LinkEvent | null {
  const match = /^(?:\[LINK\])?(Deleted )?\d+: ([^:@\s]+)(?:@[^:\s]*)?: <([^>]*)>/.exec(line);
  const [, deleted, name, flagText] = match ?? [];
  if (name === undefined || flagText === undefined) return null;
  const gone = deleted !== undefined;
  const flags = flagText.split(",");
  const up = !gone && flags.includes("UP");
  return { type: "link", interface: name, up, carrier: up && flags.includes("LOWER_UP"), gone };
}

function parseAddressLine(line: string): LinkEvent | null {
  const match =
    /^(?:\[ADDR\])?(Deleted )?\d+: (\S+)\s+inet6? ([0-9A-Fa-f.:]+)(?: peer \S+?)?\/(\d+) /.exec(
      line,
    );
  const [, deleted, name, address, prefix] = match ?? [];
  if (name === undefined || address === undefined || prefix === undefined) return null;
  if (parseAddress(address) === null) return null;
  const gone = deleted !== undefined;
  return { type: "address", interface: name, address, prefix: Number(prefix), gone };
}

function isMac(value: unknown): value is string {
  return typeof value === "string" && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(value);
}
