/**
 * Recovery: the members exchange the old ring's messages on the new ring, then install it.
 * Source: Amir et al. 1995, section 6; Moser et al. 1994 (extended virtual synchrony, obligation
 * sets); corosync exec/totemsrp.c: memb_state_recovery_enter, memb_state_operational_enter.
 * Deviations: counters belong to one attempt; copies of the old ring's messages survive an
 * abandoned attempt; the commit token carries the obligation sets, so that all members of the
 * transitional configuration deliver the same messages.
 * Tested in: test/membership/state-table.test.ts, test/sim/ring-acceptance.test.ts
 * RECOVERY1  At installation no message of the new ring is missing: aru equals high.
 * RECOVERY2  All members install the ring within one rotation, before a new message is ordered.
 * RECOVERY3  A node that has acknowledged an exchange delivers the messages of all originators to
 *     whom a member of it was obliged, even if the attempt was abandoned.
 */
import type { NodeId, RingId } from "../model/ids.ts";
import { sameRing } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { union } from "./node-sets.ts";
import type { FrameContent } from "./packing.ts";
import type { RingEffects } from "./ring-effects.ts";
import type { RingOptions } from "./ring-events.ts";
import { type FrameSource, Rotation } from "./rotation.ts";
import {
  type CommitEntry,
  type CommitMessage,
  decodeMessage,
  encodeMessage,
  frameKinds,
  type McastMessage,
  type TokenMessage,
} from "./wire.ts";

/** An installed ring, current or old. */
export type InstalledRing = {
  readonly rotation: Rotation;
  /** It takes no more messages from the network: other members may have delivered without them. */
  frozen: boolean;
  /** Originators whose messages we must deliver even behind a gap. */
  obliged: ReadonlySet<NodeId>;
};

/** A node's entry in the commit token: the state of its old ring. */
export function commitStateOf(old: InstalledRing | null): CommitEntry["state"] {
  if (old === null) {
    return { oldRing: null, aru: 0, highDelivered: 0, received: true, obliged: [] };
  }
  const { queue, id } = old.rotation;
  return {
    oldRing: id,
    aru: queue.aru,
    highDelivered: queue.delivered,
    received: queue.aru === queue.high,
    obliged: [...old.obliged].sort((a, b) => a - b),
  };
}

type FilledEntry = { readonly node: NodeId; readonly state: NonNullable<CommitEntry["state"]> };

export class Recovery implements FrameSource {
  readonly rotation: Rotation;
  /** The members that come from our old ring, with this node; empty when we have no old ring. */
  readonly trans: readonly NodeId[];
  readonly #old: InstalledRing | null;
  readonly #entries: readonly FilledEntry[];
  /** Originators whose messages are delivered even behind a gap when this ring is installed. */
  readonly #obliged: ReadonlySet<NodeId>;
  #copies: readonly McastMessage[];
  #nextCopy = 0;
  /** The sequence numbers of old messages that a member has already copied to the new ring. */
  readonly #copied = new Set<number>();
  #started = false;
  #flagIsOurs = false;
  /** Visits in a row in which no member had copies to send. */
  #clearVisits = 0;
  #installSeq = 0;
  /** Visits in a row in which every member had everything up to the install sequence. */
  #stableVisits = 0;

  constructor(
    attempt: { readonly commit: CommitMessage; readonly old: InstalledRing | null },
    options: RingOptions,
    effects: RingEffects,
  ) {
    const { commit, old } = attempt;
    const members = commit.members.map((entry) => entry.node);
    this.rotation = new Rotation({ id: commit.ring, members }, options, effects);
    this.#old = old;
    this.#entries = transEntries(commit, old?.rotation ?? null);
    this.trans = this.#entries.map((entry) => entry.node);
    this.#obliged = this.#entries.reduce<ReadonlySet<NodeId>>(
      (nodes, entry) => union(nodes, entry.state.obliged),
      new Set(this.trans),
    );
    this.#copies = old === null ? [] : copiesNeeded(old, this.#entries);
  }

  get backlog(): number {
    return this.#copies.length - this.#nextCopy;
  }

  /** Whether every member has all copies, so that the ring is to be installed. */
  get complete(): boolean {
    return this.#stableVisits >= 2;
  }

  /** Whether the token says that a member has copies to send, but none sends any: a member lies. */
  get stuck(): boolean {
    return !this.complete && this.rotation.isStuck();
  }

  /** RECOVERY1; a recovery completes without it only if a member lies. */
  get whole(): boolean {
    const { aru, high } = this.rotation.queue;
    return aru === high;
  }

  /** The first token of the ring; null after the first call. */
  takeFirstToken(self: NodeId): TokenMessage | null {
    if (this.#started) return null;
    this.#started = true;
    this.#flagIsOurs = this.backlog > 0;
    return {
      type: "token",
      ring: this.rotation.id,
      tokenSeq: 0,
      seq: 0,
      aru: 0,
      aruNode: self,
      fcc: 0,
      backlog: 0,
      retransmitting: this.#flagIsOurs,
      rtr: [],
      calm: 0,
    };
  }

  takeFrame(): FrameContent | null {
    while (this.#nextCopy < this.#copies.length) {
      const copy = this.#copies[this.#nextCopy];
      this.#nextCopy += 1;
      if (copy !== undefined && !this.#copied.has(copy.seq)) return copyContent(copy);
    }
    return null;
  }

  /** Stores a message of the new ring, and the message of the old ring that it contains. */
  insert(message: McastMessage): void {
    if (this.rotation.insert(message) && message.inner !== null) this.#absorb(message.inner);
  }

  #absorb(inner: Uint8Array): void {
    const decoded = decodeMessage(frameKinds.mcast, inner);
    if (this.#old === null || !decoded.ok || decoded.value.type !== "mcast") return;
    const { rotation } = this.#old;
    if (!sameRing(decoded.value.ring, rotation.id)) return;
    this.#copied.add(decoded.value.seq);
    rotation.insert(decoded.value);
  }

  /** Handles an accepted token and returns it as it is to be passed on. */
  visit(token: TokenMessage): TokenMessage {
    const passed = this.rotation.visit(token, this);
    const retransmitting = this.#flag(passed.retransmitting);
    this.#clearVisits = retransmitting ? 0 : this.#clearVisits + 1;
    if (this.#clearVisits === 2) this.#installSeq = passed.seq;
    this.#acknowledge();
    const stable = this.#clearVisits >= 3 && this.#installSeq <= token.aru;
    this.#stableVisits = stable ? this.#stableVisits + 1 : 0;
    return { ...passed, retransmitting };
  }

  /** Only the member that has raised the flag lowers it. */
  #flag(raised: boolean): boolean {
    if (this.backlog > 0) {
      if (!raised) this.#flagIsOurs = true;
      return true;
    }
    if (!raised || !this.#flagIsOurs) return raised;
    this.#flagIsOurs = false;
    return false;
  }

  /** From now on another member may install the ring and rely on our delivery of the exchange. */
  #acknowledge(): void {
    const received = this.#clearVisits >= 2 && this.#installSeq <= this.rotation.queue.aru;
    if (received && this.#old !== null) this.#old.obliged = this.#obliged;
  }

  /**
   * The remaining messages of the old ring: those for its regular configuration, then those for the
   * transitional one, which are the messages that no member is known to have delivered as safe.
   * Behind a gap only messages of obliged originators are delivered, since others may depend on a
   * message that is missing.
   */
  takeOldMessages(): {
    readonly regular: readonly McastMessage[];
    readonly transitional: readonly McastMessage[];
  } {
    invariant(this.whole, "RECOVERY1: a ring is installed although a message of it is missing");
    if (this.#old === null) return { regular: [], transitional: [] };
    const { queue } = this.#old.rotation;
    const knownSafe = Math.max(...this.#entries.map((entry) => entry.state.highDelivered));
    const regular = queue.takeOrdered(knownSafe);
    return { regular, transitional: queue.takeRest(({ origin }) => this.#obliged.has(origin)) };
  }
}

function copyContent(copy: McastMessage): FrameContent {
  const inner = encodeMessage(copy);
  return { lane: "sync", headFragment: 0, tailFragment: 0, safe: false, inner, chunks: [] };
}

function transEntries(
  commit: CommitMessage,
  old: { readonly id: RingId; readonly members: readonly NodeId[] } | null,
): readonly FilledEntry[] {
  const entries: FilledEntry[] = [];
  for (const { node, state } of commit.members) {
    if (old === null || state === null || state.oldRing === null) continue;
    if (sameRing(state.oldRing, old.id) && old.members.includes(node))
      entries.push({ node, state });
  }
  return entries;
}

/** All messages that we hold and that a member of the transitional configuration may lack. */
function copiesNeeded(
  old: InstalledRing,
  entries: readonly FilledEntry[],
): readonly McastMessage[] {
  const arus = entries.map((entry) => entry.state.aru);
  const lowest = Math.min(...arus);
  const equal = lowest === Math.max(...arus) && entries.every((entry) => entry.state.received);
  return equal ? [] : old.rotation.queue.above(lowest);
}
