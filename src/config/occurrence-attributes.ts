/**
 * The attributes of an element in the tree that are about this occurrence of its resource, written
 * with two underscores: how many failed checks are tolerated, and whether time limits are enforced.
 * Source: rgmanager restree.c: do_load_resource, assign_restart_policy.
 * Deviation: what has no effect is warned about.
 */
import type { ToleranceConf } from "../model/conf.ts";
import { ms } from "../model/time.ts";
import type { Report } from "./complaint.ts";
import { attributeOf, placeOfAttribute, type Section } from "./section.ts";
import {
  durationWords,
  flagWords,
  parseDuration,
  parseFlag,
  parseInteger,
  quoted,
} from "./value-text.ts";

const unsupported = ["__independent_subtree", "__max_restarts", "__restart_expire_time"];

/** All that rgmanager knows. */
export const occurrenceAttributes: readonly string[] = [
  ...unsupported,
  "__enforce_timeouts",
  "__max_failures",
  "__failure_expire_time",
];

export type Upkeep = {
  readonly tolerance?: ToleranceConf;
  readonly enforceTimeouts?: true;
};

/** Reads and checks them where the resource is used. */
export function readUpkeep(section: Section, report: Report): Upkeep {
  for (const name of unsupported) {
    if (attributeOf(section, name) === null) continue;
    const problem = `${name} is not supported by clusterd and has no effect`;
    const allowed = "the recovery policy of the service applies";
    report.warning(placeOfAttribute(section, name), { type: "not-supported", problem, allowed });
  }
  const read = new UpkeepReader(section, report);
  const enforce = read.value("__enforce_timeouts", {
    parse: (text) => parseFlag(text) ?? (/^[1-9]\d*$/.test(text) ? true : null),
    allowed: flagWords,
  });
  const failures = read.value("__max_failures", {
    parse: (text) => {
      const number = parseInteger(text);
      return number === null || number < 0 ? null : number;
    },
    allowed: "0 or a positive integer",
  });
  const expireMs = read.value("__failure_expire_time", {
    parse: parseDuration,
    allowed: durationWords,
  });
  warnHalf(section, { failures: failures ?? 0, expireMs: expireMs ?? 0 }, report);
  const tolerant = failures !== null && failures > 0 && expireMs !== null && expireMs > 0;
  return {
    ...(tolerant ? { tolerance: { failures, expireMs: ms(expireMs) } } : {}),
    ...(enforce === true ? { enforceTimeouts: true } : {}),
  };
}

/** A definition is not an occurrence: there they have no effect. */
export function warnInDefinition(definition: Section, report: Report): void {
  for (const { name } of definition.element.attributes) {
    if (!occurrenceAttributes.includes(name)) continue;
    const problem = `${name} has no effect in a definition`;
    const allowed = "put it where the resource is used";
    report.warning(placeOfAttribute(definition, name), { type: "ignored", problem, allowed });
  }
}

class UpkeepReader {
  readonly #section: Section;
  readonly #report: Report;

  constructor(section: Section, report: Report) {
    this.#section = section;
    this.#report = report;
  }

  /** Null when it is absent, or has been complained about. */
  value<Value>(
    name: string,
    kind: { readonly parse: (text: string) => Value | null; readonly allowed: string },
  ): Value | null {
    const text = attributeOf(this.#section, name);
    if (text === null) return null;
    const value = kind.parse(text);
    if (value === null) {
      const problem = `${quoted(text)} is not possible`;
      const place = placeOfAttribute(this.#section, name);
      this.#report.error(place, { type: "bad-value", problem, allowed: kind.allowed });
    }
    return value;
  }
}

function warnHalf(
  section: Section,
  given: { readonly failures: number; readonly expireMs: number },
  report: Report,
): void {
  const pairs = [
    ["__max_failures", given.failures, "__failure_expire_time", given.expireMs],
    ["__failure_expire_time", given.expireMs, "__max_failures", given.failures],
  ] as const;
  for (const [name, value, other, otherValue] of pairs) {
    if (value === 0 || otherValue > 0) continue;
    const problem = `${name} has no effect without ${other}`;
    report.warning(placeOfAttribute(section, name), { type: "ignored", problem });
  }
}
