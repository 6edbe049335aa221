/**
 * Sends the group messages of this node: queues them, cuts them into parts, and limits by a credit
 * how much the ring holds of them.
 * Source: corosync lib/cpg.c for cutting long messages; the rest is this project's own.
 * Tested in: test/groups/process-groups.test.ts
 * GROUP7  The bytes that the ring has, and that are not delivered here yet, stay within the credit,
 *     so that the ring's queue always has room for the other layers.
 * GROUP8  A client's messages are ordered as it has sent them.
 * GROUP9  A message that is cut is delivered whole in one ring, or begun again in the next. Nothing
 *     is submitted after it until its last part was delivered here.
 */
import type { GroupName } from "../model/ids.ts";
import { groupLimits } from "./group-events.ts";
import { encodeGroupFrame } from "./group-frames.ts";

export type OutgoingMessage = {
  readonly client: number;
  readonly process: number;
  readonly group: GroupName;
  readonly payload: Uint8Array;
  /** Returned when the message was delivered. */
  readonly call: number;
};

type Waiting =
  | { readonly type: "control"; readonly frame: Uint8Array }
  | { readonly type: "message"; readonly message: OutgoingMessage };

/** A frame that the ring has; `number` is that of its message, 0 for a control frame. */
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
  /** The messages that the ring has, by number. */
  readonly #begun = new Map<number, Begun>();
  readonly #clientBytes = new Map<number, number>();
  /** The message that is being sent in parts; no other one is sent meanwhile. */
  #long: Begun | null = null;
  #number = 0;
  #flightBytes = 0;
  #queueBytes = 0;

  /** The bytes of messages that were sent by clients and are not delivered yet. */
  get queuedBytes(): number {
    return this.#queueBytes;
  }

  /** Whether the client may send a message of this size now. */
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

  /** The frames that are to be submitted to the ring now, in order. */
  take(): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    while (this.#flightBytes < creditBytesMax) {
      const frame = this.#nextFrame();
      if (frame === null) break;
      frames.push(frame);
    }
    return frames;
  }

  /** The oldest frame was delivered; returns the message that it completes, if any. */
  delivered(): OutgoingMessage | null {
    const flight = this.#flights.shift();
    // A frame in this node's name that it has not sent.
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

  /** At a regular configuration a cut message begins again, since new members lack its parts. */
  beginConfiguration(): void {
    const long = this.#long;
    if (long === null || long.delivered === 0) return;
    // The ring may still have later parts with the old number, which all nodes ignore.
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
