/**
 * The kinds of attribute values: whether a text is of its kind, and the words of messages and
 * documents for the kind and for what it allows.
 * Tested in: test/config/agent-elements.test.ts, test/config/complaints.test.ts
 */
import { parseAddressWithPrefix } from "../../model/numeric-address.ts";
import { assertNever } from "../../model/outcome.ts";
import type { OptionUnit } from "./defaults.ts";
import { ocfAgentName, unitName } from "./unit-and-agent-names.ts";
import {
  durationWords,
  flagWords,
  nameList,
  parseDuration,
  parseFlag,
  parseInteger,
} from "./value-text.ts";

export type ValueKind =
  | {
      readonly type: "text";
      /** What may be written, in words; absent: any text. */
      readonly allowed?: string;
      /** The same as an expression of XML Schema, for editors; the reader checks more. */
      readonly pattern?: string;
    }
  | { readonly type: "flag" }
  /** A boolean or a number; a number above zero means yes. */
  | { readonly type: "flag-or-number" }
  | { readonly type: "duration" }
  | { readonly type: "path" }
  | { readonly type: "address" }
  | {
      readonly type: "integer";
      readonly min: number;
      readonly max: number;
      readonly unit?: OptionUnit;
      /** Words that may stand instead of a number. */
      readonly also?: readonly string[];
    }
  | {
      readonly type: "choice";
      readonly words: readonly string[];
      /** Upper and lower case are alike. */
      readonly anyCase?: true;
    }
  /** `provider:type`. */
  | { readonly type: "ocf-agent" }
  /** A unit of systemd, with or without the suffix `.service`. */
  | { readonly type: "unit" };

export function fitsKind(value: string, kind: ValueKind): boolean {
  switch (kind.type) {
    case "text":
      return true;
    case "flag":
      return parseFlag(value) !== null;
    case "flag-or-number":
      return parseFlag(value) !== null || parseInteger(value) !== null;
    case "duration":
      return parseDuration(value) !== null;
    case "path":
      return value.startsWith("/");
    case "address":
      return parseAddressWithPrefix(value) !== null;
    case "integer": {
      const number = parseInteger(value);
      if (number === null) return kind.also?.includes(value) === true;
      return number >= kind.min && number <= kind.max;
    }
    case "choice":
      return kind.words.includes(kind.anyCase === true ? value.toLowerCase() : value);
    case "ocf-agent":
      return ocfAgentName(value) !== null;
    case "unit":
      return unitName(value) !== null;
    default:
      return assertNever(kind);
  }
}

/** `"x" is not …`. */
export function kindName(kind: ValueKind): string {
  switch (kind.type) {
    case "text":
      return "text";
    case "flag":
      return "a boolean";
    case "flag-or-number":
      return "a boolean or a number";
    case "duration":
      return "a time";
    case "path":
      return "an absolute path";
    case "address":
      return "an address";
    case "integer":
      return "an integer in range";
    case "choice":
      return "known here";
    case "ocf-agent":
      return "the name of an OCF agent";
    case "unit":
      return "the name of a unit";
    default:
      return assertNever(kind);
  }
}

/** What may be written, for messages and documents. */
export function allowedFor(kind: ValueKind): string {
  switch (kind.type) {
    case "text":
      return kind.allowed ?? "a name";
    case "flag":
      return flagWords;
    case "flag-or-number":
      return `${flagWords}, or a number`;
    case "duration":
      return durationWords;
    case "path":
      return "an absolute path, starting with /";
    case "address":
      return "an IPv4 or IPv6 address, optionally /prefix";
    case "integer": {
      const { min, max, unit = "count", also = [] } = kind;
      return [`${min} to ${max}${unitWords[unit]}`, ...also].join(", or ");
    }
    case "choice":
      return nameList(kind.words);
    case "ocf-agent":
      return "provider:type, for example heartbeat:nginx";
    case "unit":
      return "for example haproxy.service";
    default:
      return assertNever(kind);
  }
}

const unitWords: Readonly<Record<OptionUnit, string>> = {
  ms: " milliseconds",
  s: " seconds",
  count: "",
  votes: "",
  bytes: " bytes",
  id: "",
  port: "",
  hops: "",
  visits: "",
};
