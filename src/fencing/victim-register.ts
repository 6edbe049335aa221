/**
 * What all members remember of fencing: which nodes are members, which are victims, which were
 * fenced, and which life of each node was last proven clean. When and how a victim is fenced is
 * decided in fence-domain.ts.
 * Tested in: test/fencing/moved-nodes.test.ts, test/fencing/fence-domain.test.ts
 */
import type { NodeId } from "../model/ids.ts";
import type { ReadyNotice } from "./fence-events.ts";
import type { FenceMessage, FenceSnapshot, Victim } from "./fence-messages.ts";

type External = Extract<FenceMessage, { readonly type: "fence-external" }>;

export class VictimRegister {
  members: readonly NodeId[] = [];
  /** A history has begun here, so something is known of the other nodes. */
  begun = false;
  readonly victims = new Map<NodeId, Victim>();
  readonly fenced = new Map<NodeId, FenceSnapshot["fenced"][number]>();
  /** Nodes whose id more than one process uses, and the members that say so. */
  readonly contested = new Map<NodeId, ReadonlySet<NodeId>>();
  readonly #lives = new Map<NodeId, Pick<FenceSnapshot["lives"][number], "life" | "byHand">>();

  /** A new history begins, in which these nodes were not seen yet. */
  begin(unseen: readonly NodeId[], ringSeq: number): void {
    this.#clear();
    for (const node of unseen) this.victims.set(node, newVictim(node, "unseen", ringSeq));
  }

  adopt(snapshot: FenceSnapshot): void {
    this.#clear();
    this.members = snapshot.members;
    for (const victim of snapshot.victims) this.victims.set(victim.node, victim);
    for (const fenced of snapshot.fenced) this.fenced.set(fenced.node, fenced);
    for (const { node, by } of snapshot.contested) this.contested.set(node, new Set(by));
    for (const { node, ...life } of snapshot.lives) this.#lives.set(node, life);
  }

  snapshot(): FenceSnapshot {
    const ascending = <Entry extends { readonly node: NodeId }>(entries: Iterable<Entry>) =>
      [...entries].toSorted((a, b) => a.node - b.node);
    return {
      members: this.members,
      victims: ascending(this.victims.values()),
      fenced: ascending(this.fenced.values()),
      contested: ascending(
        [...this.contested].map(([node, by]) => ({ node, by: [...by].toSorted((a, b) => a - b) })),
      ),
      lives: ascending([...this.#lives].map(([node, life]) => ({ node, ...life }))),
    };
  }

  /** What is known of the node, for agents that an operator is about to run. */
  mark(node: NodeId): { readonly since: number; readonly life: number } {
    const life = this.#lives.get(node)?.life ?? 0;
    return { since: this.victims.get(node)?.since ?? 0, life };
  }

  /**
   * The members have changed; the `moved` ones are on another machine than before. Returns the
   * nodes that are lost.
   */
  setMembership(
    members: readonly NodeId[],
    ringSeq: number,
    moved: Iterable<NodeId>,
  ): readonly NodeId[] {
    const lost = this.members.filter((node) => !members.includes(node));
    for (const node of lost) this.#lose(node, ringSeq);
    for (const victim of this.victims.values()) {
      const executorGone = victim.by !== null && !members.includes(victim.by);
      if (executorGone) this.victims.set(victim.node, { ...victim, by: null });
    }
    // Members of a new history are no victims: they prove by `ready` that they are clean.
    for (const node of members) {
      this.#doubtFencingByHand(node);
      const victim = this.victims.get(node);
      if (victim?.cause === "unseen" && victim.by === null) this.victims.delete(node);
    }
    for (const node of moved) {
      if (!members.includes(node)) continue;
      const victim = this.victims.get(node) ?? newVictim(node, "lost", ringSeq);
      this.victims.set(node, { ...victim, moved: true });
    }
    for (const [node, by] of this.contested) {
      this.#setContested(node, new Set([...by].filter((one) => members.includes(one))));
    }
    this.members = members;
    return lost;
  }

  /** A member says whether it hears two processes of the id. Returns whether that is new. */
  contest(node: NodeId, by: NodeId, contested: boolean): boolean {
    const known = this.contested.get(node) ?? new Set();
    const now = contested ? [...known, by] : [...known].filter((one) => one !== by);
    this.#setContested(node, new Set(now));
    return known.size > 0 !== now.length > 0;
  }

  #setContested(node: NodeId, by: ReadonlySet<NodeId>): void {
    if (by.size === 0) this.contested.delete(node);
    else this.contested.set(node, by);
  }

  /**
   * The victim is a member on another machine than before. Then the lease of its former machine
   * counts: that machine does not hear that it was replaced.
   */
  backElsewhere({ node, moved }: Victim): boolean {
    return moved && this.members.includes(node);
  }

  /** The member that acts on victims that nobody has begun with. */
  executor(): NodeId | null {
    const is = (node: NodeId) => this.victims.get(node)?.moved ?? true;
    const [first = this.members.find(is)] = this.members.filter((node) => !this.victims.has(node));
    return first ?? null;
  }

  /**
   * The `ready` of a node waits while a member is fencing it, or if it has moved: then returns the
   * victim. Null: it need not wait.
   */
  hold({ node, ...heldReady }: ReadyNotice): Victim | null {
    const victim = this.victims.get(node);
    if (victim === undefined || (victim.by === null && !victim.moved)) return null;
    const held = { ...victim, heldReady };
    this.victims.set(node, held);
    return held;
  }

  /** The victim is off. */
  release(fenced: FenceSnapshot["fenced"][number]): void {
    this.victims.delete(fenced.node);
    this.fenced.set(fenced.node, fenced);
  }

  /** The node has left by itself. */
  left(node: NodeId): void {
    this.members = this.members.filter((member) => member !== node);
    this.fenced.delete(node);
    this.#lives.delete(node);
  }

  /** This life of the node was proven clean; returns whether the node was a victim. */
  proven(node: NodeId, life: number): boolean {
    this.#lives.set(node, { life, byHand: null });
    return this.victims.delete(node);
  }

  /** What an operator's agents do or did to the node. False: they did it to an earlier life. */
  external({ victim: node, since, life, by, outcome, text }: External): boolean {
    const victim = this.victims.get(node);
    if (this.mark(node).life !== life) return false;
    if (victim !== undefined && since !== 0 && victim.since !== since) return false;
    const byHand = outcome === "failure" ? null : { by, outcome, text };
    if (victim !== undefined) this.victims.set(node, { ...victim, byHand });
    else if (this.members.includes(node)) this.#lives.set(node, { life, byHand });
    return true;
  }

  /** A node that forms a ring after agents had it switched off was not off. */
  #doubtFencingByHand(node: NodeId): void {
    const known = this.#lives.get(node);
    if (known?.byHand?.outcome !== "success" || !this.members.includes(node)) return;
    this.#lives.set(node, { ...known, byHand: null });
  }

  /** A victim that came back and is lost again is a new victim, with a new safe wait. */
  #lose(node: NodeId, ringSeq: number): void {
    const known = this.#lives.get(node);
    const byHand = known?.byHand ?? null;
    if (known !== undefined) this.#lives.set(node, { ...known, byHand: null });
    this.victims.set(node, { ...newVictim(node, "lost", ringSeq), byHand });
  }

  #clear(): void {
    this.begun = true;
    this.members = [];
    this.victims.clear();
    this.fenced.clear();
    this.contested.clear();
    this.#lives.clear();
  }
}

function newVictim(node: NodeId, cause: Victim["cause"], since: number): Victim {
  const none = { by: null, rounds: 0, lastText: "", byHand: null, heldReady: null };
  return { node, cause, since, ...none, moved: false };
}

/** Every node that the snapshot names. */
export function nodesNamedIn({
  members,
  victims,
  fenced,
  lives,
}: FenceSnapshot): readonly NodeId[] {
  const by = [...victims.map((one) => one.byHand?.by ?? one.node), ...fenced.map((one) => one.by)];
  const doubted = victims.map((one) => one.by ?? one.node);
  const vouched = lives.map((one) => one.byHand?.by ?? one.node);
  const named = [...victims, ...fenced, ...lives].map(({ node }) => node);
  return [...members, ...named, ...by, ...doubted, ...vouched];
}
