/**
 * The payload of kind hello: the Hello of ring.proto with fields of exactly 16 bytes. The decoder
 * is stricter than that of protobuf, since a hello is read before its sender is trusted.
 * Tested in: test/io/frame-seal.test.ts
 */
import { accept, type Result, refuse } from "../../model/outcome.ts";

export const challengeBytes = 16;

export type SealHello = {
  readonly challenge: Uint8Array | null;
  readonly answer: Uint8Array | null;
};

/** The tag of protobuf: field number times eight, plus two for the wire type bytes. */
const challengeKey = 0x0a;
const answerKey = 0x12;
const fieldBytes = 2 + challengeBytes;

export function encodeHello(hello: SealHello): Uint8Array {
  const parts: Uint8Array[] = [];
  if (hello.challenge !== null) {
    parts.push(Uint8Array.of(challengeKey, challengeBytes), hello.challenge);
  }
  if (hello.answer !== null) parts.push(Uint8Array.of(answerKey, challengeBytes), hello.answer);
  return Buffer.concat(parts);
}

export function decodeHello(bytes: Uint8Array): Result<SealHello, "malformed"> {
  const challenge = fieldAt(bytes, { offset: 0, key: challengeKey });
  const offset = challenge === null ? 0 : fieldBytes;
  const answer = fieldAt(bytes, { offset, key: answerKey });
  const length = offset + (answer === null ? 0 : fieldBytes);
  if (length === 0 || length !== bytes.length) return refuse("malformed");
  return accept({ challenge, answer });
}

function fieldAt(
  bytes: Uint8Array,
  field: { readonly offset: number; readonly key: number },
): Uint8Array | null {
  const { offset, key } = field;
  const present = bytes[offset] === key && bytes[offset + 1] === challengeBytes;
  if (!present || bytes.length < offset + fieldBytes) return null;
  return bytes.subarray(offset + 2, offset + fieldBytes);
}
