/**
 * The group messages of this node on their way into the ring: queue, credit, cutting.
 * Knows frames and what has come back; does not know groups' members.
 * Source: corosync lib/cpg.c for cutting long messages; the rest is this project's own.
 * Tested in: test/groups/process-groups.test.ts
 * GROUP7  What is with the ring and not delivered here yet stays within the credit, so the ring's
 *     queue always has room for the other layers.
 * GROUP8  The order of a client's messages is the order in which they were put in.
 * GROUP9  A message that is cut is delivered whole in one ring, or begun again in the next: nothing
 *     is submitted behind it until its last part has come back.
 */
import type { GroupName } from "../model/ids.ts";
import { groupLimits } from "./group-events.ts";
import { encodeGroupFrame } from "./group-frames.ts";

export type OutgoingMessage = {
  readonly client: number;
  readonly process: number;
  readonly group: GroupName;
  readonly payload: Uint8Array;
  /** Comes back when the message was delivered. */
  readonly call: number;
};

type Waiting =
  | { readonly type: "control"; readonly frame: Uint8Array }
  | { readonly type: "message"; readonly message: OutgoingMessage };

/** A frame with the ring; `number` is its message's, 0 for a control frame. */
type Flight = { readonly bytes: number; readonly number: number; readonly last: boolean };

type Begun = {
  readonly message: OutgoingMessage;
  readonly number: number;
  readonly parts: number;
  submitted: number;
  delivered: number;
};

const { partBytesMax, creditBytesMax, queueBytesMax, queueEntryBytes } = groupLimits;
const { clientQueueBytesMax } = groupLimits;
const numberMax = 0xffff_ffff;

export class GroupSender {
  readonly #waiting: Waiting[] = [];
  readonly #flights: Flight[] = [];
  /** Messages that are with the ring, by their number. */
  readonly #begun = new Map<number, Begun>();
  readonly #clientBytes = new Map<number, number>();
  /** The message that is being cut: nothing overtakes or follows it. */
  #long: Begun | null = null;
  #number = 0;
  #flightBytes = 0;
  #queueBytes = 0;

  /** Bytes of messages that were put in and have not come back. */
  get queuedBytes(): number {
    return this.#queueBytes;
  }

  /** Whether a message of this size may be put in by the client now. */
  hasRoom(client: number, bytes: number): boolean {
    const cost = bytes + queueEntryBytes;
    const own = this.#clientBytes.get(client) ?? 0;
    return own + cost <= clientQueueBytesMax && this.#queueBytes + cost <= queueBytesMax;
  }

  putControl(frame: Uint8Array): void {
    this.#waiting.push({ type: "control", frame });
  }

  putMessage(message: OutgoingMessage): void {
    this.#account(message, 1);
    this.#waiting.push({ type: "message", message });
  }

  /** The frames that may go to the ring now, in order. */
  take(): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    while (this.#flightBytes < creditBytesMax) {
      const frame = this.#nextFrame();
      if (frame === null) break;
      frames.push(frame);
    }
    return frames;
  }

  /** The oldest frame has come back; the message that is complete with it, if any. */
  delivered(): OutgoingMessage | null {
    const flight = this.#flights.shift();
    // In this node's name, but not its own.
    if (flight === undefined) return null;
    this.#flightBytes -= flight.bytes;
    const begun = this.#begun.get(flight.number);
    if (begun === undefined) return null;
    begun.delivered += 1;
    if (!flight.last) return null;
    this.#begun.delete(flight.number);
    if (this.#long === begun) this.#long = null;
    this.#account(begun.message, -1);
    return begun.message;
  }

  /** GROUP9. A regular configuration: whoever is new there has not seen the first parts. */
  beginConfiguration(): void {
    const long = this.#long;
    if (long === null || long.delivered === 0) return;
    // What is still with the ring are later parts of the old number: everybody ignores them.
    this.#begun.delete(long.number);
    this.#long = this.#begin(long.message);
  }

  #nextFrame(): Uint8Array | null {
    if (this.#long !== null) {
      return this.#long.submitted < this.#long.parts ? this.#part(this.#long) : null;
    }
    const next = this.#waiting.shift();
    if (next === undefined) return null;
    if (next.type === "control") return this.#fly(next.frame, { number: 0, last: false });
    const begun = this.#begin(next.message);
    if (begun.parts > 1) this.#long = begun;
    return this.#part(begun);
  }

  #begin(message: OutgoingMessage): Begun {
    this.#number = (this.#number % numberMax) + 1;
    const parts = Math.max(1, Math.ceil(message.payload.length / partBytesMax));
    const begun = { message, number: this.#number, parts, submitted: 0, delivered: 0 };
    this.#begun.set(begun.number, begun);
    return begun;
  }

  #part(begun: Begun): Uint8Array {
    const { message, number, submitted: index } = begun;
    const { process, group, payload } = message;
    const last = index === begun.parts - 1;
    begun.submitted += 1;
    const frame = encodeGroupFrame({
      type: "part",
      process,
      message: number,
      index,
      last,
      group: index === 0 ? group : null,
      payload: payload.subarray(index * partBytesMax, (index + 1) * partBytesMax),
    });
    return this.#fly(frame, { number, last });
  }

  #fly(frame: Uint8Array, flight: Omit<Flight, "bytes">): Uint8Array {
    const bytes = frame.length + queueEntryBytes;
    this.#flights.push({ ...flight, bytes });
    this.#flightBytes += bytes;
    return frame;
  }

  #account({ client, payload }: OutgoingMessage, sign: 1 | -1): void {
    const cost = sign * (payload.length + queueEntryBytes);
    this.#queueBytes += cost;
    const own = (this.#clientBytes.get(client) ?? 0) + cost;
    if (own === 0) this.#clientBytes.delete(client);
    else this.#clientBytes.set(client, own);
  }
}
