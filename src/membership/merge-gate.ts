/**
 * Decides whether a node of another ring ("stranger") may dissolve a working ring: only when every
 * node of each ring hears every node of the other.
 * Deviation from corosync, where any foreign packet starts a gather: with one-way or non-transitive
 * links that never ends. It is not enough that the two nodes that meet hear each other: a cut
 * between the stranger and a third member would dissolve the ring in every consensus period. Only
 * joins and merge detects count as heard: they are multicast, since a node that gets tokens but no
 * multicasts cannot take part, and as long as the longest message, since a path may lose only long
 * frames.
 * Tested in: test/membership/kept-out.test.ts, test/membership/totem-paper.test.ts
 * MERGE1  A node that was found deaf hears no node, and none hears it, as long as it is kept out.
 * MERGE2  If the gate stays closed between the same two rings, the members that keep it closed
 *     leave their ring (standing-aside.ts).
 */
import type { Incarnation, NodeId } from "../model/ids.ts";
import { KeptOut } from "./kept-out.ts";
import { ascending, contains, sameNodes, union } from "./node-sets.ts";
import { nodesStandingAside } from "./standing-aside.ts";
import type { JoinMessage, MergeDetectMessage } from "./wire.ts";

/** The members of the working ring, and the last ring sequence that this node committed to. */
type WorkingRing = { readonly members: readonly NodeId[]; readonly seq: number };

/**
 * `admit`: enter gather. `answer`: send a merge detect, so that the other ring hears this one.
 * `left-behind`: the members of our ring may have formed a newer one without us.
 */
export type GateVerdict = "admit" | "answer" | "drop" | "left-behind";

/** A lossy link, or a node that is just joining, does not keep the gate closed for longer. */
const closedAgesMax = 4;

export class MergeGate {
  readonly #self: NodeId;
  readonly #incarnations = new Map<NodeId, Incarnation>();
  readonly #differing = new Set<NodeId>();
  readonly #keptOut = new KeptOut();
  #heardNow = new Set<NodeId>();
  #heardBefore = new Set<NodeId>();
  /** The nodes that each other node says it hears. */
  #hearingNow = new Map<NodeId, readonly NodeId[]>();
  #hearingBefore = new Map<NodeId, readonly NodeId[]>();

  /** The ring that was refused in this age, and for how many ages in a row. */
  #closedTo: ReadonlySet<NodeId> | null = null;
  #closedBefore: ReadonlySet<NodeId> | null = null;
  #closedAges = 0;

  constructor(self: NodeId) {
    this.#self = self;
  }

  /** False for a packet of an earlier life of the node. */
  admitsLife(from: NodeId, incarnation: Incarnation): boolean {
    const known = this.#incarnations.get(from);
    if (known !== undefined && incarnation < known) return false;
    if (known !== incarnation) {
      this.#incarnations.set(from, incarnation);
      this.#differing.delete(from);
    }
    return true;
  }

  forgetLife(node: NodeId): void {
    this.#incarnations.delete(node);
  }

  /** The node was heard, and says which nodes it hears. */
  hear(from: NodeId, heard: readonly NodeId[]): void {
    if (from !== this.#self) this.#heardNow.add(from);
    this.#hearingNow.set(from, heard);
  }

  /** Called at a constant interval; a node that was not heard for a whole interval is forgotten. */
  age(): void {
    this.#heardBefore = this.#heardNow;
    this.#heardNow = new Set();
    this.#hearingBefore = this.#hearingNow;
    this.#hearingNow = new Map();
    this.#keptOut.age();
    const [now, before] = [this.#closedTo, this.#closedBefore];
    const same = now !== null && before !== null && sameNodes(now, before);
    this.#closedAges = same ? this.#closedAges + 1 : 0;
    this.#closedBefore = now;
    this.#closedTo = null;
  }

  /** A node, or this one, gets tokens but no messages. Returns for how many ages it is kept out. */
  keepOut(node: NodeId): number {
    return this.#keptOut.add(node);
  }

  keepsOut(node: NodeId): boolean {
    return this.#keptOut.has(node);
  }

  /** Nodes heard lately, ascending. */
  heard(): readonly NodeId[] {
    if (this.#keptOut.has(this.#self)) return [];
    const heard = union(this.#heardNow, this.#heardBefore);
    return ascending([...heard].filter((node) => !this.#keptOut.has(node)));
  }

  /** What a join means for a working ring. */
  judgeJoin(join: JoinMessage, from: NodeId, ring: WorkingRing): GateVerdict {
    if (!ring.members.includes(from)) {
      if (join.leave || join.failed.includes(this.#self)) return "drop";
      return this.#allHear([from], ring.members) ? "admit" : "answer";
    }
    if (join.ringSeq < ring.seq) return "drop";
    // The others form a ring without us; the loss of our token will show it.
    return join.failed.includes(this.#self) ? "left-behind" : "admit";
  }

  /** What another ring's merge detect means for a working ring. */
  judgeMergeDetect(message: MergeDetectMessage, from: NodeId, ring: WorkingRing): GateVerdict {
    // A member that is ahead has left our ring; one that is behind sent this before it joined.
    if (ring.members.includes(from)) return message.ring.seq < ring.seq ? "drop" : "admit";
    const theirs = union(message.members, [from]);
    if (this.#allHear(theirs, ring.members)) return "admit";
    this.#closedTo = theirs;
    return "answer";
  }

  /** MERGE2: whether this node must leave its ring, so that the others can merge. */
  standsAside(members: readonly NodeId[]): boolean {
    const theirs = this.#closedBefore;
    if (theirs === null || this.#closedAges < closedAgesMax) return false;
    const hears = (node: NodeId, other: NodeId): boolean | null => {
      const heard = this.#hearing(node);
      return heard === null ? null : heard.has(other);
    };
    return nodesStandingAside(members, [...theirs], hears).includes(this.#self);
  }

  /** Whether each of `these` hears each of `those`, and the other way round. */
  #allHear(these: Iterable<NodeId>, those: Iterable<NodeId>): boolean {
    const [one, other] = [[...these], [...those]];
    return (
      one.every((node) => contains(this.#heardBy(node), other)) &&
      other.every((node) => contains(this.#heardBy(node), one))
    );
  }

  /** The nodes that a node is known to hear, including itself. */
  #heardBy(node: NodeId): ReadonlySet<NodeId> {
    return this.#hearing(node) ?? new Set([node]);
  }

  /** The nodes that a node says it hears; null: it has not said so lately. */
  #hearing(node: NodeId): ReadonlySet<NodeId> | null {
    if (node === this.#self) return union(this.heard(), [node]);
    if (this.#keptOut.has(node)) return new Set([node]);
    const said = this.#hearingNow.get(node) ?? this.#hearingBefore.get(node) ?? null;
    return said === null ? null : union(said, [node]);
  }

  /** Whether members of our ring are in a newer ring without us, since they took us for lost. */
  isLeftBehind(message: MergeDetectMessage, ring: WorkingRing): boolean {
    if (message.ring.seq <= ring.seq || message.members.includes(this.#self)) return false;
    return message.members.some((node) => ring.members.includes(node));
  }

  /** Notes whether the node's ring configuration equals ours; true when that has changed. */
  noteConfiguration(from: NodeId, equal: boolean): boolean {
    const news = equal === this.#differing.has(from);
    if (equal) this.#differing.delete(from);
    else this.#differing.add(from);
    return news;
  }

  differs(from: NodeId): boolean {
    return this.#differing.has(from);
  }
}
