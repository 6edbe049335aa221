/**
 * Text from outside, made fit for a terminal: what an agent prints, what a name in a frame holds.
 * Source: ECMA-48; Unicode TR9 for the marks that turn the order of what is read.
 * Tested in: test/io/log-sink.test.ts
 */

/** Controls, marks of direction and what cannot be seen, and separators that begin a line. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * One line in which whatever would move the cursor, change colours, or hide or turn text is shown
 * as its code; a tab stays.
 */
export function visible(text: string): string {
  return text.replace(unprintable, (one) => {
    if (one === "\t") return one;
    const code = one.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`;
  });
}

/** A stranger's text between double quotes on one line, shortened, with controls escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** The same as `visible` for several lines. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}
