/**
 * A working ring: the token goes round, messages are ordered and delivered, strangers are judged.
 * Knows one installed ring; does not know how it was formed, nor what follows when it ends.
 * Source: Amir et al. 1995, section 4; corosync exec/totemsrp.c.
 * Deviation: strangers wait until all members have installed the ring. Otherwise the first one
 * could gather with them while the others, still in recovery, insist on their old verdicts; that
 * can repeat itself for ever.
 * Tested in: test/membership/state-table.test.ts, test/membership/totem-paper.test.ts
 * SAFE1  A safe message is delivered only when two tokens in a row say that all members hold it.
 */
import type { NodeId } from "../model/ids.ts";
import { sameRing } from "../model/ids.ts";
import type { Delivery } from "./delivery.ts";
import type { GateVerdict, MergeGate } from "./merge-gate.ts";
import { contains, union } from "./node-sets.ts";
import { type Deafness, ReceiveWatch } from "./receive-watch.ts";
import type { RingEffects } from "./ring-effects.ts";
import type { Lane, RingOptions } from "./ring-events.ts";
import type { InstalledRing } from "./ring-recovery.ts";
import type { RingSequence } from "./ring-sequence.ts";
import type { SendQueues } from "./send-queues.ts";
import type { JoinMessage, McastMessage, MergeDetectMessage, TokenMessage } from "./wire.ts";

/** A token that is later than this part of its time-out is worth a warning, as in corosync. */
const tokenWarningPart = 0.75;

export type OperationalParts = {
  readonly options: RingOptions;
  readonly effects: RingEffects;
  readonly sequence: RingSequence;
  readonly gate: MergeGate;
  readonly lanes: SendQueues;
  readonly delivery: Delivery;
};

export class Operational {
  readonly installed: InstalledRing;
  readonly #parts: OperationalParts;
  readonly #watch: ReceiveWatch;
  /** Whom the merge detect of this merge interval called heard; null when there was none. */
  #announced: ReadonlySet<NodeId> | null = null;
  /** Merge intervals in a row in which no token came, and the visits at the last one. */
  #silence = { visits: 0, intervals: 0 };
  /** The token has been with every member since we installed the ring: so have all of them. */
  #installedByAll = false;

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
    this.#installedByAll = true;
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
    return this.#answered(this.#parts.gate.judgeJoin(join, from, this.#working()), from);
  }

  judgeMergeDetect(message: MergeDetectMessage, from: NodeId): GateVerdict {
    return this.#answered(this.#parts.gate.judgeMergeDetect(message, from, this.#working()), from);
  }

  isLeftBehind(message: MergeDetectMessage): boolean {
    return this.#parts.gate.isLeftBehind(message, this.#working());
  }

  #working(): { readonly members: readonly NodeId[]; readonly seq: number } {
    return { members: this.installed.rotation.members, seq: this.#parts.sequence.ring.seq };
  }

  #answered(verdict: GateVerdict, from: NodeId): GateVerdict {
    const stranger = !this.installed.rotation.members.includes(from);
    const early = verdict === "admit" && stranger && !this.#installedByAll;
    if (verdict === "answer" || early) this.announce();
    return early ? "answer" : verdict;
  }

  /**
   * Tells strangers of this ring, once per merge interval and once more for each node that is
   * heard anew: they wait for that news.
   */
  announce(): void {
    const { gate, effects, options } = this.#parts;
    const heard = gate.heard();
    if (this.#announced !== null && contains(this.#announced, heard)) return;
    this.#announced = union(this.#announced ?? [], heard);
    const { id, members } = this.installed.rotation;
    const { configHash } = options;
    effects.announce({ type: "merge-detect", ring: id, heard, members, configHash });
  }

  /** Says once that the token is late; measured in merge intervals, to cost tokens nothing. */
  #watchToken(): void {
    const { options, effects } = this.#parts;
    const { visits } = this.installed.rotation;
    const intervals = visits === this.#silence.visits ? this.#silence.intervals + 1 : 0;
    this.#silence = { visits, intervals };
    const due = Math.ceil((tokenWarningPart * options.tokenMs) / options.mergeMs);
    if (intervals !== due) return;
    const late = `no token for ${due * options.mergeMs} ms`;
    effects.notice("warning", `${late}; it counts as lost after ${options.tokenMs} ms`);
  }

  /** The merge interval: an idle ring makes itself known, and reception is checked. */
  onMergeTimer(): Deafness {
    const { options, effects, gate } = this.#parts;
    const { rotation } = this.installed;
    this.#announced = null;
    this.#watchToken();
    if (rotation.id.rep === options.self && rotation.memory.unchanged > 0) this.announce();
    effects.arm("merge", options.mergeMs);
    const token = rotation.passed;
    if (token === null) return { type: "hearing" };
    if (gate.standsAside(rotation.members)) return { type: "in-between" };
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
