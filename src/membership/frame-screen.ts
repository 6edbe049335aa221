/**
 * Refuses authentic frames with impossible contents before they change anything: nodes that are not
 * configured, and ring sequences that no clock explains. A refusal is counted and logged with the
 * sender.
 * Tested in: test/membership/lying-members.test.ts
 * SCREEN1  No authentic frame ends the process: its values are in range, and what contradicts
 *     itself later leads to a new ring.
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

  /** False: the frame must not be handled. */
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

  /** Whether a node has the same ring configuration as this node; logs changes. */
  sharesConfiguration(from: NodeId, configHash: number): boolean {
    const { options, gate, effects } = this.#parts;
    const equal = configHash === options.configHash;
    if (gate.noteConfiguration(from, equal)) {
      const text = equal ? "has our configuration again" : "has another configuration: not merging";
      effects.notice(equal ? "notice" : "err", `node ${from} ${text}`);
    }
    return equal;
  }

  /** The nodes that the frame names; frames of another ring configuration are refused elsewhere. */
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

/** The ring sequence in the frame that this node would adopt; null: none. */
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
