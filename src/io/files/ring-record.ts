/**
 * The content of `ring.json`, and the life that begins after the one that wrote it.
 * The rules STORE1 and STORE2 are those of file-store.ts.
 * Tested in: test/io/file-store.test.ts
 */
import { parseIncarnation, ringSeqMax, ringSeqsAhead, ringSeqsPerMs } from "../../model/ids.ts";
import type { Ms } from "../../model/time.ts";
import { parseJson } from "../json-text.ts";
import type { StoredLife } from "../ports.ts";

/** `ringSeq`: the upper bound of the ring sequences that the life may use. */
export type RingRecord = { readonly ringSeq: number; readonly incarnation: number };

/** Whether no clock explains the sequence: somebody who has the key has made it up. */
export function isAbsurd({ ringSeq }: RingRecord): boolean {
  return ringSeq > ringSeqMax - ringSeqsAhead;
}

/** Returns null if no incarnation can follow the stored one. `last` null: there was no file. */
export function nextLife(last: RingRecord | null, wallMs: Ms): StoredLife | null {
  const before = last ?? recordWithoutFile(wallMs);
  const incarnation = parseIncarnation(Math.max(before.incarnation + 1, Math.floor(wallMs)));
  if (incarnation === null) return null;
  return {
    incarnation,
    ringSeqStart: before.ringSeq + 1,
    ringSeqDurable: before.ringSeq + ringSeqsAhead,
    first: last === null,
  };
}

function recordWithoutFile(wallMs: Ms): RingRecord {
  const ringSeq = Math.floor(wallMs) * ringSeqsPerMs;
  return { ringSeq: Math.min(ringSeq, ringSeqMax / 2), incarnation: 0 };
}

export function parseRecord(text: string): RingRecord | null {
  const record = parseJson(text);
  if (typeof record !== "object" || record === null) return null;
  if (!("ringSeq" in record) || !("incarnation" in record)) return null;
  const { ringSeq, incarnation } = record;
  // A sequence beyond the exact numbers is refused as absurd, not as damaged.
  if (!isCount(ringSeq) && !isBeyond(ringSeq)) return null;
  if (!isCount(incarnation)) return null;
  return { ringSeq, incarnation };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isBeyond(value: unknown): value is number {
  return typeof value === "number" && value > Number.MAX_SAFE_INTEGER;
}
