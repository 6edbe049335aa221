/**
 * `<action name= depth= interval= timeout=/>` inside resources.
 * Checks the overrides against the rule of the agent; does not apply them.
 * Source: rgmanager reslist.c: _get_actions_ccs.
 * Deviation: also read inside references and `<resource-defaults>`.
 * Tested in: test/config/agent-elements.test.ts, test/config/conf-values.test.ts
 */
import type { ActionOverride } from "../../model/conf.ts";
import type { Ms } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import type { AgentRule } from "../agents/agent-tables.ts";
import { actionRule } from "../schema/action-rule.ts";
import { checkSchema } from "../sections/schema-check.ts";
import type { Report } from "../text/complaint.ts";
import { integers } from "../text/defaults.ts";
import {
  attributeLocation,
  locationOf,
  requiredText,
  type Section,
  SectionReader,
  sectionsNamed,
} from "../text/section.ts";
import { durationWords, nameList, parseDuration } from "../text/value-text.ts";

/** The overrides among the children of a resource element, in document order. */
export function readActions(
  resource: Section,
  rule: AgentRule,
  report: Report,
): readonly ActionOverride[] {
  const overrides: ActionOverride[] = [];
  for (const section of sectionsNamed(resource, "action")) {
    const override = readAction(section, rule, report);
    if (override !== null) overrides.push(override);
  }
  return overrides;
}

function readAction(section: Section, rule: AgentRule, report: Report): ActionOverride | null {
  checkSchema(section, actionRule, report);
  const known = [...new Set(rule.actions.map((action) => action.name))];
  const name = requiredText(section, { name: "name", allowed: nameList(known) }, report);
  const override = {
    depth: new SectionReader(section, report).integer("depth", integers.action.depth),
    intervalMs: readDuration(section, "interval", report),
    timeoutMs: readDuration(section, "timeout", report),
  };
  if (name === null) return null;
  warnWithoutEffect(section, { rule, override: { name, ...override } }, report);
  return { name, ...override };
}

function readDuration(section: Section, name: string, report: Report): Ms | null {
  const value = new SectionReader(section, report).text(name);
  if (value === null) return null;
  const duration = parseDuration(value);
  if (duration !== null) return duration;
  const problem = `${quoted(value)} is not a time`;
  report.error(attributeLocation(section, name), {
    type: "bad-value",
    problem,
    allowed: durationWords,
  });
  return null;
}

function warnWithoutEffect(
  section: Section,
  written: { readonly rule: AgentRule; readonly override: ActionOverride },
  report: Report,
): void {
  const { rule, override } = written;
  // The actions of an agent without metadata are unknown.
  if (rule.agent?.runs.dialect === "none") return;
  const { name, depth, intervalMs, timeoutMs } = override;
  const same = rule.actions.filter((action) => action.name === name);
  const exists = same.some((action) => depth === null || action.depth === depth);
  const complete = depth !== null && intervalMs !== null && timeoutMs !== null;
  const reader = new SectionReader(section, report);
  if (!reader.has("interval") && !reader.has("timeout")) {
    const problem = "neither interval nor timeout is given: no effect";
    report.warning(locationOf(section), { type: "ignored", problem });
  } else if (!exists && !complete) {
    const depths = same.map((action) => `${action.name} depth ${action.depth}`);
    const known = depths.length > 0 ? depths : rule.actions.map((action) => action.name);
    const problem = `<${rule.type}> has no such action: no effect`;
    const allowed = `it has ${nameList([...new Set(known)])}`;
    report.warning(locationOf(section), { type: "ignored", problem, allowed });
  }
}
