/**
 * Encodes and decodes the bodies of two frames: a filling one, which makes its datagram as long as
 * the longest that the sender sends, and a short one, which announces how long those are. Both
 * begin with that length in 2 bytes, big-endian; zeros fill the rest.
 * Tested in: test/ring-thread/path-prober.test.ts
 * PROBE1  A filling frame follows the frame that makes a node known, in the same datagram: a node
 *     that long datagrams do not reach receives neither.
 */
import { headerBytes, tagBytes } from "../io/frames/frame-header.ts";

/** The kind in the envelope. It is no message of the ring; nodes that do not know it drop it. */
export const probeKind = 8;

const lengthBytes = 2;
const envelopeBytes = headerBytes + tagBytes;

export type PathProbe = {
  /** The length of the sender's longest packets, headers of IP and UDP included. */
  readonly packetBytes: number;
  /** The frame fills a datagram of that length. */
  readonly full: boolean;
};

/** The body of a frame that fills what a datagram has left; null when it leaves no room for one. */
export function fillingBody(packetBytes: number, leftBytes: number): Uint8Array | null {
  const bytes = leftBytes - envelopeBytes;
  return bytes > lengthBytes ? body(packetBytes, bytes) : null;
}

/** The body of a frame that says how long the longest packets are. */
export function announcingBody(packetBytes: number): Uint8Array {
  return body(packetBytes, lengthBytes);
}

function body(packetBytes: number, bytes: number): Uint8Array {
  const filled = Buffer.alloc(bytes);
  filled.writeUInt16BE(packetBytes);
  return filled;
}

export function readProbe(bytes: Uint8Array): PathProbe | null {
  if (bytes.length < lengthBytes) return null;
  const packetBytes = (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
  return { packetBytes, full: bytes.length > lengthBytes };
}
