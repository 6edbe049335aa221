/**
 * A network of datagrams between simulated machines, and the transport of each: bytes go out, and
 * arrive when the hostile network says. Two machines may have one address, as a copy of a machine
 * has; what is sent to it reaches now the one, now the other.
 */
import {
  decodeHeader,
  headerBytes,
  splitFrames,
  tagBytes,
} from "../../src/io/frames/frame-header.ts";
import type { SealedFrame, Transport } from "../../src/io/ports.ts";
import { decodeMessage, type RingMessage } from "../../src/membership/wire.ts";
import { accept } from "../../src/model/outcome.ts";
import type { RingNetwork } from "./ring-network.ts";
import type { VirtualThread } from "./virtual-process.ts";
import { settled } from "./virtual-promise.ts";
import type { Timeline } from "./virtual-time.ts";

/** A socket buffer holds about this many datagrams while its reader does not run. */
const socketDatagramsMax = 400;
/** For how long the switch sends to one of two machines with the same address. */
const addressMovesMs = 3000;

type Station = {
  readonly place: number;
  readonly address: string;
  readonly receive: (datagram: Uint8Array, source: string, byGroup: boolean) => void;
};

export class VirtualLan {
  readonly network: RingNetwork;
  readonly #time: Timeline;
  readonly #stations = new Map<number, Station>();
  readonly #recordings = new Map<number, Uint8Array[]>();
  /** Every datagram put on the wire, for counting. */
  datagrams = 0;
  /** Called with each message on the wire. */
  onMessage: ((from: number, message: RingMessage, bytes: number) => void) | null = null;

  constructor(time: Timeline, network: RingNetwork) {
    this.#time = time;
    this.network = network;
  }

  attach(station: Station): void {
    this.#stations.set(station.place, station);
  }

  detach(place: number): void {
    this.#stations.delete(place);
  }

  /** The datagrams that the machine there sends from now on. */
  record(place: number): readonly Uint8Array[] {
    const recorded: Uint8Array[] = [];
    this.#recordings.set(place, recorded);
    return recorded;
  }

  /** The machine receives a datagram as if the other one had sent it to all. */
  inject(to: number, from: string, datagram: Uint8Array): void {
    this.#stations.get(to)?.receive(datagram, from, true);
  }

  /** Another process of the machine sends from a socket of its own. */
  sendAside(from: Omit<Station, "receive">, to: string, datagram: Uint8Array): void {
    this.send({ ...from, receive: () => undefined }, to, datagram);
  }

  /** `to` null: to all others. */
  send(from: Station, to: string | null, datagram: Uint8Array): void {
    const message = this.network.filter === null && this.onMessage === null ? null : read(datagram);
    this.#recordings.get(from.place)?.push(datagram);
    if (message !== null) this.onMessage?.(from.place, message, datagram.length);
    for (const receiver of this.#receivers(from, to)) {
      this.datagrams += 1;
      const packet = { message, bytes: datagram.length };
      for (const delayMs of this.network.arrivals(from.place, receiver.place, packet)) {
        this.#time.after(delayMs, () => {
          if (this.#stations.get(receiver.place) !== receiver) return;
          receiver.receive(datagram, from.address, to === null);
        });
      }
    }
  }

  #receivers(from: Station, to: string | null): readonly Station[] {
    const stations = [...this.#stations.values()];
    // A machine takes nothing that comes from its own address.
    const others = stations.filter(({ address }) => address !== from.address);
    if (to === null) return others;
    const named = others.filter(({ address }) => address === to);
    const turn = Math.floor(this.#time.nowMs / addressMovesMs) % named.length;
    return named.length < 2 ? named : named.filter((_, index) => index === turn);
  }
}

export type VirtualTransportParts = {
  readonly lan: VirtualLan;
  readonly place: number;
  readonly address: string;
  /** Of the process that has the socket. */
  readonly thread: VirtualThread;
  readonly onDatagram: (datagram: Uint8Array, source: string, byGroup: boolean) => void;
};

/** Open from the start. */
export class VirtualTransport implements Transport {
  readonly #lan: VirtualLan;
  readonly #station: Station;
  #waiting = 0;

  constructor({ lan, place, address, thread, onDatagram }: VirtualTransportParts) {
    this.#lan = lan;
    this.#station = {
      place,
      address,
      receive: (...datagram) => {
        if (thread.stopped && this.#waiting >= socketDatagramsMax) return;
        this.#waiting += 1;
        thread.enter(() => {
          this.#waiting -= 1;
          onDatagram(...datagram);
        });
      },
    };
    lan.attach(this.#station);
  }

  open(): ReturnType<Transport["open"]> {
    const bytes = { receiveBufferBytes: 0, receiveBufferWantedBytes: 0 };
    return Promise.resolve(accept(bytes));
  }

  multicast(frame: SealedFrame): void {
    this.#lan.send(this.#station, null, Buffer.concat(frame));
  }

  unicast(address: string, frame: SealedFrame): void {
    this.#lan.send(this.#station, address, Buffer.concat(frame));
  }

  flush(): void {}

  endOwnCopies(): void {}

  rejoin(): void {}

  counters(): Readonly<Record<string, number>> {
    return {};
  }

  close(): PromiseLike<void> {
    this.#lan.detach(this.#station.place);
    return settled(undefined);
  }
}

/** The first frame of a datagram that is not encrypted; null: it is no message of the ring. */
function read(datagram: Uint8Array): RingMessage | null {
  const [frame] = splitFrames(datagram);
  if (frame === undefined) return null;
  const { kind } = decodeHeader(frame);
  const decoded = decodeMessage(kind, frame.subarray(headerBytes, frame.length - tagBytes));
  return decoded.ok ? decoded.value : null;
}
