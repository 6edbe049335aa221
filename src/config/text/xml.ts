/**
 * Parses a text into elements in document order with one-based lines, or returns its first fault.
 * Independent of the elements of the cluster configuration.
 * Source: Extensible Markup Language 1.0. xml2js yields the tree and the values; xml-scan.ts yields
 * the positions, and refuses what libxml2 refuses and xml2js does not.
 * Deviations from a full parser: no document type, no entities but the predefined and numeric
 * ones, limits on size and depth.
 * XML1  Both must find the same elements with the same attributes in the same order. If they
 *     differ, the text is refused, since one of them misunderstands it.
 * Tested in: test/config/damaged-conf.test.ts
 */
import { Parser } from "xml2js";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { xmlBytesMax } from "./defaults.ts";
import { forbiddenCharacter, LineIndex, type TextPosition } from "./source-positions.ts";
import { type SourceAttribute, type SourceElement, scanXml, type XmlScan } from "./xml-scan.ts";

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

/** A parsed text; it is passed on, so that no text is parsed twice. */
export type ParsedXml = Result<XmlDocument, XmlProblem>;

export function parseXml(source: string): ParsedXml {
  const text = source.startsWith("\ufeff") ? source.slice(1) : source;
  const lines = new LineIndex(text);
  const problem = unfitText(text, lines);
  if (problem !== null) return refuse(problem);
  const scan = scanXml(text, lines);
  if (!scan.ok) return refuse(notWellFormed(lines.at(scan.problem.offset), scan.problem));
  const { elements, texts } = scan.value;
  if (elements.length === 0) return refuse(notWellFormed({ line: 1, column: 1 }, noElement));
  const tree = parseTree(text);
  if (!tree.ok) {
    const culprit = elements[tree.problem.opened] ?? elements.at(-1);
    return refuse(notWellFormed(lines.at(culprit?.offset ?? 0), tree.problem));
  }
  const assembly = new Assembly(elements, lines);
  const root = assembly.document(tree.value);
  if (root === null) {
    return refuse(notWellFormed(lines.at(assembly.strangeOffset), { what: "it is ambiguous" }));
  }
  return accept({ root, warnings: texts.map((one) => ignoredText(one, lines)) });
}

type Fault = { readonly what: string; readonly expected?: string };

const noElement: Fault = { what: "no element" };

function notWellFormed(position: TextPosition, { what, expected }: Fault): XmlProblem {
  const { line, column } = position;
  const problem = `not well-formed at ${line}:${column}: ${what}`;
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

/** The root as xml2js returns it, or its error and the number of elements it had opened. */
function parseTree(text: string): Result<unknown, Fault & { readonly opened: number }> {
  let opened = 0;
  let what: string | null = null;
  let root: unknown = null;
  const parser = new Parser({
    explicitChildren: true,
    preserveChildrenOrder: true,
    explicitCharkey: true,
    explicitRoot: false,
    // The default "_" could also be the name of an element; "#text" could not.
    charkey: "#text",
    async: false,
    tagNameProcessors: [
      (name) => {
        opened += 1;
        return name;
      },
    ],
  });
  try {
    parser.parseString(text, (error: Error | null, result: unknown) => {
      if (error === null) root ??= result;
      else what ??= error.message;
    });
  } catch (cause) {
    // An exception is a fault of the text, too.
    what ??= cause instanceof Error ? cause.message : "unknown fault";
  }
  if (what === null) return accept(root);
  return refuse({ what: what.split("\n", 1)[0] ?? "", opened });
}

/** Combines the tree of xml2js with the offsets of the scan (XML1). */
class Assembly {
  readonly #elements: readonly SourceElement[];
  readonly #lines: LineIndex;
  #next = 0;

  constructor(elements: readonly SourceElement[], lines: LineIndex) {
    this.#elements = elements;
    this.#lines = lines;
  }

  /** Null when the tree and the scan differ. */
  document(node: unknown): XmlElement | null {
    const root = this.#element(node);
    return this.#next === this.#elements.length ? root : null;
  }

  /** The offset of the last element that was looked at. */
  get strangeOffset(): number {
    return this.#elements[Math.max(0, this.#next - 1)]?.offset ?? 0;
  }

  #element(node: unknown): XmlElement | null {
    const source = this.#elements[this.#next];
    this.#next += 1;
    if (source === undefined || !isRecord(node) || node["#name"] !== source.name) return null;
    const values = isRecord(node["$"]) ? node["$"] : {};
    const names = new Set(source.attributes.map(({ name }) => name));
    if (!Object.keys(values).every((name) => names.has(name))) return null;
    const attributes: XmlAttribute[] = [];
    for (const written of source.attributes) {
      const attribute = this.#attribute(written, values);
      if (attribute === null) return null;
      attributes.push(attribute);
    }
    const children: XmlElement[] = [];
    for (const child of Array.isArray(node["$$"]) ? node["$$"] : []) {
      const element = this.#element(child);
      if (element === null) return null;
      children.push(element);
    }
    const { line } = this.#lines.at(source.offset);
    return { name: source.name, line, attributes, children };
  }

  /** xml2js loses an attribute called __proto__, so its value is read from the source. */
  #attribute(
    { name, raw, offset }: SourceAttribute,
    values: Readonly<Record<string, unknown>>,
  ): XmlAttribute | null {
    const value = Object.hasOwn(values, name) ? values[name] : name === "__proto__" ? raw : null;
    if (typeof value !== "string") return null;
    // XML replaces line ends and tabs by blanks unless they are written as references.
    const normal = /[\t\r\n]/.test(raw) ? value.replace(/[\t\r\n]/g, " ") : value;
    return { name, value: normal, line: this.#lines.at(offset).line };
  }
}

function ignoredText(text: XmlScan["texts"][number], lines: LineIndex): XmlProblem {
  const { parent, content, offset } = text;
  const cause = content.endsWith("-->")
    ? '; it ends with "-->", so the "<!--" that should open this comment is missing'
    : "";
  const start = `(text starts "${opening(content)}")`;
  const problem = `text inside <${parent}> is ignored${cause} ${start}`;
  return { type: "text-ignored", line: lines.at(offset).line, problem };
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
