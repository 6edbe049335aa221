/**
 * Reads command lines as getopt_long(3) does: options in any order, between and after operands.
 * Source: getopt(3), without abbreviated long names.
 */
import { assertNever } from "../model/outcome.ts";

export type OptionTable = {
  /** Letters as in getopt's optstring; `:` after a letter means that it takes a value. */
  readonly letters: string;
  /** Long names without the dashes; true when the option takes a value. */
  readonly names: Readonly<Record<string, boolean>>;
};

/** One part of the command line. After a mistake, the rest is still read. */
export type Arg =
  | { readonly type: "option"; readonly name: string; readonly value: string }
  | { readonly type: "operand"; readonly text: string }
  | { readonly type: "unknown"; readonly name: string }
  | { readonly type: "value-missing"; readonly name: string }
  | { readonly type: "value-unwanted"; readonly name: string };

/** The parts of the command line in order; an option without a value has the value "". */
export function parseArgs(words: readonly string[], table: OptionTable): readonly Arg[] {
  const args: Arg[] = [];
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      args.push(...rest.map((text): Arg => ({ type: "operand", text })));
      break;
    }
    if (word.startsWith("--")) args.push(longOption(word.slice(2), rest, table));
    else if (word.startsWith("-") && word !== "-") args.push(...letters(word, rest, table));
    else args.push({ type: "operand", text: word });
  }
  return args;
}

/** The mistake in getopt's words, or null for an option or operand. */
export function formatMistake(arg: Arg): string | null {
  const letter = "name" in arg && arg.name.length === 1;
  switch (arg.type) {
    case "option":
    case "operand":
      return null;
    case "unknown":
      return letter ? `invalid option -- '${arg.name}'` : `unrecognized option '--${arg.name}'`;
    case "value-missing":
      return letter
        ? `option requires an argument -- '${arg.name}'`
        : `option '--${arg.name}' requires an argument`;
    case "value-unwanted":
      return `option '--${arg.name}' doesn't allow an argument`;
    default:
      return assertNever(arg);
  }
}

function longOption(text: string, rest: string[], table: OptionTable): Arg {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const takesValue = Object.hasOwn(table.names, name) ? table.names[name] : undefined;
  if (takesValue === undefined) return { type: "unknown", name };
  if (!takesValue) {
    return equals < 0 ? { type: "option", name, value: "" } : { type: "value-unwanted", name };
  }
  const value = equals < 0 ? rest.shift() : text.slice(equals + 1);
  return value === undefined ? { type: "value-missing", name } : { type: "option", name, value };
}

/** Reads `-xl`, `-sweb` or `-s web`: letters up to the first one that takes a value. */
function letters(word: string, rest: string[], table: OptionTable): readonly Arg[] {
  const args: Arg[] = [];
  for (let at = 1; at < word.length; at += 1) {
    const name = word.charAt(at);
    const known = name === ":" ? -1 : table.letters.indexOf(name);
    if (known < 0) args.push({ type: "unknown", name });
    else if (table.letters[known + 1] !== ":") args.push({ type: "option", name, value: "" });
    else {
      const value = at + 1 < word.length ? word.slice(at + 1) : rest.shift();
      args.push(
        value === undefined ? { type: "value-missing", name } : { type: "option", name, value },
      );
      break;
    }
  }
  return args;
}
