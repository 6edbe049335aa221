/**
 * The indented lines of the output of `pcs config` as a tree, and the pairs `name=value` in them.
 * Source: pcs 0.9 to 0.12: pcs/config.py, pcs/cli/common/output.py.
 * Tested in: test/import/import-golden.test.ts
 */
import type { Place, Setting, Settings } from "./remark.ts";

export type PcsLine = {
  readonly text: string;
  readonly at: Place;
  readonly children: readonly PcsLine[];
};

type OpenLine = { readonly text: string; readonly at: Place; readonly children: OpenLine[] };

/** A deeper nesting is none of pcs. */
const depthMax = 16;

/** The lines without indentation, with what is indented below them. */
export function pcsLines(file: string, text: string): readonly PcsLine[] {
  const roots: OpenLine[] = [];
  const open: { readonly indent: number; readonly line: OpenLine }[] = [];
  for (const [index, written] of text.split("\n").entries()) {
    const flat = written.replaceAll("\t", "        ").trimEnd();
    const content = flat.trim();
    if (content === "") continue;
    const indent = flat.length - flat.trimStart().length;
    while (open.length > 0 && (open.at(-1)?.indent ?? 0) >= indent) open.pop();
    const line: OpenLine = { text: content, at: { file, line: index + 1 }, children: [] };
    (open.at(-1)?.line.children ?? roots).push(line);
    if (open.length < depthMax) open.push({ indent, line });
  }
  return roots;
}

/** What stands behind `LABEL:` in the line; null: it is another line. */
export function behindLabel({ text }: PcsLine, label: string): string | null {
  return text.startsWith(`${label}:`) ? text.slice(label.length + 1).trim() : null;
}

/** The line and all below it. */
export function withBelow(line: PcsLine): readonly PcsLine[] {
  return [line, ...line.children.flatMap(withBelow)];
}

/** The pairs of a text, see `pairsOfLines`. */
export function pairsOf(text: string, at: Place): Settings {
  return pairsOfLines([{ text, at }]);
}

/**
 * The pairs of several lines. A value between quotation marks may have blanks; other words belong
 * to the value before them, also in the next line, since pcs wraps what is wider than the terminal.
 */
function pairsOfLines(lines: readonly Pick<PcsLine, "text" | "at">[]): Settings {
  const pairs = new Map<string, Setting>();
  let last: string | null = null;
  for (const { text, at } of unwrapped(lines)) {
    for (const word of wordsOf(text)) {
      const equals = word.indexOf("=");
      const name = word.slice(0, Math.max(0, equals));
      const before = last === null ? undefined : pairs.get(last);
      if (/^[A-Za-z_#][\w.#:$-]*$/.test(name)) {
        pairs.set(name, { value: unquoted(word.slice(equals + 1)), at });
        last = name;
      } else if (last !== null && before !== undefined) {
        pairs.set(last, { ...before, value: `${before.value} ${unquoted(word)}` });
      }
    }
  }
  return pairs;
}

/** A line that ends between quotation marks goes on in the next one. */
function unwrapped(
  lines: readonly Pick<PcsLine, "text" | "at">[],
): readonly Pick<PcsLine, "text" | "at">[] {
  const whole: { text: string; readonly at: Place }[] = [];
  let isOpen = false;
  for (const { text, at } of lines) {
    const last = whole.at(-1);
    if (isOpen && last !== undefined) last.text += ` ${text}`;
    else whole.push({ text, at });
    if (text.split('"').length % 2 === 0) isOpen = !isOpen;
  }
  return whole;
}

/** Words are separated by blanks outside quotation marks. */
function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  let word = "";
  let isInside = false;
  for (let at = 0; at < text.length; at += 1) {
    const one = text[at] ?? "";
    if (one === '"') isInside = !isInside;
    if (one === " " && !isInside) {
      if (word !== "") words.push(word);
      word = "";
      continue;
    }
    word += one;
    if (one === "\\" && isInside) {
      at += 1;
      word += text[at] ?? "";
    }
  }
  return word === "" ? words : [...words, word];
}

function unquoted(text: string): string {
  const isQuoted = text.length > 1 && text.startsWith('"') && text.endsWith('"');
  return isQuoted ? text.slice(1, -1).replace(/\\(["\\])/g, "$1") : text;
}

/** The pairs of the line and of all below it. */
export function pairsBelow(line: PcsLine): Settings {
  return pairsOfLines(withBelow(line));
}

/** Names and values with a colon between them, or an equals sign, in the lines below. */
export function listBelow(section: PcsLine | undefined): Settings {
  const found = new Map<string, Setting>();
  for (const { text, at } of section?.children.flatMap(withBelow) ?? []) {
    const colon = /^([\w.$-]+): (.*)$/.exec(text);
    const equals = /^([\w.$-]+)=(.*)$/.exec(text);
    const isLabel = /^(Meta Attrs|Meta Attributes|Options|Attributes)\b/.test(text);
    const [, name = "", value = ""] = equals ?? colon ?? [];
    if (name !== "" && !isLabel) found.set(name, { value: unquoted(value.trim()), at });
  }
  return found;
}
