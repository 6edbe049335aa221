/**
 * Damaged and hostile input: never an exception, never a silent half; and what the reader of XML
 * promises about order, lines and limits.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { test } from "tap";
import { complaintsMax, hasErrors } from "../../src/config/text/complaint.ts";
import { parseXml, type XmlElement } from "../../src/config/text/xml.ts";
import { parseClusterConf } from "./parsed-conf.ts";

const example = readFileSync(
  fileURLToPath(new URL("../../../conf/cluster.conf.example", import.meta.url)),
  "utf8",
);

/** The promise of parseClusterConf; returns whether the text was accepted. */
function keepsPromise(text: string): boolean {
  const { conf, complaints } = parseClusterConf(text, { file: "damaged" });
  if ((conf === null) !== hasErrors(complaints)) throw new Error("neither accepted nor refused");
  for (const { line } of complaints) {
    if (line < 0 || line > text.split("\n").length) throw new Error(`no such line: ${line}`);
  }
  return conf !== null;
}

const fragment = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    ..."< > & \" ' = / <!-- --> <![CDATA[ ]]> </rm> <rm> <_> </_> <__text__>x</__text__>".split(
      " ",
    ),
    ..."&#0; &#10; &lt; &x; <!DOCTYPE <?xml?> </cluster> <__proto__/> <constructor/>".split(" "),
    ' __proto__="1"',
    ' constructor="1"',
    ' hasOwnProperty="1" a="2"',
    ' name="a"',
    ' nodeid="1"',
    ' ref="qpidd"',
    "\u0000",
    "\ufeff",
    "\ud800",
  ),
);

type Damage = { readonly at: number; readonly remove: number; readonly insert: string };

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(example.length),
  remove: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(200)),
  insert: fragment,
});

function apply(text: string, { at, remove, insert }: Damage): string {
  return text.slice(0, at) + insert + text.slice(at + remove);
}

test("a damaged file is accepted or refused, and never throws", async (t) => {
  let accepted = 0;
  let refused = 0;
  await fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
      if (keepsPromise(damages.reduce(apply, example))) accepted += 1;
      else refused += 1;
    }),
    { numRuns: 400 },
  );
  t.ok(accepted > 0, "some damage stands in comments or does no harm");
  t.ok(refused > 0);
});

/** Replaces one attribute value: well-formed files reach the rules behind the XML. */
test("a file with odd values is accepted or refused, and never throws", async (t) => {
  const places = [...example.matchAll(/="([^"]*)"/g)].map((match) => match.index + 2);
  const words = "0 -1 1 2 99999999999999999999 yes maybe node1 qpidd / ::1 1.2.3.4/24 é 1h".split(
    " ",
  );
  const value = fc.constantFrom("", " ", "&#10;", "constructor", "__proto__", ...words);
  let refused = 0;
  await fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(places.length - 1), value), { maxLength: 3 }), (edits) => {
      const text = [...edits]
        .sort((a, b) => b[0] - a[0])
        .reduce((current, [index, replacement]) => {
          const start = places[index] ?? 0;
          return current.slice(0, start) + replacement + current.slice(current.indexOf('"', start));
        }, example);
      if (!keepsPromise(text)) refused += 1;
    }),
    { numRuns: 400 },
  );
  t.ok(refused > 0);
});

/** A tree of elements, texts and comments, and the same as XML with known lines. */
type Plan = { readonly name: string; readonly value: string; readonly children: readonly Plan[] };

const names = fc.constantFrom("a", "b", "_", "__text__", "constructor", "__proto__", "cdata");
const values = fc.constantFrom("", "x y", "&", "<>", "\"'", "é");
const plan = planOfDepth(4);

function planOfDepth(depth: number): fc.Arbitrary<Plan> {
  const children =
    depth === 0 ? fc.constant([]) : fc.array(planOfDepth(depth - 1), { maxLength: 3 });
  return fc.record({ name: names, value: values, children });
}

function write(tree: Plan, lines: string[]): void {
  const escaped = tree.value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll('"', "&quot;");
  lines.push(`<!-- <no> --><${tree.name}`, `  v="${escaped}">text <![CDATA[<no>]]>`);
  for (const child of tree.children) write(child, lines);
  lines.push(`</${tree.name}>`);
}

function expected(tree: Plan, next: { line: number }): XmlElement {
  const line = next.line;
  next.line += 2;
  const children = tree.children.map((child) => expected(child, next));
  next.line += 1;
  const attributes = [{ name: "v", value: tree.value, line: line + 1 }];
  return { name: tree.name, line, attributes, children };
}

test("elements keep their order and lines, whatever they are called", async (t) => {
  let elements = 0;
  await fc.assert(
    fc.property(plan, (tree) => {
      const lines: string[] = [];
      write(tree, lines);
      const parsed = parseXml(lines.join("\n"));
      if (!parsed.ok) throw new Error(parsed.problem.problem);
      const wanted = expected(tree, { line: 1 });
      elements += 1;
      return JSON.stringify(parsed.value.root) === JSON.stringify(wanted);
    }),
    { numRuns: 200 },
  );
  t.equal(elements, 200);
});

test("an attribute called __proto__ is an unknown attribute like any other", async (t) => {
  const text = example.replace("<clusternodes>", '<cman __proto__="1"/><clusternodes>');
  const { complaints } = parseClusterConf(text, { file: "x" });
  t.match(complaints, [{ type: "unknown-attribute", problem: /"__proto__"/ }]);
});

test("what only xml2js refuses is refused at its line", async (t) => {
  const parsed = parseXml('<a>\n<b/>\n<b hasOwnProperty="1" c="2"/>\n</a>');
  t.match(parsed, { ok: false, problem: { type: "not-well-formed", line: 3 } });
});

test("blanks of values are normalised, references to them are refused", async (t) => {
  const parsed = parseXml('<a b="1\n2\t3"/>');
  t.match(parsed, { ok: true, value: { root: { attributes: [{ value: "1 2 3" }] } } });
  const text = example.replace('"18"', '"1&#10;8"');
  t.match(parseClusterConf(text, { file: "x" }).complaints[0]?.problem, "line break");
});

test("a byte order mark and carriage returns change nothing", async (t) => {
  const plain = parseClusterConf(example, { file: "x" });
  const windows = `\ufeff${example.replaceAll("\n", "\r\n")}`;
  t.same(parseClusterConf(windows, { file: "x" }), plain);
});

test("a large file, deep nesting and entity bombs are refused", async (t) => {
  const bomb = `<!DOCTYPE a [<!ENTITY x "${"y".repeat(1000)}">]><a>${"&x;".repeat(1000)}</a>`;
  const rows: readonly (readonly [string, RegExp])[] = [
    [`<cluster>${" ".repeat(2 * 1024 * 1024)}</cluster>`, /bytes long/],
    ["<a>".repeat(1000) + "</a>".repeat(1000), /nested more than 32 deep/],
    ["<a>".repeat(300_000), /nested more than 32 deep/],
    [`<a ${Array.from({ length: 300 }, (_, at) => `a${at}="1"`).join(" ")}/>`, /more than 256/],
    [bomb, /document type declarations are not accepted/],
  ];
  for (const [text, problem] of rows) {
    const { conf, complaints } = parseClusterConf(text, { file: "x" });
    t.equal(conf, null);
    t.match(complaints, [{ severity: "error", problem }]);
  }
});

test("the number of complaints is limited and the rest is counted", async (t) => {
  const strange = "<frob/>\n".repeat(complaintsMax + 100);
  const text = example.replace("<clusternodes>", `${strange}<clusternodes>`);
  const { conf, complaints } = parseClusterConf(text, { file: "x" });
  t.equal(conf, null);
  t.equal(complaints.length, complaintsMax + 1);
  t.equal(complaints.at(-1)?.problem, "100 further complaints are not shown");
  t.equal(complaints.at(-1)?.severity, "error");
});

test("a long circle of dependencies is reported once and cut", async (t) => {
  const services = Array.from({ length: 40 }, (_, at) => {
    return `<service name="v${at}" depend="v${(at + 1) % 40}"><script ref="qpidd"/></service>`;
  });
  const text = example.replace("</rm>", `${services.join("\n")}</rm>`);
  const { complaints } = parseClusterConf(text, { file: "x" });
  t.equal(complaints.length, 1);
  t.match(complaints[0]?.problem, /^depends on itself: service:v0 -> .* -> … -> service:v0$/);
});
