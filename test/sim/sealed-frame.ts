/** A frame as it travels between simulated nodes: what the envelope says, and the bytes. */
import { decodeMessage } from "../../src/membership/wire.ts";
import { type Incarnation, type NodeId, type RingId, sameRing } from "../../src/model/ids.ts";

export type SealedFrame = {
  readonly from: NodeId;
  readonly incarnation: Incarnation;
  readonly kind: number;
  readonly bytes: Uint8Array;
};

/** After a stall only packets of the current ring count; the rest is stale. */
export function isOfRing(frame: SealedFrame, ring: RingId | null): boolean {
  const opened = decodeMessage(frame.kind, frame.bytes);
  if (!opened.ok || ring === null) return false;
  const { value } = opened;
  const ordered = value.type === "mcast" || value.type === "token" || value.type === "hold-cancel";
  return ordered && sameRing(value.ring, ring);
}
