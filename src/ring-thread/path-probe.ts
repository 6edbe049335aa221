/**
 * The frames that fill a datagram up to the longest there will be, and the short ones that say how
 * long those are: 2 bytes of length, big-endian, then zeros.
 * Knows these bytes only.
 * Tested in: test/ring-thread/path-prober.test.ts
 * PROBE1  A filling frame follows the frame that makes a node known, in the same datagram: whoever
 *     cannot get long datagrams gets neither.
 */
import { headerBytes, tagBytes } from "../io/frames/frame-header.ts";

/** Of the envelope. Not a message of the ring: nodes that do not know it drop it. */
export const probeKind = 8;

const lengthBytes = 2;
const envelopeBytes = headerBytes + tagBytes;

export type PathProbe = {
  /** Of the longest packets of its sender, headers of IP and UDP included. */
  readonly packetBytes: number;
  /** It fills a datagram of that length. */
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
