/**
 * When this node last heard each other node, and each machine that had a node's id: the safe wait
 * for a node begins there. It begins later where a watchdog may end the services of the node later
 * than its guard would.
 * A node that comes back from another machine, or with another kernel, proves by its clean-up
 * nothing about the machine it was on before, which may be cut off and go on until its lease has
 * ended. So this node remembers the machines, too.
 * Tested in: test/node/watchdog-waits.test.ts, test/node/remembered-machines.test.ts
 * HEARD1  A node may have a watchdog unless it has told this life of this node that it has none:
 *     for a node that was never heard, or not since this life began, the wait is longer.
 * MACHINE1  A machine is taken to have been heard too late rather than too early.
 * MACHINE2  What earlier lives of this node have stored counts only where a history begins and no
 *     member remembers an earlier one: otherwise the members of that history know better.
 */
import type { FencingConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import type { Hello } from "../services/table/table-sync.ts";
import type { KnownMachine, NodeIdentity, NodeInput, RememberedMachine } from "./node-events.ts";
import type { HistoryMessage } from "./replica.ts";

type HeardAt = Extract<NodeInput, { readonly type: "configuration" }>["heardAt"];
type Claims = Hello["machines"];

/** Claims are made for longer than they matter, so that all members see them end alike. */
const safeWaitsKept = 3;

export class LastHeard {
  readonly #identity: Pick<NodeIdentity, "self" | "machine" | "watchdog">;
  /** How much longer than the usual safe wait the wait for a node with a watchdog is. */
  readonly #longerMs: number;
  readonly #keptMs: number;
  readonly #withoutWatchdog = new Set<NodeId>();
  /** When each node was last heard, as the ring said with its configuration. */
  #heardAt: HeardAt = [];
  /** For each node the machines that had its id, and when they were last on a ring with us. */
  readonly #machines = new Map<NodeId, Map<string, number>>();
  readonly #present = new Map<NodeId, string>();
  /** What earlier lives have stored; empty once this life has taken part in a history. */
  #stored: readonly RememberedMachine[];
  /** What was last stored for the next life. */
  #lastKnown = "";

  /** `identity.watchdog`: this node may have one armed. */
  constructor(
    { watchdog, safeWaitMs }: FencingConf,
    identity: Pick<NodeIdentity, "self" | "machine" | "watchdog">,
    stored: readonly RememberedMachine[] = [],
  ) {
    this.#identity = identity;
    this.#stored = stored;
    this.#longerMs = watchdog === null ? 0 : watchdog.safeWaitMs - safeWaitMs;
    this.#keptMs = safeWaitsKept * safeWaitMs;
  }

  /** A new ring: until the ring before it ended, the known machines were on it. */
  configured(heardAt: HeardAt): void {
    this.#heardAt = heardAt;
    for (const { node, formerMs } of heardAt) {
      if (formerMs === null) continue;
      // It may have been on any machine that is stored, since nothing was exchanged with it.
      this.#stored = this.#stored.map((one) =>
        one.node === node ? { ...one, atMs: Math.max(one.atMs, formerMs) } : one,
      );
    }
    for (const { node, beforeMs } of heardAt) {
      const present = this.#present.get(node);
      const machines = this.#machines.get(node);
      if (present === undefined || machines === undefined) continue;
      machines.set(present, Math.max(beforeMs, machines.get(present) ?? 0));
    }
  }

  /** What this node says in its hello: how long it has waited for each node and machine. */
  report(boottimeMs: number): Pick<Hello, "silent" | "watchdog" | "machine" | "machines"> {
    const silent = this.#heardAt.map(({ node, atMs }) => {
      return { node, ms: this.waited(node, Math.max(0, boottimeMs - atMs)) };
    });
    const { watchdog, machine } = this.#identity;
    return { silent, watchdog, machine, machines: this.#claims(boottimeMs) };
  }

  /** How long it was waited for what may run on each machine that had the id of a node. */
  #claims(boottimeMs: number): Claims {
    const claims: Claims[number][] = [];
    for (const [node, machines] of this.#machines) {
      for (const [machine, atMs] of machines) {
        const ms = this.waited(node, Math.max(0, boottimeMs - atMs));
        if (ms > this.#keptMs && this.#present.get(node) !== machine) machines.delete(machine);
        else claims.push({ node, machine, ms, stored: false });
      }
    }
    for (const { node, machine, atMs } of this.#stored) {
      const ms = this.waited(node, Math.max(0, boottimeMs - atMs));
      claims.push({ node, machine, ms, stored: true });
    }
    return claims;
  }

  /** How long the wait for a node has lasted that was silent so long; negative: not begun yet. */
  waited(node: NodeId, silentMs: number): number {
    return this.#withoutWatchdog.has(node) ? silentMs : silentMs - this.#longerMs;
  }

  /** A member has said whether it may have a watchdog. */
  note({ node, watchdog }: Pick<Hello, "node" | "watchdog">): void {
    if (watchdog) this.#withoutWatchdog.delete(node);
    else this.#withoutWatchdog.add(node);
  }

  /** All members have spoken: from now on these are their machines. */
  noteMachines(hellos: readonly Hello[]): void {
    for (const { node, machine } of hellos) {
      if (node === this.#identity.self) continue;
      this.#present.set(node, machine);
      const machines = this.#machines.get(node) ?? new Map<string, number>();
      // The next ring says when; the machine was not heard before.
      if (!machines.has(machine)) machines.set(machine, 0);
      this.#machines.set(node, machines);
    }
  }

  /**
   * This life takes part in a history. If the history is `fresh`, what is stored goes on counting
   * for nodes that come later (MACHINE2). Returns what is to be stored for the next life, or null
   * when that is stored already.
   */
  takePart(fresh: boolean): readonly KnownMachine[] | null {
    for (const { node, machine, atMs } of fresh ? this.#stored : []) {
      const machines = this.#machines.get(node) ?? new Map<string, number>();
      if (!machines.has(machine)) machines.set(machine, atMs);
      this.#machines.set(node, machines);
    }
    this.#stored = [];
    const known = [...this.#machines].flatMap(([node, machines]) =>
      [...machines.keys()].map((machine) => ({ node, machine })),
    );
    const text = JSON.stringify(known);
    if (text === this.#lastKnown) return null;
    this.#lastKnown = text;
    return known;
  }

  /** Forgets the machines of a node that has left, or was switched off: nothing runs there. */
  apply({ layer, body }: HistoryMessage, members: readonly NodeId[]): void {
    if (layer === "services" && body.type === "left") {
      this.#present.delete(body.node);
      this.#machines.delete(body.node);
    } else if (layer === "fencing" && body.type === "fence-done" && body.how !== "self") {
      this.#switchedOff(body.victim, members.includes(body.victim));
    }
  }

  /** `back`: it is a member again, from the machine where it is now. */
  #switchedOff(node: NodeId, back: boolean): void {
    const present = this.#present.get(node);
    if (!back || present === undefined) {
      this.#present.delete(node);
      this.#machines.delete(node);
      return;
    }
    const atMs = this.#machines.get(node)?.get(present) ?? 0;
    this.#machines.set(node, new Map([[present, atMs]]));
  }
}

/** For each node, how long the accepted member that heard it last has waited since. */
export function silentSince(
  hellos: readonly Hello[],
  accepted: readonly NodeId[],
): ReadonlyMap<NodeId, number> {
  const silence = new Map<NodeId, number>();
  for (const hello of hellos.filter(({ node }) => accepted.includes(node))) {
    for (const { node, ms: silentMs } of hello.silent) {
      silence.set(node, Math.min(silence.get(node) ?? Number.POSITIVE_INFINITY, silentMs));
    }
  }
  return silence;
}

/**
 * For each member that is now on another machine than some member remembers: how long that member
 * has waited for the other machine. `fresh`: no earlier history goes on (MACHINE2).
 */
export function movedMembers(
  hellos: readonly Hello[],
  fresh: boolean,
): ReadonlyMap<NodeId, number> {
  const moved = new Map<NodeId, number>();
  for (const { node, machine } of hellos) {
    for (const claim of hellos.flatMap((one) => one.machines)) {
      if (claim.node !== node || claim.machine === machine || (claim.stored && !fresh)) continue;
      moved.set(node, Math.min(claim.ms, moved.get(node) ?? Number.POSITIVE_INFINITY));
    }
  }
  return moved;
}
