/**
 * The rule of a type of rgmanager's that an agent of the package resource-agents replaces on this
 * machine: parameters as rgmanager's agent had them, actions and further parameters as those of the
 * agent that is run. Does not run agents.
 * Source: ocf-equivalents.ts.
 * Tested in: test/config/equivalent-agents.test.ts
 * EQUIVALENT2  What the agent cannot be told, and would matter, is said where it is written.
 */
import { isYes, ocfEquivalents, withoutEquivalent } from "../../model/ocf-equivalents.ts";
import type { Report } from "../text/complaint.ts";
import { attributeLocation, attributeOf, type Section } from "../text/section.ts";
import type { AgentRule } from "./agent-tables.ts";
import { reservedParameters } from "./ocf-params.ts";
import { replacedAgents, rgmanagerAgents } from "./rgmanager-agents.ts";

/** A type of rgmanager's: what its own agent takes, and which other agent does its work. */
export type Replacement = {
  readonly type: string;
  /** `provider:type`. */
  readonly agent: string;
  readonly original: AgentRule;
};

/** Null: nothing replaces the type. */
export function replacementOf(type: string): Replacement | null {
  const agent = ocfEquivalents[type]?.agent;
  const original = [...rgmanagerAgents, ...replacedAgents].find((one) => one.type === type);
  return agent === undefined || original === undefined ? null : { type, agent, original };
}

/** For the operator: what is run, and with which parameters. */
export function replacementWords({ type, agent }: Replacement): string {
  const { idle, same, translate } = ocfEquivalents[type] ?? {};
  if (idle === true) return "its children do all that is to be done";
  const names = same === true ? ["the same parameters"] : Object.keys(translate?.(() => "x") ?? {});
  return `it runs as ocf:${agent} (${names.join(", ")})`;
}

/** What to use instead of a type that nothing replaces; null: it is none of rgmanager's. */
export function insteadOf(type: string): string | null {
  return withoutEquivalent[type] ?? null;
}

/** The parameters of the rule, and the names that the agent gets as they are written. */
export function replacedParameters(
  { type, original }: Replacement,
  ofAgent: AgentRule["parameters"],
): { readonly parameters: AgentRule["parameters"]; readonly passed: readonly string[] } {
  if (ocfEquivalents[type]?.idle === true) return { parameters: original.parameters, passed: [] };
  const own = original.parameters.map((one) => one.name);
  const further = ofAgent.filter(
    ({ name }) => !own.includes(name) && !reservedParameters.includes(name),
  );
  const same = ocfEquivalents[type]?.same === true;
  const passed = (same ? ofAgent : further).map(({ name }) => name);
  const translated = Object.keys(ocfEquivalents[type]?.translate(() => "x") ?? {});
  // What is translated need not be written.
  const parameters = further.map(({ required, default: _, ...one }) =>
    required === true && !translated.includes(one.name) ? { ...one, required } : one,
  );
  return { parameters: [...original.parameters, ...parameters], passed };
}

/** EQUIVALENT2 */
export function warnOfUnsaid({ type, agent }: Replacement, section: Section, report: Report): void {
  for (const [name, meaning] of Object.entries(ocfEquivalents[type]?.unsaid ?? {})) {
    const value = attributeOf(section, name);
    const matters = value !== null && (isYes(value) || !/^(no|false|off|0|)$/i.test(value));
    if (!matters) continue;
    const problem = `ocf:${agent}, which runs the ${type}, knows no ${name}: ${meaning}`;
    report.warning(attributeLocation(section, name), { type: "ignored", problem });
  }
}
