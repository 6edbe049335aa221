/** Where a source is tested: in the test that has its name, or in those that its header names. */
import { basename } from "node:path";

const line = /^ \* Tested in: (.+)$/m;

/** Null, or what is wrong with what a source says about its tests. `tests`: paths of test files. */
export function testComplaint(
  source: { readonly path: string; readonly text: string },
  tests: readonly string[],
): string | null {
  const header = /^\/\*\*.*?\*\//s.exec(source.text)?.[0] ?? "";
  const named = line.exec(header)?.[1]?.split(", ");
  if (named !== undefined) {
    const absent = named.filter((path) => !tests.includes(path));
    return absent.length === 0 ? null : `names tests that are not there: ${absent.join(", ")}`;
  }
  const own = `${basename(source.path, ".ts")}.test.ts`;
  if (tests.some((path) => basename(path) === own)) return null;
  return `has no ${own}, and its header no line "Tested in: PATH[, PATH]"`;
}
