/**
 * Application messages ↔ fragments in frames: packing when the token is here, chains, reassembly.
 * Source: corosync exec/totempg.c for the roles.
 * Deviations: frames are built only when the token is here; a message that fits into one frame is
 * cut only if much of a frame would stay empty otherwise; a broken chain loses only its own
 * message.
 * PACKING1  A chain never spans two regular configurations: `restart` and `reset` at each one.
 * PACKING2  A message leaves the queue exactly when its last fragment is put into a frame.
 */
import type { NodeId } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { messageBytesMax, queueBytesMax } from "./ring-events.ts";
import { chainMax, type McastMessage } from "./wire.ts";

/** The content of a frame before it gets its sequence number. */
export type FrameContent = Omit<McastMessage, "type" | "ring" | "seq" | "origin">;

/** If less room than this is left in a frame, no fragment is put there. */
const fragmentBytesMin = 64;
/** One eighth of a frame may stay empty instead of cutting a message that fits into one frame. */
const spareParts = 8;

type Pending = { readonly payload: Uint8Array; readonly safe: boolean };

/** The messages of one lane that wait for the token. */
export class LaneQueue {
  readonly #lane: McastMessage["lane"];
  readonly #roomBytes: number;
  #pending: Pending[] = [];
  #head = 0;
  /** How many bytes of the first message are already in frames of this configuration. */
  #offset = 0;
  #chain = 0;
  #bytes = 0;
  #costBytes = 0;

  constructor(lane: McastMessage["lane"], roomBytes: number) {
    this.#lane = lane;
    this.#roomBytes = roomBytes;
  }

  /** The payload bytes that wait; a message in progress counts with its whole length. */
  get bytes(): number {
    return this.#bytes;
  }

  get messages(): number {
    return this.#pending.length - this.#head;
  }

  /** About how many frames the waiting messages need. */
  get frames(): number {
    return Math.ceil(this.#costBytes / this.#roomBytes);
  }

  /** False when the queue has no room for the message. */
  submit(payload: Uint8Array, safe: boolean): boolean {
    invariant(payload.length <= messageBytesMax, "a submitted message exceeds messageBytesMax");
    if (this.#bytes + payload.length > queueBytesMax) return false;
    this.#pending.push({ payload, safe });
    this.#bytes += payload.length;
    this.#costBytes += chunkCost(payload.length);
    return true;
  }

  /** Begins an unfinished message again: the configuration of its fragments has ended. */
  restart(): void {
    this.#offset = 0;
  }

  /** The content of the next frame, as full as possible; null: no message waits. */
  takeFrame(): FrameContent | null {
    if (this.messages === 0) return null;
    const chunks: Uint8Array[] = [];
    const headFragment = this.#offset > 0 ? this.#chain : 0;
    let tailFragment = 0;
    let safe = false;
    let room = this.#roomBytes;
    for (let next = this.#first(); next !== null && tailFragment === 0; next = this.#first()) {
      const rest = next.payload.length - this.#offset;
      const size = this.#chunkSize(rest, room);
      if (size === null) break;
      chunks.push(next.payload.subarray(this.#offset, this.#offset + size));
      room -= chunkCost(size);
      if (size === rest) {
        safe ||= next.safe;
        this.#drop(next);
      } else {
        tailFragment = this.#continueChain(size);
      }
    }
    return { lane: this.#lane, headFragment, tailFragment, safe, inner: null, chunks };
  }

  #first(): Pending | null {
    return this.#pending[this.#head] ?? null;
  }

  /** How many bytes of `rest` go into `room`; null: the message waits for the next frame. */
  #chunkSize(rest: number, room: number): number | null {
    if (chunkCost(rest) <= room) return rest;
    const begun = this.#offset > 0;
    const fitsOne = !begun && chunkCost(rest) <= this.#roomBytes;
    if (fitsOne && room < this.#roomBytes / spareParts) return null;
    const size = room - chunkHeaderBytes(room);
    return size >= Math.min(fragmentBytesMin, this.#roomBytes / 2) ? size : null;
  }

  #continueChain(size: number): number {
    if (this.#offset === 0) this.#chain = (this.#chain % chainMax) + 1;
    this.#offset += size;
    return this.#chain;
  }

  #drop(sent: Pending): void {
    this.#offset = 0;
    this.#bytes -= sent.payload.length;
    this.#costBytes -= chunkCost(sent.payload.length);
    this.#head += 1;
    // To shift one by one would take quadratic time for a long queue.
    if (this.#head >= 1024 || this.#head === this.#pending.length) {
      this.#pending = this.#pending.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** The bytes that a chunk takes in a frame: field tag, length and content. */
export function chunkCost(bytes: number): number {
  return chunkHeaderBytes(bytes) + bytes;
}

function chunkHeaderBytes(bytes: number): number {
  return bytes < 128 ? 2 : bytes < 16384 ? 3 : 4;
}

type OpenChain = { readonly id: number; readonly parts: Uint8Array[]; bytes: number };

/** Reassembles fragments, separately for each originator and lane. */
export class Assembler {
  readonly #open = new Map<number, OpenChain>();

  /** Drops unfinished chains. */
  reset(): void {
    this.#open.clear();
  }

  /** The messages that this frame completes, in order; frames come in the order of the ring. */
  accept(frame: McastMessage): readonly Uint8Array[] {
    const { headFragment, tailFragment, chunks } = frame;
    if (headFragment === 0 && tailFragment === 0 && this.#open.size === 0) return chunks;
    const key = chainKey(frame.origin, frame.lane);
    const open = this.#open.get(key);
    const chain = open?.id === headFragment ? open : null;
    this.#open.delete(key);
    const completed: Uint8Array[] = [];
    for (let index = 0; index < chunks.length; index += 1) {
      const chunk = chunks[index];
      if (chunk === undefined) break;
      const continues = index === 0 && headFragment !== 0;
      const unfinished = index === chunks.length - 1 && tailFragment !== 0;
      if (continues && chain === null) continue;
      const begun = continues ? chain : null;
      if (unfinished) this.#keep(key, tailFragment, extendChain(begun, tailFragment, chunk));
      else completed.push(begun === null ? chunk : joinChain(begun, chunk));
    }
    return completed;
  }

  #keep(key: number, id: number, chain: OpenChain): void {
    if (chain.id === id && chain.bytes <= messageBytesMax) this.#open.set(key, chain);
  }
}

function chainKey(origin: NodeId, lane: McastMessage["lane"]): number {
  return origin * 2 + (lane === "app" ? 0 : 1);
}

function extendChain(chain: OpenChain | null, id: number, chunk: Uint8Array): OpenChain {
  const open = chain ?? { id, parts: [], bytes: 0 };
  open.parts.push(chunk);
  open.bytes += chunk.length;
  return open;
}

function joinChain(chain: OpenChain, chunk: Uint8Array): Uint8Array {
  const whole = Buffer.allocUnsafe(chain.bytes + chunk.length);
  let at = 0;
  for (const part of chain.parts) {
    whole.set(part, at);
    at += part.length;
  }
  whole.set(chunk, at);
  return whole;
}
