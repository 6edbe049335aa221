/**
 * Sends and receives the ring's datagrams over UDP: to one multicast group (`udp`), or one copy to
 * each node (`udpu`).
 * Source: ip(7), ipv6(7), udp(7); corosync exec/totemudp.c and totemudpu.c for the two transports.
 * Deviations: all datagrams are sent from the one socket bound to the node's own address and port,
 * so that tokens cannot overtake frames; multicast loopback is on until own copies have arrived
 * once, which proves that the group works; a socket is never bound to another address when a link
 * goes down.
 */
import type { Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { isLoopback, parseAddress } from "../../model/numeric-address.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";
import type {
  OnDatagram,
  SealedFrame,
  Transport,
  TransportOpened,
  TransportProblem,
} from "../ports.ts";
import type { SystemCalls } from "../system-calls.ts";
import { openDatagramSocket } from "./datagram-socket.ts";
import { SegmentSender, type SegmentTarget } from "./segment-sender.ts";
import { socketAddress } from "./socket-address.ts";

/** Enough for a full window from every node at once; the kernel may grant less. */
const receiveBufferBytesWanted = 4 * 1024 * 1024;

export type UdpTransportOptions = {
  /** The numeric address of this node on the ring's network. */
  readonly ownAddress: string;
  readonly port: number;
  readonly delivery:
    | {
        readonly type: "udp";
        readonly group: string;
        readonly ttl: number;
        /** Another node is on this machine and receives multicasts only by loopback. */
        readonly peerIsLocal: boolean;
      }
    /** The numeric addresses of all nodes; this node's own is skipped. */
    | { readonly type: "udpu"; readonly addresses: readonly string[] };
};

export class UdpTransport implements Transport {
  readonly #options: UdpTransportOptions;
  readonly #calls: SystemCalls | null;
  /** The targets of a multicast: the group, or each of the other nodes. */
  readonly #targets: readonly string[];
  readonly #counters = new Map<string, number>();
  /** The targets as struct sockaddr. */
  readonly #natives = new Map<string, SegmentTarget>();
  #own: Socket | null = null;
  #group: Socket | null = null;
  #runs: SegmentSender | null = null;
  /** Frames that `node:dgram` has not sent yet; later frames must not overtake them. */
  #unsent = 0;
  #sentFrames = 0;
  #sentBytes = 0;
  #receivedFrames = 0;
  #receivedBytes = 0;
  #closed = false;

  constructor(options: UdpTransportOptions, calls: SystemCalls | null) {
    this.#options = options;
    this.#calls = calls;
    const delivery = options.delivery;
    this.#targets =
      delivery.type === "udp"
        ? [delivery.group]
        : delivery.addresses.filter((address) => address !== options.ownAddress);
  }

  async open(onDatagram: OnDatagram): Promise<Result<TransportOpened, TransportProblem>> {
    const { ownAddress, delivery } = this.#options;
    // Not shared, so that a second program on this port is detected.
    const own = await this.#bound(ownAddress, false);
    if (!own.ok) return own;
    this.#own = own.value.socket;
    this.#listen(this.#own, onDatagram);
    if (own.value.fd !== null) this.#runs = this.#runSender(own.value.fd);
    if (delivery.type === "udp") {
      const group = await this.#bound(delivery.group, true);
      if (!group.ok) return group;
      this.#group = group.value.socket;
      this.#listen(this.#group, onDatagram);
      const cause = this.#join(delivery);
      if (cause !== null) return refuse({ type: "no-such-group", group: delivery.group, cause });
    }
    return accept({
      // The kernel reports twice the size that it grants, for its own bookkeeping.
      receiveBufferBytes: this.#own.getRecvBufferSize() / 2,
      receiveBufferWantedBytes: receiveBufferBytesWanted,
    });
  }

  multicast(frame: SealedFrame): void {
    if (this.#closed) return;
    this.#countSent(frame, this.#targets.length);
    if (this.#runs !== null && this.#unsent === 0) this.#runs.add(frame);
    else for (const address of this.#targets) this.#send(address, frame);
  }

  unicast(address: string, frame: SealedFrame): void {
    if (this.#closed) return;
    this.#countSent(frame, 1);
    const target = this.#native(address);
    if (this.#runs !== null && target !== null && this.#unsent === 0) this.#runs.one(target, frame);
    else this.#send(address, frame);
  }

  flush(): void {
    if (!this.#closed) this.#runs?.flush();
  }

  endOwnCopies(): void {
    const { delivery } = this.#options;
    if (this.#closed || delivery.type === "udpu" || delivery.peerIsLocal) return;
    this.#attempt(() => this.#own?.setMulticastLoopback(false));
  }

  rejoin(): void {
    const { delivery } = this.#options;
    if (delivery.type === "udpu" || this.#group === null || this.#closed) return;
    // An interface that was created again is not in the group, although the socket joined it.
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
    this.#runs?.release();
    this.#closed = true;
    const sockets = [this.#own, this.#group].filter((socket) => socket !== null);
    await Promise.all(
      sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
    );
  }

  readonly #onSent = (error: Error | null): void => {
    this.#unsent -= 1;
    if (error !== null) this.#count(`send-failed-${causeCode(error) ?? "unknown"}`);
  };

  #bound(address: string, shared: boolean): ReturnType<typeof openDatagramSocket> {
    const { port } = this.#options;
    const options = { address, port, shared, receiveBufferBytes: receiveBufferBytesWanted };
    return openDatagramSocket(options, this.#calls);
  }

  /** Null: one of the targets has no struct sockaddr. */
  #runSender(fd: number): SegmentSender | null {
    const targets = this.#targets.map((address) => this.#native(address));
    const known = targets.filter((target) => target !== null);
    if (this.#calls === null || known.length < targets.length) return null;
    const onRefused = (address: string, frame: Uint8Array): void => this.#send(address, [frame]);
    return new SegmentSender({ calls: this.#calls, fd, onRefused }, known);
  }

  #native(address: string): SegmentTarget | null {
    const known = this.#natives.get(address);
    if (known !== undefined) return known;
    const made = socketAddress(address, this.#options.port);
    if (made === null) return null;
    const target = { address, bytes: made.bytes };
    this.#natives.set(address, target);
    return target;
  }

  #countSent(frame: SealedFrame, copies: number): void {
    this.#sentFrames += copies;
    for (const part of frame) this.#sentBytes += part.length * copies;
  }

  /** Sends by `node:dgram`, which waits when the kernel's buffer is full. */
  #send(address: string, frame: SealedFrame): void {
    this.#runs?.release();
    this.#unsent += 1;
    this.#own?.send(frame, this.#options.port, address, this.#onSent);
  }

  #listen(socket: Socket, onDatagram: OnDatagram): void {
    const byGroup = socket === this.#group;
    socket.on("message", (bytes, source) => {
      this.#receivedFrames += 1;
      this.#receivedBytes += bytes.length;
      onDatagram(bytes, withoutZone(source.address), byGroup);
    });
    socket.on("error", (error) => this.#count(`socket-error-${causeCode(error) ?? "unknown"}`));
  }

  /** Joins the group; returns why it failed, or null. */
  #join(delivery: { readonly group: string; readonly ttl: number }): string | null {
    const group = this.#group;
    if (group === null) return "no group socket";
    return this.#attempt(() => {
      group.addMembership(delivery.group, this.#interface());
      this.#own?.setMulticastInterface(this.#interface());
      this.#own?.setMulticastTTL(delivery.ttl);
      this.#own?.setMulticastLoopback(true);
    });
  }

  /** The interface as `node:dgram` takes it: for IPv4 its address, for IPv6 its name. */
  #interface(): string {
    const { ownAddress } = this.#options;
    const { family } = parseAddress(ownAddress) ?? { family: "ipv4" };
    return family === "ipv6" ? `::%${interfaceOf(ownAddress) ?? ""}` : ownAddress;
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

/** Whether one of these addresses is on this machine. */
export function isLocalAddress(addresses: readonly string[]): boolean {
  return addresses.some((address) => {
    const parsed = parseAddress(address);
    return interfaceOf(address) !== null || (parsed?.family === "ipv4" && isLoopback(parsed));
  });
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
