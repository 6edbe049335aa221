/**
 * A working ring: the token goes round, messages are ordered and delivered, and frames of other
 * rings are judged.
 * Source: Amir et al. 1995, section 4; corosync exec/totemsrp.c.
 * Deviation: nodes of other rings are not admitted until all members have installed this ring.
 * Otherwise the first member could gather with them while the others, still in recovery, keep to
 * their earlier sets; that could repeat for ever.
 * Tested in: test/membership/state-table.test.ts, test/membership/totem-paper.test.ts
 * SAFE1  A safe message is delivered only after two tokens in a row say that all members hold it.
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

/** A token later than this fraction of its time-out causes a warning, as in corosync. */
const tokenWarningPart = 0.75;

export type OperationalParts = {
  readonly options: RingOptions;
  readonly effects: RingEffects;
  readonly sequence: RingSequence;
  readonly gate: MergeGate;
  readonly queues: SendQueues;
  readonly delivery: Delivery;
};

export class Operational {
  readonly installed: InstalledRing;
  readonly #parts: OperationalParts;
  readonly #watch: ReceiveWatch;
  /** The nodes that this interval's merge detect named as heard; null: none was sent. */
  #announced: ReadonlySet<NodeId> | null = null;
  /** How many merge intervals in a row brought no token, and the visits at the last one. */
  #silence = { visits: 0, intervals: 0 };
  /** The token has visited every member since this node installed the ring, so all installed it. */
  #installedByAll = false;

  constructor(installed: InstalledRing, parts: OperationalParts) {
    this.installed = installed;
    this.#parts = parts;
    this.#watch = new ReceiveWatch(parts.options.failRecvMs, parts.options.mergeMs);
  }

  /** Takes a message of this ring; one of another ring makes this node announce its own. */
  onMcast(message: McastMessage, from: NodeId): void {
    const { rotation } = this.installed;
    if (sameRing(message.ring, rotation.id)) {
      if (rotation.insert(message)) this.#deliverOrdered();
    } else if (!rotation.members.includes(from) && !this.#parts.gate.differs(from)) {
      this.announce();
    }
  }

  /** A visit of the token that is no duplicate. */
  onToken(token: TokenMessage): void {
    const { rotation } = this.installed;
    const { effects, queues } = this.#parts;
    this.#installedByAll = true;
    rotation.pass(rotation.visit(token, queues));
    this.#deliverOrdered();
    for (const lane of queues.takeWritable())
      effects.emit({ type: "queue", lane, state: "writable" });
  }

  #deliverOrdered(): void {
    const { id, queue, safeUpTo } = this.installed.rotation;
    this.#parts.delivery.deliver(id, queue.takeOrdered(safeUpTo));
  }

  /** A message waits for the token, so the representative must not hold it. */
  hurry(lane: Lane): void {
    const { rotation } = this.installed;
    const { effects, queues } = this.#parts;
    if (!rotation.isIdle() || (lane === "app" && queues.syncing)) return;
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
   * Sends a merge detect, once per merge interval and once more for each node that is newly heard,
   * since that node waits for it.
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

  /** Warns once that the token is late; counts merge intervals, so that visits need no clock. */
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

  /** The merge interval: announces the ring, and checks whether messages are received. */
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
