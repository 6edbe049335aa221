/**
 * Converts offsets in a text to lines and columns, and finds characters that XML does not allow.
 * Tested in: test/config/damaged-conf.test.ts
 */

export type TextPosition = { readonly line: number; readonly column: number };

/** Finds the line of an offset by bisection. Lines end with LF or CR LF. */
export class LineIndex {
  readonly #starts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    this.#starts = starts;
  }

  /** One-based line and column. */
  at(offset: number): TextPosition {
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

/** Offset of the first character that XML does not allow, or -1. */
export function forbiddenCharacter(text: string): number {
  for (let offset = 0; offset < text.length; offset += 1) {
    const code = text.charCodeAt(offset);
    if (code === 0xfffe || code === 0xffff) return offset;
    if (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return offset;
  }
  return -1;
}
