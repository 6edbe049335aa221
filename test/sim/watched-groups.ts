/**
 * The real process groups of one life of a node, of which a judge is told what they were given and
 * what they have said.
 */
import type { GroupInput, GroupOutput } from "../../src/groups/group-events.ts";
import { ProcessGroups } from "../../src/groups/process-groups.ts";
import type { NodeId } from "../../src/model/ids.ts";

export type GroupWitness = {
  given(groups: WatchedGroups, input: GroupInput): void;
  said(groups: WatchedGroups, output: GroupOutput): void;
};

export type WatchedParts = {
  readonly witness: GroupWitness;
  /** To prove that the judges are awake: a delivery for which this holds is lost. */
  readonly loses: () => boolean;
};

export class WatchedGroups extends ProcessGroups {
  readonly node: NodeId;
  readonly #parts: WatchedParts;

  constructor(node: NodeId, parts: WatchedParts) {
    super(node);
    this.node = node;
    this.#parts = parts;
  }

  override step(input: GroupInput): readonly GroupOutput[] {
    const { witness, loses } = this.#parts;
    if (input.type === "deliver" && loses()) return [];
    witness.given(this, input);
    const outputs = super.step(input);
    for (const output of outputs) witness.said(this, output);
    return outputs;
  }
}
