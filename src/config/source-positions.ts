/**
 * Offsets of a text as lines and columns, and the attributes of a start tag with their lines.
 * Knows nothing of the parser and nothing of the cluster.
 * Tested in: test/config/damaged-conf.test.ts
 */

export type Position = { readonly line: number; readonly column: number };

/** One attribute of a start tag as it stands in the source, entities not resolved. */
export type SourceAttribute = {
  readonly name: string;
  readonly raw: string;
  /** Offset of the first character of the name. */
  readonly offset: number;
};

/** Finds lines by bisection; lines end with a line feed, which carriage returns may precede. */
export class LineIndex {
  readonly #starts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    this.#starts = starts;
  }

  /** One-based line and column. */
  at(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}

/** The attributes of the well-formed start tag `text[start..end)`, duplicates included. */
export function sourceAttributes(
  text: string,
  start: number,
  end: number,
): readonly SourceAttribute[] {
  const tag = text.slice(start, end);
  const nameEnd = tag.search(/[\s/>]/);
  if (nameEnd < 0) return [];
  const pattern = /([^\s=/<>"']+)\s*=\s*("[^"]*"|'[^']*')/g;
  pattern.lastIndex = nameEnd;
  const found: SourceAttribute[] = [];
  for (let match = pattern.exec(tag); match !== null; match = pattern.exec(tag)) {
    const [, name = "", quoted = ""] = match;
    found.push({ name, raw: quoted.slice(1, -1), offset: start + match.index });
  }
  return found;
}

/** Offset of the first character that XML does not allow, or -1. */
export function forbiddenCharacter(text: string): number {
  for (let offset = 0; offset < text.length; offset += 1) {
    const code = text.charCodeAt(offset);
    if (code === 0xfffe || code === 0xffff) return offset;
    if (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return offset;
  }
  return -1;
}
