/**
 * How `<action>` elements inside a definition change the actions of its agent.
 * Source: rgmanager reslist.c: _get_actions_ccs, store_action.
 * Tested in: test/rg-test/classic.test.ts, test/tree-tool/rg-test.test.ts
 */

import { attributeOf, type Section, sectionsNamed } from "../config/text/section.ts";
import { parseDuration, parseInteger } from "../config/text/value-text.ts";
import type { AgentActionConf } from "../model/conf.ts";
import type { Ms } from "../model/time.ts";

/** The changed actions; reports each change. A text that is not a number or time is ignored. */
export function changedActions(
  definition: Section,
  actions: readonly AgentActionConf[],
  report: (line: string) => void,
): readonly AgentActionConf[] {
  let changed = actions;
  for (const section of sectionsNamed(definition, "action")) {
    const name = attributeOf(section, "name");
    const depth = parseInteger(attributeOf(section, "depth") ?? "*");
    const timeoutMs = durationOf(section, "timeout");
    const intervalMs = durationOf(section, "interval");
    const fits = (one: AgentActionConf): boolean =>
      one.name === name && (depth === null || one.depth === depth);
    if (name !== null && depth !== null && timeoutMs !== null && intervalMs !== null) {
      if (!changed.some(fits)) changed = [...changed, { name, depth, intervalMs, timeoutMs }];
    }
    changed = changed.map((one) => {
      if (!fits(one)) return one;
      const next = {
        ...one,
        timeoutMs: timeoutMs ?? one.timeoutMs,
        intervalMs: intervalMs ?? one.intervalMs,
      };
      const text = describeChange(one, next);
      if (text !== "") report(`Replacing action '${one.name}' depth ${one.depth}: ${text}`);
      return next;
    });
  }
  return changed;
}

function durationOf(section: Section, name: string): Ms | null {
  return parseDuration(attributeOf(section, name) ?? "");
}

function describeChange(before: AgentActionConf, after: AgentActionConf): string {
  const words = [];
  if (before.timeoutMs !== after.timeoutMs) {
    words.push(`timeout: ${before.timeoutMs / 1000}->${after.timeoutMs / 1000}`);
  }
  if (before.intervalMs !== after.intervalMs) {
    words.push(`interval: ${(before.intervalMs ?? 0) / 1000}->${(after.intervalMs ?? 0) / 1000}`);
  }
  return words.join(" ");
}
