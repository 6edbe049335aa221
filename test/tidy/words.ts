/** The rules about names and words in the code; every function works on masked source. */

const bannedWords = new Set(
  "manager helper util common misc base impl handler wrapper data info item".split(" "),
);

/** The banned words inside a name, whatever its case style. */
export function bannedIn(name: string): readonly string[] {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/);
  return words.filter((word) => bannedWords.has(word) || bannedWords.has(word.replace(/s$/, "")));
}

/** Names the code gives: what follows a dot was named elsewhere. */
export function namesIn(masked: string): readonly string[] {
  return [
    ...new Set([...masked.matchAll(/(?<![.\w$])#?([A-Za-z_$][\w$]*)/g)].map((m) => m[1] ?? "")),
  ];
}

/** Complaints about the names of a source file. */
export function nameComplaints(masked: string): readonly string[] {
  const names = namesIn(masked);
  // In a table of syslog's levels, `info` is a word of that format and not a name of ours.
  const levels = ["debug", "info", "notice", "warning"].every((level) => names.includes(level));
  const banned = names.filter((name) => {
    // Names with underscores are those of other programs' formats; ours have none.
    const foreign = name.includes("_") || (levels && name === "info") || name === "DataView";
    return bannedIn(name).length > 0 && !foreign;
  });
  const negated = names.filter((name) => /^is(?:[A-Z]\w*)?Not(?:[A-Z]|$)/.test(name));
  const declared = [...masked.matchAll(/\b(?:interface|type|class)\s+(I[A-Z][a-z]\w*)/g)];
  const prefixed = declared.map((match) => match[1] ?? "").filter((name) => !/^IP/.test(name));
  return [
    ...banned.map((name) => `${name}: says nothing (${bannedIn(name).join(", ")})`),
    ...negated.map((name) => `${name}: name the positive`),
    ...prefixed.map((name) => `${name}: no I in front of a type`),
  ];
}

const coreBans: readonly (readonly [RegExp, string])[] = [
  [/(?<![.\w$])Date\b/, "Date: the time comes in with the input"],
  [/(?<![.\w$])performance\b/, "performance: the time comes in with the input"],
  [/(?<![\w$])set(?:Timeout|Interval|Immediate)\b/, "timers are outputs"],
  [/\bMath\.random\b/, "Math.random: chance comes in with the input"],
  [/(?<![.\w$])process\.\w/, "process: the core reads no environment"],
  [/(?<![.\w$])(?:async|await)\s/, "async: the core is synchronous"],
  [/(?<![.\w$])Promise\b/, "Promise: the core is synchronous"],
  [/(?<![.\w$])console\./, "console: notices are outputs"],
];

/** What a file of the core uses that only the shell may. */
export function coreComplaints(masked: string): readonly string[] {
  return coreBans.filter(([pattern]) => pattern.test(masked)).map(([, text]) => text);
}

/** Type assertions other than `as const`; import and export lists rename with the same word. */
export function assertionsIn(masked: string): readonly string[] {
  const code = masked.replace(
    /^(?:import|export)\s+(?:type\s+)?(?:[\w$*]+\s*,?\s*)?(?:as\s+\w+|\{[^}]*\})/gm,
    "",
  );
  return [...code.matchAll(/\bas\s+(?!const\b)[\w${(["'`][^;,)]*/g)].map((match) => match[0]);
}

export function catches(masked: string): boolean {
  return /(?<![.\w$])(?:try|catch)\b|\.catch\(/.test(masked);
}

export function throws(masked: string): boolean {
  return /(?<![.\w$])throw\b/.test(masked);
}

/** Values a file exports; types are the shape of something exported and need no importer. */
export function exportedValues(masked: string): readonly string[] {
  const pattern = /^export\s+(?:async\s+)?(?:function\*?|const|let|class)\s+([\w$]+)/gm;
  return [...masked.matchAll(pattern)].map((match) => match[1] ?? "");
}

/** Everything a file exports, types too. */
export function exportedNames(masked: string): readonly string[] {
  const pattern =
    /^export\s+(?:async\s+)?(?:function\*?|const|let|class|type|interface)\s+([\w$]+)/gm;
  return [...masked.matchAll(pattern)].map((match) => match[1] ?? "");
}

/** The names that more than one place has, each with its places. */
export function sharedNames(
  places: readonly { readonly path: string; readonly names: readonly string[] }[],
): readonly string[] {
  const byName = new Map<string, string[]>();
  for (const { path, names } of places) {
    for (const name of names) byName.set(name, [...(byName.get(name) ?? []), path]);
  }
  const shared = [...byName].filter(([, paths]) => paths.length > 1);
  return shared.map(([name, paths]) => `${name}: ${paths.join(", ")}`);
}

/** Null, or what is wrong with the comment a file begins with. */
export function headerComplaint(text: string): string | null {
  const header = /^\/\*\*.*?\*\//s.exec(text)?.[0];
  if (header === undefined) return "does not begin with a module header";
  const lines = header.split("\n").length;
  if (lines > 25) return `its header has ${lines} lines of at most 25`;
  const words = header.replace(/^\s*\/?\*+\/?/gm, " ").trim();
  const says = /[.:!?)](?:\s|$)/.test(words) && words.split(/\s+/).length >= 5;
  return says ? null : "its header is no sentence";
}

/** Level-one titles of a document, code blocks aside. */
export function titlesOf(document: string): readonly string[] {
  const prose = document.replace(/^(```|~~~).*?^\1/gms, "");
  return [...prose.matchAll(/^# (.+)$/gm)].map((match) => match[1] ?? "");
}
