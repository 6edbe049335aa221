/**
 * The resources of a configuration as a list: those of `<resources>` by type, then inline ones in
 * the order of the trees. Elements that cannot be used are left out with a message.
 * Source: rgmanager reslist.c: load_resources, load_resource, store_resource, load_defaults.
 * Deviation: after an unusable element, the following ones are still read.
 * Tested in: test/rg-test/classic.test.ts, test/tree-tool/rg-test.test.ts
 */

import type { AgentParameter } from "../config/agents/agent-tables.ts";
import { attributeOf, childSections, onlySection, type Section } from "../config/text/section.ts";
import type { AgentActionConf } from "../model/conf.ts";
import { changedActions } from "./action-changes.ts";
import type { TreeRule, TreeRules } from "./tree-rule.ts";

export type Attribute = {
  readonly parameter: AgentParameter;
  /** The value, or the source from which it is inherited, as in the metadata. */
  readonly value: string;
  readonly inherited: boolean;
};

export type Resource = {
  readonly rule: TreeRule;
  /** Value of the primary attribute. */
  readonly key: string;
  /** The primary one first, then in the order of the metadata. */
  readonly attributes: readonly Attribute[];
  readonly actions: readonly AgentActionConf[];
  readonly inline: boolean;
};

/** A line for standard output, or one about a place in the file for standard error. */
export type ReportLine = (channel: "out" | "err", line: string) => void;

export class ResourceList {
  readonly rules: TreeRules;
  readonly #report: ReportLine;
  readonly #resources: Resource[] = [];
  readonly #defaults: ReadonlyMap<string, Section>;

  constructor(rm: Section, rules: TreeRules, report: ReportLine) {
    this.rules = rules;
    this.#report = report;
    const defaults = childSections(onlySection(rm, "resource-defaults"));
    this.#defaults = new Map(defaults.map((section) => [section.element.name, section]));
    for (const section of defaults) this.#sayDefaults(section);
    const defined = childSections(onlySection(rm, "resources"));
    for (const [type, rule] of rules) {
      for (const section of defined.filter((one) => one.element.name === type)) {
        this.define(section, rule, { inline: false });
      }
    }
  }

  get resources(): readonly Resource[] {
    return this.#resources;
  }

  /** Null, after a message, when the element cannot be used. */
  define(section: Section, rule: TreeRule, options: { readonly inline: boolean }): Resource | null {
    const attributes = this.#attributes(section, rule);
    const primary = attributes?.find(({ parameter }) => parameter.primary === true);
    if (attributes === null || primary === undefined) return null;
    const { type } = rule.agent;
    const taken = attributes.find((one) => this.#isTaken(type, one));
    if (taken !== undefined) {
      const which = taken.parameter.primary === true ? "Primary" : "Unique";
      const where = `type=${type} attr=${taken.parameter.name} value=${taken.value}`;
      this.#report("out", `Error: ${which} attribute collision. ${where}`);
      this.#report("out", `Error storing ${type} resource`);
      return null;
    }
    const actions = changedActions(section, rule.agent.actions, (line) =>
      this.#report("out", line),
    );
    const resource = { rule, key: primary.value, attributes, actions, ...options };
    this.#resources.push(resource);
    return resource;
  }

  /** Finds a resource by its key, or by an attribute that is unique and required. */
  find(type: string, value: string): Resource | null {
    const same = this.#resources.filter((one) => one.rule.agent.type === type);
    const byKey = same.find((one) => one.key === value);
    const byOther = same.find((one) =>
      one.attributes.some(
        (attribute) =>
          attribute.parameter.unique === true &&
          attribute.parameter.required === true &&
          attribute.value === value,
      ),
    );
    return byKey ?? byOther ?? null;
  }

  #attributes(section: Section, rule: TreeRule): readonly Attribute[] | null {
    const { parameters, type } = rule.agent;
    const ordered = parameters.toSorted((a, b) => Number(b.primary ?? 0) - Number(a.primary ?? 0));
    const attributes: Attribute[] = [];
    for (const parameter of ordered) {
      const own = attributeOf(section, parameter.name);
      const needed = parameter.required === true || parameter.primary === true;
      if (own === null && needed) {
        const { line } = section.element;
        this.#report("err", `line ${line}: <${type}> has no ${parameter.name} and is not used`);
        return null;
      }
      const value = own ?? this.#defaultOf(type, parameter);
      if (value !== null) attributes.push({ parameter, value, inherited: false });
      else if (parameter.inherit !== undefined) {
        attributes.push({ parameter, value: expressionOf(parameter.inherit), inherited: true });
      }
    }
    return attributes;
  }

  /** The default from `<resource-defaults>`, else inheritance, else the metadata's default. */
  #defaultOf(type: string, parameter: AgentParameter): string | null {
    const section = this.#defaults.get(type);
    const changed = section === undefined ? null : attributeOf(section, parameter.name);
    if (changed !== null && parameter.primary !== true && parameter.unique !== true) return changed;
    return parameter.inherit === undefined ? (parameter.default ?? null) : null;
  }

  #isTaken(type: string, attribute: Attribute): boolean {
    const { parameter, value, inherited } = attribute;
    if (inherited || !(parameter.primary === true || parameter.unique === true)) return false;
    return this.#resources.some(
      (one) =>
        one.rule.agent.type === type &&
        one.attributes.some(
          (other) =>
            other.parameter.name === parameter.name && !other.inherited && other.value === value,
        ),
    );
  }

  #sayDefaults(section: Section): void {
    const { name: type } = section.element;
    for (const { name, value } of section.element.attributes) {
      const parameter = this.rules.get(type)?.agent.parameters.find((one) => one.name === name);
      if (parameter === undefined || parameter.primary === true || parameter.unique === true) {
        continue;
      }
      const before = parameter.default;
      this.#report(
        "out",
        before === undefined
          ? `setting default for ${type} attr ${name} to ${value}`
          : `changing default for ${type} attr ${name} from ${before} to ${value}`,
      );
    }
  }
}

/** The source of an inherited value as in the metadata: `attribute` or `type%attribute`. */
export function expressionOf(inherit: NonNullable<AgentParameter["inherit"]>): string {
  return inherit.type === null ? inherit.attribute : `${inherit.type}%${inherit.attribute}`;
}
