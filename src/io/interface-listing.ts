/**
 * Reads what `ip` prints: the JSON list of interfaces and the lines of `ip -o monitor`.
 * Knows these two formats, does not run anything.
 * Source: ip-address(8), ip-monitor(8), as printed by iproute2 6.1.
 */
import { accept, type Result, refuse } from "../model/outcome.ts";
import { parseJson } from "./json-text.ts";
import type { InterfaceAddress, LinkEvent, NetworkInterface } from "./ports.ts";

/** Of `ip -j addr show`. Entries of an unknown shape are left out. */
export function parseInterfaces(text: string): Result<readonly NetworkInterface[], string> {
  const list = parseJson(text);
  if (!Array.isArray(list)) return refuse("ip did not print a JSON list");
  return accept(list.map(parseInterface).filter((entry) => entry !== null));
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
  const addresses = "addr_info" in entry && Array.isArray(entry.addr_info) ? entry.addr_info : [];
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
    addresses: addresses.map(parseAddress).filter((address) => address !== null),
  };
}

function parseAddress(entry: unknown): InterfaceAddress | null {
  if (typeof entry !== "object" || entry === null) return null;
  if (!("local" in entry && "prefixlen" in entry && "family" in entry)) return null;
  const { local, prefixlen, family } = entry;
  if (typeof local !== "string" || typeof prefixlen !== "number") return null;
  if (family !== "inet" && family !== "inet6") return null;
  return {
    address: local,
    prefix: prefixlen,
    family: family === "inet" ? "ipv4" : "ipv6",
    detection: detectionOf(entry),
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
  const gone = deleted !== undefined;
  return { type: "address", interface: name, address, prefix: Number(prefix), gone };
}

function isMac(value: unknown): value is string {
  return typeof value === "string" && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(value);
}
