/**
 * The imports of a source file, and the table of ARCHITECTURE.md that says which are allowed.
 * A row is a file or a folder's `*`, followed by what it may import: a folder or file of src/, a
 * package, or `node:` with a module or `*`; `type:` in front allows `import type` only. Of several
 * rows for a file the longest counts.
 */
import { posix } from "node:path";

export type Import = {
  /** Path from the root without extension, or the name of a package or of a module of Node. */
  readonly from: string;
  readonly typeOnly: boolean;
  readonly names: readonly string[];
};

export type Row = { readonly who: string; readonly may: readonly string[] };

const statement = /^(?:import|export)\s+(type\s+)?([^"';]*?)\s*from\s*"([^"]+)"/gm;
const bare = /^import\s+"([^"]+)"|(?<![.\w])import\(\s*"([^"]+)"\s*\)/gm;

export function importsOf(path: string, text: string): readonly Import[] {
  const code = text.replace(/^\s*\*.*$/gm, "");
  const named = [...code.matchAll(statement)].map(([, typeWord, clause = "", from = ""]) => {
    const braces = /\{([^}]*)\}/.exec(clause)?.[1] ?? "";
    const parts = braces.split(",").map((each) => each.trim());
    const names = parts.filter((each) => each !== "");
    const onlyTypes = names.length > 0 && names.every((each) => each.startsWith("type "));
    return {
      from: resolved(path, from),
      typeOnly: typeWord !== undefined || (onlyTypes && clause.startsWith("{")),
      names: names.map((each) => each.replace(/^type\s+/, "").replace(/\s+as\s+.*$/, "")),
    };
  });
  const others = [...code.matchAll(bare)].map(([, first, second]) => ({
    from: resolved(path, first ?? second ?? ""),
    typeOnly: false,
    names: [],
  }));
  return [...named, ...others];
}

function resolved(path: string, from: string): string {
  if (!from.startsWith(".")) return from;
  return posix.join(posix.dirname(path), from).replace(/\.(?:d\.)?[jt]s$/, "");
}

/** The rows of the fenced block `imports` in a document. */
export function parseImportTable(document: string): readonly Row[] {
  const block = /^```imports\n(.*?)^```$/ms.exec(document)?.[1] ?? "";
  const lines = block.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const [who = "", ...may] = line.trim().split(/\s+/);
    return { who, may };
  });
}

/** The row that counts for a file of src/, or null. */
export function rowFor(rows: readonly Row[], path: string): Row | null {
  const fitting = rows.filter(({ who }) =>
    who.endsWith("/*") ? path.startsWith(who.slice(0, -1)) : who === path,
  );
  const longest = [...fitting].sort((a, b) => b.who.length - a.who.length)[0];
  return longest ?? null;
}

export function mayImport(row: Row, wanted: Import): boolean {
  return row.may.some((word) => {
    const typed = word.startsWith("type:");
    if (typed && !wanted.typeOnly) return false;
    const target = typed ? word.slice("type:".length) : word;
    if (target === "node:*") return wanted.from.startsWith("node:");
    if (wanted.from === target) return true;
    const within = `src/${target}`;
    return wanted.from === within || wanted.from.startsWith(`${within}/`);
  });
}

/** A row that fits nothing in a folder that exists is left over from a file that went. */
export function staleRows(rows: readonly Row[], paths: readonly string[]): readonly string[] {
  return rows
    .map(({ who }) => who)
    .filter((who) => !who.endsWith("/*") && !paths.includes(who))
    .filter((who) => paths.some((path) => posix.dirname(path) === posix.dirname(who)));
}

/**
 * Files that import each other in a circle, each circle once, as a path. An import of types counts:
 * neither of two files that need each other's types can be understood before the other.
 */
export function findCircles(imports: ReadonlyMap<string, readonly Import[]>): readonly string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path);
    if (seen >= 0) {
      circles.push([...trail.slice(seen), path].join(" > "));
      return;
    }
    if (done.has(path)) return;
    done.add(path);
    for (const { from } of imports.get(path) ?? []) visit(`${from}.ts`, [...trail, path]);
  };
  for (const path of imports.keys()) visit(path, []);
  return circles;
}
