/**
 * Datagrams of the ring over UDP: one multicast group (`udp`) or one copy for each node (`udpu`).
 * Knows addresses; does not know nodes, frames, or which links are up.
 * Source: ip(7), ipv6(7), udp(7); corosync exec/totemudp.c and totemudpu.c for the two transports.
 * Deviations: everything is sent from the one socket bound to the node's own address and port, so
 * that tokens cannot overtake frames; multicast loopback is on until own copies have come back
 * once, which proves that the group works; a socket is never bound anew to another address when a
 * link goes down.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { causeCode, causeText } from "./cause.ts";
import type {
  OnDatagram,
  SealedFrame,
  Transport,
  TransportOpened,
  TransportProblem,
} from "./ports.ts";

/** Large enough for the bursts of a full window from every node; the kernel may grant less. */
const receiveBufferBytesWanted = 4 * 1024 * 1024;

export type UdpTransportOptions = {
  /** Numeric address of this node on the ring's network. */
  readonly ownAddress: string;
  readonly port: number;
  readonly delivery:
    | {
        readonly type: "udp";
        readonly group: string;
        readonly ttl: number;
        /** Another node is on this machine: without own copies it would hear nothing. */
        readonly peerIsLocal: boolean;
      }
    /** Numeric addresses of all nodes; this node's own is skipped. */
    | { readonly type: "udpu"; readonly addresses: readonly string[] };
};

export class UdpTransport implements Transport {
  readonly #options: UdpTransportOptions;
  /** Where a multicast goes: the group, or each of the others. */
  readonly #targets: readonly string[];
  readonly #own: Socket;
  readonly #group: Socket | null;
  readonly #counters = new Map<string, number>();
  #sentFrames = 0;
  #sentBytes = 0;
  #receivedFrames = 0;
  #receivedBytes = 0;
  #closed = false;

  constructor(options: UdpTransportOptions) {
    this.#options = options;
    const delivery = options.delivery;
    this.#targets =
      delivery.type === "udp"
        ? [delivery.group]
        : delivery.addresses.filter((address) => address !== options.ownAddress);
    // Without reuseAddr, so that a second program on this port is noticed.
    this.#own = ringSocket(options.ownAddress, false);
    this.#group = delivery.type === "udp" ? ringSocket(options.ownAddress, true) : null;
  }

  async open(onDatagram: OnDatagram): Promise<Result<TransportOpened, TransportProblem>> {
    const { ownAddress, port, delivery } = this.#options;
    const own = await bound(this.#own, { address: ownAddress, port });
    if (!own.ok) return own;
    this.#listen(this.#own, onDatagram);
    if (delivery.type === "udp" && this.#group !== null) {
      const group = await bound(this.#group, { address: delivery.group, port });
      if (!group.ok) return group;
      this.#listen(this.#group, onDatagram);
      const cause = this.#join(delivery);
      if (cause !== null) return refuse({ type: "no-such-group", group: delivery.group, cause });
    }
    return accept({
      // The kernel reports twice what it grants, the other half is for its own bookkeeping.
      receiveBufferBytes: this.#own.getRecvBufferSize() / 2,
      receiveBufferWantedBytes: receiveBufferBytesWanted,
    });
  }

  multicast(frame: SealedFrame): void {
    for (const address of this.#targets) this.unicast(address, frame);
  }

  unicast(address: string, frame: SealedFrame): void {
    if (this.#closed) return;
    this.#sentFrames += 1;
    for (const part of frame) this.#sentBytes += part.length;
    this.#own.send(frame, this.#options.port, address, this.#onSent);
  }

  endOwnCopies(): void {
    const { delivery } = this.#options;
    if (this.#closed || delivery.type === "udpu" || delivery.peerIsLocal) return;
    this.#attempt(() => this.#own.setMulticastLoopback(false));
  }

  rejoin(): void {
    const { delivery } = this.#options;
    if (delivery.type === "udpu" || this.#group === null || this.#closed) return;
    // An interface that was created again has forgotten the group, but the socket has not.
    this.#attempt(() => this.#group?.dropMembership(delivery.group, this.#interface()));
    const cause = this.#join(delivery);
    this.#count(cause === null ? "rejoins" : "rejoins-failed");
  }

  counters(): Readonly<Record<string, number>> {
    return {
      "frames-sent": this.#sentFrames,
      "bytes-sent": this.#sentBytes,
      "frames-received": this.#receivedFrames,
      "bytes-received": this.#receivedBytes,
      ...Object.fromEntries(this.#counters),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const sockets = this.#group === null ? [this.#own] : [this.#own, this.#group];
    await Promise.all(
      sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
    );
  }

  readonly #onSent = (error: Error | null): void => {
    if (error !== null) this.#count(`send-failed-${causeCode(error) ?? "unknown"}`);
  };

  #listen(socket: Socket, onDatagram: OnDatagram): void {
    const byGroup = socket === this.#group;
    socket.on("message", (bytes, source) => {
      this.#receivedFrames += 1;
      this.#receivedBytes += bytes.length;
      onDatagram(bytes, withoutZone(source.address), byGroup);
    });
    socket.on("error", (error) => this.#count(`socket-error-${causeCode(error) ?? "unknown"}`));
  }

  /** Returns why it failed, or null. */
  #join(delivery: { readonly group: string; readonly ttl: number }): string | null {
    const group = this.#group;
    if (group === null) return "no group socket";
    return this.#attempt(() => {
      group.addMembership(delivery.group, this.#interface());
      this.#own.setMulticastInterface(this.#interface());
      this.#own.setMulticastTTL(delivery.ttl);
      this.#own.setMulticastLoopback(true);
    });
  }

  /** IPv4 names the interface by its address, IPv6 by its name. */
  #interface(): string {
    const { ownAddress } = this.#options;
    return isIPv6(ownAddress) ? `::%${interfaceOf(ownAddress) ?? ""}` : ownAddress;
  }

  #attempt(action: () => void): string | null {
    try {
      action();
      return null;
    } catch (error) {
      return causeText(error);
    }
  }

  #count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }
}

function ringSocket(ownAddress: string, reuseAddr: boolean): Socket {
  const family = isIPv6(ownAddress) ? 6 : 4;
  return createSocket({
    type: family === 6 ? "udp6" : "udp4",
    reuseAddr,
    recvBufferSize: receiveBufferBytesWanted,
    // All addresses are numeric: resolving them would cost a turn of the loop for each frame.
    lookup: (host, _family, callback) => callback(null, host, family),
  });
}

async function bound(
  socket: Socket,
  at: { readonly address: string; readonly port: number },
): Promise<Result<null, TransportProblem>> {
  try {
    const listening = once(socket, "listening");
    socket.bind(at.port, at.address);
    await listening;
    return accept(null);
  } catch (error) {
    return refuse(bindProblem(error, at));
  }
}

function bindProblem(
  error: unknown,
  at: { readonly address: string; readonly port: number },
): TransportProblem {
  const code = causeCode(error);
  if (code === "EADDRNOTAVAIL") return { type: "address-absent", address: at.address };
  if (code === "EADDRINUSE") return { type: "port-taken", ...at };
  return { type: "socket-failed", cause: causeText(error) };
}

/** Whether one of these addresses is on this machine. */
export function isLocalAddress(addresses: readonly string[]): boolean {
  return addresses.some((address) => interfaceOf(address) !== null || address.startsWith("127."));
}

function interfaceOf(address: string): string | null {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((entry) => entry.address === address)) return name;
  }
  return null;
}

function withoutZone(address: string): string {
  const zone = address.indexOf("%");
  return zone < 0 ? address : address.slice(0, zone);
}
