/**
 * The resources of a configuration as a list: those of `<resources>` by type, then the inline ones
 * as the tree meets them. What cannot be used is left out with a message.
 * Source: rgmanager reslist.c: load_resources, load_resource, store_resource, load_defaults.
 * Deviation: an unusable element does not take those after it along.
 * Tested in: test/rg-test/classic.test.ts, test/tree-tool/rg-test.test.ts
 */

import type { AgentParameter } from "../config/agents/agent-tables.ts";
import { attributeOf, childSections, onlySection, type Section } from "../config/text/section.ts";
import type { AgentActionConf } from "../model/conf.ts";
import { changedActions } from "./action-changes.ts";
import type { TreeRule, TreeRules } from "./tree-rule.ts";

export type Attribute = {
  readonly parameter: AgentParameter;
  /** The value, or what it is inherited from, as the metadata write it. */
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
export type Say = (channel: "out" | "err", line: string) => void;

export class ResourceList {
  readonly rules: TreeRules;
  readonly #say: Say;
  readonly #resources: Resource[] = [];
  readonly #defaults: ReadonlyMap<string, Section>;

  constructor(rm: Section, rules: TreeRules, say: Say) {
    this.rules = rules;
    this.#say = say;
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

  /** Null, after a message, when it cannot be used. */
  define(section: Section, rule: TreeRule, options: { readonly inline: boolean }): Resource | null {
    const attributes = this.#attributes(section, rule);
    const primary = attributes?.find(({ parameter }) => parameter.primary === true);
    if (attributes === null || primary === undefined) return null;
    const { type } = rule.agent;
    const taken = attributes.find((one) => this.#isTaken(type, one));
    if (taken !== undefined) {
      const which = taken.parameter.primary === true ? "Primary" : "Unique";
      const where = `type=${type} attr=${taken.parameter.name} value=${taken.value}`;
      this.#say("out", `Error: ${which} attribute collision. ${where}`);
      this.#say("out", `Error storing ${type} resource`);
      return null;
    }
    const actions = changedActions(section, rule.agent.actions, (line) => this.#say("out", line));
    const resource = { rule, key: primary.value, attributes, actions, ...options };
    this.#resources.push(resource);
    return resource;
  }

  /** By its key, else by an attribute that is unique and required. */
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
        this.#say("err", `line ${line}: <${type}> has no ${parameter.name} and is not used`);
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

  /** What `<resource-defaults>` say, else the metadata; what is inherited wins over the latter. */
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
      this.#say(
        "out",
        before === undefined
          ? `setting default for ${type} attr ${name} to ${value}`
          : `changing default for ${type} attr ${name} from ${before} to ${value}`,
      );
    }
  }
}

/** As the metadata write it: `attribute` or `type%attribute`. */
export function expressionOf(inherit: NonNullable<AgentParameter["inherit"]>): string {
  return inherit.type === null ? inherit.attribute : `${inherit.type}%${inherit.attribute}`;
}
