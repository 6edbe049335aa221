/**
 * The hash FNV-1a of 32 bits, and a rolling digest of two of them. Both are quick and the same on
 * every machine; neither protects from an adversary, so frames are authenticated elsewhere.
 * Source: Fowler, Noll and Vo; RFC 9923.
 */

export const fnvOffset = 0x811c9dc5;
const prime = 0x01000193;

/** The hash after one more unit, a byte or a code unit of text; unsigned. */
export function fnvStep(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, prime) >>> 0;
}

/** The hash of the bytes of a text in UTF-8; unsigned. */
export function fnvHash(text: string): number {
  return Buffer.from(text).reduce(fnvStep, fnvOffset);
}

/** The digest has two halves of 32 bits, with different offsets. */
const offsets = [fnvOffset, 0x9e3779b9] as const;

/** The digest of a sequence after `text` was appended to one with the digest `previous`. */
export function extendDigest(previous: string, text: string): string {
  return offsets.map((offset) => half(offset, `${previous}\n${text}`)).join("");
}

function half(offset: number, text: string): string {
  let hash = offset;
  for (let index = 0; index < text.length; index++) {
    hash = fnvStep(hash, text.charCodeAt(index));
  }
  return hash.toString(16).padStart(8, "0");
}
