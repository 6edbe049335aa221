/**
 * Parses the text of attribute values: numbers, switches and durations; null always means "not of
 * this kind". Formats values for messages.
 * Tested in: test/config/timers.test.ts
 */
import { isSecret } from "../../model/secrets.ts";
import { type Ms, ms } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import { durationSecondsMax } from "./defaults.ts";

export const flagWords = "1 0 yes no on off true false";

/** The whole text must be a decimal integer; a sign is accepted, blanks are not. */
export function parseInteger(text: string): number | null {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : null;
}

export function parseFlag(text: string): boolean | null {
  switch (text.toLowerCase()) {
    case "1":
    case "yes":
    case "on":
    case "true":
      return true;
    case "0":
    case "no":
    case "off":
    case "false":
      return false;
    default:
      return null;
  }
}

const unitSeconds: ReadonlyMap<string, number> = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3600],
  ["d", 86_400],
  ["w", 604_800],
  ["y", 31_536_000],
]);

/** rgmanager resrules.c, expand_time: `90`, `30s`, `1h30m`; a number without unit is seconds. */
export function parseDuration(text: string): Ms | null {
  if (!/^(\d{1,9}[smhdwy])*(\d{1,9}[smhdwy]?)$/i.test(text)) return null;
  let total = 0;
  for (const [, digits = "", unit = ""] of text.matchAll(/(\d+)([smhdwy]?)/gi)) {
    total += Number(digits) * (unitSeconds.get(unit.toLowerCase()) ?? 1);
  }
  return total <= durationSecondsMax ? ms(total * 1000) : null;
}

export const durationWords = `seconds, or digits with s m h d w y, at most ${durationSecondsMax} s`;

/** The quoted value of a parameter, unless it is a secret. */
export function quotedUnlessSecret(parameter: string, value: string): string {
  return isSecret(parameter) ? "its value (a secret)" : quoted(value);
}

/** A list of names for a message; a long list is cut. */
export function nameList(names: readonly string[]): string {
  const shown = names.slice(0, 20);
  return shown.length < names.length ? `${shown.join(", ")}, …` : shown.join(", ");
}
