/**
 * A bound `node:dgram` socket. With native calls it wraps a socket that clusterd opens itself, so
 * that it can receive joined datagrams (UDP_GRO) and send runs of them (see SegmentSender).
 * Source: ip(7), udp(7), socket(7).
 * Deviation: libuv sets SO_REUSEADDR on every socket that it is given; that is undone.
 * Tested in: test/io/udp-transport.test.ts
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { parseAddress } from "../../model/numeric-address.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";
import type { TransportProblem } from "../ports.ts";
import { datagramSocket, type SystemCalls, socketLevel, udpLevel } from "../system-calls.ts";
import { type SocketAddress, socketAddress } from "./socket-address.ts";

export type DatagramSocketOptions = {
  readonly address: string;
  readonly port: number;
  /** Several programs of this machine may bind this address and port: a multicast group. */
  readonly shared: boolean;
  readonly receiveBufferBytes: number;
};

export type BoundSocket = {
  readonly socket: Socket;
  /** The descriptor for native calls; null: the socket is Node's own. */
  readonly fd: number | null;
};

const reuseAddress = 2;
const udpJoined = 104;
const addressInUse = 98;
const addressNotAvailable = 99;

export async function openDatagramSocket(
  options: DatagramSocketOptions,
  calls: SystemCalls | null,
): Promise<Result<BoundSocket, TransportProblem>> {
  const { address, port } = options;
  const native = calls === null ? null : socketAddress(address, port);
  const socket = newSocket(options);
  try {
    if (calls === null || native === null) {
      const listening = once(socket, "listening");
      socket.bind(port, address);
      await listening;
      return accept({ socket, fd: null });
    }
    const fd = boundDescriptor(options, native, calls);
    if (!fd.ok) {
      socket.close();
      return refuse(descriptorProblem(fd.problem, options));
    }
    const listening = once(socket, "listening");
    socket.bind({ fd: fd.value });
    await listening;
    if (!options.shared) allowSharing(calls, fd.value, false);
    return accept({ socket, fd: fd.value });
  } catch (error) {
    socket.close();
    return refuse(bindProblem(error, options));
  }
}

function newSocket({ address, shared, receiveBufferBytes }: DatagramSocketOptions): Socket {
  const family = parseAddress(address)?.family === "ipv6" ? 6 : 4;
  return createSocket({
    type: family === 6 ? "udp6" : "udp4",
    reuseAddr: shared,
    recvBufferSize: receiveBufferBytes,
    // All addresses are numeric; to resolve them would cost a turn of the loop for each frame.
    lookup: (host, _family, callback) => callback(null, host, family),
  });
}

/** Opens and binds a socket; refuses with an errno. */
function boundDescriptor(
  { shared }: DatagramSocketOptions,
  address: SocketAddress,
  calls: SystemCalls,
): Result<number, number> {
  const opened = calls.openSocket({ domain: address.family, type: datagramSocket, protocol: 0 });
  if (!opened.ok) return opened;
  const fd = opened.value;
  if (shared) allowSharing(calls, fd, true);
  const bound = calls.bindSocket(fd, address.bytes);
  if (!bound.ok) {
    calls.closeSocket(fd);
    return bound;
  }
  // Old kernels refuse this and do not join datagrams.
  calls.setOption(fd, { level: udpLevel, name: udpJoined, value: 1 });
  return accept(fd);
}

function allowSharing(calls: SystemCalls, fd: number, on: boolean): void {
  calls.setOption(fd, { level: socketLevel, name: reuseAddress, value: on ? 1 : 0 });
}

function descriptorProblem(
  errno: number,
  { address, port }: DatagramSocketOptions,
): TransportProblem {
  if (errno === addressNotAvailable) return { type: "address-absent", address };
  if (errno === addressInUse) return { type: "port-taken", address, port };
  return { type: "socket-failed", cause: `${address}:${port}: errno ${errno}` };
}

function bindProblem(error: unknown, { address, port }: DatagramSocketOptions): TransportProblem {
  const code = causeCode(error);
  if (code === "EADDRNOTAVAIL") return { type: "address-absent", address };
  if (code === "EADDRINUSE") return { type: "port-taken", address, port };
  return { type: "socket-failed", cause: causeText(error) };
}
