/**
 * Writes patterns of RELAX NG as indented XML.
 * Source: RELAX NG Specification, OASIS 2001; the data types of XML Schema Part 2.
 * Tested in: test/documents/documents.test.ts
 */

import type { ValueKind } from "../config/text/value-kind.ts";
import { flagWords } from "../config/text/value-text.ts";
import { assertNever } from "../model/outcome.ts";
import { xmlText } from "../model/visible-text.ts";

/** Lines without the indentation of what they stand in. */
export type Pattern = readonly string[];

type Attributes = Readonly<Record<string, string>>;

/** An element of the schema around other ones. */
export function around(name: string, attributes: Attributes, inner: readonly Pattern[]): Pattern {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${xmlText(value)}"`);
  const head = `<${name}${written.join("")}`;
  const lines = inner.flat();
  if (lines.length === 0) return [`${head}/>`];
  return [`${head}>`, ...lines.map((line) => `  ${line}`), `</${name}>`];
}

function textOf(name: string, text: string, attributes: Attributes = {}): Pattern {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${xmlText(value)}"`);
  return [`<${name}${written.join("")}>${xmlText(text)}</${name}>`];
}

export function absentOr(inner: Pattern): Pattern {
  return around("optional", {}, [inner]);
}

export function anyNumber(inner: Pattern): Pattern {
  return around("zeroOrMore", {}, [inner]);
}

/** Every name but those. */
export function otherNames(names: readonly string[]): Pattern {
  if (names.length === 0) return around("anyName", {}, []);
  const listed = names.map((name) => textOf("name", name));
  return around("anyName", {}, [around("except", {}, listed)]);
}

/** The values of one kind. */
export function valuePattern(kind: ValueKind, filled: boolean): Pattern {
  switch (kind.type) {
    case "text":
      if (kind.pattern !== undefined) return matching(kind.pattern);
      return filled ? matching("[\\s\\S]+") : around("text", {}, []);
    case "flag":
      return around("ref", { name: "boolean" }, []);
    case "flag-or-number":
      return matching(`${flags}|${integer}`);
    case "duration":
      return matching("([0-9]{1,9}[smhdwySMHDWY])*[0-9]{1,9}[smhdwySMHDWY]?");
    case "path":
      return matching("/.*");
    case "address":
      return matching("[0-9A-Fa-f.:]+(/[0-9]{1,3})?");
    case "integer": {
      const { min, max, also = [] } = kind;
      const number = around("data", { type: "integer" }, [
        textOf("param", `${min}`, { name: "minInclusive" }),
        textOf("param", `${max}`, { name: "maxInclusive" }),
        textOf("param", integer, { name: "pattern" }),
      ]);
      return also.length === 0 ? number : around("choice", {}, [number, ...also.map(word)]);
    }
    case "choice":
      if (kind.anyCase === true) return matching(kind.words.map(anyCase).join("|"));
      return around("choice", {}, kind.words.map(word));
    case "ocf-agent":
      return matching("(ocf:)?[A-Za-z0-9_][A-Za-z0-9_.\\-]*:[A-Za-z0-9_][A-Za-z0-9_.\\-]*");
    case "unit":
      return matching("[A-Za-z0-9:_.\\\\@][A-Za-z0-9:_.\\\\@\\-]{0,240}");
    default:
      return assertNever(kind);
  }
}

const integer = "[+\\-]?[0-9]{1,15}";
const flags = flagWords.split(" ").map(anyCase).join("|");

/** What the definition "boolean" of the schema must be. */
export const booleanPattern = matching(flags);

function matching(pattern: string): Pattern {
  return around("data", { type: "string" }, [textOf("param", pattern, { name: "pattern" })]);
}

function word(value: string): Pattern {
  return textOf("value", value, { type: "string" });
}

function anyCase(value: string): string {
  return value.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
