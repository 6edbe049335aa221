/**
 * The resources of a service in an order that must hold: side by side as long as the rules of their
 * types start and stop them in that order, else one inside the other.
 * Source: rgmanager restree.c, service.sh (special/child).
 * Tested in: test/import/resource-chain.test.ts
 */
import { startOrder, stopOrder } from "../services/tree/resource-tree.ts";
import type { ConfElement } from "./conf-element.ts";

/** The children of an element of type `parent`. */
export function chainOf(parent: string, ordered: readonly ConfElement[]): readonly ConfElement[] {
  let length = 0;
  while (length < ordered.length && keepsOrder(parent, ordered.slice(0, length + 1))) length += 1;
  const siblings = ordered.slice(0, Math.max(1, length));
  const last = siblings.at(-1);
  const rest = ordered.slice(siblings.length);
  if (last === undefined || rest.length === 0) return siblings;
  const below = chainOf(last.name, rest);
  return [...siblings.slice(0, -1), { ...last, children: [...last.children, ...below] }];
}

type Branch = { readonly type: string; readonly children: readonly Branch[] };

function keepsOrder(parent: string, siblings: readonly ConfElement[]): boolean {
  const children: readonly Branch[] = siblings.map(({ name }) => ({ type: name, children: [] }));
  const tree = { type: parent, children };
  const starts = startOrder<Branch>(tree).slice(1);
  const stops = stopOrder<Branch>(tree).slice(0, -1).toReversed();
  return children.every((one, index) => starts[index] === one && stops[index] === one);
}
