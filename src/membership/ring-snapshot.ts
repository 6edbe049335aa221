/**
 * Collects the figures of the ring that the status shows.
 * Tested in: test/membership/buffers.test.ts
 */

import type { RingEffects } from "./ring-effects.ts";
import type { RingSnapshot, RingState } from "./ring-events.ts";
import type { RingSequence } from "./ring-sequence.ts";
import type { Rotation } from "./rotation.ts";
import type { SendQueues } from "./send-queues.ts";

/** `rotation` is that of the ring installed last, if any. */
export function snapshotOf(
  state: RingState,
  rotation: Rotation | null,
  parts: {
    readonly effects: RingEffects;
    readonly queues: SendQueues;
    readonly sequence: RingSequence;
  },
): RingSnapshot {
  const { effects, queues, sequence } = parts;
  return {
    state,
    ring: rotation?.id ?? null,
    members: rotation?.members ?? [],
    counters: {
      ...effects.counts(),
      aru: rotation?.queue.aru ?? 0,
      "high seq": rotation?.queue.high ?? 0,
      "delivered seq": rotation?.queue.delivered ?? 0,
      "released seq": rotation?.queue.released ?? 0,
      "held messages": rotation?.queue.size ?? 0,
      "queued messages": queues.messages,
      "queued bytes": queues.bytes,
      "ring seq": sequence.ring.seq,
      "token visits": rotation?.visits ?? 0,
    },
  };
}
