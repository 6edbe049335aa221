/**
 * The order in which the resources of a service are started, checked and stopped.
 * Source: rgmanager restree.c: _res_op_by_level, _do_child_levels, _do_child_default_level.
 * Deviation: a listed type with a level in one direction only counts as unlisted in the other,
 * where the original never visits it.
 */
import type { ResourceConf } from "../model/conf.ts";
import { type ChildRule, resourceRule } from "./resource-rules.ts";

/** The node first, then its children by level. */
export function startOrder(tree: ResourceConf): readonly ResourceConf[] {
  return [tree, ...byLevel(storedChildren(tree), tree.type).flatMap((child) => startOrder(child))];
}

/** The children first, each subtree whole, then the node. */
export function stopOrder(tree: ResourceConf): readonly ResourceConf[] {
  const stored = storedChildren(tree);
  const listed = rulesOf(tree.type);
  const typed = listed.length === 0 ? [] : typedFor(listed, "stop");
  const level = (child: ResourceConf) => typed.find((rule) => rule.type === child.type);
  const untyped = stored.filter((child) => level(child) === undefined).toReversed();
  const ordered = [...untyped];
  for (const at of levels(typed, "stop")) {
    for (const rule of typed.filter((one) => one.stop === at)) {
      ordered.push(...stored.filter((child) => child.type === rule.type).toReversed());
    }
  }
  return [...ordered.flatMap((child) => stopOrder(child)), tree];
}

/** Typed children first, in metadata order, then the others as the document has them. */
function storedChildren(tree: ResourceConf): readonly ResourceConf[] {
  const listed = rulesOf(tree.type);
  const typed = listed.flatMap((rule) => tree.children.filter((one) => one.type === rule.type));
  const types = new Set(listed.map((rule) => rule.type));
  return [...typed, ...tree.children.filter((one) => !types.has(one.type))];
}

function byLevel(stored: readonly ResourceConf[], parent: string): readonly ResourceConf[] {
  const typed = typedFor(rulesOf(parent), "start");
  const types = new Set(typed.map((rule) => rule.type));
  const ordered: ResourceConf[] = [];
  for (const at of levels(typed, "start")) {
    for (const rule of typed.filter((one) => one.start === at)) {
      ordered.push(...stored.filter((child) => child.type === rule.type));
    }
  }
  return [...ordered, ...stored.filter((child) => !types.has(child.type))];
}

function rulesOf(type: string): readonly ChildRule[] {
  return resourceRule(type)?.children ?? [];
}

function typedFor(rules: readonly ChildRule[], way: "start" | "stop"): readonly ChildRule[] {
  return rules.filter((rule) => rule[way] > 0);
}

function levels(rules: readonly ChildRule[], way: "start" | "stop"): readonly number[] {
  return [...new Set(rules.map((rule) => rule[way]))].toSorted((a, b) => a - b);
}
