/**
 * A working ring: the token goes round, messages are ordered and delivered, strangers are judged.
 * Knows one installed ring; does not know how it was formed, nor what follows when it ends.
 * Source: Amir et al. 1995, section 4; corosync exec/totemsrp.c.
 * O1  A safe message is delivered only when two tokens in a row say that all members hold it.
 */
import type { NodeId } from "../model/ids.ts";
import { sameRing } from "../model/ids.ts";
import type { Delivery } from "./installation.ts";
import type { Lanes } from "./lanes.ts";
import type { GateVerdict, MergeGate } from "./merge-gate.ts";
import { contains } from "./node-sets.ts";
import { type Deafness, ReceiveWatch } from "./receive-watch.ts";
import type { RingEffects } from "./ring-effects.ts";
import type { Lane, RingOptions } from "./ring-events.ts";
import type { InstalledRing } from "./ring-recovery.ts";
import type { RingSequence } from "./ring-sequence.ts";
import type { JoinMessage, McastMessage, MergeDetectMessage, TokenMessage } from "./wire.ts";

export type OperationalParts = {
  readonly options: RingOptions;
  readonly effects: RingEffects;
  readonly sequence: RingSequence;
  readonly gate: MergeGate;
  readonly lanes: Lanes;
  readonly delivery: Delivery;
};

export class Operational {
  readonly installed: InstalledRing;
  readonly #parts: OperationalParts;
  readonly #watch: ReceiveWatch;
  /** Who had been heard when a merge detect was last sent in this merge interval; or null. */
  #announced: ReadonlySet<NodeId> | null = null;

  constructor(installed: InstalledRing, parts: OperationalParts) {
    this.installed = installed;
    this.#parts = parts;
    this.#watch = new ReceiveWatch(parts.options.failRecvMs, parts.options.mergeMs);
  }

  /** A message of this ring is ordered; one of another ring makes us tell its sender of us. */
  onMcast(message: McastMessage, from: NodeId): void {
    const { rotation } = this.installed;
    if (sameRing(message.ring, rotation.id)) {
      if (rotation.insert(message)) this.#deliverOrdered();
    } else if (!rotation.members.includes(from) && !this.#parts.gate.differs(from)) {
      this.announce();
    }
  }

  /** A visit of the token, which is no duplicate. */
  onToken(token: TokenMessage): void {
    const { rotation } = this.installed;
    const { effects, lanes } = this.#parts;
    rotation.pass(rotation.visit(token, lanes));
    this.#deliverOrdered();
    for (const lane of lanes.takeWritable())
      effects.emit({ type: "queue", lane, state: "writable" });
  }

  #deliverOrdered(): void {
    const { id, queue, safeUpTo } = this.installed.rotation;
    this.#parts.delivery.deliver(id, queue.takeOrdered(safeUpTo));
  }

  /** Something waits for the token: it must not rest. */
  hurry(lane: Lane): void {
    const { rotation } = this.installed;
    const { effects, lanes } = this.#parts;
    if (!rotation.isIdle() || (lane === "app" && lanes.syncing)) return;
    effects.multicast({ type: "hold-cancel", ring: rotation.id });
    rotation.wake();
  }

  judgeJoin(join: JoinMessage, from: NodeId): GateVerdict {
    return this.#answered(this.#parts.gate.judgeJoin(join, from, this.#working()));
  }

  judgeMergeDetect(message: MergeDetectMessage, from: NodeId): GateVerdict {
    return this.#answered(this.#parts.gate.judgeMergeDetect(message, from, this.#working()));
  }

  isLeftBehind(message: MergeDetectMessage): boolean {
    return this.#parts.gate.isLeftBehind(message, this.#working());
  }

  #working(): { readonly members: readonly NodeId[]; readonly seq: number } {
    return { members: this.installed.rotation.members, seq: this.#parts.sequence.ring.seq };
  }

  #answered(verdict: GateVerdict): GateVerdict {
    if (verdict === "answer") this.announce();
    return verdict;
  }

  /** Tells strangers of this ring; once per merge interval unless somebody new was heard. */
  announce(): void {
    const { gate, effects, options } = this.#parts;
    const heard = gate.heard();
    if (this.#announced !== null && contains(this.#announced, heard)) return;
    this.#announced = new Set(heard);
    const { id, members } = this.installed.rotation;
    const { configHash } = options;
    effects.multicast({ type: "merge-detect", ring: id, heard, members, configHash });
  }

  /** The merge interval: an idle ring makes itself known, and reception is checked. */
  onMergeTimer(): Deafness {
    const { options, effects } = this.#parts;
    const { rotation } = this.installed;
    this.#announced = null;
    if (rotation.id.rep === options.self && rotation.memory.unchanged > 0) this.announce();
    effects.arm("merge", options.mergeMs);
    const token = rotation.passed;
    if (token === null) return { type: "hearing" };
    return this.#watch.observe({
      self: options.self,
      aru: rotation.queue.aru,
      tokenSeq: token.seq,
      tokenAru: token.aru,
      aruNode: token.aruNode,
      visits: rotation.visits,
    });
  }
}
