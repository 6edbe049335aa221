/**
 * The order in which the resources of a service are started, checked and stopped.
 * Source: rgmanager restree.c: _res_op_by_level, _do_child_levels, _do_child_default_level.
 * Deviation: a type that has a level only for starts, or only for stops, counts as unlisted in the
 * other direction; rgmanager never visits it there.
 */
import type { AgentConf, ChildRule } from "../../model/conf.ts";
import { childRulesOf } from "./resource-rules.ts";

/** A resource with its children, of the daemon's conf or of the command rg_test-ts. */
type Branch<Resource> = {
  readonly type: string;
  readonly children: readonly Resource[];
  /** Its child list takes precedence over that of the type. */
  readonly agent?: Pick<AgentConf, "children">;
};

/** Looks up the child list of a type's agent. */
export type ChildRulesByType = (type: string) => readonly ChildRule[];

/** The node first, then its children by level. */
export function startOrder<Resource extends Branch<Resource>>(
  tree: Resource,
  rulesOf: ChildRulesByType = childRulesOf,
): readonly Resource[] {
  const children = childrenByLevel(tree, "start", rulesOf).flat();
  return [tree, ...children.flatMap((child) => startOrder(child, rulesOf))];
}

/** The children first, each with its whole subtree, then the node. */
export function stopOrder<Resource extends Branch<Resource>>(
  tree: Resource,
  rulesOf: ChildRulesByType = childRulesOf,
): readonly Resource[] {
  const groups = childrenByLevel(tree, "stop", rulesOf);
  const untyped = groups.at(-1) ?? [];
  const ordered = [untyped, ...groups.slice(0, -1)].flatMap((group) => group.toReversed());
  return [...ordered.flatMap((child) => stopOrder(child, rulesOf)), tree];
}

/** Typed children first, in metadata order, then the others as the document has them. */
function storedChildren<Resource extends Branch<Resource>>(
  tree: Resource,
  rulesOf: ChildRulesByType,
): readonly Resource[] {
  const listed = tree.agent?.children ?? rulesOf(tree.type);
  const typed = listed
    .filter((rule) => rule.forbidden !== true)
    .flatMap((rule) => tree.children.filter((one) => one.type === rule.type));
  const types = new Set(listed.map((rule) => rule.type));
  return [...typed, ...tree.children.filter((one) => !types.has(one.type))];
}

/** The children in stored order: one group for each type with a level, then all the others. */
export function childrenByLevel<Resource extends Branch<Resource>>(
  tree: Resource,
  way: "start" | "stop",
  rulesOf: ChildRulesByType,
): readonly (readonly Resource[])[] {
  const stored = storedChildren(tree, rulesOf);
  const typed = (tree.agent?.children ?? rulesOf(tree.type))
    .filter((rule) => rule[way] > 0)
    .toSorted((a, b) => a[way] - b[way]);
  const types = new Set(typed.map((rule) => rule.type));
  return [
    ...typed.map((rule) => stored.filter((child) => child.type === rule.type)),
    stored.filter((child) => !types.has(child.type)),
  ];
}
