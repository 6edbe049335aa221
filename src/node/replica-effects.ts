/**
 * What the outputs of the replicated state come to on this node, in order. Decides nothing.
 * Tested in: test/node/work-in-parts.test.ts
 */

import { performFence } from "./fence-effects.ts";
import type { FencingProgress } from "./fencing-progress.ts";
import type { Replica } from "./replica.ts";
import { performTable, type TableParts } from "./table-effects.ts";

export type ReplicaParts = TableParts & { readonly fencingProgress: FencingProgress };

/** Performing may end in more outputs: a start that fails at once, a reply. */
export function performReplica(replica: Replica, parts: ReplicaParts): void {
  for (let batch = replica.take(); batch.length > 0; batch = replica.take()) {
    for (const one of batch) {
      if (one.from === "table") performTable(one.output, parts);
      else performFence(parts.outbox, parts.fencingProgress, one.output);
    }
  }
}
