/**
 * Addresses, prefixes and subnets, and the interface whose subnet fits.
 * Knows text and numbers only.
 * Source: resource-agents ip.sh: ipv4, ipv6 (choice of the interface); RFC 4291 for the text form.
 */
import type { AddressFamily, InterfaceReport } from "../model/agent-orders.ts";

export type ParsedAddress = {
  readonly family: AddressFamily;
  /** 4 or 16 bytes, network order. */
  readonly bytes: readonly number[];
};

/** Null when the text is not an address; without prefix and without zone. */
export function parseAddress(text: string): ParsedAddress | null {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  if (bytes === null) return null;
  return { family: bytes.length === 4 ? "ipv4" : "ipv6", bytes };
}

/** `address[/prefix]`, as an ip resource has it. */
export function parseAddressWithPrefix(
  text: string,
): { readonly address: string; readonly prefix: number | null } | null {
  const [address, prefixText, ...rest] = text.split("/");
  if (address === undefined || rest.length > 0) return null;
  const parsed = parseAddress(address);
  if (parsed === null) return null;
  if (prefixText === undefined) return { address, prefix: null };
  const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : -1;
  return prefix >= 0 && prefix <= parsed.bytes.length * 8 ? { address, prefix } : null;
}

/** The same address, however it is written. */
export function sameAddress(a: string, b: string): boolean {
  const left = parseAddress(a)?.bytes;
  const right = parseAddress(b)?.bytes;
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  return left.every((byte, index) => byte === right[index]);
}

/** Whether both addresses share their first `prefix` bits. */
export function inSubnet(a: string, b: string, prefix: number): boolean {
  const left = parseAddress(a)?.bytes;
  const right = parseAddress(b)?.bytes;
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  return left.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - index * 8));
    const mask = (0xff << (8 - bits)) & 0xff;
    return (byte & mask) === ((right[index] ?? 0) & mask);
  });
}

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
    const fitting = one.addresses.filter(
      (entry) =>
        inSubnet(entry.address, wanted.address, entry.prefix) &&
        entry.prefix < (entry.family === "ipv4" ? 32 : 128),
    );
    const own = fitting.find((entry) => entry.prefix === wanted.prefix) ?? fitting[0];
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

function parseIpv4(text: string): readonly number[] | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

function parseIpv6(text: string): readonly number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  // An embedded IPv4 address ends the whole text.
  const head = parseGroups(halves[0] ?? "", { mayEmbed: halves.length === 1 });
  const tail = parseGroups(halves[1] ?? "", { mayEmbed: true });
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1) return missing === 0 ? head : null;
  if (missing < 2) return null;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Colon-separated groups, the last of which may be an IPv4 address. */
function parseGroups(
  text: string,
  { mayEmbed }: { readonly mayEmbed: boolean },
): readonly number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (group.includes(".")) {
      const last = mayEmbed && index === groups.length - 1;
      const embedded = last ? parseIpv4(group) : null;
      if (embedded === null) return null;
      bytes.push(...embedded);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}
