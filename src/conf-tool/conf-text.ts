/**
 * The text of a configuration as elements, and the three changes of it: attributes are set, an
 * element is added, an element is removed.
 * EDIT1  A change replaces nothing but what it is about: comments, the order, unknown elements and
 *     the layout of everything else stay as they are, byte for byte.
 * EDIT2  What is added looks like its neighbours: it takes their indentation, or stands on their
 *     line if they do not begin lines.
 * Tested in: test/conf-tool/conf-text.test.ts
 */
import { LineIndex } from "../config/text/source-positions.ts";
import { parseXml, type XmlElement } from "../config/text/xml.ts";
import { type SourceAttribute, type SourceElement, scanXml } from "../config/text/xml-scan.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { xmlText } from "../model/visible-text.ts";

export type PlacedElement = {
  readonly name: string;
  readonly line: number;
  /** Name and value, with references resolved, in the order of the file. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly PlacedElement[];
  readonly parent: PlacedElement | null;
  readonly source: SourceElement;
};

/** Values by name; null: the attribute is removed. */
export type AttributeChanges = ReadonlyMap<string, string | null>;

export type NewElement = {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
};

type Splice = { readonly from: number; readonly to: number; readonly text: string };

const byteOrderMark = "\ufeff";
const indentDefault = "  ";

export class ConfText {
  readonly root: PlacedElement;
  /** Without the byte order mark, as the offsets are. */
  readonly #text: string;
  readonly #mark: string;

  private constructor(text: string, mark: string, root: PlacedElement) {
    this.#text = text;
    this.#mark = mark;
    this.root = root;
  }

  /** The problem is that of the parser, in words. */
  static parse(whole: string): Result<ConfText, string> {
    const mark = whole.startsWith(byteOrderMark) ? byteOrderMark : "";
    const text = whole.slice(mark.length);
    const parsed = parseXml(text);
    const scan = scanXml(text, new LineIndex(text));
    if (!parsed.ok) return refuse(`line ${parsed.problem.line}: ${parsed.problem.problem}`);
    if (!scan.ok) return refuse(scan.problem.what);
    const sources = scan.value.elements.values();
    const root = placed(parsed.value.root, sources, null);
    return root === null ? refuse("no element") : accept(new ConfText(text, mark, root));
  }

  get text(): string {
    return this.#mark + this.#text;
  }

  /** Values keep their quotes, and new attributes follow the present ones. */
  setAttributes(element: PlacedElement, changes: AttributeChanges): Result<ConfText, string> {
    const { source } = element;
    const splices: Splice[] = [];
    let before = source.offset + 1 + source.name.length;
    let gap = " ";
    for (const attribute of source.attributes) {
      const value = changes.get(attribute.name);
      const end = attributeEnd(attribute);
      if (value === null) splices.push({ from: before, to: end, text: "" });
      else {
        gap = this.#text.slice(before, attribute.offset);
        if (value !== undefined && value !== element.attributes.get(attribute.name)) {
          splices.push(this.#valueSplice(attribute, value));
        }
      }
      before = end;
    }
    const known = new Set(source.attributes.map(({ name }) => name));
    const added = [...changes].filter(([name, value]) => value !== null && !known.has(name));
    const text = added.map(([name, value]) => `${gap}${name}="${escaped(value ?? "")}"`).join("");
    return this.#changed([...splices, { from: before, to: before, text }]);
  }

  /** `where`: before or after all other children. */
  addChild(
    parent: PlacedElement,
    child: NewElement,
    where: "first" | "last" = "last",
  ): Result<ConfText, string> {
    const { source } = parent;
    const attributes = [...child.attributes].map(([name, value]) => ` ${name}="${escaped(value)}"`);
    const markup = `<${child.name}${attributes.join("")}/>`;
    const indent = this.#childIndent(parent);
    const begin = indent === null ? "" : this.#lineEnd + indent;
    const finish = indent === null ? "" : this.#lineEnd + (this.#indentOf(parent) ?? "");
    if (source.endTag === source.end) {
      const from = this.#text.slice(0, source.end - 2).trimEnd().length;
      const text = `>${begin}${markup}${finish}</${source.name}>`;
      return this.#changed([{ from, to: source.end, text }]);
    }
    const content = this.#text.slice(source.tagEnd, source.endTag);
    const at = source.tagEnd + (where === "first" ? 0 : content.trimEnd().length);
    const alone = parent.children.length === 0;
    // Without a line end behind it the end tag would stand on the line of the new element.
    const closes = alone && !this.#text.slice(at, source.endTag).includes("\n") ? finish : "";
    return this.#changed([{ from: at, to: at, text: `${begin}${markup}${closes}` }]);
  }

  /** With its lines, if nothing else stands on them. */
  remove({ source }: PlacedElement): Result<ConfText, string> {
    const start = this.#text.lastIndexOf("\n", source.offset - 1) + 1;
    const lineEnd = this.#text.indexOf("\n", source.end);
    const stop = lineEnd < 0 ? this.#text.length : lineEnd + 1;
    const begins = this.#text.slice(start, source.offset).trim() === "";
    const alone = begins && this.#text.slice(source.end, stop).trim() === "";
    if (alone) return this.#changed([{ from: start, to: stop, text: "" }]);
    // An end tag behind it moves up to what is before it then.
    const last = begins && this.#text.startsWith("</", source.end);
    const before = this.#text.slice(0, source.offset);
    const from = last ? before.trimEnd().length : source.offset;
    return this.#changed([{ from, to: source.end, text: "" }]);
  }

  /** The splices are in the order of the text. */
  #changed(splices: readonly Splice[]): Result<ConfText, string> {
    let text = "";
    let at = 0;
    for (const splice of splices) {
      text += this.#text.slice(at, splice.from) + splice.text;
      at = splice.to;
    }
    return ConfText.parse(this.#mark + text + this.#text.slice(at));
  }

  #valueSplice({ raw, valueOffset: from }: SourceAttribute, value: string): Splice {
    const quote = this.#text[from - 1] === "'" ? "'" : '"';
    return { from, to: from + raw.length, text: escaped(value, quote) };
  }

  /** As most editors do: the file keeps the line ends that its first line has. */
  get #lineEnd(): string {
    const first = this.#text.indexOf("\n");
    return first > 0 && this.#text[first - 1] === "\r" ? "\r\n" : "\n";
  }

  /** The blanks before the element, if it begins its line, or null. */
  #indentOf({ source }: PlacedElement): string | null {
    const start = this.#text.lastIndexOf("\n", source.offset - 1) + 1;
    const before = this.#text.slice(start, source.offset);
    return before.trim() === "" ? before : null;
  }

  /** EDIT2; null: a new child stands on the line of what is before it. */
  #childIndent(parent: PlacedElement): string | null {
    const sibling = parent.children.at(-1);
    if (sibling !== undefined) return this.#indentOf(sibling);
    const own = this.#indentOf(parent);
    if (own === null) return null;
    return own + this.#indentStep(parent, own);
  }

  #indentStep({ parent }: PlacedElement, own: string): string {
    const outer = parent === null ? null : this.#indentOf(parent);
    if (outer !== null && own.length > outer.length && own.startsWith(outer)) {
      return own.slice(outer.length);
    }
    const [first] = this.root.children;
    const step = first === undefined ? null : this.#indentOf(first);
    return step === null || step === "" ? indentDefault : step;
  }
}

/** Names that can stand in a configuration; longer ones than any agent's are typing errors. */
export function isXmlName(text: string): boolean {
  return /^[A-Za-z_][\w.-]{0,63}$/.test(text);
}

/** The tree with the places; null when the two readers differ, which XML1 excludes. */
function placed(
  element: XmlElement,
  sources: Iterator<SourceElement, undefined>,
  parent: PlacedElement | null,
): PlacedElement | null {
  const { value: source } = sources.next();
  if (source === undefined) return null;
  const children: PlacedElement[] = [];
  const { name, line } = element;
  const attributes = new Map(element.attributes.map((one) => [one.name, one.value]));
  const made: PlacedElement = { name, line, attributes, children, parent, source };
  for (const child of element.children) {
    const below = placed(child, sources, made);
    if (below === null) return null;
    children.push(below);
  }
  return made;
}

function attributeEnd({ valueOffset, raw }: SourceAttribute): number {
  return valueOffset + raw.length + 1;
}

function escaped(value: string, quote = '"'): string {
  const text = xmlText(value);
  return quote === "'" ? text.replaceAll("'", "&apos;") : text;
}
