/**
 * The scan of a document against xml2js, over generated and damaged texts: both find the same
 * elements and attributes in the same order, and whatever xml2js refuses the scan refuses too, at
 * the same line or before.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { test } from "tap";
import { Parser } from "xml2js";
import { LineIndex } from "../../src/config/text/source-positions.ts";
import { scanXml, type XmlScan } from "../../src/config/text/xml-scan.ts";

const example = readFileSync(
  fileURLToPath(new URL("../../../conf/cluster.conf.example", import.meta.url)),
  "utf8",
);

type Found = { readonly name: string; readonly attributes: Readonly<Record<string, string>> };
type Other =
  | { readonly type: "accepted"; readonly elements: readonly Found[] }
  | { readonly type: "refused"; readonly message: string; readonly line: number | null };

/** What xml2js makes of the text by itself. */
function byXml2js(text: string): Other {
  const options = { explicitChildren: true, preserveChildrenOrder: true, explicitRoot: false };
  const parser = new Parser({ ...options, explicitCharkey: true, charkey: "#text", async: false });
  let tree: unknown = null;
  let message: string | null = null;
  try {
    parser.parseString(text, (error: Error | null, result: unknown) => {
      if (error === null) tree ??= result;
      else message ??= error.message;
    });
  } catch (error) {
    message ??= String(error);
  }
  if (message === null) return { type: "accepted", elements: flat(tree) };
  const line = /\nLine: (\d+)\n/.exec(message)?.[1];
  return { type: "refused", message, line: line === undefined ? null : Number(line) + 1 };
}

function flat(node: unknown): readonly Found[] {
  if (typeof node !== "object" || node === null) return [];
  const { "#name": name, $: attributes = {}, $$: children = [] } = node as Record<string, unknown>;
  const own = { name: String(name), attributes: attributes as Found["attributes"] };
  return [own, ...(children as unknown[]).flatMap(flat)];
}

const values: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&#65;": "A",
  "&#x1F600;": "\u{1f600}",
};

function resolved(raw: string): string {
  return raw.replace(/&([^;]+);/g, (reference, name: string) => {
    if (!name.startsWith("#")) return values[reference] ?? reference;
    return String.fromCodePoint(
      Number(name.startsWith("#x") ? `0${name.slice(1)}` : name.slice(1)),
    );
  });
}

function ofScan({ elements }: XmlScan): readonly Found[] {
  return elements.map(({ name, attributes }) => ({
    name,
    attributes: Object.fromEntries(attributes.map((one) => [one.name, resolved(one.raw)])),
  }));
}

/** Everything that the scan found stands where it says. */
function misplaced(text: string, { elements, texts }: XmlScan): boolean {
  return (
    elements.some(({ name, offset, tagEnd, endTag, end, attributes }) => {
      const wrong = attributes.some(
        (one) =>
          !text.startsWith(one.name, one.offset) || !text.startsWith(one.raw, one.valueOffset),
      );
      const closed = end === tagEnd ? endTag === end : text.startsWith(`</${name}`, endTag);
      const ends = closed && text[tagEnd - 1] === ">" && text[end - 1] === ">";
      return wrong || !ends || !text.startsWith(`<${name}`, offset);
    }) || texts.some(({ content, offset }) => !text.startsWith(content, offset))
  );
}

/** What libxml2 refuses and xml2js does not. */
const stricter = new RegExp(
  [
    'document type|XML declaration|second root|occurs twice|"<" in the value|nested more',
    'more than 256|"<!" begins|malformed instruction|invalid character entity|unencoded <',
    "invalid tagname in closing tag|outside of root",
  ].join("|"),
);

/** Whether a root has ended in it: what comes after that xml2js does not report. */
function isComplete(text: string): boolean {
  return [...text.matchAll(/>/g)].some(({ index }) => {
    const before = text.slice(0, index + 1);
    const scan = scanXml(before, new LineIndex(before));
    return scan.ok && scan.value.elements.length > 0;
  });
}

/** Throws what does not agree; returns whether the text was accepted. */
function agrees(marked: string): boolean {
  // A byte order mark is taken off before, and an empty text is none.
  const text = marked.replace(/^\ufeff+/, "");
  if (text.trim() === "") return false;
  const lines = new LineIndex(text);
  const scan = scanXml(text, lines);
  const other = byXml2js(text);
  if (scan.ok) {
    if (misplaced(text, scan.value)) throw new Error("misplaced");
    // What has no element is told apart by the reader above.
    if (scan.value.elements.length === 0) return false;
    if (other.type === "refused") throw new Error(`only xml2js refuses it: ${other.message}`);
    const [ours, theirs] = [ofScan(scan.value), other.elements].map((one) => JSON.stringify(one));
    if (ours !== theirs) throw new Error(`${ours} is not ${theirs}`);
    return true;
  }
  const { offset, what } = scan.problem;
  if (offset < 0 || offset > text.length) throw new Error(`no such offset: ${offset}`);
  if (other.type === "accepted" && !stricter.test(what) && !isComplete(text.slice(0, offset))) {
    throw new Error(`only we say: ${what}`);
  }
  const line = other.type === "refused" ? other.line : null;
  if (line !== null && lines.at(offset).line > line) {
    throw new Error(`line ${lines.at(offset).line} is behind line ${line}: ${what}`);
  }
  return false;
}

const name = fc.constantFrom("a", "b-c", "_", "é", "x:y", "__text__", "constructor", "cdata");
const blanks = fc.constantFrom(" ", "\n", "\r\n\t", "  ");
const pieces = fc.constantFrom("v", " ", "é", ">", "\n", "'", ...Object.keys(values));
const quotedValue = fc
  .tuple(fc.array(pieces, { maxLength: 4 }), fc.boolean())
  .map(([parts, single]) => {
    const value = parts.join("");
    return single ? `'${value.replaceAll("'", "")}'` : `"${value}"`;
  });
const attribute = fc
  .tuple(blanks, fc.constantFrom("", " "), quotedValue)
  .map(([before, around, value]) => ({ before, rest: `${around}=${around}${value}` }));
const between = fc.constantFrom(
  "",
  "\n",
  "text",
  "a &amp; b",
  "<!-- <no> -->",
  "<!---->",
  "<![CDATA[<no/>]]>",
  "<?go on?>",
  "]]",
);

const { element } = fc.letrec<{ element: string }>((tie) => ({
  element: fc
    .record({
      name,
      attributes: fc.dictionary(name, attribute, { maxKeys: 3 }),
      inside: fc.array(fc.oneof({ maxDepth: 4 }, between, tie("element")), { maxLength: 4 }),
      end: fc.constantFrom("", " ", "\n"),
    })
    .map(({ name: tag, attributes, inside, end }) => {
      const written = Object.entries(attributes)
        .map(([key, { before, rest }]) => `${before}${key}${rest}`)
        .join("");
      if (inside.length === 0) return `<${tag}${written}${end}/>`;
      return `<${tag}${written}${end}>${inside.join("")}</${tag}${end}>`;
    }),
}));

const document = fc
  .tuple(fc.constantFrom("", '<?xml version="1.0"?>\n', "<!-- first -->", "\n"), element)
  .map(([before, root]) => `${before}${root}\n`);

const fragment = fc.oneof(
  fc.constantFrom(
    ..."< > & \" ' = / ! ? - ; # ]]> -- </ /> <! <? ?> <!-- --> &lt; &LT;".split(" "),
  ),
  fc.constantFrom(..."&nbsp; &#0; &#65; &#x; &; <a> </a> <a/> <!DOCTYPE <?xml?>".split(" ")),
  fc.constantFrom(" ", "\n", "<![CDATA[", ' a="1"', " a='1' a='2'", "é", "\ufeff", "< a>", "</ a>"),
);
const damage = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fragment });

function damaged(text: string, damages: readonly { at: number; remove: number; insert: string }[]) {
  return damages.reduce((current, { at, remove, insert }) => {
    const offset = at % (current.length + 1);
    return current.slice(0, offset) + insert + current.slice(offset + remove);
  }, text);
}

test("generated documents are read alike", async () => {
  await fc.assert(
    fc.property(document, (text) => {
      if (!agrees(text)) throw new Error("it is refused");
    }),
    { numRuns: 1000 },
  );
});

test("damaged documents are read alike, or refused", async (t) => {
  let [accepted, refused] = [0, 0];
  const some = fc.oneof({ weight: 9, arbitrary: document }, fc.constant(example));
  await fc.assert(
    fc.property(some, fc.array(damage, { minLength: 1, maxLength: 3 }), (text, damages) => {
      if (agrees(damaged(text, damages))) accepted += 1;
      else refused += 1;
    }),
    { numRuns: 4000 },
  );
  t.ok(accepted > 100 && refused > 100, `${accepted} accepted, ${refused} refused`);
});

test("a text that is cut off anywhere is refused, at its last line", async (t) => {
  const text = '<?xml version="1.0"?>\n<a b="1">\n<!-- c --><![CDATA[d]]>&amp;\n<e/></a>';
  const wrong = Array.from({ length: text.length - 1 }, (_, at) => text.slice(0, at + 1)).filter(
    (cut) => {
      const lines = new LineIndex(cut);
      const scan = scanXml(cut, lines);
      if (scan.ok) return scan.value.elements.length > 0;
      return lines.at(scan.problem.offset).line !== lines.at(cut.length - 1).line;
    },
  );
  t.same(wrong, []);
});
