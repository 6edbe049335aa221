/**
 * The 28 bytes before every frame, big-endian: magic 2, version 1, kind 1, cluster tag 4, sender 4,
 * incarnation 8, counter 8. Knows the layout; does not know keys or what a kind means.
 * Deviation: sealed and plain clusters differ in the magic, so neither takes the other's frames.
 */
import { createHash } from "node:crypto";

export const headerBytes = 28;
export const tagBytes = 16;
export const sealedMagic = 0xc1d0;
export const plainMagic = 0xc1d1;
export const envelopeVersion = 1;

export type FrameHeader = {
  readonly magic: number;
  readonly version: number;
  readonly kind: number;
  readonly clusterTag: number;
  readonly sender: number;
  readonly incarnation: number;
  readonly counter: number;
};

/** Zero bytes separate the parts, so that no two pairs of name and id are alike. */
export function clusterTag(clusterName: string, clusterId: number): number {
  const digest = createHash("sha256").update(`clusterd\0${clusterName}\0${clusterId}`).digest();
  return digest.readUInt32BE(0);
}

export function encodeHeader(header: FrameHeader): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes);
  bytes.writeUInt16BE(header.magic, 0);
  bytes.writeUInt8(header.version, 2);
  bytes.writeUInt8(header.kind, 3);
  bytes.writeUInt32BE(header.clusterTag, 4);
  bytes.writeUInt32BE(header.sender, 8);
  writeUint53(bytes, header.incarnation, 12);
  writeUint53(bytes, header.counter, 20);
  return bytes;
}

/** Needs at least `headerBytes`; numbers beyond 2^53 - 1 come out inexact and never authentic. */
export function decodeHeader(bytes: Buffer): FrameHeader {
  return {
    magic: bytes.readUInt16BE(0),
    version: bytes.readUInt8(2),
    kind: bytes.readUInt8(3),
    clusterTag: bytes.readUInt32BE(4),
    sender: bytes.readUInt32BE(8),
    incarnation: readUint53(bytes, 12),
    counter: readUint53(bytes, 20),
  };
}

export function writeUint53(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
  bytes.writeUInt32BE(value % 2 ** 32, offset + 4);
}

function readUint53(bytes: Buffer, offset: number): number {
  return bytes.readUInt32BE(offset) * 2 ** 32 + bytes.readUInt32BE(offset + 4);
}
