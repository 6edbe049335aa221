/**
 * The packets by which hosts learn which link-layer address an address has, as bytes.
 * Knows ARP (IPv4) and neighbour discovery (IPv6), and the socket addresses to send them to. Does
 * not send them.
 * Source: RFC 826, RFC 5227 (probe and announcement), RFC 4861 4.3 and 4.4, packet(7), ipv6(7).
 */
import { isIPv4 } from "node:net";

export const etherTypeArp = 0x0806;
export const packetFamily = 17;
export const inet6Family = 10;
const neighbourSolicitation = 135;
const neighbourAdvertisement = 136;
const overrideFlag = 0x20;

export type ArpForm = "request" | "reply";
export type ArpParties = {
  readonly senderMac: string;
  readonly senderAddress: string;
  readonly targetMac: string;
  readonly targetAddress: string;
};

export function encodeArp(form: ArpForm, parties: ArpParties): Uint8Array {
  const head = Buffer.from([0, 1, 8, 0, 6, 4, 0, form === "request" ? 1 : 2]);
  return Buffer.concat([
    head,
    macBytes(parties.senderMac),
    addressBytes(parties.senderAddress),
    macBytes(parties.targetMac),
    addressBytes(parties.targetAddress),
  ]);
}

/** Null for anything but ARP between Ethernet and IPv4. */
export function decodeArp(packet: Uint8Array): ArpParties | null {
  const bytes = Buffer.from(packet);
  if (bytes.length < 28 || bytes.readUInt16BE(0) !== 1 || bytes.readUInt16BE(2) !== 0x0800) {
    return null;
  }
  return {
    senderMac: macText(bytes.subarray(8, 14)),
    senderAddress: [...bytes.subarray(14, 18)].join("."),
    targetMac: macText(bytes.subarray(18, 24)),
    targetAddress: [...bytes.subarray(24, 28)].join("."),
  };
}

/** Unsolicited, with override: replaces what the neighbours had. The kernel adds the checksum. */
export function encodeAdvertisement(address: string, mac: string): Uint8Array {
  const head = Buffer.from([neighbourAdvertisement, 0, 0, 0, overrideFlag, 0, 0, 0]);
  return Buffer.concat([head, addressBytes(address), Buffer.from([2, 1]), macBytes(mac)]);
}

export function encodeSolicitation(address: string, mac: string): Uint8Array {
  const head = Buffer.from([neighbourSolicitation, 0, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, addressBytes(address), Buffer.from([1, 1]), macBytes(mac)]);
}

/** The owner that an advertisement names for this address, or null. */
export function advertisedMac(packet: Uint8Array, address: string): string | null {
  const bytes = Buffer.from(packet);
  if (bytes.length < 24 || bytes[0] !== neighbourAdvertisement) return null;
  if (!bytes.subarray(8, 24).equals(addressBytes(address))) return null;
  const hasLinkOption = bytes.length >= 32 && bytes[24] === 2 && bytes[25] === 1;
  return hasLinkOption ? macText(bytes.subarray(26, 32)) : "unknown";
}

/** ff02::1:ffXX:XXXX of an address. */
export function solicitedGroup(address: string): Uint8Array {
  const group = addressBytes("ff02::1:ff00:0");
  group.set(addressBytes(address).subarray(13), 13);
  return group;
}

/** struct sockaddr_ll: where a packet goes, or the interface to which a socket is bound. */
export function linkAddress(interfaceIndex: number, mac: string): Uint8Array {
  const protocol = Buffer.alloc(2);
  protocol.writeUInt16BE(etherTypeArp);
  return Buffer.concat([
    native16(packetFamily),
    protocol,
    native32(interfaceIndex),
    native16(1),
    Buffer.from([0, 6]),
    macBytes(mac),
    Buffer.alloc(2),
  ]);
}

/** struct sockaddr_in6 without port. */
export function inet6Address(address: Uint8Array, interfaceIndex: number): Uint8Array {
  return Buffer.concat([native16(inet6Family), Buffer.alloc(6), address, native32(interfaceIndex)]);
}

/** Four or sixteen bytes of a valid numeric address. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const middle = new Array<number>(8 - before.length - after.length).fill(0);
  const bytes = Buffer.alloc(16);
  [...before, ...middle, ...after].forEach((group, index) => {
    bytes.writeUInt16BE(group, index * 2);
  });
  return bytes;
}

/** An address of four or sixteen bytes as inet_ntop(3) writes it, and `ip` with it. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const parts = Array.from(
    { length: 8 },
    (_, at) => (bytes[at * 2] ?? 0) * 256 + (bytes[at * 2 + 1] ?? 0),
  );
  const { from, length } = longestZeros(parts);
  const mapped = length === 5 && parts[5] === 0xffff;
  if (from === 0 && (length === 6 || mapped)) {
    return `::${mapped ? "ffff:" : ""}${bytes.subarray(12).join(".")}`;
  }
  const hex = (some: readonly number[]) => some.map((one) => one.toString(16)).join(":");
  if (length < 2) return hex(parts);
  return `${hex(parts.slice(0, from))}::${hex(parts.slice(from + length))}`;
}

/** The first of the longest runs. */
function longestZeros(parts: readonly number[]): {
  readonly from: number;
  readonly length: number;
} {
  let longest = { from: 0, length: 0 };
  for (let from = 0; from < parts.length; from += 1) {
    const run = parts.slice(from).findIndex((one) => one !== 0);
    const length = run < 0 ? parts.length - from : run;
    if (length > longest.length) longest = { from, length };
  }
  return longest;
}

function groups(text: string): readonly number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

export function macText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function native16(value: number): Uint8Array {
  return new Uint8Array(Uint16Array.of(value).buffer);
}

function native32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}
