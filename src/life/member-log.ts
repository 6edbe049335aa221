/**
 * Records when each member of the present configuration joined, as this node saw it, and finds
 * members that come back with the same life although they were fenced.
 * Source: cman commands.c: add_ais_node (incarnation and join time of a node).
 * Deviation: a member that was restarted within one change of configuration counts as joined anew.
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
  /** For nodes that have left: their last life, and when they had last been fenced before, or 0. */
  readonly #gone = new Map<NodeId, { readonly incarnation: number; readonly fencedAt: number }>();

  /**
   * Takes a regular configuration that is installed now; `fencedAt`: when agents last fenced each
   * node. Returns the members that were fenced while they were away and are back with the same
   * life: their fence device has not switched them off.
   */
  note(
    { ring, members, incarnations }: Membership,
    nowSeconds: number,
    fencedAt: ReadonlyMap<NodeId, number>,
  ): readonly NodeId[] {
    const survivors: NodeId[] = [];
    const lives = new Map(incarnations);
    const joined = new Map<NodeId, JoinRecord>();
    for (const node of members) {
      const incarnation = lives.get(node) ?? 0;
      const before = this.#joined.get(node);
      const same = before !== undefined && before.incarnation === incarnation;
      joined.set(node, same ? before : { incarnation, generation: ring.seq, at: nowSeconds });
    }
    for (const [node, { incarnation }] of this.#joined) {
      if (joined.has(node)) continue;
      this.#gone.set(node, { incarnation, fencedAt: fencedAt.get(node) ?? 0 });
    }
    for (const [node, { incarnation }] of joined) {
      const gone = this.#gone.get(node);
      this.#gone.delete(node);
      if (gone === undefined || gone.incarnation !== incarnation) continue;
      if ((fencedAt.get(node) ?? 0) !== gone.fencedAt) survivors.push(node);
    }
    this.#joined = joined;
    return survivors;
  }

  /** Null for a node that is not in the last configuration. */
  find(node: NodeId): JoinRecord | null {
    return this.#joined.get(node) ?? null;
  }
}
