/**
 * Encodes and decodes the packets from which hosts learn the link-layer address of an address: ARP
 * (IPv4) and neighbour discovery (IPv6). Encodes the socket addresses to which they are sent.
 * Source: RFC 826, RFC 5227 (probe and announcement), RFC 4861 4.3 and 4.4, packet(7), ipv6(7).
 */
import { formatAddress, parseAddress } from "../../model/numeric-address.ts";
import { invariant } from "../../model/outcome.ts";

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

/** Null unless it is ARP for Ethernet and IPv4. */
export function decodeArp(packet: Uint8Array): ArpParties | null {
  const bytes = Buffer.from(packet);
  if (bytes.length < 28 || bytes.readUInt16BE(0) !== 1 || bytes.readUInt16BE(2) !== 0x0800) {
    return null;
  }
  return {
    senderMac: macText(bytes.subarray(8, 14)),
    senderAddress: formatAddress(bytes.subarray(14, 18)),
    targetMac: macText(bytes.subarray(18, 24)),
    targetAddress: formatAddress(bytes.subarray(24, 28)),
  };
}

/**
 * An unsolicited advertisement with the override flag, so that neighbours replace their entry. The
 * kernel adds the checksum.
 */
export function encodeAdvertisement(address: string, mac: string): Uint8Array {
  const head = Buffer.from([neighbourAdvertisement, 0, 0, 0, overrideFlag, 0, 0, 0]);
  return Buffer.concat([head, addressBytes(address), Buffer.from([2, 1]), macBytes(mac)]);
}

export function encodeSolicitation(address: string, mac: string): Uint8Array {
  const head = Buffer.from([neighbourSolicitation, 0, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, addressBytes(address), Buffer.from([1, 1]), macBytes(mac)]);
}

/** The link-layer address that an advertisement names for this address, or null. */
export function advertisedMac(packet: Uint8Array, address: string): string | null {
  const bytes = Buffer.from(packet);
  if (bytes.length < 24 || bytes[0] !== neighbourAdvertisement) return null;
  if (!bytes.subarray(8, 24).equals(addressBytes(address))) return null;
  const hasLinkOption = bytes.length >= 32 && bytes[24] === 2 && bytes[25] === 1;
  return hasLinkOption ? macText(bytes.subarray(26, 32)) : "unknown";
}

/** The solicited-node multicast group of an address: ff02::1:ff00:0 and its last 24 bits. */
export function solicitedGroup(address: string): Uint8Array {
  const group = addressBytes("ff02::1:ff00:0");
  group.set(addressBytes(address).subarray(13), 13);
  return group;
}

/** struct sockaddr_ll: the target of a packet, or the interface to which a socket is bound. */
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

/** The 4 or 16 bytes of an address, which must be valid and numeric. */
export function addressBytes(address: string): Buffer {
  const parsed = parseAddress(address);
  invariant(parsed !== null, "only numeric addresses are encoded");
  return Buffer.from(parsed.bytes);
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
