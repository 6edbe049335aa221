/**
 * The 30 bytes before every frame, big-endian: magic 2, version 1, kind 1, length of the whole
 * frame 2, cluster tag 4, sender 4, incarnation 8, counter 8.
 * Tested in: test/io/frame-seal.test.ts
 * HEADER1  A datagram contains one frame or several, since the kernel joins datagrams that arrive
 *     together (UDP_GRO). Each frame is judged by itself.
 * Deviation: sealed and plain clusters have different magics, so neither accepts the other's
 * frames.
 */
import { createHash } from "node:crypto";

export const headerBytes = 30;
export const tagBytes = 16;
export const sealedMagic = 0xc1d0;
export const plainMagic = 0xc1d1;
export const envelopeVersion = 2;

/**
 * The kind of a death certificate. It is sealed by a life in advance and sent when that life is
 * over, again and again: it may be opened more than once, and does not prove that its sender lives.
 */
export const certificateKind = 9;

const lengthOffset = 4;
const counterOffset = 22;
const leastBytes = headerBytes + tagBytes;

export type FrameHeader = {
  readonly magic: number;
  readonly version: number;
  readonly kind: number;
  /** Header, body and tag, in bytes. */
  readonly length: number;
  readonly clusterTag: number;
  readonly sender: number;
  readonly incarnation: number;
  readonly counter: number;
};

/** A hash of name and id. Zero bytes separate them, so that no two pairs give the same input. */
export function clusterTag(clusterName: string, clusterId: number): number {
  const digest = createHash("sha256").update(`clusterd\0${clusterName}\0${clusterId}`).digest();
  return digest.readUInt32BE(0);
}

export function encodeHeader(header: FrameHeader): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes);
  bytes.writeUInt16BE(header.magic, 0);
  bytes.writeUInt8(header.version, 2);
  bytes.writeUInt8(header.kind, 3);
  bytes.writeUInt16BE(header.length, lengthOffset);
  bytes.writeUInt32BE(header.clusterTag, 6);
  bytes.writeUInt32BE(header.sender, 10);
  writeUint53(bytes, header.incarnation, 14);
  writeUint53(bytes, header.counter, counterOffset);
  return bytes;
}

/** The header of another frame of the same life. */
export function headerOfSameLife(
  header: Uint8Array,
  frame: Pick<FrameHeader, "kind" | "length" | "counter">,
): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes);
  bytes.set(header);
  bytes[3] = frame.kind;
  bytes[lengthOffset] = frame.length >>> 8;
  bytes[lengthOffset + 1] = frame.length & 0xff;
  writeUint53(bytes, frame.counter, counterOffset);
  return bytes;
}

/**
 * Needs at least `headerBytes`. Numbers above 2^53 - 1 become inexact, so the frame will not open.
 */
export function decodeHeader(bytes: Uint8Array): FrameHeader {
  return {
    magic: readUint16(bytes, 0),
    version: bytes[2] ?? 0,
    kind: bytes[3] ?? 0,
    length: readUint16(bytes, lengthOffset),
    clusterTag: readUint32(bytes, 6),
    sender: readUint32(bytes, 10),
    incarnation: readUint53(bytes, 14),
    counter: readUint53(bytes, counterOffset),
  };
}

/**
 * Splits a datagram into frames. Bytes without a valid length become the last frame, which is
 * refused as short.
 */
export function splitFrames(datagram: Uint8Array): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  // A view of Node's class Buffer costs several times as much.
  const whole = new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  let at = 0;
  for (;;) {
    const left = datagram.length - at;
    const length = left < leastBytes ? left : readUint16(datagram, at + lengthOffset);
    if (length >= left || length < leastBytes) break;
    frames.push(whole.subarray(at, at + length));
    at += length;
  }
  frames.push(at === 0 ? whole : whole.subarray(at));
  return frames;
}

export function writeUint53(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
  bytes.writeUInt32BE(value % 2 ** 32, offset + 4);
}

function readUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) * 256 + (bytes[offset + 1] ?? 0);
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 65_536 + readUint16(bytes, offset + 2);
}

function readUint53(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset) * 2 ** 32 + readUint32(bytes, offset + 4);
}
