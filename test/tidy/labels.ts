/**
 * The labels of invariants: a header declares them, assertions, comments, tests and documents cite
 * them. A label is a letter or a word in capitals with a number; the word is that of its subject.
 */

/** The labels that the header of a source declares, one at the start of each rule. */
export function declaredLabels(text: string): readonly string[] {
  const header = /^\/\*\*.*?\*\//s.exec(text)?.[0] ?? "";
  return [...header.matchAll(/^ \* ([A-Z]+\d+) {2}/gm)].map((match) => match[1] ?? "");
}

/** The labels that the messages of assertions begin with. */
export function assertedLabels(text: string): readonly string[] {
  return [...text.matchAll(/["`]([A-Z]+\d+): /g)].map((match) => match[1] ?? "");
}

/** The texts of the comments of a source. */
export function commentsOf(text: string): string {
  return [...text.matchAll(/\/\*\*?.*?\*\/|\/\/ .*$/gms)].map((match) => match[0]).join("\n");
}

/** The titles of the tests in a file. */
export function titlesOfTests(text: string): string {
  const titles = text.matchAll(/^\s*test\(\s*["`](.*?)["`],/gm);
  return [...titles].map((match) => match[1] ?? "").join("\n");
}

/** Called like a label, and known to everybody as something else. */
const otherNames: ReadonlySet<string> = new Set(["V8"]);

/**
 * What a text cites and no header declares. A word that no label has means something else, as that
 * of SHA256 does.
 */
export function unknownLabels(prose: string, declared: ReadonlySet<string>): readonly string[] {
  const words = new Set([...declared].map(wordOf));
  const alike = prose.match(/(?<![\w.$"-])[A-Z]+\d+(?![\w.]*\w)/g) ?? [];
  const cited = alike.filter((label) => words.has(wordOf(label)) && !otherNames.has(label));
  return cited.filter((label) => !declared.has(label));
}

function wordOf(label: string): string {
  return label.replace(/\d+$/, "");
}
