/**
 * Text → elements in document order with one-based lines, or the first reason why not.
 * Does not know any element of the cluster configuration.
 * Source: Extensible Markup Language 1.0; xml2js and its sax parser, made as strict as libxml2.
 * Deviations from a full parser: no document type, no entities but the predefined and numeric
 * ones, limits on size and depth.
 * Tested in: test/config/damaged-conf.test.ts
 * XML1  Elements and texts come out of xml2js in the order in which sax announced them; lines are
 *     matched by that order.
 */
import { Parser } from "xml2js";
import { accept, invariant, type Result, refuse } from "../model/outcome.ts";
import { xmlAttributesMax, xmlBytesMax, xmlDepthMax } from "./defaults.ts";
import {
  forbiddenCharacter,
  LineIndex,
  type Position,
  type SourceAttribute,
  sourceAttributes,
} from "./source-positions.ts";

export type XmlAttribute = {
  readonly name: string;
  readonly value: string;
  readonly line: number;
};

export type XmlElement = {
  readonly name: string;
  readonly line: number;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlElement[];
};

export type XmlProblem = {
  readonly type: "not-well-formed" | "too-large" | "text-ignored";
  readonly line: number;
  readonly problem: string;
  readonly allowed?: string;
};

/** The root element, and a warning for each stretch of text between elements. */
export type XmlDocument = { readonly root: XmlElement; readonly warnings: readonly XmlProblem[] };

/** What a text was parsed into; carried to whoever reads it, so that nobody parses it again. */
export type ParsedXml = Result<XmlDocument, XmlProblem>;

export function parseXml(source: string): ParsedXml {
  const text = source.startsWith("\ufeff") ? source.slice(1) : source;
  const lines = new LineIndex(text);
  const problem = unfitText(text, lines);
  if (problem !== null) return refuse(problem);
  const trace = new Trace(text, lines);
  const parser = new Parser({
    explicitChildren: true,
    preserveChildrenOrder: true,
    charsAsChildren: true,
    includeWhiteChars: true,
    explicitCharkey: true,
    explicitRoot: false,
    // The usual "_" may also be the name of an element; this may not.
    charkey: "#text",
    async: false,
  });
  const sax: unknown = Reflect.get(parser, "saxParser");
  invariant(isSax(sax), "xml2js offers its sax parser");
  trace.watch(sax);
  let root: unknown = null;
  try {
    parser.parseString(text, (error: unknown, result: unknown) => {
      if (error === null) root ??= result;
    });
  } catch (cause) {
    // Everything that the trace did not recognise itself is a fault of the text as well.
    trace.stop(sax.position, { what: cause instanceof Error ? cause.message : "unknown fault" });
  }
  if (trace.problem !== null) return refuse(trace.problem);
  if (root === null) return refuse(notWellFormed({ line: 1, column: 1 }, { what: "no element" }));
  return accept(new Assembly(trace).document(root));
}

type Fault = { readonly what: string; readonly expected?: string };

function notWellFormed(position: Position, fault: Fault): XmlProblem {
  const { line, column } = position;
  const problem = `not well-formed at ${line}:${column}: ${fault.what}`;
  const { expected } = fault;
  return {
    type: "not-well-formed",
    line,
    problem,
    ...(expected === undefined ? {} : { allowed: expected }),
  };
}

function unfitText(text: string, lines: LineIndex): XmlProblem | null {
  if (Buffer.byteLength(text) > xmlBytesMax) {
    const problem = `${Buffer.byteLength(text)} bytes long`;
    return { type: "too-large", line: 1, problem, allowed: `at most ${xmlBytesMax} bytes` };
  }
  if (text.trim() === "") {
    return { type: "not-well-formed", line: 1, problem: "the file is empty" };
  }
  const forbidden = forbiddenCharacter(text);
  if (forbidden < 0) return null;
  const code = text.charCodeAt(forbidden).toString(16).padStart(4, "0");
  return notWellFormed(lines.at(forbidden), { what: `control character U+${code}` });
}

/** The part of the sax parser that is watched; xml2js installs its own functions there first. */
type Sax = {
  readonly position: number;
  readonly startTagPosition: number;
  ENTITIES: object;
  onopentag: (tag: unknown) => void;
  onclosetag: (name: unknown) => void;
  ontext: (text: string) => void;
  oncdata: (text: string) => void;
  oncomment: (text: string) => void;
  ondoctype: (text: string) => void;
  onprocessinginstruction: (node: unknown) => void;
  onerror: (error: Error) => void;
};

function isSax(value: unknown): value is Sax {
  return isRecord(value) && "onopentag" in value && typeof value["position"] === "number";
}

type Start = { readonly line: number; readonly attributes: readonly SourceAttribute[] };

/** Ends the parse at once; never leaves `parseXml`. */
class ParseStop extends Error {}

/** What sax announces while it parses: where elements and texts begin, and the first fault. */
class Trace {
  readonly starts: Start[] = [];
  readonly textLines: number[] = [];
  readonly lines: LineIndex;
  problem: XmlProblem | null = null;
  readonly #text: string;
  readonly #open: { readonly name: string; readonly line: number }[] = [];
  /** End of the last markup: the text that follows begins here. */
  #markupEnd = 0;

  constructor(text: string, lines: LineIndex) {
    this.#text = text;
    this.lines = lines;
  }

  watch(sax: Sax): void {
    const { onopentag, onclosetag, ontext, oncdata } = sax;
    sax.ENTITIES = { __proto__: null, ...xmlEntities };
    sax.onopentag = (tag) => {
      this.#onOpen(sax.startTagPosition - 1, sax.position);
      onopentag(tag);
    };
    sax.onclosetag = (name) => {
      this.#open.pop();
      this.#markupEnd = sax.position;
      onclosetag(name);
    };
    sax.ontext = (text) => {
      this.#onText(text);
      ontext(text);
    };
    sax.oncdata = (text) => {
      this.#onText(text);
      this.#markupEnd = sax.position;
      oncdata(text);
    };
    sax.oncomment = () => {
      // Announced at the two hyphens, before the ">" is read.
      this.#markupEnd = sax.position + 1;
    };
    sax.onprocessinginstruction = (node) => {
      this.#onInstruction(node, sax.position);
    };
    sax.ondoctype = () => {
      this.stop(sax.position, { what: "document type declarations are not accepted" });
      throw new ParseStop();
    };
    sax.onerror = (error) => {
      this.stop(sax.position - 1, this.#explain(error.message.split("\n", 1)[0] ?? ""));
      throw new ParseStop();
    };
  }

  /** Keeps the first fault. */
  stop(offset: number, fault: Fault): void {
    const within = Math.min(Math.max(offset, 0), this.#text.length);
    this.problem ??= notWellFormed(this.lines.at(within), fault);
  }

  #fail(offset: number, fault: Fault): never {
    this.stop(offset, fault);
    throw new ParseStop();
  }

  #onOpen(start: number, end: number): void {
    const { line } = this.lines.at(start);
    if (this.#open.length === 0 && this.starts.length > 0) {
      this.#fail(start, { what: "a second root element", expected: "exactly one" });
    }
    if (this.#open.length >= xmlDepthMax) {
      this.#fail(start, { what: `elements nested more than ${xmlDepthMax} deep` });
    }
    const attributes = sourceAttributes(this.#text, start, end);
    if (attributes.length > xmlAttributesMax) {
      this.#fail(start, { what: `an element with more than ${xmlAttributesMax} attributes` });
    }
    const seen = new Map<string, number>();
    for (const { name, raw, offset } of attributes) {
      const first = seen.get(name);
      if (first !== undefined) {
        const where = `first at line ${this.lines.at(first).line}`;
        this.#fail(offset, { what: `attribute ${name} occurs twice in one element, ${where}` });
      }
      if (raw.includes("<")) {
        this.#fail(offset, { what: `"<" in the value of ${name}`, expected: "write &lt;" });
      }
      seen.set(name, offset);
    }
    this.starts.push({ line, attributes });
    const name = this.#text.slice(start + 1, end).match(/^[^\s/>]+/)?.[0] ?? "";
    this.#open.push({ name, line });
    this.#markupEnd = end;
  }

  #onText(text: string): void {
    if (this.#open.length === 0) {
      if (text.trim() === "") return;
      this.#fail(this.#markupEnd, { what: "text outside the root element" });
    }
    const blanks = text.length - text.trimStart().length;
    this.textLines.push(this.lines.at(this.#markupEnd + blanks).line);
  }

  #onInstruction(node: unknown, end: number): void {
    const declaration = isRecord(node) && node["name"] === "xml";
    if (declaration && !this.#text.startsWith("<?xml")) {
      this.#fail(end, { what: "the XML declaration is not at the very start of the file" });
    }
    this.#markupEnd = end;
  }

  #explain(message: string): Fault {
    const what = message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, "");
    const innermost = this.#open.at(-1);
    const comment = this.#text.lastIndexOf("<!--");
    if (/^unexpected end|^unclosed root/.test(what) && comment >= this.#markupEnd) {
      const { line } = this.lines.at(comment);
      return { what, expected: `the comment opened at line ${line} is not closed` };
    }
    if (/close tag|closing tag|unclosed root/.test(what) && innermost !== undefined) {
      const { name, line } = innermost;
      return { what, expected: `element "${name}" opened at line ${line} is not closed` };
    }
    const expected = expectations.find(([start]) => what.startsWith(start))?.[1];
    return expected === undefined ? { what } : { what, expected };
  }
}

const xmlEntities = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" } as const;

const expectations: readonly (readonly [string, string])[] = [
  ["unquoted attribute value", "expected \" or ' before the value"],
  ["attribute without value", 'expected ="value"'],
  ["invalid character in entity name", "a bare & is written &amp;"],
  ["invalid character entity", "known are &amp; &lt; &gt; &quot; &apos; and numeric references"],
  ["malformed comment", 'two hyphens may stand in a comment only in its closing "-->"'],
  ["unencoded <", "a bare < is written &lt;"],
  ["no whitespace between attributes", "expected a blank"],
  ["text data outside", "everything must stand inside the root element"],
  ["non-whitespace before first tag", "expected <"],
];

/** Joins the result of xml2js with the lines of the trace (XML1). */
class Assembly {
  readonly #trace: Trace;
  readonly #warnings: XmlProblem[] = [];
  #elements = 0;
  #texts = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  document(root: unknown): XmlDocument {
    return { root: this.#element(root), warnings: this.#warnings };
  }

  #element(node: unknown): XmlElement {
    invariant(isRecord(node) && typeof node["#name"] === "string", "xml2js yields named nodes");
    const start = this.#trace.starts[this.#elements];
    this.#elements += 1;
    invariant(start !== undefined, "XML1: an element without a start");
    const values = isRecord(node["$"]) ? node["$"] : {};
    const attributes = start.attributes.map((source) => this.#attribute(source, values));
    const name = node["#name"];
    const children: XmlElement[] = [];
    for (const child of Array.isArray(node["$$"]) ? node["$$"] : []) {
      const text = textOf(child);
      if (text === null) children.push(this.#element(child));
      else this.#onText(text, name);
    }
    return { name, line: start.line, attributes, children };
  }

  /** A value that xml2js has lost (an attribute called __proto__) is read from the source. */
  #attribute(source: SourceAttribute, values: Readonly<Record<string, unknown>>): XmlAttribute {
    const { name, raw, offset } = source;
    const resolved = Object.hasOwn(values, name) ? values[name] : raw;
    const value = typeof resolved === "string" ? resolved : raw;
    // XML normalises line ends and tabs to blanks unless they are written as references.
    const normal = /[\t\r\n]/.test(raw) ? value.replace(/[\t\r\n]/g, " ") : value;
    return { name, value: normal, line: this.#trace.lines.at(offset).line };
  }

  #onText(text: string, parent: string): void {
    const line = this.#trace.textLines[this.#texts] ?? 1;
    this.#texts += 1;
    const content = text.trim();
    if (content === "") return;
    const cause = content.endsWith("-->")
      ? '; it ends with "-->", so the "<!--" that should open this comment is missing'
      : "";
    const start = `(text starts "${opening(content)}")`;
    const problem = `text inside <${parent}> is ignored${cause} ${start}`;
    this.#warnings.push({ type: "text-ignored", line, problem });
  }
}

/** An element may be called __text__ too, but then it has attributes or children. */
function textOf(node: unknown): string | null {
  if (!isRecord(node) || node["#name"] !== "__text__" || "$$" in node || "$" in node) return null;
  return typeof node["#text"] === "string" ? node["#text"] : null;
}

/** The first 40 characters, and the rest of the word in which they end. */
function opening(text: string): string {
  const flat = text.slice(0, 200).replace(/\s+/g, " ");
  const blank = flat.indexOf(" ", 40);
  return blank < 0 || blank > 60 ? flat.slice(0, 60) : flat.slice(0, blank);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
