/**
 * Encodes and decodes messages of the kernel's rtnetlink about interfaces and their addresses.
 * Source: netlink(7), rtnetlink(7); linux/netlink.h, linux/if_link.h, linux/if_addr.h;
 * iproute2 ip/ipaddress.c for the requests of `ip addr add` and `ip addr del`.
 * Tested in: test/io/route-socket.test.ts
 */
import { endianness } from "node:os";
import type { AddressOrder } from "../../model/agent-orders.ts";
import { formatAddress } from "../../model/numeric-address.ts";
import type { InterfaceAddress, LinkEvent, NetworkInterface } from "../network-ports.ts";
import { addressBytes, macText } from "./neighbour-packets.ts";

export const netlinkFamily = 16;
export const netlinkRoute = 0;
/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR, for a socket that only listens. */
export const changeGroups = 0x1 | 0x10 | 0x100;
/**
 * The protocol number of addresses that clusterd adds (IFA_PROTO, Linux 5.18; older kernels ignore
 * it). By it clusterd recognises them if the list in its state directory is lost.
 */
export const addressProtocol = 197;

/** One message of a datagram. */
export type RouteMessage = {
  readonly kind: number;
  readonly flags: number;
  readonly sequence: number;
  /** The bytes after the header. */
  readonly payload: Uint8Array;
};

/** An interface without its addresses. */
export type LinkRecord = Omit<NetworkInterface, "addresses"> & { readonly gone: boolean };

export type AddressRecord = InterfaceAddress & {
  readonly interfaceIndex: number;
  readonly gone: boolean;
};

/** Netlink uses the byte order of the machine. */
const little = endianness() === "LE";
const headerBytes = 16;
const errorKind = 2;
const doneKind = 3;
const newLink = 16;
const deletedLink = 17;
const getLink = 18;
const newAddress = 20;
const deletedAddress = 21;
const getAddress = 22;

const isRequest = 0x1;
const wantsAnswer = 0x4;
/** NLM_F_DUMP_INTR: the table changed while it was being listed. */
const interrupted = 0x10;
const wholeTable = 0x300;
const mustBeNew = 0x200 | 0x400;

const linkHeadBytes = 16;
const addressHeadBytes = 8;
const linkAttributes = { address: 1, name: 3, mtu: 4, operstate: 16, mask: 29 };
const addressAttributes = { address: 1, local: 2, flags: 8, protocol: 11 };
const skipStatistics = 8;
const anyFamily = 0;
const inet = 2;
const inet6 = 10;
const hostScope = 254;
const withoutDetection = 0x02;
const detectionFailed = 0x08;
const tentative = 0x40;
const linkFlags = { up: 0x1, loopback: 0x8, slave: 0x800, lowerUp: 0x10000 };
/** IF_OPER_UNKNOWN and so on (RFC 2863), as `ip` spells them. */
const operstates = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/** struct sockaddr_nl; port 0 is the kernel. */
export function routeAddress(groups: number): Uint8Array {
  const bytes = Buffer.alloc(12);
  write16(bytes, netlinkFamily, 0);
  write32(bytes, groups, 8);
  return bytes;
}

export function listLinksRequest(sequence: number): Uint8Array {
  const body = Buffer.concat([
    Buffer.alloc(linkHeadBytes),
    attribute(linkAttributes.mask, uint32(skipStatistics)),
  ]);
  return request({ kind: getLink, flags: isRequest | wholeTable, sequence }, body);
}

export function listAddressesRequest(sequence: number): Uint8Array {
  const flags = isRequest | wholeTable;
  return request({ kind: getAddress, flags, sequence }, Buffer.alloc(addressHeadBytes));
}

/** `ip addr add ADDRESS/PREFIX dev …`, with `nodad` for IPv6, and with clusterd's protocol. */
export function addAddressRequest(
  order: AddressOrder,
  target: { readonly interfaceIndex: number; readonly sequence: number },
): Uint8Array {
  const loopback = order.family === "ipv4" && addressBytes(order.address)[0] === 127;
  const body = addressBody(order, {
    ...target,
    // The kernel's duplicate detection would delay an IPv6 address by a second; see `probe`.
    flags: order.family === "ipv6" ? withoutDetection : 0,
    scope: loopback ? hostScope : 0,
    more: [attribute(addressAttributes.protocol, Uint8Array.of(addressProtocol))],
  });
  const flags = isRequest | wantsAnswer | mustBeNew;
  return request({ kind: newAddress, flags, sequence: target.sequence }, body);
}

/** `ip addr del ADDRESS/PREFIX dev …`. */
export function removeAddressRequest(
  order: AddressOrder,
  target: { readonly interfaceIndex: number; readonly sequence: number },
): Uint8Array {
  const body = addressBody(order, { ...target, flags: 0, scope: 0, more: [] });
  const flags = isRequest | wantsAnswer;
  return request({ kind: deletedAddress, flags, sequence: target.sequence }, body);
}

/** The messages of a datagram; null: it was cut or is malformed, so none of it may be used. */
export function decodeMessages(datagram: Uint8Array): readonly RouteMessage[] | null {
  const bytes = viewOf(datagram);
  const messages: RouteMessage[] = [];
  for (let at = 0; at < datagram.length; ) {
    if (datagram.length - at < headerBytes) return null;
    const length = bytes.getUint32(at, little);
    if (length < headerBytes || at + length > datagram.length) return null;
    messages.push({
      kind: bytes.getUint16(at + 4, little),
      flags: bytes.getUint16(at + 6, little),
      sequence: bytes.getUint32(at + 8, little),
      payload: datagram.subarray(at + headerBytes, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

export function wasInterrupted({ flags }: RouteMessage): boolean {
  return (flags & interrupted) !== 0;
}

/** The errno with which a request ends, 0 for success; null: the message does not end one. */
export function requestErrno({ kind, payload }: RouteMessage): number | null {
  if (kind === doneKind) return payload.length >= 4 ? -viewOf(payload).getInt32(0, little) : 0;
  if (kind !== errorKind) return null;
  return payload.length >= 4 ? -viewOf(payload).getInt32(0, little) : invalidArgument;
}

const invalidArgument = 22;

/** Null for other messages; `unreadable`: a required field is missing or malformed. */
export function decodeLink({ kind, payload }: RouteMessage): LinkRecord | "unreadable" | null {
  if (kind !== newLink && kind !== deletedLink) return null;
  const found = attributesOf(payload, linkHeadBytes);
  if (found === null) return "unreadable";
  const head = viewOf(payload);
  // A port that leaves a bridge is reported as the end of a link of family AF_BRIDGE.
  if (head.getUint8(0) !== anyFamily) return null;
  const name = found.get(linkAttributes.name);
  if (name === undefined) return "unreadable";
  const flags = head.getUint32(8, little);
  const mac = found.get(linkAttributes.address);
  const mtu = found.get(linkAttributes.mtu);
  return {
    name: Buffer.from(name).toString("utf8").replace(/\0.*$/, ""),
    index: head.getInt32(4, little),
    mac: mac?.length === 6 ? macText(mac) : null,
    up: (flags & linkFlags.up) !== 0,
    carrier: (flags & linkFlags.lowerUp) !== 0,
    operstate: operstates[found.get(linkAttributes.operstate)?.[0] ?? 0] ?? "unknown",
    loopback: (flags & linkFlags.loopback) !== 0,
    mtuBytes: mtu?.length === 4 ? viewOf(mtu).getUint32(0, little) : null,
    slave: (flags & linkFlags.slave) !== 0,
    gone: kind === deletedLink,
  };
}

/** Null for other messages and other families. */
export function decodeAddress({
  kind,
  payload,
}: RouteMessage): AddressRecord | "unreadable" | null {
  if (kind !== newAddress && kind !== deletedAddress) return null;
  const found = attributesOf(payload, addressHeadBytes);
  if (found === null) return "unreadable";
  const head = viewOf(payload);
  const family = head.getUint8(0);
  if (family !== inet && family !== inet6) return null;
  // On a point-to-point link IFA_ADDRESS is the far end, and IFA_LOCAL is this one.
  const bytes = found.get(addressAttributes.local) ?? found.get(addressAttributes.address);
  if (bytes?.length !== (family === inet ? 4 : 16)) return "unreadable";
  const wide = found.get(addressAttributes.flags);
  const flags = wide?.length === 4 ? viewOf(wide).getUint32(0, little) : head.getUint8(2);
  return {
    address: formatAddress(bytes),
    prefix: head.getUint8(1),
    family: family === inet ? "ipv4" : "ipv6",
    detection: detectionOf(flags),
    marked: found.get(addressAttributes.protocol)?.[0] === addressProtocol,
    interfaceIndex: head.getUint32(4, little),
    gone: kind === deletedAddress,
  };
}

/** The event of a message; `names` has the names of interfaces by index. */
export function decodeEvent(
  message: RouteMessage,
  names: ReadonlyMap<number, string>,
): LinkEvent | "unreadable" | null {
  const link = decodeLink(message);
  if (link === "unreadable") return link;
  if (link !== null) {
    const { name, gone } = link;
    const up = !gone && link.up;
    return { type: "link", interface: name, up, carrier: up && link.carrier, gone };
  }
  const found = decodeAddress(message);
  if (found === null || found === "unreadable") return found;
  const name = names.get(found.interfaceIndex);
  if (name === undefined) return "unreadable";
  const { address, prefix, gone } = found;
  return { type: "address", interface: name, address, prefix, gone };
}

function detectionOf(flags: number): InterfaceAddress["detection"] {
  if ((flags & detectionFailed) !== 0) return "duplicate";
  return (flags & tentative) !== 0 ? "tentative" : "done";
}

function addressBody(
  { family, address, prefix }: AddressOrder,
  rest: {
    readonly interfaceIndex: number;
    readonly flags: number;
    readonly scope: number;
    readonly more: readonly Uint8Array[];
  },
): Uint8Array {
  const head = Buffer.alloc(addressHeadBytes);
  head.set([family === "ipv4" ? inet : inet6, prefix, rest.flags, rest.scope]);
  write32(head, rest.interfaceIndex, 4);
  const bytes = addressBytes(address);
  const { local, address: ownEnd } = addressAttributes;
  return Buffer.concat([head, attribute(local, bytes), attribute(ownEnd, bytes), ...rest.more]);
}

function request(
  head: { readonly kind: number; readonly flags: number; readonly sequence: number },
  body: Uint8Array,
): Uint8Array {
  const bytes = Buffer.alloc(headerBytes);
  write32(bytes, headerBytes + body.length, 0);
  write16(bytes, head.kind, 4);
  write16(bytes, head.flags, 6);
  write32(bytes, head.sequence, 8);
  return Buffer.concat([bytes, body]);
}

function attribute(kind: number, value: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(aligned(attributeHeadBytes + value.length));
  write16(bytes, attributeHeadBytes + value.length, 0);
  write16(bytes, kind, 2);
  bytes.set(value, attributeHeadBytes);
  return bytes;
}

const attributeHeadBytes = 4;
/** The upper bits of a kind are flags for nesting and byte order. */
const attributeKinds = 0x3fff;

/** The attributes by kind; null: they do not fit into the message. */
function attributesOf(
  payload: Uint8Array,
  headBytes: number,
): ReadonlyMap<number, Uint8Array> | null {
  if (payload.length < headBytes) return null;
  const bytes = viewOf(payload);
  const found = new Map<number, Uint8Array>();
  for (let at = headBytes; payload.length - at >= attributeHeadBytes; ) {
    const length = bytes.getUint16(at, little);
    if (length < attributeHeadBytes || at + length > payload.length) return null;
    const kind = bytes.getUint16(at + 2, little) & attributeKinds;
    found.set(kind, payload.subarray(at + attributeHeadBytes, at + length));
    at += aligned(length);
  }
  return found;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function write16(bytes: Uint8Array, value: number, at: number): void {
  viewOf(bytes).setUint16(at, value, little);
}

function write32(bytes: Uint8Array, value: number, at: number): void {
  viewOf(bytes).setUint32(at, value, little);
}

function uint32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
