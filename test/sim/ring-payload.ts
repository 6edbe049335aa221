/** Messages that can be recognised: the id, repeated, so that mixed fragments show. */

/** Longer than any id of a run. */
const idBytesMax = 40;

/** The id, padded to about the length; never shorter than the id. */
export function payloadOf(id: string, bytes: number): Uint8Array {
  const text = `${id}|`;
  return Buffer.from(text.repeat(Math.ceil(Math.max(bytes, text.length) / text.length)));
}

export function idOf(payload: Uint8Array): string {
  const text = Buffer.from(payload.subarray(0, idBytesMax)).toString("latin1");
  return text.slice(0, text.indexOf("|"));
}
