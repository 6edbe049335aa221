/**
 * The acceptance cases: test/cases.txt lists them, titles of tests cite them as "case 4: ..." or,
 * where the header of the file does not say of which list, as "ring case 4: ...".
 */

export type Case = { readonly list: string; readonly number: number };

/** The cases of a text with a line for each, below the name of its list. */
export function parseCases(text: string): readonly Case[] {
  let list = "";
  return text.split("\n").flatMap((line) => {
    list = /^([a-z]+)$/.exec(line)?.[1] ?? list;
    const number = /^(\d+) +\S/.exec(line)?.[1];
    return number === undefined ? [] : [{ list, number: Number(number) }];
  });
}

export type Citation = {
  readonly title: string;
  /** Null: neither the title nor the header says which. */
  readonly list: string | null;
  readonly numbers: readonly number[];
};

const citing = /(["`])((?:([a-z]+) )?cases? (\d+(?:, \d+)*)\b.*?)\1/g;

/** What the strings of a test file cite. */
export function citationsIn(text: string): readonly Citation[] {
  const header = /^\/\*\*.*?\*\//s.exec(text)?.[0] ?? "";
  const usual =
    /Cases: those of the list "([a-z]+)" in test\/cases\.txt\./.exec(header)?.[1] ?? null;
  return [...text.matchAll(citing)].map(([, , title = "", list, numbers = ""]) => {
    return { title, list: list ?? usual, numbers: numbers.split(", ").map(Number) };
  });
}

/** Null, or what is wrong with a citation. */
export function citationComplaint(
  { title, list, numbers }: Citation,
  cases: readonly Case[],
): string | null {
  if (list === null) return `"${title}" does not say of which list`;
  const unknown = numbers.filter((number) => {
    return !cases.some((one) => one.list === list && one.number === number);
  });
  if (unknown.length > 0) return `"${title}": the list ${list} has no ${unknown.join(", ")}`;
  return /^[a-z ]+\d[\d, ]*: \S+ \S+/.test(title) ? null : `"${title}" does not say what it is`;
}

/** The cases that nothing cites. */
export function uncitedCases(
  cases: readonly Case[],
  citations: readonly Citation[],
): readonly string[] {
  const open = cases.filter(({ list, number }) => {
    return !citations.some((one) => one.list === list && one.numbers.includes(number));
  });
  return open.map(({ list, number }) => `${list} case ${number}`);
}
