/** What comments and documents name: files of the project, and types of its sources. */

/** A name without a folder stands for the one file that is called so. */
export function missingFiles(prose: string, paths: readonly string[]): readonly string[] {
  const named = prose.match(/(?<![\w./-])(?:[\w-]+\/)*[\w-]+(?:\.(?:test|contract))?\.ts\b/g) ?? [];
  return named.filter((name) => !paths.some((path) => path === name || path.endsWith(`/${name}`)));
}

/** Types and classes, which alone are written `LikeThis`; `known`: all words of the sources. */
export function missingTypes(prose: string, known: ReadonlySet<string>): readonly string[] {
  const named = [...prose.matchAll(/`([A-Z][a-z\d]+(?:[A-Z][a-z\d]+)+)(?:\.\w+)?`/g)];
  return named.map(([, name = ""]) => name).filter((name) => !known.has(name));
}
