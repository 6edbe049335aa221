/**
 * Announces and probes addresses with raw sockets.
 * Source: RFC 5227 section 2.1.1 (probe: sender address zero), RFC 4861 section 7.2.
 * Tested in: test/io/linux-network.test.ts
 */

import type { AddressFamily } from "../../model/numeric-address.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type { ProbeResult } from "../network-ports.ts";
import { datagramSocket, rawSocket, type SystemCalls } from "../system-calls.ts";
import {
  addressBytes,
  advertisedMac,
  decodeArp,
  encodeAdvertisement,
  encodeArp,
  encodeSolicitation,
  etherTypeArp,
  inet6Address,
  inet6Family,
  linkAddress,
  packetFamily,
  solicitedGroup,
} from "./neighbour-packets.ts";

/** An address, and the interface that has it or will get it. */
export type AddressOnLink = {
  readonly address: string;
  readonly family: AddressFamily;
  readonly interfaceIndex: number;
  readonly mac: string;
};

const broadcastMac = "ff:ff:ff:ff:ff:ff";
const unknownMac = "00:00:00:00:00:00";
/** How many packets of each form are sent at once, since one may be lost. */
const copies = 2;
const probeLimitMs = 300;
const probeAgainMs = 100;
const lookMs = 5;

const icmp6Protocol = 58;
const ipv6Level = 41;
const unicastHops = 16;
const multicastInterface = 17;
const multicastHops = 18;
const multicastLoop = 19;

/** Null, or why not all packets could be sent. */
export function sendAnnouncement(calls: SystemCalls, subject: AddressOnLink): string | null {
  return withSocket(calls, subject, (send) => {
    const { address, mac, family } = subject;
    const own = { senderMac: mac, senderAddress: address, targetAddress: address };
    // Some hosts refresh their cache on requests, others on replies.
    const packets =
      family === "ipv4"
        ? [
            encodeArp("request", { ...own, targetMac: unknownMac }),
            encodeArp("reply", { ...own, targetMac: broadcastMac }),
          ]
        : [encodeAdvertisement(address, mac)];
    for (let copy = 0; copy < copies; copy += 1) {
      for (const packet of packets) send(packet, announceTarget(subject));
    }
  });
}

/** Asks three times in 300 ms and returns the first answer. */
export async function probeNeighbours(
  calls: SystemCalls,
  subject: AddressOnLink,
): Promise<ProbeResult> {
  const socket = openNeighbourSocket(calls, subject);
  if (!socket.ok) return { type: "unknown", cause: socket.problem };
  const fd = socket.value;
  const target = probeTarget(subject);
  let taken: string | null = null;
  for (let elapsedMs = 0; elapsedMs < probeLimitMs && taken === null; elapsedMs += lookMs) {
    if (elapsedMs % probeAgainMs === 0) calls.sendTo(fd, probePacket(subject), target);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    taken = readAnswers(calls, fd, subject);
  }
  calls.closeSocket(fd);
  return taken === null ? { type: "free" } : { type: "taken", mac: taken };
}

function readAnswers(calls: SystemCalls, fd: number, subject: AddressOnLink): string | null {
  for (;;) {
    const packet = calls.receive(fd);
    if (packet === null) return null;
    const mac = ownerIn(packet, subject);
    if (mac !== null && mac !== subject.mac) return mac;
  }
}

/** The MAC of a host that uses the address or is about to: another host's probe counts, too. */
function ownerIn(packet: Uint8Array, subject: AddressOnLink): string | null {
  if (subject.family === "ipv6") return advertisedMac(packet, subject.address);
  const arp = decodeArp(packet);
  if (arp === null) return null;
  const probing = arp.senderAddress === "0.0.0.0" && arp.targetAddress === subject.address;
  return probing || arp.senderAddress === subject.address ? arp.senderMac : null;
}

function probePacket(subject: AddressOnLink): Uint8Array {
  if (subject.family === "ipv6") return encodeSolicitation(subject.address, subject.mac);
  return encodeArp("request", {
    senderMac: subject.mac,
    senderAddress: "0.0.0.0",
    targetMac: unknownMac,
    targetAddress: subject.address,
  });
}

function announceTarget({ family, interfaceIndex }: AddressOnLink): Uint8Array {
  return family === "ipv4"
    ? linkAddress(interfaceIndex, broadcastMac)
    : inet6Address(addressBytes("ff02::1"), interfaceIndex);
}

function probeTarget({ family, interfaceIndex, address }: AddressOnLink): Uint8Array {
  return family === "ipv4"
    ? linkAddress(interfaceIndex, broadcastMac)
    : inet6Address(solicitedGroup(address), interfaceIndex);
}

function withSocket(
  calls: SystemCalls,
  subject: AddressOnLink,
  use: (send: (packet: Uint8Array, target: Uint8Array) => void) => void,
): string | null {
  const socket = openNeighbourSocket(calls, subject);
  if (!socket.ok) return socket.problem;
  let cause: string | null = null;
  use((packet, target) => {
    const sent = calls.sendTo(socket.value, packet, target);
    if (!sent.ok) cause = `sendto: errno ${sent.problem}`;
  });
  calls.closeSocket(socket.value);
  return cause;
}

function openNeighbourSocket(calls: SystemCalls, subject: AddressOnLink): Result<number, string> {
  return subject.family === "ipv4"
    ? openArpSocket(calls, subject)
    : openIcmp6Socket(calls, subject);
}

function openArpSocket(calls: SystemCalls, subject: AddressOnLink): Result<number, string> {
  const protocol = ((etherTypeArp & 0xff) << 8) | (etherTypeArp >> 8);
  const socket = calls.openSocket({ domain: packetFamily, type: datagramSocket, protocol });
  if (!socket.ok) return refuse(`socket: errno ${socket.problem}`);
  const bound = calls.bindSocket(socket.value, linkAddress(subject.interfaceIndex, unknownMac));
  if (bound.ok) return accept(socket.value);
  calls.closeSocket(socket.value);
  return refuse(`bind: errno ${bound.problem}`);
}

function openIcmp6Socket(calls: SystemCalls, subject: AddressOnLink): Result<number, string> {
  const socket = calls.openSocket({
    domain: inet6Family,
    type: rawSocket,
    protocol: icmp6Protocol,
  });
  if (!socket.ok) return refuse(`socket: errno ${socket.problem}`);
  // The hop limit must be 255: neighbours ignore packets that may have passed a router.
  const options = [
    [unicastHops, 255],
    [multicastHops, 255],
    [multicastInterface, subject.interfaceIndex],
    [multicastLoop, 0],
  ] as const;
  for (const [name, value] of options) {
    const set = calls.setOption(socket.value, { level: ipv6Level, name, value });
    if (!set.ok) {
      calls.closeSocket(socket.value);
      return refuse(`setsockopt: errno ${set.problem}`);
    }
  }
  return accept(socket.value);
}
