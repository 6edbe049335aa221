/**
 * Frames of process groups ↔ bytes: joins, leaves, parts of messages, lists of processes.
 * Numbers are big-endian. Every frame begins with a mark, the version and the kind. No JSON text
 * begins with the mark, so its byte distinguishes these frames from messages of the other layers:
 *
 *   1 join   process 4, name
 *   2 leave  process 4, reason 1 (as in cpg.h: 2 leave, 5 procdown), name
 *   3 part   process 4, message 4, index 2, last 1, name if index is 0, then payload to the end
 *   4 list   ring representative 4, ring sequence 8 (double), count 2, then each process 4, name
 *
 * A name is its length, 1 byte, and that many bytes of UTF-8.
 * GROUP6  A frame whose fields do not fit, or that has bytes left over, is malformed as a whole.
 */
import { type GroupName, parseGroupName, parseNodeId, type RingId } from "../model/ids.ts";

export type ListedProcess = { readonly process: number; readonly group: GroupName };

/** A part of a message; a whole message is a first part that is also the last. */
export type GroupPart = {
  readonly type: "part";
  readonly process: number;
  /** Identifies the message among those of the sending node. */
  readonly message: number;
  readonly index: number;
  readonly last: boolean;
  /** Null except in the first part. */
  readonly group: GroupName | null;
  readonly payload: Uint8Array;
};

export type GroupFrame =
  | { readonly type: "join"; readonly process: number; readonly group: GroupName }
  | {
      readonly type: "leave";
      readonly process: number;
      readonly group: GroupName;
      readonly reason: "leave" | "procdown";
    }
  | GroupPart
  | { readonly type: "list"; readonly ring: RingId; readonly processes: readonly ListedProcess[] };

const mark = 0xc7;
const version = 1;
const kinds = { join: 1, leave: 2, part: 3, list: 4 } as const;
const reasons = { leave: 2, procdown: 5 } as const;

/** Whether an ordered message belongs to the process groups. */
export function isGroupFrame(payload: Uint8Array): boolean {
  return payload[0] === mark;
}

export function encodeGroupFrame(frame: GroupFrame): Uint8Array {
  const head = [mark, version, kinds[frame.type]];
  switch (frame.type) {
    case "join":
      return Buffer.concat([Buffer.from(head), word(frame.process), name(frame.group)]);
    case "leave": {
      const reason = Buffer.from([reasons[frame.reason]]);
      return Buffer.concat([Buffer.from(head), word(frame.process), reason, name(frame.group)]);
    }
    case "part":
      return encodePart(head, frame);
    case "list": {
      const fixed = Buffer.alloc(14);
      fixed.writeUInt32BE(frame.ring.rep, 0);
      fixed.writeDoubleBE(frame.ring.seq, 4);
      fixed.writeUInt16BE(frame.processes.length, 12);
      const listed = frame.processes.flatMap(({ process, group }) => [word(process), name(group)]);
      return Buffer.concat([Buffer.from(head), fixed, ...listed]);
    }
  }
}

function encodePart(head: readonly number[], part: GroupPart): Uint8Array {
  const fixed = Buffer.alloc(11);
  fixed.writeUInt32BE(part.process, 0);
  fixed.writeUInt32BE(part.message, 4);
  fixed.writeUInt16BE(part.index, 8);
  fixed.writeUInt8(part.last ? 1 : 0, 10);
  const named = part.group === null ? [] : [name(part.group)];
  return Buffer.concat([Buffer.from(head), fixed, ...named, part.payload]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function name(group: GroupName): Buffer {
  const bytes = Buffer.from(group);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Null when malformed, or of another version. Payloads are views of the bytes. */
export function decodeGroupFrame(bytes: Uint8Array): GroupFrame | null {
  const reader = new Reader(bytes);
  if (reader.number(1) !== mark || reader.number(1) !== version) return null;
  const frame = readFrame(reader);
  return frame !== null && reader.exhausted ? frame : null;
}

function readFrame(reader: Reader): GroupFrame | null {
  switch (reader.number(1)) {
    case kinds.join: {
      const process = reader.number(4);
      const group = reader.name();
      return group === null ? null : { type: "join", process, group };
    }
    case kinds.leave: {
      const process = reader.number(4);
      const code = reader.number(1);
      const group = reader.name();
      if (group === null || (code !== reasons.leave && code !== reasons.procdown)) return null;
      return { type: "leave", process, group, reason: code === 2 ? "leave" : "procdown" };
    }
    case kinds.part:
      return readPart(reader);
    case kinds.list:
      return readList(reader);
    default:
      return null;
  }
}

function readPart(reader: Reader): GroupFrame | null {
  const process = reader.number(4);
  const message = reader.number(4);
  const index = reader.number(2);
  const last = reader.number(1);
  const group = index === 0 ? reader.name() : null;
  if (last > 1 || (index === 0 && group === null)) return null;
  const payload = reader.rest();
  return { type: "part", process, message, index, last: last === 1, group, payload };
}

function readList(reader: Reader): GroupFrame | null {
  const rep = parseNodeId(reader.number(4));
  const seq = reader.double();
  const processes: ListedProcess[] = [];
  for (let left = reader.number(2); left > 0; left -= 1) {
    const process = reader.number(4);
    const group = reader.name();
    if (group === null) return null;
    processes.push({ process, group });
  }
  if (rep === null || !Number.isSafeInteger(seq)) return null;
  return { type: "list", ring: { rep, seq }, processes };
}

/** Reads fields in order; past the end it returns zeros and is never `exhausted`. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  #short = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get exhausted(): boolean {
    return !this.#short && this.#at === this.#bytes.length;
  }

  number(size: 1 | 2 | 4): number {
    return this.#take(size)?.readUIntBE(0, size) ?? 0;
  }

  double(): number {
    return this.#take(8)?.readDoubleBE(0) ?? 0;
  }

  name(): GroupName | null {
    return parseGroupName(this.#take(this.number(1))?.toString("utf8") ?? "");
  }

  rest(): Uint8Array {
    return this.#take(this.#bytes.length - this.#at) ?? this.#bytes.subarray(0, 0);
  }

  #take(size: number): Buffer | null {
    if (this.#at + size > this.#bytes.length) {
      this.#short = true;
      return null;
    }
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }
}
