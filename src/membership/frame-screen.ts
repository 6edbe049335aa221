/**
 * Refuses frames of members that say what cannot be, before they change anything: nodes that are in
 * no configuration, ring sequences that no clock explains.
 * Knows the configured nodes and the ring sequence; does not know states of the ring.
 * A refusal is counted, and told with its sender.
 * Tested in: test/membership/lying-members.test.ts
 * SCREEN1  Whatever an authentic frame says, it ends no process: what follows from it elsewhere is
 *     either a value in range, or a new ring.
 */
import type { NodeId } from "../model/ids.ts";
import type { MergeGate } from "./merge-gate.ts";
import type { RingEffects } from "./ring-effects.ts";
import type { RingOptions } from "./ring-events.ts";
import type { RingSequence } from "./ring-sequence.ts";
import type { RingMessage } from "./wire.ts";

export type ScreenParts = {
  readonly options: RingOptions;
  readonly effects: RingEffects;
  readonly sequence: RingSequence;
  readonly gate: MergeGate;
};

export class FrameScreen {
  readonly #parts: ScreenParts;
  readonly #nodes: ReadonlySet<NodeId>;

  constructor(parts: ScreenParts) {
    this.#parts = parts;
    this.#nodes = new Set(parts.options.nodes);
  }

  /** False: the frame is not to be handled. */
  admits(message: RingMessage, from: NodeId): boolean {
    if (from === this.#parts.options.self) return true;
    const seq = ringSeqOf(message);
    if (seq !== null && !this.#parts.sequence.isExplained(seq)) {
      const remedy = "check its clock; if ours is right, remove its ring.json while it is stopped";
      const text = `ring sequence ${seq} is ahead of every clock: ${remedy}`;
      this.#parts.effects.refuse("ring sequence", { from, text });
      return false;
    }
    const stranger = this.#named(message).find((node) => !this.#nodes.has(node));
    if (stranger === undefined) return true;
    const text = `it names node ${stranger}, which is not configured`;
    this.#parts.effects.refuse("unknown node", { from, text });
    return false;
  }

  /** Whether a node goes by the same configuration of the ring; said when that changes. */
  sharesConfiguration(from: NodeId, configHash: number): boolean {
    const { options, gate, effects } = this.#parts;
    const equal = configHash === options.configHash;
    if (gate.noteConfiguration(from, equal)) {
      const text = equal ? "has our configuration again" : "has another configuration: not merging";
      effects.notice(equal ? "notice" : "err", `node ${from} ${text}`);
    }
    return equal;
  }

  /** Nodes that would be reckoned with; another configuration is refused as such, elsewhere. */
  #named(message: RingMessage): readonly NodeId[] {
    const { configHash } = this.#parts.options;
    switch (message.type) {
      case "join":
        return message.configHash === configHash ? [...message.proc, ...message.failed] : [];
      case "merge-detect":
        return message.configHash === configHash ? message.members : [];
      case "commit":
        return message.members.map(({ node }) => node);
      default:
        return [];
    }
  }
}

/** A ring sequence that would be taken over. */
function ringSeqOf(message: RingMessage): number | null {
  switch (message.type) {
    case "join":
      return message.ringSeq;
    case "merge-detect":
    case "commit":
      return message.ring.seq;
    default:
      return null;
  }
}
