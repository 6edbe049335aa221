/**
 * A hostile network on virtual time: loss, delay, reordering, duplicates, one-way cuts.
 * It knows the length of each packet, and its message where a test filters by that.
 */
import type { RingMessage } from "../../src/membership/wire.ts";
import type { Random } from "./random.ts";

export type Weather = {
  readonly loss: number;
  readonly duplication: number;
  readonly delayMs: number;
  /** Added to the delay, evenly; more than the spacing of packets reorders them. */
  readonly jitterMs: number;
  /** The share of packets that come late by up to `straggleMsMax` more. */
  readonly stragglers?: number;
};

/** Two token timeouts: what was sent in one ring arrives in the next, or the one after. */
const straggleMsMax = 2000;

const fairWeather: Weather = { loss: 0, duplication: 0, delayMs: 0.2, jitterMs: 0.1 };

/** Headers of IP and UDP. */
const ipBytes = 28;

type Packet = {
  /** Null: nobody filters by messages, or it is none. */
  readonly message: RingMessage | null;
  /** Of the datagram. */
  readonly bytes: number;
};

/** Decides about one packet in a directed test: false drops it. */
type PacketFilter = (from: number, to: number, message: RingMessage) => boolean;

export class RingNetwork {
  readonly #random: Random;
  readonly #cuts = new Set<string>();
  readonly #unplugged = new Set<number>();
  /** The longest packet that passes, where not all do. */
  readonly #narrow = new Map<string, number>();
  weather: Weather = fairWeather;
  filter: PacketFilter | null = null;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Nothing from `from` reaches `to` any more. */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Longer packets from `from` to `to` are lost. */
  narrow(from: number, to: number, bytesMax: number): void {
    this.#narrow.set(`${from}>${to}`, bytesMax);
  }

  /** Cuts both ways between the groups. */
  partition(...groups: readonly (readonly number[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue;
        for (const from of group) for (const to of other) this.cut(from, to);
      }
    }
  }

  /** The node's interface goes down. */
  unplug(node: number): void {
    this.#unplugged.add(node);
  }

  plug(node: number): void {
    this.#unplugged.delete(node);
  }

  heal(): void {
    this.#cuts.clear();
    this.#narrow.clear();
    this.#unplugged.clear();
  }

  /** Whether a connection between the two would live: it needs both directions. */
  connects(one: number, other: number): boolean {
    return this.reaches(one, other) && this.reaches(other, one);
  }

  /** Whether frames would arrive at all. */
  reaches(from: number, to: number): boolean {
    const unplugged = this.#unplugged.has(from) || this.#unplugged.has(to);
    return !unplugged && !this.#cuts.has(`${from}>${to}`);
  }

  /** After how many milliseconds the packet arrives; more than once, or never. */
  arrivals(from: number, to: number, { message, bytes }: Packet): readonly number[] {
    const packetBytes = bytes + ipBytes;
    if (packetBytes > (this.#narrow.get(`${from}>${to}`) ?? packetBytes)) return [];
    if (this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`)) return [];
    if (this.#unplugged.has(from) || this.#unplugged.has(to)) return [];
    if (this.filter !== null && message !== null && !this.filter(from, to, message)) return [];
    if (this.weather.loss > 0 && this.#random.chance(this.weather.loss)) return [];
    const twice = this.weather.duplication > 0 && this.#random.chance(this.weather.duplication);
    return twice ? [this.#delay(), this.#delay()] : [this.#delay()];
  }

  #delay(): number {
    const { delayMs, jitterMs, stragglers = 0 } = this.weather;
    const usual = delayMs + this.#random.next() * jitterMs;
    if (stragglers === 0 || !this.#random.chance(stragglers)) return usual;
    return usual + this.#random.between(0, straggleMsMax);
  }
}
