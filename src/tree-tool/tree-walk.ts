/**
 * Formats the agent calls that an operation on a resource, or a change of the configuration, would
 * make, one line each. It calls no agents.
 * Source: rgmanager test.c; restree.c: res_start, res_stop, res_condstop, res_condstart.
 * As in rgmanager, a change of the configuration visits siblings without a level first, in reverse
 * order, then the others by start level.
 * Tested in: test/rg-test/classic.test.ts, test/tree-tool/rg-test.test.ts
 */
import {
  type ChildRulesByType,
  childrenByLevel,
  startOrder,
  stopOrder,
} from "../services/tree/resource-tree.ts";
import type { Occurrence } from "./forest.ts";
import type { Marks } from "./forest-delta.ts";

export type Action = "start" | "stop" | "status" | "migrate";

/** The calls for each occurrence of a resource and what is below it. */
export function callsFor(
  trees: readonly Occurrence[],
  wanted: { readonly action: Action; readonly type: string; readonly key: string },
  rulesOf: ChildRulesByType,
): readonly string[] {
  return allOf(trees)
    .filter((one) => one.type === wanted.type && one.resource.key === wanted.key)
    .flatMap((one) => callsBelow(one, wanted.action, rulesOf));
}

/** The stops before the new configuration is in force, as text. */
export function stopPhase(
  trees: readonly Occurrence[],
  marks: Marks,
  rulesOf: ChildRulesByType,
): string {
  const texts = trees.map((tree) => {
    const killed = marks.get(tree.resource)?.includes("NEEDSTOP") === true;
    const lines = conditional(tree, { marks, rulesOf, way: "CONDSTOP" });
    return `${killed ? "[kill] " : ""}${lines.map((line) => `${line}\n`).join("")}`;
  });
  return texts.join("");
}

/** The starts and reconfigurations after that; new services are stopped once on every node. */
export function startPhase(
  trees: readonly Occurrence[],
  marks: Marks,
  rulesOf: ChildRulesByType,
): string {
  const texts = trees.map((tree) => {
    const asked = marks.get(tree.resource) ?? [];
    const added = asked.includes("NEEDSTART") && !asked.includes("RECONFIG");
    const lines = added
      ? callsBelow(tree, "stop", rulesOf)
      : conditional(tree, { marks, rulesOf, way: "CONDSTART" });
    return `${added ? "[init] " : ""}${lines.map((line) => `${line}\n`).join("")}`;
  });
  return texts.join("");
}

function callsBelow(
  tree: Occurrence,
  action: Action | "reconfig",
  rulesOf: ChildRulesByType,
): readonly string[] {
  if (action === "migrate" || action === "reconfig") return [callLine(tree, action)];
  const order = action === "stop" ? stopOrder(tree, rulesOf) : startOrder(tree, rulesOf);
  return order.map((one) => callLine(one, action));
}

function callLine(one: Occurrence, action: string): string {
  return `[${action}] ${one.type}:${one.resource.key}`;
}

function conditional(
  tree: Occurrence,
  walk: {
    readonly marks: Marks;
    readonly rulesOf: ChildRulesByType;
    readonly way: "CONDSTOP" | "CONDSTART";
  },
): readonly string[] {
  const { marks, rulesOf, way } = walk;
  const asked = marks.get(tree) ?? [];
  const head = `Node ${tree.type}:${tree.resource.key} - ${way}`;
  if (asked.includes("RECONFIG")) {
    return [head, ...callsBelow(tree, "reconfig", rulesOf), ...below()];
  }
  if (way === "CONDSTOP" && asked.includes("NEEDSTOP")) {
    return [head, ...callsBelow(tree, "stop", rulesOf)];
  }
  if (way === "CONDSTART" && asked.includes("NEEDSTART")) {
    return [head, ...callsBelow(tree, "start", rulesOf)];
  }
  return below();

  function below(): readonly string[] {
    const groups = childrenByLevel(tree, "start", rulesOf);
    const untyped = groups.at(-1) ?? [];
    const ordered = [...untyped.toReversed(), ...groups.slice(0, -1).flat()];
    return ordered.flatMap((child) => conditional(child, walk));
  }
}

function allOf(trees: readonly Occurrence[]): readonly Occurrence[] {
  return trees.flatMap((tree) => [tree, ...allOf(tree.children)]);
}
