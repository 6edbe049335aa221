/**
 * Finds the functions of masked source as Biome lays it out, with their length and parameters.
 * Not a parser: it relies on a body's opening brace being the last character of its line.
 */

export type FoundFunction = {
  readonly line: number;
  readonly lines: number;
  /** Of a function that gets its name here; a callback's list is its caller's choice, and 0. */
  readonly parameters: number;
};

const control = /^(?:\}\s*)?(?:if|else|for|while|switch|do|try|catch|finally|with|return|class)\b/;
const method =
  /^(?:(?:public|private|protected|static|async|override|get|set)\s+)*[#*]?[\w$]+\s*(?:<[^(]*>)?\(/;

export function findFunctions(masked: string): readonly FoundFunction[] {
  const lines = masked.split("\n");
  return lines.flatMap((text, index) => {
    if (!text.trimEnd().endsWith("{")) return [];
    const first = headStart(lines, index);
    const header = lines
      .slice(first, index + 1)
      .join("\n")
      .trim();
    if (!isFunction(header)) return [];
    const end = bodyEnd(lines, index);
    return [{ line: first + 1, lines: end - first + 1, parameters: countParameters(header) }];
  });
}

/** A header may span lines; then it ends in `): Type {` or `}) => {` below its first line. */
function headStart(lines: readonly string[], last: number): number {
  let open = 0;
  for (let index = last; index >= 0; index -= 1) {
    const line = lines[index] ?? "";
    const counted = index === last ? line.trimEnd().slice(0, -1) : line;
    for (const char of counted) {
      if (char === ")" || char === "]" || char === "}") open += 1;
      if (char === "(" || char === "[" || char === "{") open -= 1;
    }
    if (open <= 0) return index;
  }
  return last;
}

function bodyEnd(lines: readonly string[], first: number): number {
  let open = 0;
  for (let index = first; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    const counted = index === first ? line.trimEnd().slice(-1) : line;
    for (const char of counted) {
      if (char === "{") open += 1;
      if (char === "}") open -= 1;
      if (open === 0) return index;
    }
  }
  return lines.length - 1;
}

function isFunction(header: string): boolean {
  if (/=>\s*\{$/.test(header)) return true;
  if (control.test(header)) return false;
  const open = count(header, "(") - count(header, ")");
  if (open !== 0) return false;
  if (/^(?:export\s+)?(?:declare\s+)?(?:async\s+)?function\b/.test(header)) return true;
  return method.test(header);
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

/** Of the parameter list that ends last: an arrow within a call has its own in front of `=>`. */
function countParameters(header: string): number {
  const callback = /=>\s*\{$/.test(header) && !/^(?:export\s+)?const\b/.test(header);
  const list = callback ? "" : parameterList(header);
  if (list.trim() === "") return 0;
  let depth = 0;
  let commas = 0;
  for (const char of list.replaceAll("=>", "  ").trim().replace(/,$/, "")) {
    if ("([{<".includes(char)) depth += 1;
    if (")]}>".includes(char)) depth -= 1;
    if (char === "," && depth === 0) commas += 1;
  }
  return commas + 1;
}

function parameterList(header: string): string {
  const arrow = /=>\s*\{$/.test(header);
  if (!arrow) {
    const start = header.indexOf("(");
    return header.slice(start + 1, closing(header, start));
  }
  // The list of an arrow is the last group in parentheses that a type or the arrow follows.
  const groups = [...header.matchAll(/\(/g)].map((match) => match.index);
  for (const start of groups) {
    const end = closing(header, start);
    if (/^(?:\s*:[^;]*?)?\s*=>\s*\{$/.test(header.slice(end + 1))) {
      return header.slice(start + 1, end);
    }
  }
  return "";
}

function closing(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === "(") depth += 1;
    if (text[at] === ")") depth -= 1;
    if (depth === 0) return at;
  }
  return text.length;
}
