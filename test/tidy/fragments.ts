/**
 * Files that were cut out of another one and are no concept of their own: short, needed by that one
 * alone, and without anything by which a reader would know them: a test of their name, an invariant
 * or a source in the header.
 */
import { basename } from "node:path";
import { declaredLabels } from "./labels.ts";

export type Importable = {
  readonly path: string;
  readonly text: string;
  readonly importers: readonly string[];
};

const codeLinesMin = 40;

/** Null, or of which file this one is a fragment. `tests`: paths of test files. */
export function fragmentComplaint(source: Importable, tests: readonly string[]): string | null {
  const [importer, ...others] = source.importers;
  if (importer === undefined || others.length > 0) return null;
  const header = /^\/\*\*.*?\*\/\n/s.exec(source.text)?.[0] ?? "";
  const lines = source.text.slice(header.length).trimEnd().split("\n").length;
  if (lines >= codeLinesMin) return null;
  const own = `${basename(source.path, ".ts")}.test.ts`;
  const tested = tests.some((path) => basename(path) === own);
  const known = tested || declaredLabels(header).length > 0 || /^ \* Source: /m.test(header);
  return known ? null : `${lines} lines that only ${importer} needs: a part of it, or a concept?`;
}
