/**
 * Decides whether a stranger may dissolve a working ring: only when everybody of one side hears
 * everybody of the other.
 * Knows who was heard lately, and by whom, and whose configuration differs; does not know timers
 * or tokens.
 * Deviation from corosync, where any foreign packet starts a gather: with one-way or
 * non-transitive links that never ends. What the two that meet hear is not enough either: a cut
 * from the stranger to a third member would dissolve the ring in every consensus period. Only
 * what makes nodes known counts as heard: it is multicast, since a node that gets tokens but no
 * multicasts cannot take part, and has the length of the longest message, since long ones may be
 * lost alone.
 * Tested in: test/membership/kept-out.test.ts, test/membership/totem-paper.test.ts
 * MERGE1  Who was found deaf is not heard, and hears nobody, for as long as it is kept out.
 * MERGE2  A gate that stays closed between the same two rings does not stay so for ever: those who
 *     keep it closed make way (standing-aside.ts).
 */
import type { Incarnation, NodeId } from "../model/ids.ts";
import { KeptOut } from "./kept-out.ts";
import { ascending, contains, sameNodes, union } from "./node-sets.ts";
import { whoStandsAside } from "./standing-aside.ts";
import type { JoinMessage, MergeDetectMessage } from "./wire.ts";

/** The ring at stake, with the last sequence this node committed to. */
type WorkingRing = { readonly members: readonly NodeId[]; readonly seq: number };

/**
 * `admit`: gather. `answer`: tell them of us, so that everybody gets heard. `left-behind`: the
 * others may have gone on without us.
 */
export type GateVerdict = "admit" | "answer" | "drop" | "left-behind";

/** A link that loses something now and then, or a node that is just joining, takes no longer. */
const closedAgesMax = 4;

export class MergeGate {
  readonly #self: NodeId;
  readonly #incarnations = new Map<NodeId, Incarnation>();
  readonly #differing = new Set<NodeId>();
  readonly #keptOut = new KeptOut();
  #heardNow = new Set<NodeId>();
  #heardBefore = new Set<NodeId>();
  /** Whom the others said they hear. */
  #hearingNow = new Map<NodeId, readonly NodeId[]>();
  #hearingBefore = new Map<NodeId, readonly NodeId[]>();

  /** The ring that was not admitted in this age, and for how many ages it was the same. */
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

  hear(from: NodeId): void {
    if (from !== this.#self) this.#heardNow.add(from);
  }

  /** Takes note of whom a node says it hears. */
  noteHearing(from: NodeId, heard: readonly NodeId[]): void {
    this.#hearingNow.set(from, heard);
  }

  /** Called at a steady pace: who was not heard during a whole period is forgotten after it. */
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

  /** A node, or this one, gets tokens but no messages. Returns for how many ages it is outside. */
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
    // Without us the others would go on and we would be too late: token loss settles it.
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

  /** MERGE2: this member of the ring makes way for the others. */
  standsAside(members: readonly NodeId[]): boolean {
    const theirs = this.#closedBefore;
    if (theirs === null || this.#closedAges < closedAgesMax) return false;
    const hears = (node: NodeId, other: NodeId): boolean | null => {
      const heard = this.#hearing(node);
      return heard === null ? null : heard.has(other);
    };
    return whoStandsAside(members, [...theirs], hears).includes(this.#self);
  }

  /** Every one of these hears every one of those, and the other way round. */
  #allHear(these: Iterable<NodeId>, those: Iterable<NodeId>): boolean {
    const [one, other] = [[...these], [...those]];
    return (
      one.every((node) => contains(this.#heardBy(node), other)) &&
      other.every((node) => contains(this.#heardBy(node), one))
    );
  }

  /** Whom the node hears, as far as is known; itself included. */
  #heardBy(node: NodeId): ReadonlySet<NodeId> {
    return this.#hearing(node) ?? new Set([node]);
  }

  /** Null: it has not said so lately. */
  #hearing(node: NodeId): ReadonlySet<NodeId> | null {
    if (node === this.#self) return union(this.heard(), [node]);
    if (this.#keptOut.has(node)) return new Set([node]);
    const said = this.#hearingNow.get(node) ?? this.#hearingBefore.get(node) ?? null;
    return said === null ? null : union(said, [node]);
  }

  /** Companions of ours are in a newer ring that does not have us: we were absent for them. */
  isLeftBehind(message: MergeDetectMessage, ring: WorkingRing): boolean {
    if (message.ring.seq <= ring.seq || message.members.includes(this.#self)) return false;
    return message.members.some((node) => ring.members.includes(node));
  }

  /** Takes note whether the node's configuration equals ours; true when that is news. */
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
