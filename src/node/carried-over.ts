/**
 * What one life of the node hands to the next one of the same process.
 * Tested in: test/sim/cluster.test.ts
 */
import type { QuorumMemory } from "../model/quorate-view.ts";
import type { LocalServices } from "../services/local/local-services.ts";

export type CarriedOver = {
  /** Null: nothing runs, or not only what is bound to this node. */
  readonly services: LocalServices | null;
  /** Hash of the configuration that they were made from. */
  readonly configHash: string;
  readonly memory: QuorumMemory;
};
