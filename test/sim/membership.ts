/**
 * What a simulated cluster needs of a membership layer: implemented by a perfect one, for stories,
 * and by the real ring over a hostile network, for searches.
 */
import type { Lane, RingConfiguration } from "../../src/membership/ring-events.ts";
import type { NodeId, RingId } from "../../src/model/ids.ts";

export type MembershipEvent =
  | {
      readonly type: "configuration";
      readonly configuration: RingConfiguration;
      readonly heardAt: readonly {
        readonly node: NodeId;
        readonly atMs: number;
        readonly beforeMs: number;
      }[];
    }
  | { readonly type: "deliver"; readonly from: NodeId; readonly payload: Uint8Array }
  | { readonly type: "suspended"; readonly reason: string }
  /** More than one process uses the ids of these nodes. */
  | { readonly type: "contested"; readonly nodes: readonly NodeId[] }
  | { readonly type: "lease"; readonly ring: RingId; readonly startMs: number };

export interface Membership {
  /** The node's ring starts; events go to `sink` until it crashes or leaves. */
  boot(node: NodeId, sink: (event: MembershipEvent) => void): void;
  crash(node: NodeId): void;
  submit(node: NodeId, lane: Lane, payload: Uint8Array): void;
  syncDone(node: NodeId, ring: RingId): void;
  leave(node: NodeId): void;
  /** Nodes hear each other inside a group only. */
  connect(groups: readonly (readonly NodeId[])[]): void;
  /** The process is stopped: it neither sends nor receives, and its clock goes on. */
  pause(node: NodeId): void;
  resume(node: NodeId): void;
}
