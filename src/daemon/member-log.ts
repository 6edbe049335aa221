/**
 * When each member of the present configuration joined, as this node saw it.
 * Knows configurations and lives; does not know votes.
 * Source: cman commands.c: add_ais_node (incarnation and join time of a node).
 * Deviation: a member that was restarted within one change of configuration has joined anew.
 */
import type { Incarnation, NodeId, RingId } from "../model/ids.ts";

export type Membership = {
  readonly ring: RingId;
  readonly members: readonly NodeId[];
  readonly incarnations: readonly (readonly [NodeId, Incarnation])[];
};

export type JoinRecord = {
  readonly incarnation: number;
  /** Ring sequence of the configuration in which the node joined. */
  readonly generation: number;
  /** Wall clock, seconds since 1970. */
  readonly at: number;
};

export class MemberLog {
  #joined = new Map<NodeId, JoinRecord>();

  /** A regular configuration, installed now. */
  note({ ring, members, incarnations }: Membership, nowSeconds: number): void {
    const lives = new Map(incarnations);
    const joined = new Map<NodeId, JoinRecord>();
    for (const node of members) {
      const incarnation = lives.get(node) ?? 0;
      const before = this.#joined.get(node);
      const same = before !== undefined && before.incarnation === incarnation;
      joined.set(node, same ? before : { incarnation, generation: ring.seq, at: nowSeconds });
    }
    this.#joined = joined;
  }

  /** Null for a node that is not in the last configuration. */
  find(node: NodeId): JoinRecord | null {
    return this.#joined.get(node) ?? null;
  }
}
