/**
 * Numeric addresses of the internet protocol: text → bytes and back, equality and subnets.
 * This is the only parser of addresses, so that all parts of clusterd accept the same ones.
 * Source: RFC 4291 section 2.2 (forms), RFC 5952 and inet_ntop(3) (the text that is printed).
 * Deviation: a zone (`%eth0`) is refused, since no address of a cluster has one.
 */

export type AddressFamily = "ipv4" | "ipv6";

export type NumericAddress = {
  readonly family: AddressFamily;
  /** 4 or 16 bytes, network order. */
  readonly bytes: readonly number[];
};

/** The names of the families in messages. */
export const familyWords: Readonly<Record<AddressFamily, string>> = { ipv4: "IPv4", ipv6: "IPv6" };

/** Null unless the text is one complete address without prefix and zone. */
export function parseAddress(text: string): NumericAddress | null {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  if (bytes === null) return null;
  return { family: bytes.length === 4 ? "ipv4" : "ipv6", bytes };
}

/** `address[/prefix]`; null when either part is malformed or the prefix is too long. */
export function parseAddressWithPrefix(
  text: string,
): (NumericAddress & { readonly address: string; readonly prefix: number | null }) | null {
  const [address = "", prefixText, ...rest] = text.split("/");
  const parsed = parseAddress(address);
  if (parsed === null || rest.length > 0) return null;
  if (prefixText === undefined) return { ...parsed, address, prefix: null };
  const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : -1;
  const fits = prefix >= 0 && prefix <= parsed.bytes.length * 8;
  return fits ? { ...parsed, address, prefix } : null;
}

/** The text of an address of 4 or 16 bytes, as inet_ntop(3) and the command `ip` write it. */
export function formatAddress(bytes: ArrayLike<number>): string {
  const all = Array.from(bytes);
  if (all.length === 4) return all.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, at) => (all[at * 2] ?? 0) * 256 + (all[at * 2 + 1] ?? 0),
  );
  const { from, length } = longestZeros(groups);
  const mapped = length === 5 && groups[5] === 0xffff;
  if (from === 0 && (length === 6 || mapped)) {
    return `::${mapped ? "ffff:" : ""}${all.slice(12).join(".")}`;
  }
  const hex = (some: readonly number[]) => some.map((one) => one.toString(16)).join(":");
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, from))}::${hex(groups.slice(from + length))}`;
}

/** One text for all spellings of an address, with or without prefix; else the text unchanged. */
export function canonicalAddress(text: string): string {
  const parsed = parseAddressWithPrefix(text);
  return parsed === null ? text : formatAddress(parsed.bytes);
}

/** Whether both are addresses, and the same one. */
export function sameAddress(a: string, b: string): boolean {
  const left = parseAddress(a);
  return left !== null && inSubnet(a, b, left.bytes.length * 8);
}

/** Whether both are addresses of one family that share their first `prefix` bits. */
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

/** 127.0.0.0/8 and ::1. */
export function isLoopback({ family, bytes }: NumericAddress): boolean {
  if (family === "ipv4") return bytes[0] === 127;
  return bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

/** 224.0.0.0/4 and ff00::/8. */
export function isMulticast({ family, bytes }: NumericAddress): boolean {
  const first = bytes[0] ?? 0;
  return family === "ipv4" ? first >= 224 && first <= 239 : first === 0xff;
}

/** 0.0.0.0, :: and 255.255.255.255: addresses that no node can have. */
export function isUnspecifiedOrBroadcast({ family, bytes }: NumericAddress): boolean {
  if (bytes.every((byte) => byte === 0)) return true;
  return family === "ipv4" && bytes.every((byte) => byte === 255);
}

function parseIpv4(text: string): readonly number[] | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  // A leading zero is octal to some programs and decimal to others.
  const bytes = parts.map((part) => (/^(?:0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

function parseIpv6(text: string): readonly number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  // An embedded IPv4 address must end the whole text, not only the part before "::".
  const head = parseGroups(halves[0] ?? "", { mayEmbed: halves.length === 1 });
  const tail = parseGroups(halves[1] ?? "", { mayEmbed: true });
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1) return missing === 0 ? head : null;
  // "::" stands for at least one group.
  if (missing < 2) return null;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Groups between colons, the last of which may be an IPv4 address. */
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

/** The first of the longest runs of zero groups; length 0: there is none. */
function longestZeros(groups: readonly number[]): {
  readonly from: number;
  readonly length: number;
} {
  let longest = { from: 0, length: 0 };
  for (let from = 0; from < groups.length; from += 1) {
    const run = groups.slice(from).findIndex((one) => one !== 0);
    const length = run < 0 ? groups.length - from : run;
    if (length > longest.length) longest = { from, length };
  }
  return longest;
}
