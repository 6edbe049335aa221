/**
 * Checks that bytes have exactly the protobuf fields of one frame kind before the codec reads them:
 * field numbers and wire types, not their meaning.
 * Source: the protobuf encoding specification; ring.proto for the fields.
 * Deviation: unknown fields are refused, since the envelope carries a version.
 * Tested in: test/membership/wire.test.ts
 * WIRE1  The codec cannot throw on bytes that passed: every varint ends, every length is in bounds.
 */

type FieldShape = "varint" | "bytes" | "fixed32" | "packed" | "entry";

/** The field shapes of one message, by field number. */
type FrameShape = ReadonlyMap<number, FieldShape>;

const varintBytesMax = 10;
const wireTypes = { varint: 0, bytes: 2, packed: 2, entry: 2, fixed32: 5 } as const;

/** Field shapes by frame kind. */
export const frameShapes: ReadonlyMap<number, FrameShape> = new Map([
  [1, shape({ varint: [1, 2, 3, 4, 5, 6, 7, 8], bytes: [9, 15] })],
  [2, shape({ varint: [1, 2, 3, 4, 5, 6, 7, 8, 9, 11], packed: [10] })],
  [3, shape({ varint: [1, 4], packed: [2, 3, 5], fixed32: [6] })],
  [4, shape({ varint: [1, 2, 3], entry: [4] })],
  [5, shape({ varint: [1, 2], packed: [3, 4], fixed32: [5] })],
  [6, shape({ varint: [1, 2] })],
]);

const commitEntryShape = shape({ varint: [1, 2, 3, 4, 5, 6, 7], packed: [8] });

function shape(fields: Partial<Record<FieldShape, readonly number[]>>): FrameShape {
  const byNumber = new Map<number, FieldShape>();
  for (const kind of ["varint", "bytes", "fixed32", "packed", "entry"] as const) {
    for (const field of fields[kind] ?? []) byNumber.set(field, kind);
  }
  return byNumber;
}

/** Whether `expected` has every field of `bytes`, and each field lies within the bytes. */
export function hasShape(bytes: Uint8Array, expected: FrameShape): boolean {
  return fieldsFit(bytes, expected, { at: 0, end: bytes.length });
}

type Span = { readonly at: number; readonly end: number };

function fieldsFit(bytes: Uint8Array, expected: FrameShape, span: Span): boolean {
  let at = span.at;
  while (at < span.end) {
    // All field numbers are below 16, so a tag is one byte.
    const tag = bytes[at] ?? 0;
    const kind = expected.get(tag >>> 3);
    if (kind === undefined || (tag & 7) !== wireTypes[kind]) return false;
    at = fieldEnd(bytes, kind, { at: at + 1, end: span.end });
    if (at < 0) return false;
  }
  return true;
}

/** The offset after the field's value; -1 when the value does not fit. */
function fieldEnd(bytes: Uint8Array, kind: FieldShape, span: Span): number {
  if (kind === "varint") return varintEnd(bytes, span);
  if (kind === "fixed32") return span.at + 4 <= span.end ? span.at + 4 : -1;
  const start = varintEnd(bytes, span);
  if (start < 0) return -1;
  const end = start + readLength(bytes, span.at, start);
  if (end > span.end) return -1;
  if (kind === "packed") return varintsFit(bytes, { at: start, end }) ? end : -1;
  if (kind === "entry") return fieldsFit(bytes, commitEntryShape, { at: start, end }) ? end : -1;
  return end;
}

function varintEnd(bytes: Uint8Array, span: Span): number {
  const limit = Math.min(span.end, span.at + varintBytesMax);
  for (let at = span.at; at < limit; at += 1) {
    if ((bytes[at] ?? 0) < 128) return at + 1;
  }
  return -1;
}

function varintsFit(bytes: Uint8Array, span: Span): boolean {
  let at = span.at;
  while (at < span.end) {
    at = varintEnd(bytes, { at, end: span.end });
    if (at < 0) return false;
  }
  return true;
}

/** A length of more than four bytes exceeds every frame and reads as infinity. */
function readLength(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 4) return Number.MAX_SAFE_INTEGER;
  let length = 0;
  for (let at = to - 1; at >= from; at -= 1) length = length * 128 + ((bytes[at] ?? 0) & 127);
  return length;
}
