/**
 * Converts ordered payloads to bytes and back: JSON in UTF-8.
 * Tested in: test/groups/group-frames.test.ts
 */

export function encodePayload(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), "utf8");
}

/** Undefined when the bytes are not JSON: the sender has another version. */
export function decodePayload(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
  } catch {
    return undefined;
  }
}
