/** The child lists of a set of rules, as the order of a tree asks for them. */
import type { RulesOf } from "../services/resource-tree.ts";
import type { TreeRules } from "./tree-rule.ts";

export function childRulesIn(rules: TreeRules): RulesOf {
  return (type) => rules.get(type)?.children ?? [];
}
