/**
 * The old ring's messages are exchanged on the new ring; then the new ring is installed.
 * Knows both rings and the commit token; does not know how the members agreed.
 * Source: Amir et al. 1995, section 6; Moser et al. 1994 (extended virtual synchrony, obligation
 * sets); corosync exec/totemsrp.c: memb_state_recovery_enter, memb_state_operational_enter.
 * Deviations: counters belong to one attempt; copies of the old ring survive an abandoned attempt;
 * obligations travel in the commit token, so that all who come along deliver the same messages.
 * Tested in: test/membership/state-table.test.ts, test/sim/ring-acceptance.test.ts
 * RECOVERY1  At installation nothing of the new ring is missing: aru equals high.
 * RECOVERY2  All members install within one rotation, before any new message is ordered.
 * RECOVERY3  Who acknowledged an exchange delivers its messages later even if the attempt was
 *     abandoned: those of everybody to whom any member of it was obliged.
 */
import type { NodeId, RingId } from "../model/ids.ts";
import { sameRing } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { union } from "./node-sets.ts";
import type { Draft } from "./packing.ts";
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
  /** No more messages from the network: others may already have delivered without them. */
  frozen: boolean;
  /** Originators whose messages we must deliver even behind a gap. */
  obliged: ReadonlySet<NodeId>;
};

/** What a node tells about its old ring in the commit token. */
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
  /** Members that come from our old ring, ourselves included; empty when we have none. */
  readonly trans: readonly NodeId[];
  readonly #old: InstalledRing | null;
  readonly #entries: readonly FilledEntry[];
  /** Originators whose messages who installs this ring delivers even behind a gap. */
  readonly #obliged: ReadonlySet<NodeId>;
  #copies: readonly McastMessage[];
  #nextCopy = 0;
  /** Sequence numbers of old messages that somebody has copied to the new ring already. */
  readonly #copied = new Set<number>();
  #started = false;
  #flagIsOurs = false;
  /** Visits in a row in which nobody had copies to send. */
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

  /** True when every member has what the old ring's exchange brought; install now. */
  get complete(): boolean {
    return this.#stableVisits >= 2;
  }

  /** Nobody has anything to send any more, and yet the token says that somebody has. */
  get stuck(): boolean {
    return !this.complete && this.rotation.isStuck();
  }

  /** RECOVERY1; only what a member has made up can bring a recovery to its end without it. */
  get whole(): boolean {
    const { aru, high } = this.rotation.queue;
    return aru === high;
  }

  /** The first token of the ring, once; null after that. */
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

  takeDraft(): Draft | null {
    while (this.#nextCopy < this.#copies.length) {
      const copy = this.#copies[this.#nextCopy];
      this.#nextCopy += 1;
      if (copy !== undefined && !this.#copied.has(copy.seq)) return copyDraft(copy);
    }
    return null;
  }

  /** Stores a message of the new ring, and the old ring's message within it. */
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

  /** Only who raised the flag lowers it. */
  #flag(raised: boolean): boolean {
    if (this.backlog > 0) {
      if (!raised) this.#flagIsOurs = true;
      return true;
    }
    if (!raised || !this.#flagIsOurs) return raised;
    this.#flagIsOurs = false;
    return false;
  }

  /** From here on another member may install and rely on our delivering the exchange. */
  #acknowledge(): void {
    const received = this.#clearVisits >= 2 && this.#installSeq <= this.rotation.queue.aru;
    if (received && this.#old !== null) this.#old.obliged = this.#obliged;
  }

  /**
   * What is left of the old ring: first what still belongs to its regular configuration, then
   * what belongs to the transitional one. Messages that nobody is known to have delivered as safe
   * wait for the transitional configuration; behind a gap only those of obliged originators count,
   * since others may depend on what is missing.
   */
  takeOldMessages(): {
    readonly regular: readonly McastMessage[];
    readonly transitional: readonly McastMessage[];
  } {
    invariant(this.whole, "RECOVERY1: installing a ring of which something is missing");
    if (this.#old === null) return { regular: [], transitional: [] };
    const { queue } = this.#old.rotation;
    const knownSafe = Math.max(...this.#entries.map((entry) => entry.state.highDelivered));
    const regular = queue.takeOrdered(knownSafe);
    return { regular, transitional: queue.takeRest(({ origin }) => this.#obliged.has(origin)) };
  }
}

function copyDraft(copy: McastMessage): Draft {
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

/** Everything we hold that some member of the transitional configuration may lack. */
function copiesNeeded(
  old: InstalledRing,
  entries: readonly FilledEntry[],
): readonly McastMessage[] {
  const arus = entries.map((entry) => entry.state.aru);
  const lowest = Math.min(...arus);
  const equal = lowest === Math.max(...arus) && entries.every((entry) => entry.state.received);
  return equal ? [] : old.rotation.queue.above(lowest);
}
