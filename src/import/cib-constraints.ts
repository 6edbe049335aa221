/**
 * `<constraints>` of a CIB: locations, colocations and orders, also with sets of resources.
 * Does not know which resources there are.
 * Source: Pacemaker Explained 2.1; the schemas pacemaker-1.0 to 3.9 for older spellings.
 * Tested in: test/import/import-golden.test.ts
 */
import type { XmlElement } from "../config/text/xml.ts";
import { quoted } from "../model/visible-text.ts";
import { attributeIn, type CibReader, childrenCalled } from "./cib-reader.ts";
import {
  type Colocation,
  infinity,
  type Ordering,
  type PacemakerConf,
  type Preference,
  parseScore,
} from "./pacemaker-conf.ts";
import { colocatedPairs, orderedPairs, type ResourceSet, setNamesMax } from "./resource-sets.ts";

type Constraints = Pick<PacemakerConf, "preferences" | "colocations" | "orderings">;

/** `nodes`: the names of all nodes, for rules that name those that are not meant. */
export function readCibConstraints(
  section: XmlElement | null,
  nodes: readonly string[],
  reader: CibReader,
): Constraints {
  const preferences: Preference[] = [];
  const colocations: Colocation[] = [];
  const orderings: Ordering[] = [];
  for (const element of section?.children ?? []) {
    switch (element.name) {
      case "rsc_location":
        preferences.push(...readLocation(element, nodes, reader));
        break;
      case "rsc_colocation":
        colocations.push(...readColocation(element, reader));
        break;
      case "rsc_order":
        orderings.push(...readOrder(element, reader));
        break;
      default: {
        const text = `<${element.name}> has no counterpart in cluster.conf: it is left out`;
        reader.remark(element, text);
      }
    }
  }
  return { preferences, colocations, orderings };
}

function readScore(element: XmlElement, fallback: number, reader: CibReader): number {
  const text = attributeIn(element, "score");
  if (text === null) return fallback;
  const score = parseScore(text);
  if (score === null) reader.fault(element, `score ${quoted(text)} is none`, "a number, INFINITY");
  return score ?? 0;
}

function readLocation(
  element: XmlElement,
  nodes: readonly string[],
  reader: CibReader,
): readonly Preference[] {
  const id = attributeIn(element, "id") ?? "";
  const at = reader.placeOf(element);
  const listed = childrenCalled(element, "resource_set").flatMap((set) => namesIn(set, reader));
  const resource = attributeIn(element, "rsc");
  if (resource === null && listed.length === 0) {
    reader.remark(element, `location ${id}: a pattern of resources is not carried over`);
    return [];
  }
  const resources = resource === null ? listed : [resource];
  const role = attributeIn(element, "role");
  if (isOtherRole(role)) {
    reader.remark(element, `location ${id}: clusterd has no role ${role}: it is left out`);
    return [];
  }
  const node = attributeIn(element, "node");
  const scored =
    node === null
      ? childrenCalled(element, "rule").flatMap((rule) => readRule(rule, { id, nodes }, reader))
      : [{ node, score: readScore(element, 0, reader) }];
  return resources.flatMap((one) => scored.map((each) => ({ id, at, resource: one, ...each })));
}

/** One comparison with the name of a node; other rules are left out. */
function readRule(
  rule: XmlElement,
  { id, nodes }: { readonly id: string; readonly nodes: readonly string[] },
  reader: CibReader,
): readonly Pick<Preference, "node" | "score">[] {
  const [condition, ...others] = rule.children;
  const value = condition === undefined ? null : attributeIn(condition, "value");
  const operation = condition === undefined ? null : attributeIn(condition, "operation");
  const isSimple =
    others.length === 0 &&
    condition?.name === "expression" &&
    value !== null &&
    attributeIn(condition, "attribute") === "#uname" &&
    (operation === "eq" || operation === "ne") &&
    attributeIn(rule, "score-attribute") === null &&
    !isOtherRole(attributeIn(rule, "role"));
  if (!isSimple) {
    const text =
      `location ${id}: its rule is not carried over: failover domains know the names of nodes ` +
      "only";
    reader.remark(rule, text);
    return [];
  }
  const score = readScore(rule, 0, reader);
  const meant = operation === "eq" ? [value] : nodes.filter((one) => one !== value);
  return meant.map((node) => ({ node, score }));
}

function readColocation(element: XmlElement, reader: CibReader): readonly Colocation[] {
  const id = attributeIn(element, "id") ?? "";
  const shared = { id, at: reader.placeOf(element), score: readScore(element, infinity, reader) };
  const sets = readSets(element, reader);
  if (sets.length > 0) {
    return colocatedPairs(sets).map((pair) => ({ ...shared, ...pair }));
  }
  const resource = attributeIn(element, "rsc") ?? attributeIn(element, "from");
  const other = attributeIn(element, "with-rsc") ?? attributeIn(element, "to");
  if (resource === null || other === null) {
    const name = resource === null ? "rsc" : "with-rsc";
    reader.fault(element, `attribute ${name} is missing`, "Pacemaker requires it");
    return [];
  }
  const roles = ["rsc-role", "with-rsc-role"].map((name) => attributeIn(element, name));
  return [{ ...shared, resource, with: other, role: roles.find(isOtherRole) ?? null }];
}

function readOrder(element: XmlElement, reader: CibReader): readonly Ordering[] {
  const id = attributeIn(element, "id") ?? "";
  const kind = attributeIn(element, "kind");
  const score = attributeIn(element, "score");
  const mandatory =
    kind === null ? score === null || parseScore(score) !== 0 : kind === "Mandatory";
  const shared = { id, at: reader.placeOf(element), mandatory };
  const sets = readSets(element, reader);
  if (sets.length > 0) return orderedPairs(sets).map((pair) => ({ ...shared, ...pair }));
  const first = attributeIn(element, "first") ?? attributeIn(element, "to");
  const then = attributeIn(element, "then") ?? attributeIn(element, "from");
  if (first === null || then === null) {
    const name = first === null ? "first" : "then";
    reader.fault(element, `attribute ${name} is missing`, "Pacemaker requires it");
    return [];
  }
  const actions = [attributeIn(element, "first-action"), attributeIn(element, "then-action")];
  return [{ ...shared, earlier: first, later: then, action: actions.find(isOtherAction) ?? null }];
}

function readSets(element: XmlElement, reader: CibReader): readonly ResourceSet[] {
  const sets = childrenCalled(element, "resource_set");
  const names = sets.reduce((total, { children }) => total + children.length, 0);
  if (names > setNamesMax) {
    reader.fault(element, `its sets have ${names} resources`, `at most ${setNamesMax}`);
    return [];
  }
  return sets.map((set) => {
    const role = attributeIn(set, "role");
    const action = attributeIn(set, "action");
    return {
      resources: namesIn(set, reader),
      sequential: attributeIn(set, "sequential") !== "false",
      role: isOtherRole(role) ? role : null,
      action: isOtherAction(action) ? action : null,
    };
  });
}

function namesIn(set: XmlElement, reader: CibReader): readonly string[] {
  return childrenCalled(set, "resource_ref").map((one) => reader.required(one, "id"));
}

function isOtherRole(role: string | null): role is string {
  return role !== null && !["", "Started", "started"].includes(role);
}

function isOtherAction(action: string | null): action is string {
  return action !== null && action !== "start";
}
