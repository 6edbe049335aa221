/**
 * Checks the attributes of one resource element against the rule of its agent: their kinds, missing
 * and unknown ones.
 * Source: rgmanager reslist.c: load_resource.
 * Deviations: unknown and empty attributes are complained about; values are checked by kind.
 * Tested in: test/config/agent-elements.test.ts, test/config/complaints.test.ts
 */
import { parseAddressWithPrefix } from "../../model/numeric-address.ts";
import { type AgentParameter, type AgentRule, primaryOf } from "../agents/agent-tables.ts";
import { complainUnknown } from "../sections/schema-check.ts";
import type { Report, SourceLocation } from "../text/complaint.ts";
import { nearestName } from "../text/nearest-name.ts";
import { attributeLocation, attributeOf, locationOf, type Section } from "../text/section.ts";
import { allowedFor, fitsKind, kindName, type ValueKind } from "../text/value-kind.ts";
import { quotedUnlessSecret } from "../text/value-text.ts";
import { occurrenceAttributes } from "./occurrence-attributes.ts";

/** Complains about the attributes of a definition; true when it can be used. */
export function checkDefinition(section: Section, rule: AgentRule, report: Report): boolean {
  let usable = true;
  for (const parameter of rule.parameters) {
    const value = attributeOf(section, parameter.name);
    const needed = parameter.required === true || parameter.primary === true;
    if (needed && (value === null || value === "")) {
      const problem = `attribute ${parameter.name} is ${value === null ? "missing" : "empty"}`;
      const allowed = `required; ${allowedFor(parameter.kind)}`;
      const location = attributeLocation(section, parameter.name);
      report.error(location, { type: "missing-attribute", problem, allowed });
      usable = false;
    } else if (value !== null && parameter.stated === true) {
      doubtValue(section, parameter, report);
    } else if (value !== null && !checkValue(section, parameter, report)) {
      usable = false;
    }
  }
  checkNames(section, rule, report);
  if (rule.type === "ip" && rule.agent === undefined) checkFamily(section, report);
  return usable;
}

/** Complains if `family` differs from the family of the address itself. */
function checkFamily(section: Section, report: Report): void {
  const wanted = attributeOf(section, "family") ?? "auto";
  const address = parseAddressWithPrefix(attributeOf(section, "address") ?? "");
  if (address === null || wanted === "auto") return;
  const family = address.family === "ipv6" ? "inet6" : "inet";
  if (wanted === family || !["inet", "inet6"].includes(wanted)) return;
  const problem = `family is ${wanted}, but the address is of ${family}`;
  const location = attributeLocation(section, "family");
  report.error(location, { type: "conflict", problem, allowed: `family="auto" or "${family}"` });
}

/** Complains about attributes beside `ref`: a reference cannot override its definition. */
export function checkReference(section: Section, report: Report): void {
  const beside = section.element.attributes.filter(
    ({ name }) => name !== "ref" && !occurrenceAttributes.includes(name),
  );
  for (const { name } of beside) {
    const problem = `${name} is ignored beside ref`;
    const allowed = `define it with the <${section.element.name}> in <resources>`;
    report.warning(attributeLocation(section, name), { type: "ignored", problem, allowed });
  }
}

/** Checks the value of one attribute of a definition or of `<resource-defaults>`. */
export function checkValue(
  section: Section,
  parameter: { readonly name: string; readonly kind: ValueKind },
  report: Report,
): boolean {
  const value = attributeOf(section, parameter.name) ?? "";
  if (fitsKind(value, parameter.kind)) return true;
  const shown = quotedUnlessSecret(parameter.name, value);
  const problem = `${shown} is not ${kindName(parameter.kind)}`;
  const allowed = allowedFor(parameter.kind);
  report.error(attributeLocation(section, parameter.name), {
    type: "bad-value",
    problem,
    allowed,
  });
  return false;
}

/** Warns only: what an agent's metadata state about a value is advice. */
function doubtValue(section: Section, parameter: AgentParameter, report: Report): void {
  const value = attributeOf(section, parameter.name) ?? "";
  if (fitsKind(value, parameter.kind)) return;
  const expected = parameter.kind.type === "flag" ? "a boolean" : "an integer";
  const shown = quotedUnlessSecret(parameter.name, value);
  const problem = `${shown} is not ${expected}, which the agent's metadata ask for`;
  const location = attributeLocation(section, parameter.name);
  report.warning(location, { type: "bad-value", problem });
}

function checkNames(section: Section, rule: AgentRule, report: Report): void {
  const known = rule.parameters.map((parameter) => parameter.name);
  for (const { name } of section.element.attributes) {
    if (known.includes(name) || occurrenceAttributes.includes(name)) continue;
    const location = attributeLocation(section, name);
    if (rule.others === "passed") continue;
    if (rule.others === "passed-with-warning") {
      warnPassed(name, { location, known }, report);
      continue;
    }
    const kind = "attribute";
    const severity = rule.others === undefined ? "error" : "warning";
    complainUnknown(report, { location, severity }, { kind, of: name, known });
  }
  if (primaryOf(rule) === null) {
    const problem = `the agent of <${rule.type}> has no primary parameter`;
    report.error(locationOf(section), { type: "not-supported", problem });
  }
}

/** Agents read parameters that their metadata do not list, so an unknown one is passed on. */
function warnPassed(
  name: string,
  where: { readonly location: SourceLocation; readonly known: readonly string[] },
  report: Report,
): void {
  const guess = nearestName(name, where.known);
  const problem = `the agent's metadata list no parameter "${name}"; it is passed on all the same`;
  const allowed = guess === null ? {} : { allowed: `did you mean "${guess}"?` };
  report.warning(where.location, { type: "unknown-attribute", problem, ...allowed });
}
