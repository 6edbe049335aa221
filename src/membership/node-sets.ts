/**
 * Sets of nodes as sorted lists and back: the few set operations of the membership protocol.
 * Tested in: test/membership/consensus.test.ts
 */
import type { NodeId } from "../model/ids.ts";
import { compareIds } from "../model/ids.ts";

export function ascending(nodes: Iterable<NodeId>): readonly NodeId[] {
  return [...nodes].sort(compareIds);
}

export function union(a: Iterable<NodeId>, b: Iterable<NodeId>): ReadonlySet<NodeId> {
  return new Set([...a, ...b]);
}

export function without(a: Iterable<NodeId>, b: ReadonlySet<NodeId>): ReadonlySet<NodeId> {
  return new Set([...a].filter((node) => !b.has(node)));
}

export function contains(whole: ReadonlySet<NodeId>, part: Iterable<NodeId>): boolean {
  for (const node of part) {
    if (!whole.has(node)) return false;
  }
  return true;
}

export function sameNodes(a: ReadonlySet<NodeId>, b: ReadonlySet<NodeId>): boolean {
  return a.size === b.size && contains(a, b);
}
