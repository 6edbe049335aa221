/**
 * The attributes with two leading underscores, which apply to one occurrence of a resource in the
 * tree: whether it is repaired by itself and how often, how many failed checks are tolerated, and
 * whether time limits are enforced.
 * Source: rgmanager restree.c: do_load_resource, assign_restart_policy.
 * Deviation: an attribute without effect causes a warning.
 * Tested in: test/config/complaints.test.ts
 */
import type { SubtreeConf, ToleranceConf } from "../../model/conf.ts";
import { type Ms, ms } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import type { Report } from "../text/complaint.ts";
import { attributeLocation, attributeOf, type Section } from "../text/section.ts";
import type { ValueKind } from "../text/value-kind.ts";
import {
  durationWords,
  flagWords,
  parseDuration,
  parseFlag,
  parseInteger,
} from "../text/value-text.ts";

const subtreeAttributes = ["__independent_subtree", "__max_restarts", "__restart_expire_time"];

const limit: ValueKind = { type: "integer", min: 0, max: 999_999_999_999_999 };

/** All such attributes of rgmanager, with what they mean. */
export const occurrenceParameters = {
  __independent_subtree: {
    kind: { type: "choice", words: [...flagWords.split(" "), "2", "non-critical"], anyCase: true },
    meaning:
      "If the resource fails, it is restarted without the rest of the service (1), or left out " +
      "(2, non-critical).",
    usual: "0",
  },
  __max_restarts: {
    kind: limit,
    meaning: "How often an independent resource is restarted within __restart_expire_time.",
    usual: "without limit if independent, never if non-critical",
  },
  __restart_expire_time: {
    kind: { type: "duration" },
    meaning: "The time for which such a restart is counted.",
    usual: "none",
  },
  __enforce_timeouts: {
    kind: { type: "flag-or-number" },
    meaning: "Whether the time-outs of actions are limits; they always are for ocf and systemd.",
    usual: "0",
  },
  __max_failures: {
    kind: limit,
    meaning: "How many failed checks within __failure_expire_time are tolerated.",
    usual: "0",
  },
  __failure_expire_time: {
    kind: { type: "duration" },
    meaning: "The time for which a failed check is counted.",
    usual: "none",
  },
} as const satisfies Readonly<
  Record<string, { readonly kind: ValueKind; readonly meaning: string; readonly usual: string }>
>;

export const occurrenceAttributes: readonly string[] = Object.keys(occurrenceParameters);

export type OccurrenceOptions = {
  readonly tolerance?: ToleranceConf;
  readonly enforceTimeouts?: true;
  readonly subtree?: SubtreeConf;
};

/** Reads and checks the attributes of an occurrence. */
export function readOccurrenceOptions(section: Section, report: Report): OccurrenceOptions {
  const read = new OccurrenceReader(section, report);
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

function readSubtree(read: OccurrenceReader, section: Section, report: Report): SubtreeConf | null {
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
    const location = attributeLocation(section, name);
    report.warning(location, {
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

/** Warns about these attributes in a definition, where they have no effect. */
export function warnInDefinition(definition: Section, report: Report): void {
  for (const { name } of definition.element.attributes) {
    if (!occurrenceAttributes.includes(name)) continue;
    const problem = `${name} has no effect in a definition`;
    const allowed = "put it where the resource is used";
    report.warning(attributeLocation(definition, name), { type: "ignored", problem, allowed });
  }
}

class OccurrenceReader {
  readonly #section: Section;
  readonly #report: Report;

  constructor(section: Section, report: Report) {
    this.#section = section;
    this.#report = report;
  }

  /** Null when the attribute is absent or a complaint about it has been made. */
  value<Value>(
    name: string,
    kind: { readonly parse: (text: string) => Value | null; readonly allowed: string },
  ): Value | null {
    const text = attributeOf(this.#section, name);
    if (text === null) return null;
    const value = kind.parse(text);
    if (value === null) {
      const problem = `${quoted(text)} is not possible`;
      const location = attributeLocation(this.#section, name);
      this.#report.error(location, { type: "bad-value", problem, allowed: kind.allowed });
    }
    return value;
  }

  /** A number of events within a time; null unless both are given and more than zero. */
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
      this.#report.warning(attributeLocation(this.#section, name), { type: "ignored", problem });
    }
    return null;
  }
}
