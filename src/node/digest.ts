/**
 * A rolling digest of a history: equal histories have equal digests on all members.
 * Guards against divergence by accident, not against an adversary; frames are authenticated below.
 * Source: FNV-1a, run as two lanes of 32 bits with different offsets.
 * Tested in: test/services/configuration-change.test.ts
 */
import { fnvOffset, fnvStep } from "../model/fnv.ts";

const offsets = [fnvOffset, 0x9e3779b9] as const;

/** The digest after `text` was appended to a history with digest `previous`. */
export function extendDigest(previous: string, text: string): string {
  return offsets.map((offset) => lane(offset, `${previous}\n${text}`)).join("");
}

function lane(offset: number, text: string): string {
  let hash = offset;
  for (let index = 0; index < text.length; index++) {
    hash = fnvStep(hash, text.charCodeAt(index));
  }
  return hash.toString(16).padStart(8, "0");
}
