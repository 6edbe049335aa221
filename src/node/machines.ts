/**
 * On which machine each node was, as this node has seen it. Whoever comes with the id of a node
 * from another machine, or with another kernel, proves by its clean-up nothing about the one
 * before: that may be cut off and go on until its lease has ended.
 * Does not know what runs where, nor who is fenced.
 * Tested in: test/node/remembered-machines.test.ts, test/fencing/moved-nodes.test.ts
 * MACHINE1  What was last heard of a machine is reckoned too late rather than too early.
 * MACHINE2  What earlier lives of this node have seen counts only where a history begins with
 *     members none of whom remembers anything: otherwise those who do know better.
 */
import type { NodeId } from "../model/ids.ts";
import type { Hello } from "../services/table/table-sync.ts";
import type { KnownMachine, NodeInput, RememberedMachine } from "./node-events.ts";
import type { Ordered } from "./replica.ts";

type Heard = Extract<NodeInput, { readonly type: "configuration" }>["heardAt"];
type Claims = Hello["machines"];

/** Claims are made for a while longer than they matter, so that all members see them end alike. */
const safeWaitsKept = 3;

export class Machines {
  readonly own: string;
  readonly #self: NodeId;
  readonly #keptMs: number;
  /** For each node the machines that had its id, and when they were last on a ring with us. */
  readonly #heard = new Map<NodeId, Map<string, number>>();
  readonly #present = new Map<NodeId, string>();
  /** Of earlier lives, until this one has taken part in something. */
  #stored: readonly RememberedMachine[];
  /** What the next life is to know, as it was told last. */
  #told = "";

  constructor(
    { self, machine }: { readonly self: NodeId; readonly machine: string },
    safeWaitMs: number,
    stored: readonly RememberedMachine[],
  ) {
    this.#self = self;
    this.own = machine;
    this.#stored = stored;
    this.#keptMs = safeWaitsKept * safeWaitMs;
  }

  /** A new ring: until the one before, the machines were those that are known. */
  configured(heardAt: Heard): void {
    for (const { node, beforeMs } of heardAt) {
      const present = this.#present.get(node);
      const heard = this.#heard.get(node);
      if (present === undefined || heard === undefined) continue;
      heard.set(present, Math.max(beforeMs, heard.get(present) ?? 0));
    }
  }

  /** What this node tells the others: how long it has waited for what may run on each machine. */
  claims(boottimeMs: number, waited: (node: NodeId, silentMs: number) => number): Claims {
    const claims: Claims[number][] = [];
    for (const [node, machines] of this.#heard) {
      for (const [machine, atMs] of machines) {
        const ms = waited(node, Math.max(0, boottimeMs - atMs));
        if (ms > this.#keptMs && this.#present.get(node) !== machine) machines.delete(machine);
        else claims.push({ node, machine, ms, stored: false });
      }
    }
    for (const { node, machine, atMs } of this.#stored) {
      const ms = waited(node, Math.max(0, boottimeMs - atMs));
      claims.push({ node, machine, ms, stored: true });
    }
    return claims;
  }

  /**
   * This life takes part; `anew`: in a history that nobody remembers, where what is stored goes on
   * counting for whoever comes later (MACHINE2). Returns what the next life is to know, where that
   * is news; else null.
   */
  takePart(anew: boolean): readonly KnownMachine[] | null {
    for (const { node, machine, atMs } of anew ? this.#stored : []) {
      const heard = this.#heard.get(node) ?? new Map<string, number>();
      if (!heard.has(machine)) heard.set(machine, atMs);
      this.#heard.set(node, heard);
    }
    this.#stored = [];
    const known = [...this.#heard].flatMap(([node, machines]) =>
      [...machines.keys()].map((machine) => ({ node, machine })),
    );
    const text = JSON.stringify(known);
    if (text === this.#told) return null;
    this.#told = text;
    return known;
  }

  /** All have spoken. From now on these are the machines. */
  note(hellos: readonly Hello[]): void {
    for (const { node, machine } of hellos) {
      if (node === this.#self) continue;
      this.#present.set(node, machine);
      const heard = this.#heard.get(node) ?? new Map<string, number>();
      // The next ring tells when; it was not heard before.
      if (!heard.has(machine)) heard.set(machine, 0);
      this.#heard.set(node, heard);
    }
  }

  /** An ordered message may say that nothing runs there: it has left, or was switched off. */
  apply({ layer, body }: Ordered, members: readonly NodeId[]): void {
    if (layer === "services" && body.type === "left") {
      this.#present.delete(body.node);
      this.#heard.delete(body.node);
    } else if (layer === "fencing" && body.type === "fence-done" && body.how !== "self") {
      this.#switchedOff(body.victim, members.includes(body.victim));
    }
  }

  /** `back`: it is a member again, from the machine where it is now. */
  #switchedOff(node: NodeId, back: boolean): void {
    const present = this.#present.get(node);
    if (!back || present === undefined) {
      this.#present.delete(node);
      this.#heard.delete(node);
      return;
    }
    const atMs = this.#heard.get(node)?.get(present) ?? 0;
    this.#heard.set(node, new Map([[present, atMs]]));
  }
}

/**
 * Of the members that are on another machine than somebody remembers: how long that has been waited
 * for. `anew`: no history goes on (MACHINE2). A pure function of what all members say.
 */
export function movedMembers(hellos: readonly Hello[], anew: boolean): ReadonlyMap<NodeId, number> {
  const moved = new Map<NodeId, number>();
  for (const { node, machine } of hellos) {
    for (const claim of hellos.flatMap((one) => one.machines)) {
      if (claim.node !== node || claim.machine === machine || (claim.stored && !anew)) continue;
      moved.set(node, Math.min(claim.ms, moved.get(node) ?? Number.POSITIVE_INFINITY));
    }
  }
  return moved;
}
