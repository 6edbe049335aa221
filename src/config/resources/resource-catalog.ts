/**
 * All defined resources: those in `<resources>`, and inline definitions when the reader meets them.
 * Source: rgmanager reslist.c: load_resources, store_resource, load_defaults; restree.c:
 * do_load_resource.
 * Deviations: a duplicate, an unusable definition or a dangling reference is an error, while
 * rgmanager drops it and often others with it; `<resource-defaults>` apply to all
 * definitions; an address is found with and without its prefix.
 * Tested in: test/config/complaints.test.ts, test/config/conf-values.test.ts
 */
import type { ActionOverride } from "../../model/conf.ts";
import { canonicalAddress } from "../../model/numeric-address.ts";
import { quoted } from "../../model/visible-text.ts";
import type { AgentRules } from "../agents/agent-rules.ts";
import { type AgentParameter, type AgentRule, primaryOf } from "../agents/agent-tables.ts";
import { complainUnknown } from "../sections/schema-check.ts";
import type { Report } from "../text/complaint.ts";
import {
  attributeLocation,
  attributeOf,
  childSections,
  locationOf,
  onlySection,
  type Section,
} from "../text/section.ts";
import { unitName } from "../text/unit-and-agent-names.ts";
import type { ValueKind } from "../text/value-kind.ts";
import { nameList, quotedUnlessSecret } from "../text/value-text.ts";
import { readActions } from "./action-overrides.ts";
import { occurrenceAttributes, warnInDefinition } from "./occurrence-attributes.ts";
import { checkDefinition, checkValue } from "./resource-values.ts";

export type Definition = {
  readonly rule: AgentRule;
  readonly section: Section;
  /** Value of the primary attribute as written. */
  readonly key: string;
  readonly actions: readonly ActionOverride[];
  readonly inline: boolean;
};

export class ResourceCatalog {
  readonly #rules: AgentRules;
  readonly #report: Report;
  readonly #definitions: Definition[] = [];
  /** Primary and unique values (see claimOf) → the first element that has the value. */
  readonly #unique = new Map<string, Section>();
  readonly #findable = new Map<string, Definition>();
  readonly #defaults = new Map<string, Section>();
  readonly #uses = new Map<Definition, { readonly first: Section; readonly count: number }>();

  constructor(root: Section, rules: AgentRules, report: Report) {
    this.#rules = rules;
    this.#report = report;
    const rm = onlySection(root, "rm");
    for (const section of childSections(onlySection(rm, "resource-defaults"))) {
      this.#readDefaults(section);
    }
    for (const section of childSections(onlySection(rm, "resources"))) {
      const rule = this.ruleFor(section);
      if (rule === null) continue;
      this.#warnChildren(section);
      warnInDefinition(section, report);
      this.#define(section, rule, { inline: false });
    }
  }

  /** Complains and returns null when no agent of that type is known. */
  ruleFor(section: Section): AgentRule | null {
    return this.#rules.ruleFor(section, this.#report);
  }

  /** The definition that an element of the tree stands for, its own or the one it refers to. */
  definitionFor(section: Section, rule: AgentRule): Definition | null {
    const ref = attributeOf(section, "ref");
    const definition =
      ref === null ? this.#define(section, rule, { inline: true }) : this.#find(section, rule, ref);
    if (definition === null || !this.#use(definition, section)) return null;
    return definition;
  }

  /** The value without inheritance: written, from `<resource-defaults>`, or the agent's default. */
  valueOf(definition: Definition, parameter: AgentParameter): string | null {
    const own = attributeOf(definition.section, parameter.name);
    if (own !== null) return own;
    const defaults = this.#defaults.get(definition.rule.type);
    const changed = defaults === undefined ? null : attributeOf(defaults, parameter.name);
    return changed ?? parameter.default ?? null;
  }

  /** Its attributes without values that come from an agent of this machine. */
  writtenOf({ rule: { type }, section }: Definition): readonly (readonly [string, string])[] {
    const values = new Map(this.#rules.ownDefaults(type));
    for (const element of [this.#defaults.get(type)?.element, section.element]) {
      for (const { name, value } of element?.attributes ?? []) values.set(name, value);
    }
    for (const name of occurrenceAttributes) values.delete(name);
    return [...values].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  #define(
    section: Section,
    rule: AgentRule,
    options: { readonly inline: boolean },
  ): Definition | null {
    checkDefinition(section, rule, this.#report);
    const key = attributeOf(section, primaryOf(rule)?.name ?? "");
    if (key === null || !this.#claimUnique(section, rule)) return null;
    const defaults = this.#defaults.get(rule.type);
    const general = defaults === undefined ? [] : readActions(defaults, rule, this.#report);
    const own = readActions(section, rule, this.#report);
    const definition = { rule, section, key, actions: [...general, ...own], ...options };
    this.#definitions.push(definition);
    for (const parameter of referable(rule)) {
      const value = attributeOf(section, parameter.name);
      if (value !== null) this.#findable.set(claimOf(rule, parameter, value), definition);
    }
    return definition;
  }

  /** False when another element has the same primary or unique value. */
  #claimUnique(section: Section, rule: AgentRule): boolean {
    let free = true;
    for (const parameter of rule.parameters) {
      const value = attributeOf(section, parameter.name);
      if (value === null || !(parameter.unique === true || parameter.primary === true)) continue;
      const claim = claimOf(rule, parameter, value);
      const first = this.#unique.get(claim);
      if (first === undefined) {
        this.#unique.set(claim, section);
        continue;
      }
      free = false;
      this.#complainTaken({ section, parameter, value, first }, rule);
    }
    return free;
  }

  #complainTaken(
    taken: {
      readonly section: Section;
      readonly parameter: AgentParameter;
      readonly value: string;
      readonly first: Section;
    },
    rule: AgentRule,
  ): void {
    const { section, parameter, value, first } = taken;
    const { line } = first.element;
    const shown = quotedUnlessSecret(parameter.name, value);
    const problem =
      rule.type === "service"
        ? `service ${quoted(value)} is already defined, first at line ${line}`
        : rule.instancesMax === 1
          ? `${rule.type} ${value} may be used once, first at line ${line}`
          : `${parameter.name} ${shown} is already used by <${rule.type}> at line ${line}`;
    const shareable = rule.instancesMax === null;
    this.#report.error(attributeLocation(section, parameter.name), {
      type: "duplicate",
      problem,
      ...(shareable ? { allowed: "define it once in <resources> and refer to it with ref" } : {}),
    });
  }

  #find(section: Section, rule: AgentRule, ref: string): Definition | null {
    const claims = referable(rule).map((parameter) => claimOf(rule, parameter, ref));
    const claim = claims.find((each) => this.#findable.has(each));
    const found = claim === undefined ? undefined : this.#findable.get(claim);
    if (found !== undefined && !found.inline) return found;
    const location = attributeLocation(section, "ref");
    if (found !== undefined) {
      const { line } = found.section.element;
      const problem = `<${rule.type}> ${quoted(ref)} is defined inside a service at line ${line}`;
      const allowed = "move the definition to <resources>";
      this.#report.error(location, { type: "dangling-reference", problem, allowed });
      return null;
    }
    const listed = this.#definitions.filter((each) => each.rule.type === rule.type && !each.inline);
    const keys = listed.map(({ key }) => key);
    const problem = `no <${rule.type}> named ${quoted(ref)} in <resources>`;
    const allowed = `there are: ${keys.length === 0 ? "none" : nameList(keys)}`;
    this.#report.error(location, { type: "dangling-reference", problem, allowed });
    return null;
  }

  /** Counts a use; false when the agent permits no further use. */
  #use(definition: Definition, section: Section): boolean {
    const { rule, key } = definition;
    const use = this.#uses.get(definition);
    const count = (use?.count ?? 0) + 1;
    this.#uses.set(definition, { first: use?.first ?? section, count });
    if (rule.instancesMax === null || count <= rule.instancesMax) return true;
    const line = use?.first.element.line ?? section.element.line;
    const times = rule.instancesMax === 1 ? "once" : `${rule.instancesMax} times`;
    const problem = `${rule.type} ${key} may be used ${times}, first at line ${line}`;
    this.#report.error(locationOf(section), { type: "duplicate", problem });
    return false;
  }

  #readDefaults(section: Section): void {
    const rule = this.ruleFor(section);
    if (rule === null) return;
    const first = this.#defaults.get(rule.type);
    if (first !== undefined) {
      const { line } = first.element;
      const problem = `defaults of <${rule.type}> are already given, first at line ${line}`;
      this.#report.error(locationOf(section), { type: "duplicate", problem });
      return;
    }
    this.#defaults.set(rule.type, section);
    // The parameters of an agent without metadata are unknown.
    if (rule.agent?.runs.dialect === "none") return;
    const open = rule.parameters.filter((each) => each.primary !== true && each.unique !== true);
    for (const { name } of section.element.attributes) {
      const parameter = open.find((each) => each.name === name);
      if (parameter !== undefined) {
        checkValue(section, parameter, this.#report);
        continue;
      }
      const known = open.map((each) => each.name);
      const subject = { location: attributeLocation(section, name), severity: "error" } as const;
      complainUnknown(this.#report, subject, { kind: "attribute", of: name, known });
    }
  }

  #warnChildren(section: Section): void {
    for (const child of childSections(section)) {
      if (child.element.name === "action") continue;
      const problem = `<${child.element.name}> inside a definition is ignored`;
      const allowed = "put it into the <service> that uses the definition";
      this.#report.warning(locationOf(child), { type: "ignored", problem, allowed });
    }
  }
}

/** The parameters that `ref` may name: the primary one; as in rgmanager, also a script's file. */
function referable(rule: AgentRule): readonly AgentParameter[] {
  const others = rule.parameters.filter(
    ({ primary, unique, required }) => primary !== true && unique === true && required === true,
  );
  const primary = primaryOf(rule);
  return primary === null ? others : [primary, ...others];
}

/** A key that is equal for equal values: addresses are compared as numbers, without prefix. */
function claimOf(rule: AgentRule, { name, kind }: AgentParameter, value: string): string {
  return `${rule.type} ${name} ${canonical(kind, value)}`;
}

function canonical(kind: ValueKind, value: string): string {
  if (kind.type === "address") return canonicalAddress(value);
  return kind.type === "unit" ? (unitName(value) ?? value) : value;
}
