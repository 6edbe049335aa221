/**
 * Process groups between a membership layer and the cluster nodes of a simulation, wired as in the
 * daemon. Who looks on is told everything that a node's groups were given and have said.
 */
import type { GroupAnswer, GroupInput, GroupOutput } from "../../src/membership/group-events.ts";
import { ProcessGroups } from "../../src/membership/process-groups.ts";
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
  readonly #perform: (life: GroupLife, output: GroupOutput) => void;
  readonly #witness: GroupWitness;
  readonly #inputs: GroupInput[] = [];
  #busy = false;

  constructor(
    node: NodeId,
    witness: GroupWitness,
    perform: (life: GroupLife, output: GroupOutput) => void,
  ) {
    this.node = node;
    this.machine = new ProcessGroups(node);
    this.#witness = witness;
    this.#perform = perform;
  }

  step(input: GroupInput): void {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      this.#witness.given(this, next);
      for (const output of this.machine.step(next)) {
        this.#witness.said(this, output);
        if (output.type === "answer") this.answers.set(output.call, output.answer);
        this.#perform(this, output);
      }
    }
    this.#busy = false;
  }
}

type Wrapped = { readonly group: string };

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

  submit(node: NodeId, lane: Lane, payload: unknown): void {
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
    if (event.type === "deliver" && isWrapped(event.payload)) {
      const payload = Buffer.from(event.payload.group, "base64");
      if (!this.lose(life.node)) life.step({ type: "deliver", from: event.from, payload });
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
      const group = Buffer.from(output.payload).toString("base64");
      this.#inner.submit(life.node, output.lane, { group });
    } else if (output.type === "sync-done") {
      this.#inner.syncDone(life.node, output.ring);
    }
  }
}

function isWrapped(payload: unknown): payload is Wrapped {
  const object = typeof payload === "object" && payload !== null ? payload : {};
  return "group" in object && typeof object.group === "string";
}
