/**
 * Parts of a service that are repaired by themselves: which part a failed check concerns, and
 * whether it is restarted in place or left out, or the whole service has failed.
 * Source: rgmanager restree.c: _res_op_internal, do_status; restart_counter.c.
 * Deviation: non-critical is a property of the occurrence, not of a shared definition.
 * SUBTREE1  No part of a repair is inside another part of it.
 */
import type { ResourceConf } from "../../model/conf.ts";
import { startOrder, stopOrder } from "./resource-tree.ts";

export type FailedPart = {
  readonly root: ResourceConf;
  readonly remedy: "restart" | "leave-out";
};

/** Whether the resource is the part's root, or below it. */
export function covers(root: ResourceConf, resource: ResourceConf): boolean {
  return root === resource || root.children.some((child) => covers(child, resource));
}

/** Adds a part in place of those inside it, which are repaired with it (SUBTREE1). */
export function addFailedPart(
  parts: readonly FailedPart[],
  part: FailedPart,
): readonly FailedPart[] {
  return [...parts.filter((one) => !covers(part.root, one.root)), part];
}

/** The parts in the order in which the whole tree would stop, or start, them. */
export function inTreeOrder(
  tree: ResourceConf,
  parts: readonly FailedPart[],
  way: "start" | "stop",
): readonly FailedPart[] {
  const order = way === "start" ? startOrder(tree) : stopOrder(tree);
  return order.flatMap((resource) => parts.filter((part) => part.root === resource));
}

/** Counts the restarts in place of each part of one service within its time window. */
export class PartRestarts {
  readonly #atMs = new Map<ResourceConf, readonly number[]>();

  /** The part that a failed resource belongs to, or null: the service as a whole has failed. */
  judge(tree: ResourceConf, failed: ResourceConf, nowMs: number): FailedPart | null {
    for (const root of pathTo(tree, failed)) {
      const kind = root.subtree?.kind;
      if (kind === undefined) continue;
      if (this.#mayRestart(root, nowMs)) return { root, remedy: "restart" };
      // The limit is reached and the part will be restarted otherwise: its count begins anew.
      this.#atMs.delete(root);
      if (kind === "non-critical") return { root, remedy: "leave-out" };
    }
    return null;
  }

  note(root: ResourceConf, nowMs: number): void {
    if (root.subtree?.restarts == null) return;
    this.#atMs.set(root, [...this.#counted(root, nowMs), nowMs]);
  }

  #mayRestart(root: ResourceConf, nowMs: number): boolean {
    const restarts = root.subtree?.restarts ?? null;
    if (restarts === null) return root.subtree?.kind === "independent";
    return this.#counted(root, nowMs).length < restarts.max;
  }

  #counted(root: ResourceConf, nowMs: number): readonly number[] {
    const expireMs = root.subtree?.restarts?.expireMs ?? 0;
    return (this.#atMs.get(root) ?? []).filter((at) => nowMs - at < expireMs);
  }
}

/** From the resource up to the child of the root; the service itself is not in the list. */
function pathTo(tree: ResourceConf, resource: ResourceConf): readonly ResourceConf[] {
  const below = tree.children.find((child) => covers(child, resource));
  return below === undefined ? [] : [...pathTo(below, resource), below];
}
