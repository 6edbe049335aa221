/**
 * What one process life of a ring node saw, in order: the evidence for the judges.
 */
import type { RingConfiguration, RingOutput } from "../../src/membership/ring-events.ts";

export type TraceEvent =
  | { readonly type: "submit"; readonly at: number; readonly id: string }
  | {
      readonly type: "configuration";
      readonly at: number;
      readonly configuration: RingConfiguration;
    }
  | {
      readonly type: "deliver";
      readonly at: number;
      readonly id: string;
      readonly ring: string;
      readonly seq: number;
      readonly from: number;
    }
  /** In a commit token on the wire: whose messages the node acknowledged it must deliver. */
  | {
      readonly type: "obliged";
      readonly at: number;
      readonly ring: string;
      readonly nodes: readonly number[];
    }
  | { readonly type: "suspended"; readonly at: number; readonly reason: string }
  | { readonly type: "gather"; readonly at: number; readonly reason: string }
  | { readonly type: "join-sent"; readonly at: number };

export type Life = {
  /** Counts the lives of a run, from 1. */
  readonly number: number;
  readonly node: number;
  readonly incarnation: number;
  readonly startedAt: number;
  /** It found no state directory: the first life of a node, or one after a loss. */
  readonly wiped: boolean;
  readonly events: TraceEvent[];
  /** Null while the life goes on. */
  end: { readonly type: "crash" | "leave"; readonly at: number } | null;
};

/** A message as it was accepted for sending. */
export type Sent = {
  readonly node: number;
  /** Number of the life that sent it. */
  readonly life: number;
  readonly lane: "app" | "sync";
  readonly safe: boolean;
  readonly payload: Uint8Array;
};

export type RingHistory = {
  readonly lives: readonly Life[];
  readonly sent: ReadonlyMap<string, Sent>;
  /** What the omniscient observer found while the run was going on. */
  readonly observed: readonly string[];
};

export function isInstallation(output: RingOutput): boolean {
  return output.type === "configuration" && output.configuration.kind === "regular";
}
