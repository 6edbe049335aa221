/**
 * The hash FNV-1a of 32 bits: quick and the same everywhere; no protection from an adversary.
 * Source: Fowler, Noll and Vo; RFC 9923.
 */

export const fnvOffset = 0x811c9dc5;
const prime = 0x01000193;

/** The hash after one more unit, a byte or a code unit of text; unsigned. */
export function fnvStep(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, prime) >>> 0;
}

/** Of the bytes of the text in UTF-8; unsigned. */
export function fnvHash(text: string): number {
  return Buffer.from(text).reduce(fnvStep, fnvOffset);
}
