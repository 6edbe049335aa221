/** Damaged bytes: what a broken network, a broken peer or a stranger may send. */
import type { Random } from "../sim/random.ts";

const lengthMax = 1600;
/** Numbers at which decoders go wrong. */
const telling = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe] as const;

export function randomBytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.below(lengthMax) }, () => random.below(256)));
}

/** A damaged copy; sometimes with several wounds. */
export function mutated(bytes: Uint8Array, random: Random): Buffer {
  let copy: Buffer = Buffer.from(bytes);
  for (let wounds = 1 + random.below(3); wounds > 0; wounds -= 1) copy = wounded(copy, random);
  return copy;
}

function wounded(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  switch (random.below(6)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    }
    case 1: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = random.pick(telling);
      return copy;
    }
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes, randomBytes(random).subarray(0, random.below(32))]);
    case 4: {
      // A piece twice.
      const end = Math.min(bytes.length, at + random.below(40));
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    }
    default: {
      // A piece missing.
      const end = Math.min(bytes.length, at + random.below(40));
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    }
  }
}
