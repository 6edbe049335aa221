/**
 * Text of IPv4 and IPv6 addresses → bytes.
 * Does not know interfaces, networks or name resolution.
 * Source: RFC 4291, section 2.2.
 * Tested in: test/config/conf-values.test.ts, test/config/host-check.test.ts
 */

export type Family = "IPv4" | "IPv6";

export type IpLiteral = { readonly family: Family; readonly bytes: readonly number[] };

export type IpWithPrefix = IpLiteral & { readonly prefix: number | null };

/** Null for anything but one complete address; zones (`%eth0`) are not accepted. */
export function parseIp(text: string): IpLiteral | null {
  const bytes = text.includes(":") ? ipv6Bytes(text) : ipv4Bytes(text);
  if (bytes === null) return null;
  return { family: bytes.length === 4 ? "IPv4" : "IPv6", bytes };
}

/** `address` or `address/prefix`. */
export function parseIpWithPrefix(text: string): IpWithPrefix | null {
  const [address = "", prefix, rest] = text.split("/");
  const literal = parseIp(address);
  if (literal === null || rest !== undefined) return null;
  if (prefix === undefined) return { ...literal, prefix: null };
  if (!/^\d{1,3}$/.test(prefix)) return null;
  const length = Number(prefix);
  return length <= literal.bytes.length * 8 ? { ...literal, prefix: length } : null;
}

/** Equal for two spellings of one address, prefixes disregarded; the text itself otherwise. */
export function canonicalAddress(text: string): string {
  return parseIpWithPrefix(text)?.bytes.join(".") ?? text;
}

export function isLoopback({ family, bytes }: IpLiteral): boolean {
  if (family === "IPv4") return bytes[0] === 127;
  return bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1;
}

export function isMulticast({ family, bytes }: IpLiteral): boolean {
  const first = bytes[0] ?? 0;
  return family === "IPv4" ? first >= 224 && first <= 239 : first === 0xff;
}

/** 0.0.0.0, :: and 255.255.255.255: addresses that no node can have. */
export function isUnspecifiedOrBroadcast({ family, bytes }: IpLiteral): boolean {
  if (bytes.every((byte) => byte === 0)) return true;
  return family === "IPv4" && bytes.every((byte) => byte === 255);
}

function ipv4Bytes(text: string): readonly number[] | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  // A leading zero is octal to some programs and decimal to others.
  if (!parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return parts.map(Number);
}

function ipv6Bytes(text: string): readonly number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => (half === "" ? [] : groupBytes(half)));
  if (head === undefined || head === null || tail === null) return null;
  if (tail === undefined) return head.length === 16 ? head : null;
  const missing = 16 - head.length - tail.length;
  if (missing < 2) return null;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function groupBytes(text: string): readonly number[] | null {
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (index === groups.length - 1 && group.includes(".")) {
      const embedded = ipv4Bytes(group);
      if (embedded === null) return null;
      bytes.push(...embedded);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length <= 16 ? bytes : null;
}
