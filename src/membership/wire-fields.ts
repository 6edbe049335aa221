/**
 * Single fields of a frame as the codec returns them → validated values. Source: ring.proto.
 * Tested in: test/membership/wire.test.ts
 */
import type { NodeId, RingId } from "../model/ids.ts";
import { nodesMax, parseNodeId, ringSeqMax } from "../model/ids.ts";

/** What the codec may return for a 64-bit field: nothing, a number, or two 32-bit halves. */
type WireCount = number | { readonly low: number; readonly high: number } | null | undefined;

/** The count, 0 when absent; null when it is not a whole number up to 2^53 - 1. */
export function parseCount(value: WireCount): number | null {
  if (value === null || value === undefined) return 0;
  const count =
    typeof value === "number" ? value : (value.high >>> 0) * 2 ** 32 + (value.low >>> 0);
  return Number.isSafeInteger(count) && count >= 0 ? count : null;
}

/** Counts of at least 1, or null. */
export function parseCounts(values: readonly WireCount[]): readonly number[] | null {
  const counts: number[] = [];
  for (const value of values) {
    const count = parseCount(value);
    if (count === null || count < 1) return null;
    counts.push(count);
  }
  return counts;
}

type RingFields = {
  readonly ringRep?: number | null | undefined;
  readonly ringSeq?: WireCount;
};

/** The ring id, or null when a part is absent or out of range. */
export function parseRing(frame: RingFields): RingId | null {
  const rep = parseNodeId(frame.ringRep);
  const seq = parseCount(frame.ringSeq);
  const inRange = seq !== null && seq >= 1 && seq <= ringSeqMax;
  return rep === null || !inRange ? null : { rep, seq };
}

/** Node ids, strictly ascending and at most `nodesMax`, or null. */
export function parseNodes(values: readonly number[] | null | undefined): readonly NodeId[] | null {
  const nodes: NodeId[] = [];
  if (values === null || values === undefined) return nodes;
  if (values.length > nodesMax) return null;
  for (const value of values) {
    const node = parseNodeId(value);
    if (node === null || node <= (nodes.at(-1) ?? 0)) return null;
    nodes.push(node);
  }
  return nodes;
}
