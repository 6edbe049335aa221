/**
 * Makes text from outside, such as the output of an agent, safe to print on a terminal or in XML.
 * Source: ECMA-48 for control sequences; Unicode TR9 for characters that change text direction; the
 * XML recommendation.
 * Tested in: test/io/log-sink.test.ts, test/import/conf-element.test.ts
 */

/** Control, format (direction, invisible) and line separator characters. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** One line, in which unprintable characters are replaced by their codes; a tab stays. */
export function visible(text: string): string {
  return text.replace(unprintable, (one) => {
    if (one === "\t") return one;
    const code = one.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`;
  });
}

/** Foreign text between double quotes on one line, shortened, with unprintables escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** As `visible`, for several lines. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}

const xmlReferences: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** The value of an XML attribute, to be put between double quotes, or the text of an element. */
export function xmlText(value: string): string {
  return value.replace(/[&<>"\t\n\r]/g, (one) => xmlReferences[one] ?? one);
}
