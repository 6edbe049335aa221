/**
 * The trees of a configuration: every element below `<rm>` of a known type is the root of a tree.
 * References are resolved; elements that cannot be used are skipped with rgmanager's message.
 * Source: rgmanager restree.c: build_tree, do_load_resource, assign_restart_policy.
 * Tested in: test/rg-test/classic.test.ts, test/tree-tool/rg-test.test.ts
 */
import { attributeOf, childSections, type Section } from "../config/text/section.ts";
import type { ReportLine, Resource, ResourceList } from "./resource-list.ts";
import type { TreeRule } from "./tree-rule.ts";

/** One occurrence of a resource in a tree. */
export type Occurrence = {
  readonly type: string;
  readonly resource: Resource;
  readonly parent: Occurrence | null;
  readonly children: readonly Occurrence[];
  readonly independent: boolean;
  readonly nonCritical: boolean;
  readonly enforceTimeouts: boolean;
};

export type Forest = {
  readonly trees: readonly Occurrence[];
  /** How often each resource of the list occurs. */
  readonly instances: ReadonlyMap<Resource, number>;
};

export function buildForest(rm: Section, list: ResourceList, report: ReportLine): Forest {
  const builder = new ForestBuilder(list, report);
  return { trees: builder.children(rm, null), instances: builder.instances };
}

class ForestBuilder {
  readonly instances = new Map<Resource, number>();
  readonly #list: ResourceList;
  readonly #report: ReportLine;
  readonly #nonCritical = new Set<Resource>();

  constructor(list: ResourceList, report: ReportLine) {
    this.#list = list;
    this.#report = report;
  }

  /** Typed children in the order of the parent's child list, then the others. */
  children(section: Section, parent: Occurrence | null): readonly Occurrence[] {
    const listed = parent?.resource.rule.children ?? [];
    const elements = childSections(section);
    const typed = listed
      .filter((rule) => rule.forbidden !== true)
      .flatMap((rule) => elements.filter((one) => one.element.name === rule.type));
    const types = new Set(listed.map((rule) => rule.type));
    const untyped = elements.filter((one) => !types.has(one.element.name));
    return [...typed, ...untyped].flatMap((one) => {
      const rule = this.#list.rules.get(one.element.name);
      const occurrence = rule === undefined ? null : this.#occurrence(one, rule, parent);
      return occurrence === null ? [] : [occurrence];
    });
  }

  #occurrence(section: Section, rule: TreeRule, parent: Occurrence | null): Occurrence | null {
    const ref = attributeOf(section, "ref");
    const resource =
      ref === null ? this.#list.define(section, rule, { inline: true }) : this.#find(rule, ref);
    if (resource === null) return null;
    const { type, instancesMax } = rule.agent;
    const count = this.instances.get(resource) ?? 0;
    if (instancesMax !== null && count >= instancesMax) {
      const primary = resource.attributes[0]?.parameter.name ?? "";
      const text = `Max references exceeded for resource ${primary} (type ${type})`;
      this.#report("out", `Warning: ${text}`);
      return null;
    }
    this.instances.set(resource, count + 1);
    const children: Occurrence[] = [];
    const kind = parent === null ? "" : (attributeOf(section, "__independent_subtree") ?? "");
    const enforce = attributeOf(section, "__enforce_timeouts") ?? "";
    const nonCritical = this.#isNonCritical(resource, kind === "2" || kind === "non-critical");
    const occurrence: Occurrence = {
      type,
      resource,
      parent,
      children,
      independent: nonCritical || ["1", "yes", "2", "non-critical"].includes(kind),
      nonCritical,
      enforceTimeouts: enforce === "yes" || Number.parseInt(enforce, 10) > 0,
    };
    children.push(...this.children(section, occurrence));
    return occurrence;
  }

  #find(rule: TreeRule, ref: string): Resource | null {
    const { type } = rule.agent;
    const found = this.#list.find(type, ref);
    if (found === null) {
      this.#report("out", `Error: Reference to nonexistent resource ${ref} (type ${type})`);
    } else if (found.inline) {
      this.#report("out", `Error: Reference to inlined resource ${ref} (type ${type}) is illegal`);
      return null;
    }
    return found;
  }

  /** The first occurrence of a resource may be non-critical; a second one never is. */
  #isNonCritical(resource: Resource, wanted: boolean): boolean {
    const first = this.instances.get(resource) === 1;
    if (first && wanted) this.#nonCritical.add(resource);
    if (!first && this.#nonCritical.delete(resource)) {
      const name = `${resource.rule.agent.type}:${resource.key}`;
      const why = "is being cleared due to multiple references.";
      this.#report("out", `Non-critical flag for ${name} ${why}`);
    }
    return first && wanted;
  }
}

/** The value of an attribute in one occurrence; null: it has none. */
export function valueIn(occurrence: Occurrence, name: string): string | null {
  const attribute = occurrence.resource.attributes.find((one) => one.parameter.name === name);
  if (attribute === undefined) return null;
  const { inherit } = attribute.parameter;
  if (!attribute.inherited || inherit === undefined) return attribute.value;
  let giver = occurrence.parent;
  while (giver !== null && inherit.type !== null && giver.type !== inherit.type) {
    giver = giver.parent;
  }
  return giver === null ? null : valueIn(giver, inherit.attribute);
}
