/**
 * Process groups between a membership layer and the cluster nodes of a simulation, wired as in the
 * daemon. Who looks on is told everything that a node's groups were given and have said.
 */

import type { GroupAnswer, GroupInput, GroupOutput } from "../../src/groups/group-events.ts";
import { isGroupFrame } from "../../src/groups/group-frames.ts";
import { ProcessGroups } from "../../src/groups/process-groups.ts";
import { StepLoop } from "../../src/loop/step-loop.ts";
import type { Lane } from "../../src/membership/ring-events.ts";
import type { NodeId, RingId } from "../../src/model/ids.ts";
import type { Membership, MembershipEvent } from "./membership.ts";

export type GroupWitness = {
  began(life: GroupLife): void;
  ended(life: GroupLife): void;
  given(life: GroupLife, input: GroupInput): void;
  said(life: GroupLife, output: GroupOutput): void;
};

/** The groups of one node from its start to its end. */
export class GroupLife {
  readonly node: NodeId;
  readonly answers = new Map<number, GroupAnswer>();
  readonly machine: ProcessGroups;
  readonly #loop: StepLoop<GroupInput, GroupOutput>;

  constructor(
    node: NodeId,
    witness: GroupWitness,
    perform: (life: GroupLife, output: GroupOutput) => void,
  ) {
    this.node = node;
    this.machine = new ProcessGroups(node);
    this.#loop = new StepLoop({
      step: (input) => {
        witness.given(this, input);
        return this.machine.step(input);
      },
      perform: (output) => {
        witness.said(this, output);
        if (output.type === "answer") this.answers.set(output.call, output.answer);
        perform(this, output);
      },
    });
  }

  step(input: GroupInput): void {
    this.#loop.push(input);
  }
}

export class GroupedMembership implements Membership {
  readonly #inner: Membership;
  readonly #witness: GroupWitness;
  readonly #lives = new Map<NodeId, GroupLife>();
  /** To prove that the judges are awake: a delivery for which this holds is lost. */
  lose: (node: NodeId) => boolean = () => false;

  constructor(inner: Membership, witness: GroupWitness) {
    this.#inner = inner;
    this.#witness = witness;
  }

  life(node: NodeId): GroupLife | null {
    return this.#lives.get(node) ?? null;
  }

  boot(node: NodeId, sink: (event: MembershipEvent) => void): void {
    const life = new GroupLife(node, this.#witness, (of, output) => this.#perform(of, output));
    this.#lives.set(node, life);
    this.#witness.began(life);
    this.#inner.boot(node, (event) => this.#onEvent(life, event, sink));
  }

  crash(node: NodeId): void {
    this.#inner.crash(node);
    this.#end(node);
  }

  leave(node: NodeId): void {
    this.#inner.leave(node);
    this.#end(node);
  }

  submit(node: NodeId, lane: Lane, payload: Uint8Array): void {
    this.#inner.submit(node, lane, payload);
  }

  syncDone(node: NodeId, ring: RingId): void {
    this.#lives.get(node)?.step({ type: "exchanged", ring });
  }

  connect(groups: readonly (readonly NodeId[])[]): void {
    this.#inner.connect(groups);
  }

  pause(node: NodeId): void {
    this.#inner.pause(node);
  }

  resume(node: NodeId): void {
    this.#inner.resume(node);
  }

  #end(node: NodeId): void {
    const life = this.#lives.get(node);
    this.#lives.delete(node);
    if (life !== undefined) this.#witness.ended(life);
  }

  #onEvent(life: GroupLife, event: MembershipEvent, sink: (event: MembershipEvent) => void): void {
    if (event.type === "deliver" && isGroupFrame(event.payload)) {
      const { from, payload } = event;
      if (!this.lose(life.node)) life.step({ type: "deliver", from, payload });
      return;
    }
    if (event.type === "configuration") {
      life.step({ type: "configuration", configuration: event.configuration });
    }
    sink(event);
  }

  #perform(life: GroupLife, output: GroupOutput): void {
    if (this.#lives.get(life.node) !== life) return;
    if (output.type === "submit") {
      this.#inner.submit(life.node, output.lane, output.payload);
    } else if (output.type === "sync-done") {
      this.#inner.syncDone(life.node, output.ring);
    }
  }
}
