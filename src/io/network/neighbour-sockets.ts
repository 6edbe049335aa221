/**
 * Announces and probes addresses with raw sockets. Knows interfaces and packets; does not know when
 * to announce, nor what an answer means for the service.
 * Source: RFC 5227 section 2.1.1 (probe: sender address zero), RFC 4861 section 7.2.
 * Tested in: test/io/linux-network.test.ts
 */

import type { AddressFamily } from "../../model/numeric-address.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import type { ProbeResult } from "../network-ports.ts";
import type { SystemCalls } from "../system-calls.ts";
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

/** An address and the interface it is, or shall be, on. */
export type NeighbourPlace = {
  readonly address: string;
  readonly family: AddressFamily;
  readonly interfaceIndex: number;
  readonly mac: string;
};

const broadcastMac = "ff:ff:ff:ff:ff:ff";
const unknownMac = "00:00:00:00:00:00";
/** Packets of each form sent at once: one may be lost. */
const copies = 2;
const probeLimitMs = 300;
const probeAgainMs = 100;
const lookMs = 5;

const datagramSocket = 2;
const rawSocket = 3;
const icmp6Protocol = 58;
const ipv6Level = 41;
const unicastHops = 16;
const multicastInterface = 17;
const multicastHops = 18;
const multicastLoop = 19;

/** Null when all packets were handed to the kernel, else why not. */
export function sendAnnouncement(calls: SystemCalls, place: NeighbourPlace): string | null {
  return withSocket(calls, place, (send) => {
    const { address, mac, family } = place;
    const own = { senderMac: mac, senderAddress: address, targetAddress: address };
    // Hosts differ in which of the two forms refreshes their cache.
    const packets =
      family === "ipv4"
        ? [
            encodeArp("request", { ...own, targetMac: unknownMac }),
            encodeArp("reply", { ...own, targetMac: broadcastMac }),
          ]
        : [encodeAdvertisement(address, mac)];
    for (let copy = 0; copy < copies; copy += 1) {
      for (const packet of packets) send(packet, announceTarget(place));
    }
  });
}

/** Asks thrice in 300 ms and reports the first answer. */
export async function probeNeighbours(
  calls: SystemCalls,
  place: NeighbourPlace,
): Promise<ProbeResult> {
  const socket = openNeighbourSocket(calls, place);
  if (!socket.ok) return { type: "unknown", cause: socket.problem };
  const fd = socket.value;
  const target = probeTarget(place);
  let taken: string | null = null;
  for (let elapsedMs = 0; elapsedMs < probeLimitMs && taken === null; elapsedMs += lookMs) {
    if (elapsedMs % probeAgainMs === 0) calls.sendTo(fd, probePacket(place), target);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    taken = readAnswers(calls, fd, place);
  }
  calls.closeSocket(fd);
  return taken === null ? { type: "free" } : { type: "taken", mac: taken };
}

function readAnswers(calls: SystemCalls, fd: number, place: NeighbourPlace): string | null {
  for (;;) {
    const packet = calls.receive(fd);
    if (packet === null) return null;
    const mac = ownerIn(packet, place);
    if (mac !== null && mac !== place.mac) return mac;
  }
}

/** Whoever uses the address, or is about to: a probe of somebody else counts as well. */
function ownerIn(packet: Uint8Array, place: NeighbourPlace): string | null {
  if (place.family === "ipv6") return advertisedMac(packet, place.address);
  const arp = decodeArp(packet);
  if (arp === null) return null;
  const probing = arp.senderAddress === "0.0.0.0" && arp.targetAddress === place.address;
  return probing || arp.senderAddress === place.address ? arp.senderMac : null;
}

function probePacket(place: NeighbourPlace): Uint8Array {
  if (place.family === "ipv6") return encodeSolicitation(place.address, place.mac);
  return encodeArp("request", {
    senderMac: place.mac,
    senderAddress: "0.0.0.0",
    targetMac: unknownMac,
    targetAddress: place.address,
  });
}

function announceTarget({ family, interfaceIndex }: NeighbourPlace): Uint8Array {
  return family === "ipv4"
    ? linkAddress(interfaceIndex, broadcastMac)
    : inet6Address(addressBytes("ff02::1"), interfaceIndex);
}

function probeTarget({ family, interfaceIndex, address }: NeighbourPlace): Uint8Array {
  return family === "ipv4"
    ? linkAddress(interfaceIndex, broadcastMac)
    : inet6Address(solicitedGroup(address), interfaceIndex);
}

function withSocket(
  calls: SystemCalls,
  place: NeighbourPlace,
  use: (send: (packet: Uint8Array, target: Uint8Array) => void) => void,
): string | null {
  const socket = openNeighbourSocket(calls, place);
  if (!socket.ok) return socket.problem;
  let cause: string | null = null;
  use((packet, target) => {
    const sent = calls.sendTo(socket.value, packet, target);
    if (!sent.ok) cause = `sendto: errno ${sent.problem}`;
  });
  calls.closeSocket(socket.value);
  return cause;
}

function openNeighbourSocket(calls: SystemCalls, place: NeighbourPlace): Result<number, string> {
  return place.family === "ipv4" ? openArpSocket(calls, place) : openIcmp6Socket(calls, place);
}

function openArpSocket(calls: SystemCalls, place: NeighbourPlace): Result<number, string> {
  const protocol = ((etherTypeArp & 0xff) << 8) | (etherTypeArp >> 8);
  const socket = calls.openSocket({ domain: packetFamily, type: datagramSocket, protocol });
  if (!socket.ok) return refuse(`socket: errno ${socket.problem}`);
  const bound = calls.bindSocket(socket.value, linkAddress(place.interfaceIndex, unknownMac));
  if (bound.ok) return accept(socket.value);
  calls.closeSocket(socket.value);
  return refuse(`bind: errno ${bound.problem}`);
}

function openIcmp6Socket(calls: SystemCalls, place: NeighbourPlace): Result<number, string> {
  const socket = calls.openSocket({
    domain: inet6Family,
    type: rawSocket,
    protocol: icmp6Protocol,
  });
  if (!socket.ok) return refuse(`socket: errno ${socket.problem}`);
  // Neighbours ignore anything that could have passed a router: the hop limit has to be 255.
  const options = [
    [unicastHops, 255],
    [multicastHops, 255],
    [multicastInterface, place.interfaceIndex],
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
