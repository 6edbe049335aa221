/**
 * The attributes of an element in the tree that are about this occurrence of its resource, written
 * with two underscores: whether it is repaired by itself and how often, how many failed checks are
 * tolerated, and whether time limits are enforced.
 * Source: rgmanager restree.c: do_load_resource, assign_restart_policy.
 * Deviation: what has no effect is warned about.
 * Tested in: test/config/complaints.test.ts
 */
import type { SubtreeConf, ToleranceConf } from "../../model/conf.ts";
import { type Ms, ms } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import type { Report } from "../text/complaint.ts";
import { attributeOf, placeOfAttribute, type Section } from "../text/section.ts";
import {
  durationWords,
  flagWords,
  parseDuration,
  parseFlag,
  parseInteger,
} from "../text/value-text.ts";

const subtreeAttributes = ["__independent_subtree", "__max_restarts", "__restart_expire_time"];

/** All that rgmanager knows. */
export const occurrenceAttributes: readonly string[] = [
  ...subtreeAttributes,
  "__enforce_timeouts",
  "__max_failures",
  "__failure_expire_time",
];

export type Upkeep = {
  readonly tolerance?: ToleranceConf;
  readonly enforceTimeouts?: true;
  readonly subtree?: SubtreeConf;
};

/** Reads and checks them where the resource is used. */
export function readUpkeep(section: Section, report: Report): Upkeep {
  const read = new UpkeepReader(section, report);
  const enforce = read.value("__enforce_timeouts", {
    parse: (text) => parseFlag(text) ?? (/^[1-9]\d*$/.test(text) ? true : null),
    allowed: flagWords,
  });
  const tolerance = read.limit("__max_failures", "__failure_expire_time");
  const subtree = readSubtree(read, section, report);
  return {
    ...(tolerance === null
      ? {}
      : { tolerance: { failures: tolerance.max, expireMs: tolerance.expireMs } }),
    ...(enforce === true ? { enforceTimeouts: true } : {}),
    ...(subtree === null ? {} : { subtree }),
  };
}

function readSubtree(read: UpkeepReader, section: Section, report: Report): SubtreeConf | null {
  const kind = read.value("__independent_subtree", {
    parse: parseKind,
    allowed: "0, 1 (independent) or 2 (non-critical)",
  });
  const restarts = read.limit("__max_restarts", "__restart_expire_time");
  const top = section.element.name === "service";
  if (!top && kind !== null && kind !== "no") return { kind, restarts };
  for (const name of subtreeAttributes) {
    if (attributeOf(section, name) === null || (!top && name === "__independent_subtree")) continue;
    const problem = top
      ? `${name} has no effect on a service`
      : `${name} has no effect without __independent_subtree`;
    const allowed = top ? "use it on resources of the service, or max_restarts" : undefined;
    const place = placeOfAttribute(section, name);
    report.warning(place, {
      type: "ignored",
      problem,
      ...(allowed === undefined ? {} : { allowed }),
    });
  }
  return null;
}

function parseKind(text: string): SubtreeConf["kind"] | "no" | null {
  const word = text.toLowerCase();
  if (word === "2" || word === "non-critical") return "non-critical";
  const flag = parseFlag(word);
  return flag === null ? null : flag ? "independent" : "no";
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

  /** So many within the time; null unless both are given and more than zero. */
  limit(
    countName: string,
    timeName: string,
  ): { readonly max: number; readonly expireMs: Ms } | null {
    const max = this.value(countName, {
      parse: (text) => {
        const number = parseInteger(text);
        return number === null || number < 0 ? null : number;
      },
      allowed: "0 or a positive integer",
    });
    const expireMs = this.value(timeName, { parse: parseDuration, allowed: durationWords });
    const [count, time] = [max ?? 0, expireMs ?? 0];
    if (count > 0 && time > 0) return { max: count, expireMs: ms(time) };
    for (const [name, value, other] of [
      [countName, count, timeName],
      [timeName, time, countName],
    ] as const) {
      if (value === 0) continue;
      const problem = `${name} has no effect without ${other}`;
      this.#report.warning(placeOfAttribute(this.#section, name), { type: "ignored", problem });
    }
    return null;
  }
}
