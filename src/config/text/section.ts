/**
 * An element with its path, and readers of attributes, which complain about wrong values.
 * Tested in: test/config/complaints.test.ts
 */
import { type Ms, ms } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import type { Report, SourceLocation } from "./complaint.ts";
import type { ChoiceOption, FlagOption, IntegerOption } from "./defaults.ts";
import { allowedFor } from "./value-kind.ts";
import { flagWords, nameList, parseFlag, parseInteger } from "./value-text.ts";
import type { XmlAttribute, XmlElement } from "./xml.ts";

export type Section = { readonly element: XmlElement; readonly path: string };

export function rootSection(element: XmlElement): Section {
  return { element, path: `/${element.name}` };
}

/** All children with paths: `[n]` when the element repeats, `(name)` when it has a name. */
export function childSections({ element, path }: Section): readonly Section[] {
  const totals = new Map<string, number>();
  for (const { name } of element.children) totals.set(name, (totals.get(name) ?? 0) + 1);
  const counts = new Map<string, number>();
  return element.children.map((child) => {
    const count = (counts.get(child.name) ?? 0) + 1;
    counts.set(child.name, count);
    const index = (totals.get(child.name) ?? 0) > 1 ? `[${count}]` : "";
    return { element: child, path: `${path}/${child.name}${index}${nameSuffix(child)}` };
  });
}

export function sectionsNamed(parent: Section, name: string): readonly Section[] {
  return childSections(parent).filter((child) => child.element.name === name);
}

/** The first child of that name; if there is none, an empty section, so that defaults apply. */
export function onlySection(parent: Section, name: string): Section {
  const [first] = sectionsNamed(parent, name);
  if (first !== undefined) return first;
  const element = { name, line: parent.element.line, attributes: [], children: [] };
  return { element, path: `${parent.path}/${name}` };
}

export function locationOf(section: Section): SourceLocation {
  return { path: section.path, line: section.element.line };
}

/** The location of the attribute, or of the element when the attribute is absent. */
export function attributeLocation(section: Section, name: string): SourceLocation {
  const found = findAttribute(section, name);
  return found === null
    ? locationOf(section)
    : { path: `${section.path}/@${name}`, line: found.line };
}

export function attributeOf(section: Section, name: string): string | null {
  return findAttribute(section, name)?.value ?? null;
}

/** The attribute's value; complains when it is absent or empty and returns null. */
export function requiredText(
  section: Section,
  attribute: { readonly name: string; readonly allowed: string },
  report: Report,
): string | null {
  const { name, allowed } = attribute;
  const value = attributeOf(section, name);
  if (value !== null && value !== "") return value;
  const problem = `attribute ${name} is ${value === null ? "missing" : "empty"}`;
  report.error(attributeLocation(section, name), { type: "missing-attribute", problem, allowed });
  return null;
}

/** Reads the attributes of one section; each method returns the default after a complaint. */
export class SectionReader {
  readonly section: Section;
  readonly #report: Report;

  constructor(section: Section, report: Report) {
    this.section = section;
    this.#report = report;
  }

  text(name: string): string | null {
    return attributeOf(this.section, name);
  }

  /** Whether the attribute is written in the file, with any value. */
  has(name: string): boolean {
    return this.text(name) !== null;
  }

  integer<Default extends number | null>(
    name: string,
    option: IntegerOption & { readonly default: Default },
  ): number | Default {
    const value = this.text(name);
    if (value === null || option.also?.includes(value) === true) return option.default;
    const number = parseInteger(value);
    const allowed = allowedFor({ type: "integer", ...option });
    if (number === null) return this.#refuse(name, "an integer", allowed) ?? option.default;
    if (number >= option.min && number <= option.max) return number;
    const problem = `${quoted(value)} is out of range`;
    this.#report.error(attributeLocation(this.section, name), {
      type: "bad-value",
      problem,
      allowed,
    });
    return option.default;
  }

  duration<Default extends number | null>(
    name: string,
    option: IntegerOption & { readonly default: Default },
  ): Default extends number ? Ms : Ms | null;
  duration(name: string, option: IntegerOption): Ms | null {
    const value = this.integer(name, option);
    if (value === null) return null;
    return ms(option.unit === "s" ? value * 1000 : value);
  }

  flag<Default extends boolean | null>(
    name: string,
    option: FlagOption & { readonly default: Default },
  ): boolean | Default {
    return this.optionalFlag(name) ?? option.default;
  }

  optionalFlag(name: string): boolean | null {
    const value = this.text(name);
    return value === null ? null : (parseFlag(value) ?? this.#refuse(name, "a boolean", flagWords));
  }

  /** One of the words, compared as given. */
  choice<Word extends string>(name: string, option: ChoiceOption<Word>): Word {
    const value = this.text(name);
    if (value === null) return option.default;
    const word = option.words.find((candidate) => candidate === value);
    return word ?? this.#refuse(name, "known here", nameList(option.words)) ?? option.default;
  }

  #refuse(name: string, kind: string, allowed: string): null {
    const problem = `${quoted(this.text(name) ?? "")} is not ${kind}`;
    this.#report.error(attributeLocation(this.section, name), {
      type: "bad-value",
      problem,
      allowed,
    });
    return null;
  }
}

function findAttribute(section: Section, name: string): XmlAttribute | null {
  return section.element.attributes.find((attribute) => attribute.name === name) ?? null;
}

function nameSuffix(element: XmlElement): string {
  const name = element.attributes.find((attribute) => attribute.name === "name")?.value ?? "";
  if (name === "") return "";
  const printable = quoted(name).slice(1, -1);
  return `(${printable})`;
}
