import { test } from "tap";
import { citationComplaint, citationsIn, parseCases, uncitedCases } from "./cases.ts";
import { fragmentComplaint } from "./fragments.ts";
import { findFunctions } from "./functions.ts";
import {
  findCircles,
  importsOf,
  mayImport,
  parseImportTable,
  rowFor,
  staleRows,
} from "./imports.ts";
import {
  assertedLabels,
  commentsOf,
  declaredLabels,
  titlesOfTests,
  unknownLabels,
} from "./labels.ts";
import { maskSource } from "./masked-source.ts";
import { missingFiles, missingTypes } from "./references.ts";
import { testComplaint } from "./test-lines.ts";
import {
  assertionsIn,
  bannedIn,
  catches,
  coreComplaints,
  exportedNames,
  exportedValues,
  headerComplaint,
  nameComplaints,
  sharedNames,
  throws,
  titlesOf,
} from "./words.ts";

test("masking leaves code, lines and offsets, and nothing else", (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['a("x{")', 'a("  ")'],
    ["a('it\\'s {')", "a('       ')"],
    ["a // {\nb", "a     \nb"],
    ["/* { */ b", "        b"],
    ["a /* {\n} */ b", "a     \n     b"],
    [`\`x\${a({b})}y{\``, "`  {a({b})}  `"],
    [`\`\${\`\${a}\`}\``, "` {` {a}`}`"],
    ["a = /[/{]\\/}/g;", "a = /       /g;"],
    ["return /{/;", "return / /;"],
    ["a / b / c", "a / b / c"],
    ["f(a) / 2 // {", "f(a) / 2     "],
    ['"a\\\\" + {', '"   " + {'],
    ['/"/.test("{")', '/ /.test(" ")'],
  ];
  for (const [source, masked] of cases) {
    t.equal(maskSource(source), masked, source);
    t.equal(maskSource(source).length, source.length, "length");
  }
  t.end();
});

test("functions of every kind are found with their lines and parameters", (t) => {
  const source = [
    "export function one(a: Map<string, number>, b: () => void): { ok: true } {", // 1
    "  if (a) {",
    "    return two(a, (x, y) => {", // 3
    "      x();",
    "    });",
    "  }",
    "}",
    "class Ring extends Base {",
    "  constructor(", // 9
    "    a: string,",
    "    b: { c: number; d: string },",
    "  ) {",
    "    super();",
    "  }",
    "  async #go<T>(): Promise<void> {", // 15
    "    for (const x of y) {",
    "    }",
    "  }",
    "}",
    "const three = async (a: A, b: B, c: C, d: D): Promise<void> => {", // 20
    "};",
    "const table = {",
    "  a: call({",
    "  }),",
    "};",
    "switch (a) {",
    "  default: {",
    "  }",
    "}",
    "try {",
    "} catch (error) {",
    "} finally {",
    "}",
    "const four = ({ a, b }: AB) => {", // 34
    "};",
  ].join("\n");
  const found = findFunctions(maskSource(source));
  const brief = [...found].sort((a, b) => a.line - b.line);
  t.same(brief, [
    { line: 1, lines: 7, parameters: 2 },
    { line: 3, lines: 3, parameters: 0 },
    { line: 9, lines: 6, parameters: 2 },
    { line: 15, lines: 4, parameters: 0 },
    { line: 20, lines: 2, parameters: 4 },
    { line: 34, lines: 2, parameters: 1 },
  ]);
  t.end();
});

test("imports are read with their target, kind and names", (t) => {
  const source = [
    'import type { A } from "../model/a.ts";',
    'import { b, type C, d as e } from "./b.ts";',
    "import {\n  type F,\n  type G,\n} from './no.ts';",
    'import { type H } from "../model/h.ts";',
    'import * as fs from "node:fs";',
    'export type { I } from "../model/i.ts";',
    'const k = await import("koffi");',
    ' * import { no } from "comment";',
  ].join("\n");
  t.same(importsOf("src/io/x.ts", source), [
    { from: "src/model/a", typeOnly: true, names: ["A"] },
    { from: "src/io/b", typeOnly: false, names: ["b", "C", "d"] },
    { from: "src/model/h", typeOnly: true, names: ["H"] },
    { from: "node:fs", typeOnly: false, names: [] },
    { from: "src/model/i", typeOnly: true, names: ["I"] },
    { from: "koffi", typeOnly: false, names: [] },
  ]);
  t.end();
});

test("the table allows what it names and nothing else", (t) => {
  const rows = parseImportTable(
    "# A\n```imports\nsrc/a/*  a b/c type:d node:fs pino\nsrc/a/x.ts  node:*\n```\nsrc/b/* all\n",
  );
  t.equal(rows.length, 2);
  t.equal(rowFor(rows, "src/b/y.ts"), null);
  const row = rowFor(rows, "src/a/y.ts") ?? { who: "", may: [] };
  const value = (from: string) => mayImport(row, { from, typeOnly: false, names: [] });
  const type = (from: string) => mayImport(row, { from, typeOnly: true, names: [] });
  t.same(["src/a/z", "src/b/c", "node:fs", "pino"].map(value), [true, true, true, true]);
  t.same(["src/b/d", "src/d/e", "src/bb/c", "node:net", "rhea"].map(value), Array(5).fill(false));
  t.same(["src/d/e", "src/a/z"].map(type), [true, true]);
  const special = rowFor(rows, "src/a/x.ts") ?? { who: "", may: [] };
  t.ok(mayImport(special, { from: "node:net", typeOnly: false, names: [] }));
  t.notOk(mayImport(special, { from: "src/a/z", typeOnly: false, names: [] }));
  t.same(staleRows(rows, ["src/a/y.ts"]), ["src/a/x.ts"]);
  t.same(staleRows(rows, ["src/a/x.ts"]), []);
  t.same(staleRows(rows, ["src/b/y.ts"]), []);
  t.end();
});

test("circles are found, those that types close as well", (t) => {
  const file = (from: string, typeOnly: boolean) => [{ from, typeOnly, names: [] }];
  const circle = new Map([
    ["a.ts", file("b", false)],
    ["b.ts", file("a", false)],
  ]);
  t.same(findCircles(circle), ["a.ts > b.ts > a.ts"]);
  const types = new Map([
    ["a.ts", file("b", false)],
    ["b.ts", file("a", true)],
  ]);
  t.same(findCircles(types), ["a.ts > b.ts > a.ts"]);
  const chain = new Map([
    ["a.ts", [...file("b", false), ...file("c", true)]],
    ["b.ts", file("c", false)],
  ]);
  t.same(findCircles(chain), []);
  t.end();
});

test("banned words are found inside names, not inside other words", (t) => {
  for (const name of [
    "ServiceManager",
    "dataPath",
    "ITEMS",
    "http_util",
    "eventHandlers",
    "info",
  ]) {
    t.ok(bannedIn(name).length > 0, name);
  }
  for (const name of ["database", "information", "itemise", "basement", "uncommon", "metadata"]) {
    t.same(bannedIn(name), [], name);
  }
  t.match(nameComplaints("const userData = 1;"), [/^userData/]);
  t.same(nameComplaints("socket.data = error.info;"), [], "what others named");
  t.same(nameComplaints("a = { addr_info: 1 };"), [], "a field of another program's output");
  t.match(nameComplaints("const isNotReady = 1;"), [/name the positive/]);
  t.same(nameComplaints("const isNotice = 1;"), []);
  t.match(nameComplaints("interface IRing {"), [/no I in front/]);
  t.same(nameComplaints("type IPv4 = 1; type Idle = 2;"), []);
  t.same(nameComplaints("a = { debug: 1, info: 2, notice: 3, warning: 4 }"), []);
  t.end();
});

test("the core's bans hit the globals and leave other names alone", (t) => {
  const bad =
    "new Date()|Date.now()|setTimeout(f)|Math.random()|process.env|await x|async f|new Promise(f)";
  for (const source of bad.split("|")) t.equal(coreComplaints(source).length, 1, source);
  const good = "updateDate|a.process.b|process: 1|this.async = 1|awaits(x)|PromiseLike";
  for (const source of good.split("|")) t.same(coreComplaints(source), [], source);
  t.end();
});

test("assertions of types and catching are seen, what looks alike is not", (t) => {
  t.equal(assertionsIn("x = y as Foo;").length, 1);
  t.equal(assertionsIn("return { a: b as unknown as C };").length, 1);
  t.same(assertionsIn('import { a as b } from " ";\nimport * as c from " ";'), []);
  t.same(assertionsIn("x = [1] as const;\nbase(x);"), []);
  t.ok(catches("try {"));
  t.ok(catches("p.catch(f)"));
  t.notOk(catches("retry(x); catchup = 1; a.try = 2;"));
  t.ok(throws("if (a) throw b;"));
  t.notOk(throws("throwAway(x); throws = 1; a.throw(b);"));
  t.end();
});

test("exported values are listed, types among all exported names only", (t) => {
  const source =
    "export const a = 1;\nexport async function b() {}\nexport class C {}\nexport type D = 1;";
  t.same(exportedValues(source), ["a", "b", "C"]);
  t.same(exportedNames(`${source}\nexport interface E {}\nconst f = 1;`), [
    "a",
    "b",
    "C",
    "D",
    "E",
  ]);
  t.end();
});

test("what two files call by one name is told with both files", (t) => {
  const places = [
    { path: "a.ts", names: ["one", "two"] },
    { path: "b.ts", names: ["two", "three"] },
    { path: "c.ts", names: ["four"] },
  ];
  t.same(sharedNames(places), ["two: a.ts, b.ts"]);
  t.end();
});

const labelled = [
  "/**",
  " * The queue: holds what was received, as LATER9 of another file asks.",
  " * HEAP1  What is held has a place",
  " *     in the order.",
  " * HEAP2  Nothing is held twice.",
  " */",
  'invariant(held, "HEAP2: held twice");',
  'invariant(fits, "no label");',
  "// HEAP3, as V8 does with SHA256.",
  'test("HEAP4: a title", (t) => {',
  '  t.equal(a, b, "a test(no title)");',
].join("\n");

test("labels are declared at the start of a rule in the header, and nowhere else", (t) => {
  t.same(declaredLabels(labelled), ["HEAP1", "HEAP2"]);
  t.same(declaredLabels("const a = 1;\n/**\n * A1  Late.\n */\n"), []);
  t.same(assertedLabels(labelled), ["HEAP2", "HEAP4"]);
  t.end();
});

test("files and types that a text names are looked for", (t) => {
  const paths = ["src/io/heap.ts", "test/io/heap.test.ts"];
  t.same(missingFiles("heap.ts, io/heap.ts, see test/io/heap.test.ts.", paths), []);
  t.same(missingFiles("a/heap.ts, (eap.ts) *.test.ts <folder>/<file>.ts", paths), [
    "a/heap.ts",
    "eap.ts",
  ]);
  const known = new Set(["HeapIndex"]);
  t.same(missingTypes("`HeapIndex`, `HeapIndex.size`, `Heap`, HeapSize", known), []);
  t.same(missingTypes("`HeapSize` and `HeapLimits.most`", known), ["HeapSize", "HeapLimits"]);
  t.end();
});

test("labels that are cited and not declared are found in comments and titles", (t) => {
  const declared = new Set(["HEAP1", "HEAP2", "V1"]);
  t.same(unknownLabels(commentsOf(labelled), declared), ["HEAP3"]);
  t.same(unknownLabels(titlesOfTests(labelled), declared), ["HEAP4"]);
  t.same(unknownLabels("(HEAP5), HEAP6. HEAP1: HEAP12a FD00::1", declared), ["HEAP5", "HEAP6"]);
  t.end();
});

test("a source has a test of its name, or names tests that are there", (t) => {
  const tests = ["test/io/queue.test.ts", "test/node/whole-node.test.ts"];
  const of = (path: string, text = "/** A header. */\n") => testComplaint({ path, text }, tests);
  t.equal(of("src/io/queue.ts"), null);
  t.match(of("src/io/heap.ts"), /^has no heap.test.ts, and its header no line/);
  const line = (paths: string) => `/**\n * A heap.\n * Tested in: ${paths}\n */\n`;
  t.equal(of("src/io/heap.ts", line("test/io/queue.test.ts, test/node/whole-node.test.ts")), null);
  t.match(of("src/io/heap.ts", line("test/io/queue.test.ts, test/io/gone.test.ts")), /: \S+gone/);
  t.match(of("src/io/queue.ts", line("test/io/gone.test.ts")), /not there/);
  t.match(of("src/io/heap.ts", `const a = 1;\n${line("test/io/queue.test.ts")}`), /has no/);
  t.end();
});

test("cases are cited with their list, number and words, and all of them are", (t) => {
  const cases = parseCases("Two lists.\n\nheap\n1  empty\n2   full\n\nqueue\n1  short\n");
  t.same(
    cases.map(({ list, number }) => `${list} ${number}`),
    ["heap 1", "heap 2", "queue 1"],
  );
  const header = '/** A heap. Cases: those of the list "heap" in test/cases.txt. */\n';
  const titles = 'test("case 1: nothing is in it");\ntest(`queue cases 1, 9: "short"`);\n';
  const found = citationsIn(`${header}${titles}`);
  t.match(found, [
    { list: "heap", numbers: [1] },
    { list: "queue", numbers: [1, 9] },
  ]);
  t.same(uncitedCases(cases, found), ["heap case 2"]);
  const complaints = (text: string) =>
    citationsIn(text).map((citation) => citationComplaint(citation, cases));
  t.same(complaints(`${header}"case 2: it is full"`), [null]);
  t.match(complaints('"case 2: it is full"'), [/does not say of which list/]);
  t.match(complaints('"heap cases 2, 3: it is full"'), [/the list heap has no 3/]);
  t.match(complaints('"heap case 2"'), [/does not say what it is/]);
  t.same(complaints('"it is case 2" and case 3:'), []);
  t.end();
});

test("what is short, has one importer and nothing to be known by is a fragment", (t) => {
  const header = (line: string) => `/**\n * Half of a heap.\n${line} */\n`;
  const of = (text: string, ...importers: readonly string[]) =>
    fragmentComplaint({ path: "src/io/half.ts", text, importers }, ["test/io/queue.test.ts"]);
  const short = `${header("")}const a = 1;\n`;
  t.match(of(short, "src/io/heap.ts"), /^1 lines that only src\/io\/heap.ts needs/);
  t.equal(of(short, "src/io/heap.ts", "src/io/queue.ts"), null, "two importers");
  t.equal(of(short), null, "a program");
  t.equal(of(header("") + "const a = 1;\n".repeat(40), "src/io/heap.ts"), null, "long");
  t.equal(of(header(" * HEAP1  It is a heap.\n"), "src/io/heap.ts"), null, "an invariant");
  t.equal(of(header(" * Source: Knuth.\n"), "src/io/heap.ts"), null, "a source");
  const queue = { path: "src/io/queue.ts", text: short, importers: ["src/io/heap.ts"] };
  t.equal(fragmentComplaint(queue, ["test/io/queue.test.ts"]), null, "a test");
  t.end();
});

test("a header is a sentence at the very beginning", (t) => {
  t.equal(headerComplaint("/**\n * The ring: knows members, not services.\n */\n"), null);
  t.equal(headerComplaint("/** Brands and their only parsers, nothing else. */\n"), null);
  t.match(headerComplaint('import "x";\n/** Late but whole sentence here. */'), "does not begin");
  t.match(headerComplaint("/** Ring */"), "no sentence");
  t.match(headerComplaint(`/**\n${" * Many words in a line.\n".repeat(30)} */`), "32 lines");
  t.end();
});

test("titles inside code blocks do not count", (t) => {
  t.same(titlesOf("# One\n```sh\n# comment\n```\n## Two\n"), ["One"]);
  t.same(titlesOf("# One\n# Two\n"), ["One", "Two"]);
  t.end();
});
