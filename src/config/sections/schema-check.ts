/**
 * Checks the names in the file against the schema and complains about unknown, repeated, ignored
 * and refused ones. Of values it only checks that they contain no line breaks.
 * Source: cluster.conf(5); deviation: cman and rgmanager ignore every name that they do not know.
 * Tested in: test/config/complaints.test.ts
 */
import { assertNever } from "../../model/outcome.ts";
import type { AttributeRules, ElementRule } from "../schema/element-rules.ts";
import type { Report, SourceLocation } from "../text/complaint.ts";
import { nearestName } from "../text/nearest-name.ts";
import { attributeLocation, childSections, locationOf, type Section } from "../text/section.ts";
import { nameList, quotedUnlessSecret } from "../text/value-text.ts";

/** Complains about everything in `section`, and below it, that `rule` does not allow. */
export function checkSchema(section: Section, rule: ElementRule, report: Report): void {
  checkAttributes(section, rule, report);
  const firstLines = new Map<string, number>();
  for (const child of childSections(section)) {
    const { name, line } = child.element;
    const known = Object.hasOwn(rule.children, name) ? rule.children[name] : undefined;
    if (known === undefined) {
      unknownElement(child, rule, report);
      continue;
    }
    const first = firstLines.get(name);
    firstLines.set(name, first ?? line);
    const once = known.type === "once" || (known.type === "opaque" && known.once);
    if (once && first !== undefined) {
      const problem = `<${name}> may stand here once only, first at line ${first}`;
      report.error(locationOf(child), { type: "duplicate", problem });
      continue;
    }
    switch (known.type) {
      case "once":
      case "repeated":
        checkSchema(child, known.rule, report);
        break;
      case "opaque":
      case "silent":
        break;
      case "ignored": {
        const problem = `<${name}> is ignored`;
        report.warning(locationOf(child), { type: "ignored", problem, allowed: known.reason });
        break;
      }
      case "refused":
        report.error(locationOf(child), { type: "not-supported", problem: known.reason });
        break;
      default:
        assertNever(known);
    }
  }
}

/** Complains about control characters, such as line breaks, in values: agents read lines. */
export function checkCharacters(section: Section, report: Report): void {
  for (const { name, value } of section.element.attributes) {
    if (hasControlCharacter(value)) {
      report.error(attributeLocation(section, name), {
        type: "bad-value",
        problem: `${quotedUnlessSecret(name, value)} contains a line break or control character`,
        allowed: "one line of text",
      });
    }
  }
  for (const child of childSections(section)) checkCharacters(child, report);
}

/** The finding for an unknown name, with the nearest name that may be there. */
export function complainUnknown(
  report: Report,
  subject: { readonly location: SourceLocation; readonly severity: "error" | "warning" },
  name: { readonly kind: "attribute" | "element"; readonly of: string; readonly known: Names },
): void {
  const { kind, known } = name;
  const guess = nearestName(name.of, known);
  const shown = kind === "element" ? `<${name.of}>` : `"${name.of}"`;
  const ignored = subject.severity === "warning" ? ", it is ignored" : "";
  const finding = {
    type: kind === "element" ? "unknown-element" : "unknown-attribute",
    problem: `unknown ${kind} ${shown}${ignored}`,
    allowed: guess === null ? knownNames(kind, known) : `did you mean "${guess}"?`,
  } as const;
  if (subject.severity === "error") report.error(subject.location, finding);
  else report.warning(subject.location, finding);
}

type Names = readonly string[];

function knownNames(kind: "attribute" | "element", known: Names): string {
  return known.length === 0 ? `no ${kind} may stand here` : `known are ${nameList(known)}`;
}

function unknownElement(child: Section, rule: ElementRule, report: Report): void {
  if (rule.unknownElement === "silent") return;
  complainUnknown(
    report,
    { location: locationOf(child), severity: rule.unknownElement },
    { kind: "element", of: child.element.name, known: Object.keys(rule.children) },
  );
}

function checkAttributes(section: Section, rule: ElementRule, report: Report): void {
  const { attributes } = rule;
  for (const { name } of section.element.attributes) {
    const location = attributeLocation(section, name);
    const own = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    switch (own?.verdict) {
      case "implement":
      case "ignore":
        break;
      case "warn": {
        const allowed = own.reason;
        report.warning(location, { type: "ignored", problem: "is ignored", allowed });
        break;
      }
      case "refuse": {
        const allowed = own.reason;
        report.error(location, { type: "not-supported", problem: "not allowed", allowed });
        break;
      }
      case undefined: {
        const severity = rule.unknownAttribute;
        if (severity === "silent") break;
        const known = writableNames(attributes);
        complainUnknown(report, { location, severity }, { kind: "attribute", of: name, known });
        break;
      }
      default:
        assertNever(own);
    }
  }
}

function writableNames(rules: AttributeRules): Names {
  return Object.keys(rules).filter((name) => rules[name]?.verdict !== "refuse");
}

function hasControlCharacter(value: string): boolean {
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
