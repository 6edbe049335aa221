/** The house style, where a program can check it. The rules themselves are tested in test/tidy/. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Test, test } from "tap";
import { citationComplaint, citationsIn, parseCases, uncitedCases } from "./tidy/cases.ts";
import { fragmentComplaint } from "./tidy/fragments.ts";
import { findFunctions } from "./tidy/functions.ts";
import {
  findCircles,
  importsOf,
  mayImport,
  parseImportTable,
  rowFor,
  staleRows,
} from "./tidy/imports.ts";
import {
  assertedLabels,
  commentsOf,
  declaredLabels,
  titlesOfTests,
  unknownLabels,
} from "./tidy/labels.ts";
import { maskSource } from "./tidy/masked-source.ts";
import { missingFiles, missingTypes } from "./tidy/references.ts";
import { testComplaint } from "./tidy/test-lines.ts";
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
} from "./tidy/words.ts";

/** Seen from build/test. */
const root = fileURLToPath(new URL("../../", import.meta.url));

const functionLinesMax = 70;
const parametersMax = 3;
const columnsMax = 100;
const sourceLinesMax = 400;
const testLinesMax = 600;

const coreFolders =
  "model config import membership groups quorum fencing services vip brokers node".split(" ");
/** Where exceptions come in: ports, sockets, the XML library, and the programs' last resort. */
const mayCatch = [
  /^src\/io\//,
  /^src\/control\/(?:control-.*|request-body)\.ts$/,
  /^src\/config\/text\/xml\.ts$/,
  /^src\/(?:daemon|guard)\/main\.ts$/,
];
/** Ports, the guard's last resort, and what ends the process when the impossible happens. */
const mayThrow = [/^src\/io\//, /^src\/guard\/main\.ts$/, /^src\/model\/outcome\.ts$/];
/** Brands, and shapes built from records of shapes, which the type system cannot follow. */
const mayAssert = /^src\/model\/(?:ids|time|shape)\.ts$/;

type Source = { readonly path: string; readonly text: string; readonly masked: string };

function walk(folder: string): readonly string[] {
  const at = join(root, folder);
  if (!existsSync(at)) return [];
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? walk(path) : [path];
  });
}

function load(paths: readonly string[]): readonly Source[] {
  return [...paths].sort().map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return { path, text, masked: maskSource(text) };
  });
}

/** Fragments that stay, each with its reason. */
const fragmentsThatStay: ReadonlyMap<string, string> = new Map([
  [
    "src/daemon/early-start.ts",
    "what loads before there is a daemon belongs to neither it nor main.ts",
  ],
  ["src/daemon/group-lives.ts", "stands in for the groups of a life while there is no life"],
  ["src/membership/deaf-nodes.ts", "ring.ts has no room for what operators are told"],
  ["src/membership/ring-snapshot.ts", "ring.ts has no room for the figures of the status"],
]);

const isGenerated = (path: string): boolean => /\/ring-codec\.(?:d\.ts|js)$/.test(path);
const sources = load(walk("src").filter((path) => path.endsWith(".ts") && !isGenerated(path)));
const tests = load(walk("test").filter((path) => path.endsWith(".ts")));
const scripts = load(walk("scripts").filter((path) => path.endsWith(".mjs")));
const code = [...sources, ...tests, ...scripts];
const core = sources.filter(({ path }) => coreFolders.includes(path.split("/")[1] ?? ""));
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...walk("docs").filter((path) => path.endsWith(".md")),
];

/** One assertion per rule, whose failure lists every place that breaks it. */
function none(t: Test, rule: string, complaints: readonly string[]): void {
  t.equal(complaints.join("\n"), "", rule);
}

function each(
  files: readonly Source[],
  complain: (file: Source) => readonly string[],
): readonly string[] {
  return files.flatMap((file) => complain(file).map((text) => `${file.path}: ${text}`));
}

test("there is something to check", (t) => {
  t.ok(sources.length > 10, "sources");
  t.ok(tests.length > 5, "tests");
  t.ok(documents.length > 0, "documents");
  t.end();
});

test("imports follow the table of ARCHITECTURE.md", (t) => {
  const rows = parseImportTable(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"));
  const complaints = each(sources, ({ path, text }) => {
    const row = rowFor(rows, path);
    if (row === null) return ["has no row in the table"];
    return importsOf(path, text)
      .filter((wanted) => !mayImport(row, wanted))
      .map((wanted) => `may not import ${wanted.typeOnly ? "type:" : ""}${wanted.from}`);
  });
  none(t, "imports", complaints);
  none(
    t,
    "rows without files",
    staleRows(
      rows,
      sources.map(({ path }) => path),
    ),
  );
  t.end();
});

test("what a program starts is a program, from its sources as from build/programs", (t) => {
  const complaints = each(sources, ({ path, text }) => {
    const started = [...text.matchAll(/new URL\(\s*"([^"]*)",\s*import\.meta\.url/g)];
    return started.flatMap(([, named = ""]) => {
      const places = [join(path, "..", named), join("programs/daemon", named)];
      const [compiled, bundled] = places.map((place) => join(root, "build", place));
      const missing = [compiled, bundled].filter((file) => file !== undefined && !existsSync(file));
      return missing.map((file) => `${named} is not at ${file?.slice(root.length)}`);
    });
  });
  none(t, "programs", complaints);
  t.end();
});

test("no files import each other in a circle", (t) => {
  const imports = new Map(sources.map(({ path, text }) => [path, importsOf(path, text)]));
  none(t, "circles", findCircles(imports));
  t.end();
});

test("the core reads no clock, no random numbers and no environment, and uses no promises", (t) => {
  none(
    t,
    "globals",
    each(core, ({ masked }) => coreComplaints(masked)),
  );
  const modules = each(core, ({ path, text }) =>
    importsOf(path, text)
      .map(({ from }) => from)
      .filter((from) => from.startsWith("node:")),
  );
  none(t, "modules of Node", modules);
  t.end();
});

test("what went wrong is caught in the shell only, and types are not asserted", (t) => {
  const catching = sources.filter(
    ({ path, masked }) => catches(masked) && !mayCatch.some((place) => place.test(path)),
  );
  none(
    t,
    "catch",
    catching.map(({ path }) => path),
  );
  const throwing = sources.filter(
    ({ path, masked }) => throws(masked) && !mayThrow.some((place) => place.test(path)),
  );
  none(
    t,
    "throw",
    throwing.map(({ path }) => path),
  );
  const asserting = sources.filter(({ path }) => !mayAssert.test(path));
  none(
    t,
    "as",
    each(asserting, ({ masked }) => assertionsIn(masked)),
  );
  t.end();
});

test("functions, parameter lists, files and lines keep their limits", (t) => {
  const functions = each(code, ({ text, masked }) =>
    findFunctions(masked).flatMap(({ line, lines, parameters }) => {
      const head = `${line}: ${text.split("\n")[line - 1]?.trim()}`;
      return [
        ...(lines > functionLinesMax ? [`${head} has ${lines} lines`] : []),
        ...(parameters > parametersMax ? [`${head} has ${parameters} parameters`] : []),
      ];
    }),
  );
  none(t, `functions of ${functionLinesMax} lines, ${parametersMax} parameters`, functions);
  const files = each(code, ({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    const most = path.startsWith("test/") ? testLinesMax : sourceLinesMax;
    return lines > most ? [`${lines} lines of at most ${most}`] : [];
  });
  none(t, "files", files);
  const wide = each(code, ({ text }) =>
    text.split("\n").flatMap((line, index) => {
      return [...line].length > columnsMax ? [`line ${index + 1} is too wide`] : [];
    }),
  );
  none(t, `${columnsMax} columns`, wide);
  t.end();
});

test("names of files and identifiers say something", (t) => {
  none(
    t,
    "identifiers",
    each(code, ({ masked }) => nameComplaints(masked)),
  );
  const shape = /^[a-z\d]+(?:-[a-z\d]+)*(?:\.test|\.contract)?\.(?:ts|mjs)$/;
  const odd = code.filter(({ path }) => !shape.test(basename(path)));
  none(
    t,
    "kebab-case",
    odd.map(({ path }) => path),
  );
  const empty = code.filter(({ path }) => bannedIn(basename(path)).length > 0);
  none(
    t,
    "file names",
    empty.map(({ path }) => path),
  );
  t.end();
});

test("a file name says where one is", (t) => {
  for (const files of [sources, tests]) {
    // A program's entry is called main.ts in the folder that is named after the program.
    const named = files.filter(({ path }) => basename(path) !== "main.ts");
    const names = named.map(({ path }) => basename(path));
    const twice = named.filter(
      ({ path }) => names.indexOf(basename(path)) !== names.lastIndexOf(basename(path)),
    );
    none(
      t,
      "unique",
      twice.map(({ path }) => path),
    );
  }
  t.end();
});

test("every source begins with what it is, and promises no later work", (t) => {
  const headers = each(sources, ({ text }) => {
    const complaint = headerComplaint(text);
    return complaint === null ? [] : [complaint];
  });
  none(t, "headers", headers);
  const later = sources.filter(({ text }) => /\b(?:TODO|FIXME|XXX)\b/.test(text));
  none(
    t,
    "unfinished work",
    later.map(({ path }) => path),
  );
  t.end();
});

test("what is exported is used elsewhere", (t) => {
  const users = [...sources, ...tests].map(({ path, text }) => ({
    path,
    names: new Set(importsOf(path, text).flatMap(({ names }) => names)),
  }));
  const dead = each(sources, ({ path, masked }) =>
    exportedValues(masked).filter((name) => {
      return !users.some((user) => user.path !== path && user.names.has(name));
    }),
  );
  none(t, "dead exports", dead);
  t.end();
});

test("an exported name says which thing is meant", (t) => {
  const places = sources.map(({ path, masked }) => ({ path, names: exportedNames(masked) }));
  none(t, "exported twice", sharedNames(places));
  t.end();
});

test("a label says which invariant is meant", (t) => {
  const places = sources.map(({ path, text }) => ({ path, names: declaredLabels(text) }));
  none(t, "declared twice", sharedNames(places));
  const declared = new Set(places.flatMap(({ names }) => names));
  const asserted = each(sources, ({ text }) => {
    const own = declaredLabels(text);
    return assertedLabels(text).filter((label) => !own.includes(label));
  });
  none(t, "asserted without a line in the header", asserted);
  const read = (path: string) => ({ path, prose: readFileSync(join(root, path), "utf8") });
  const cited = [
    ...sources.map(({ path, text }) => ({ path, prose: commentsOf(text) })),
    ...tests.map(({ path, text }) => {
      return { path, prose: `${commentsOf(text)}\n${titlesOfTests(text)}` };
    }),
    ...documents.map(read),
  ].flatMap(({ path, prose }) => {
    return unknownLabels(prose, declared).map((label) => `${path}: ${label}`);
  });
  none(t, "cited, and nowhere declared", cited);
  t.end();
});

test("every source says where it is tested", (t) => {
  const paths = tests.map(({ path }) => path);
  const complaints = each(sources, (source) => {
    const complaint = testComplaint(source, paths);
    return complaint === null ? [] : [complaint];
  });
  none(t, "tests", complaints);
  t.end();
});

test("every acceptance case is tested, and every title says what its case is", (t) => {
  const cases = parseCases(readFileSync(join(root, "test/cases.txt"), "utf8"));
  const citing = tests.filter(({ path }) => !path.startsWith("test/tidy/"));
  const complaints = each(citing, ({ text }) =>
    citationsIn(text).flatMap((citation) => citationComplaint(citation, cases) ?? []),
  );
  none(t, "citations", complaints);
  const citations = citing.flatMap(({ text }) => citationsIn(text));
  none(t, "cases that no title cites", uncitedCases(cases, citations));
  t.end();
});

test("a file is a concept, not what was left over of another one", (t) => {
  const imports = sources.map(({ path, text }) => ({ path, imports: importsOf(path, text) }));
  const paths = tests.map(({ path }) => path);
  const complaints = sources.flatMap(({ path, text }) => {
    const users = imports.filter((user) => user.imports.some(({ from }) => `${from}.ts` === path));
    const importers = users.map((user) => user.path);
    const complaint = fragmentComplaint({ path, text, importers }, paths);
    return complaint === null ? [] : [{ path, complaint }];
  });
  const unexpected = complaints.filter(({ path }) => !fragmentsThatStay.has(path));
  none(
    t,
    "fragments",
    unexpected.map(({ path, complaint }) => `${path}: ${complaint}`),
  );
  const over = [...fragmentsThatStay.keys()].filter((stays) => {
    return !complaints.some(({ path }) => path === stays);
  });
  none(t, "exceptions that are needed no longer", over);
  t.end();
});

test("comments and documents name files and types that exist", (t) => {
  const paths = code.map(({ path }) => path);
  const commented = code.filter(({ path }) => !path.startsWith("test/tidy/"));
  const comments = each(commented, ({ text }) => missingFiles(commentsOf(text), paths));
  const texts = documents.map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
  const files = texts.flatMap(({ path, text }) => {
    return missingFiles(text, paths).map((name) => `${path}: ${name}`);
  });
  none(t, "files", [...comments, ...files]);
  const known = new Set(sources.flatMap(({ masked }) => masked.match(/[A-Za-z_]\w*/g) ?? []));
  const ours = texts.filter(({ path }) => /^(?:ARCHITECTURE|CONTRIBUTING)\.md$/.test(path));
  const types = ours.flatMap(({ path, text }) => {
    return missingTypes(text, known).map((name) => `${path}: ${name}`);
  });
  none(t, "types", types);
  t.end();
});

test("every document has one title", (t) => {
  const complaints = documents.flatMap((path) => {
    const titles = titlesOf(readFileSync(join(root, path), "utf8"));
    return titles.length === 1 ? [] : [`${path}: ${titles.length} titles`];
  });
  none(t, "titles", complaints);
  t.end();
});
