/**
 * The offsets of the elements, attributes and texts of an XML document, or the first fault in it.
 * Does not resolve references or build a tree; xml.ts does.
 * Source: Extensible Markup Language 1.0, fifth edition; as strict as libxml2.
 * Deviations: no document type; names have no characters beyond U+FFFF; "]]>" may stand in a text.
 */
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { xmlAttributesMax, xmlDepthMax } from "./defaults.ts";
import type { LineIndex } from "./source-positions.ts";

/** One attribute of a start tag as written, with references not resolved. */
export type SourceAttribute = {
  readonly name: string;
  readonly raw: string;
  /** The offset of the first character of the name, and that of the value. */
  readonly offset: number;
  readonly valueOffset: number;
};

/** An element, where it is written. */
export type SourceElement = {
  readonly name: string;
  /** The offset of the "<" of its start tag, and the one after the tag. */
  readonly offset: number;
  readonly tagEnd: number;
  /** The offset of its end tag, and the one after the element; of "<a/>" both are `tagEnd`. */
  readonly endTag: number;
  readonly end: number;
  readonly attributes: readonly SourceAttribute[];
};

/** An element whose end is not known yet. */
type OpenElement = { -readonly [Key in keyof SourceElement]: SourceElement[Key] };

/** Text that is not blank, between two pieces of markup; `offset` is that of its first word. */
export type SourceText = {
  readonly parent: string;
  readonly content: string;
  readonly offset: number;
};

/** Both in the order of the document. */
export type XmlScan = {
  readonly elements: readonly SourceElement[];
  readonly texts: readonly SourceText[];
};

/** The offset of a fault, what is wrong there, and what would be right. */
export type XmlFault = {
  readonly offset: number;
  readonly what: string;
  readonly expected?: string;
};

/** `text` must contain only characters that XML allows; `lines` is its index. */
export function scanXml(text: string, lines: LineIndex): Result<XmlScan, XmlFault> {
  const scanner = new Scanner(text, lines);
  const fault = scanner.run();
  if (fault !== null) return refuse(fault);
  return accept({ elements: scanner.elements, texts: scanner.texts });
}

const nameStart =
  ":_A-Za-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF" +
  "\\u200C-\\u200D\\u2070-\\u218F\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD";
const namePattern = `[${nameStart}][${nameStart}\\u00B7\\u0300-\\u036F\\u203F-\\u2040.\\d-]*`;
const blankExpected = "expected a blank";
const outside = "everything must stand inside the root element";
const entities: readonly string[] = ["amp", "lt", "gt", "quot", "apos"];

class Scanner {
  readonly elements: SourceElement[] = [];
  readonly texts: SourceText[] = [];
  readonly #text: string;
  readonly #lines: LineIndex;
  readonly #open: OpenElement[] = [];
  readonly #name = new RegExp(namePattern, "y");
  #at = 0;

  constructor(text: string, lines: LineIndex) {
    this.#text = text;
    this.#lines = lines;
  }

  run(): XmlFault | null {
    while (this.#at < this.#text.length) {
      const wrong = this.#sees("<") ? this.#markup() : this.#characters();
      if (wrong !== null) return wrong;
    }
    return this.#open.length > 0 ? this.#endTooEarly() : null;
  }

  #markup(): XmlFault | null {
    if (this.#sees("<!--")) return this.#comment();
    if (this.#sees("<![CDATA[")) return this.#verbatim();
    if (this.#sees("<!")) return this.#declaration();
    if (this.#sees("<?")) return this.#instruction();
    return this.#sees("</") ? this.#endTag() : this.#startTag();
  }

  #characters(): XmlFault | null {
    const start = this.#at;
    const next = this.#text.indexOf("<", start);
    this.#at = next < 0 ? this.#text.length : next;
    const word = this.#skipBlanks(start);
    if (this.#open.length === 0 && word < this.#at) {
      if (start > 0) return fault(word, "text data outside of root node", outside);
      return fault(word, "non-whitespace before first tag", "expected <");
    }
    this.#noteText(start, this.#at);
    return this.#references(start, this.#at);
  }

  #comment(): XmlFault | null {
    const hyphens = this.#text.indexOf("--", this.#at + 4);
    if (hyphens < 0 || hyphens + 2 === this.#text.length) {
      const { line } = this.#lines.at(this.#at);
      return this.#endTooEarly(`the comment opened at line ${line} is not closed`);
    }
    if (this.#text[hyphens + 2] !== ">") {
      const expected = 'two hyphens may stand in a comment only in its closing "-->"';
      return fault(hyphens + 2, "malformed comment", expected);
    }
    this.#at = hyphens + 3;
    return null;
  }

  #verbatim(): XmlFault | null {
    const start = this.#at + "<![CDATA[".length;
    const end = this.#text.indexOf("]]>", start);
    if (this.#open.length === 0) {
      return fault(this.#at, "text data outside of root node", outside);
    }
    if (end < 0) return this.#endTooEarly();
    this.#noteText(start, end);
    this.#at = end + 3;
    return null;
  }

  #declaration(): XmlFault | null {
    const rest = this.#text.slice(this.#at, this.#at + 9);
    if (/^<!doctype/i.test(rest)) {
      return fault(this.#at, "document type declarations are not accepted");
    }
    if ("<!--".startsWith(rest) || "<![CDATA[".startsWith(rest)) return this.#endTooEarly();
    return fault(this.#at, '"<!" begins neither a comment nor CDATA');
  }

  #instruction(): XmlFault | null {
    const end = this.#text.indexOf("?", this.#at + 2);
    if (end < 0 || end + 1 === this.#text.length) return this.#endTooEarly();
    const name = this.#nameAt(this.#at + 2);
    if (name === "" || this.#text[end + 1] !== ">") {
      const expected = 'a name comes first, and "?" stands only in the closing "?>"';
      return fault(name === "" ? this.#at + 2 : end + 1, "malformed instruction", expected);
    }
    if (name === "xml" && this.#at > 0) {
      return fault(this.#at, "the XML declaration is not at the very start of the file");
    }
    this.#at = end + 2;
    return null;
  }

  #endTag(): XmlFault | null {
    const name = this.#nameAt(this.#at + 2);
    const afterName = this.#at + 2 + name.length;
    if (afterName === this.#text.length) return this.#endTooEarly();
    if (name === "") return fault(afterName, "invalid tagname in closing tag", this.#unclosed());
    const end = this.#skipBlanks(afterName);
    if (end === this.#text.length) return this.#endTooEarly();
    if (this.#text[end] !== ">") {
      return fault(end, "invalid characters in closing tag", this.#unclosed());
    }
    const innermost = this.#open.at(-1);
    if (innermost === undefined) return fault(end, `unmatched closing tag: ${name}`);
    if (innermost.name !== name) return fault(end, "unexpected close tag", this.#unclosed());
    this.#open.pop();
    innermost.endTag = this.#at;
    innermost.end = end + 1;
    this.#at = end + 1;
    return null;
  }

  #startTag(): XmlFault | null {
    const offset = this.#at;
    const name = this.#nameAt(offset + 1);
    this.#at = offset + 1 + name.length;
    if (this.#at === this.#text.length) return this.#endTooEarly();
    if (name === "") return fault(this.#at, "unencoded <", "a bare < is written &lt;");
    if (this.#open.length === 0 && this.elements.length > 0) {
      return fault(offset, "a second root element", "exactly one");
    }
    if (this.#open.length >= xmlDepthMax) {
      return fault(offset, `elements nested more than ${xmlDepthMax} deep`);
    }
    const attributes: SourceAttribute[] = [];
    let wrong = this.#attributes(attributes);
    if (wrong === null && attributes.length > xmlAttributesMax) {
      wrong = fault(offset, `an element with more than ${xmlAttributesMax} attributes`);
    }
    if (wrong !== null) return wrong;
    const holds = this.#sees(">");
    this.#at += holds ? 1 : 2;
    const tagEnd = this.#at;
    const element = { name, offset, tagEnd, endTag: tagEnd, end: tagEnd, attributes };
    this.elements.push(element);
    if (holds) this.#open.push(element);
    return null;
  }

  /** Scans attributes up to the end of the tag, which is ">" or "/>". */
  #attributes(found: SourceAttribute[]): XmlFault | null {
    const seen = new Map<string, number>();
    for (;;) {
      const blank = this.#at;
      this.#at = this.#skipBlanks(blank);
      const next = this.#text[this.#at];
      if (next === undefined) return this.#endTooEarly();
      if (next === ">" || this.#sees("/>")) return null;
      if (next === "/") return this.#straySlash();
      if (this.#at === blank) return this.#withoutBlank(found.length);
      const wrong = this.#attribute(found);
      if (wrong !== null) return wrong;
      const { name, offset } = found.at(-1) ?? { name: "", offset: 0 };
      const first = seen.get(name);
      if (first !== undefined) {
        const where = `first at line ${this.#lines.at(first).line}`;
        return fault(offset, `attribute ${name} occurs twice in one element, ${where}`);
      }
      seen.set(name, offset);
    }
  }

  #straySlash(): XmlFault {
    if (this.#at + 1 === this.#text.length) return this.#endTooEarly();
    return fault(this.#at + 1, "forward-slash in opening tag not followed by >");
  }

  #withoutBlank(attributes: number): XmlFault {
    if (attributes === 0) return fault(this.#at, "invalid character in tag name");
    if (this.#nameAt(this.#at) === "") return fault(this.#at, "invalid attribute name");
    return fault(this.#at, "no whitespace between attributes", blankExpected);
  }

  #attribute(found: SourceAttribute[]): XmlFault | null {
    const offset = this.#at;
    const name = this.#nameAt(offset);
    if (name === "") return fault(offset, "invalid attribute name");
    const afterName = offset + name.length;
    const equals = this.#skipBlanks(afterName);
    if (equals === this.#text.length) return this.#endTooEarly();
    if (this.#text[equals] !== "=") {
      const inName = equals === afterName && this.#text[equals] !== ">";
      if (inName) return fault(equals, "invalid attribute name");
      return fault(equals, "attribute without value", 'expected ="value"');
    }
    const start = this.#skipBlanks(equals + 1);
    const quote = this.#text[start];
    if (quote === undefined) return this.#endTooEarly();
    if (quote !== '"' && quote !== "'") {
      return fault(start, "unquoted attribute value", "expected \" or ' before the value");
    }
    const closing = this.#text.indexOf(quote, start + 1);
    const end = closing < 0 ? this.#text.length : closing;
    const raw = this.#text.slice(start + 1, end);
    if (raw.includes("<")) return fault(offset, `"<" in the value of ${name}`, "write &lt;");
    const wrong = this.#references(start + 1, end);
    if (wrong !== null) return wrong;
    if (closing < 0) return this.#endTooEarly();
    found.push({ name, raw, offset, valueOffset: start + 1 });
    this.#at = end + 1;
    return null;
  }

  /** The first "&" between two offsets that does not begin a known reference. */
  #references(start: number, end: number): XmlFault | null {
    for (let at = this.#text.indexOf("&", start); at >= 0 && at < end; ) {
      const body = /[#\w:.\-\u00B7-\uFFFD]*/y;
      body.lastIndex = at + 1;
      const reference = body.exec(this.#text)?.[0] ?? "";
      const after = at + 1 + reference.length;
      if (after === this.#text.length) return this.#endTooEarly();
      if (this.#text[after] !== ";") {
        return fault(after, "invalid character in entity name", "a bare & is written &amp;");
      }
      if (!isKnown(reference)) {
        const expected = "known are &amp; &lt; &gt; &quot; &apos; and numeric references";
        return fault(after, "invalid character entity", expected);
      }
      at = this.#text.indexOf("&", after);
    }
    return null;
  }

  #noteText(start: number, end: number): void {
    const written = this.#text.slice(start, end);
    const content = written.trim();
    const parent = this.#open.at(-1)?.name;
    if (content === "" || parent === undefined) return;
    const offset = start + written.length - written.trimStart().length;
    this.texts.push({ parent, content, offset });
  }

  #endTooEarly(expected = this.#unclosed()): XmlFault {
    const what = this.#open.length > 0 ? "unclosed root tag" : "unexpected end";
    return fault(this.#text.length - 1, what, expected);
  }

  #unclosed(): string | undefined {
    const innermost = this.#open.at(-1);
    if (innermost === undefined) return undefined;
    const { line } = this.#lines.at(innermost.offset);
    return `element "${innermost.name}" opened at line ${line} is not closed`;
  }

  #sees(markup: string): boolean {
    return this.#text.startsWith(markup, this.#at);
  }

  /** The name at the offset; empty when there is none. */
  #nameAt(offset: number): string {
    this.#name.lastIndex = offset;
    return this.#name.exec(this.#text)?.[0] ?? "";
  }

  #skipBlanks(offset: number): number {
    let at = offset;
    while (" \t\r\n".includes(this.#text[at] ?? "x")) at += 1;
    return at;
  }
}

function isKnown(reference: string): boolean {
  const [, decimal, hexadecimal] = /^#(?:(\d{1,9})|x([\da-fA-F]{1,8}))$/.exec(reference) ?? [];
  if (decimal === undefined && hexadecimal === undefined) return entities.includes(reference);
  return isCharacter(decimal === undefined ? Number(`0x${hexadecimal}`) : Number(decimal));
}

/** XML 1.0, production Char. */
function isCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || isAstral(code);
}

function isAstral(code: number): boolean {
  return code >= 0x1_0000 && code <= 0x10_ffff;
}

function fault(offset: number, what: string, expected?: string): XmlFault {
  return expected === undefined ? { offset, what } : { offset, what, expected };
}
