import { test } from "tap";
import { formatMistake, type OptionTable, parseArgs } from "../../src/cli/args.ts";

const table: OptionTable = { letters: "xls:m:", names: { json: false, socket: true } };

function brief(...words: string[]): string {
  return parseArgs(words, table)
    .map((arg) => {
      if (arg.type === "option") return arg.value === "" ? arg.name : `${arg.name}=${arg.value}`;
      return arg.type === "operand" ? `(${arg.text})` : (formatMistake(arg) ?? "");
    })
    .join(" ");
}

test("options are read in any order and spelling getopt knows", (t) => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], ""],
    [["-x", "-l"], "x l"],
    [["-xl"], "x l"],
    [["-xsweb"], "x s=web"],
    [["-s", "web", "-m", "n"], "s=web m=n"],
    [["-xs", "web", "-l"], "x s=web l"],
    [["-s", "-x"], "s=-x"],
    [["one", "-x", "two"], "(one) x (two)"],
    [["-x", "--", "-l"], "x (-l)"],
    [["-"], "(-)"],
    [["--json"], "json"],
    [["--socket", "/a"], "socket=/a"],
    [["--socket=/a=b"], "socket=/a=b"],
    [["--socket="], "socket"],
  ];
  for (const [words, expected] of cases) t.equal(brief(...words), expected, words.join(" "));
  t.end();
});

test("mistakes are named in getopt's words, and do not hide what follows", (t) => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["-z", "-x"], "invalid option -- 'z' x"],
    [["-:"], "invalid option -- ':'"],
    [["-s"], "option requires an argument -- 's'"],
    [["--socket"], "option '--socket' requires an argument"],
    [["--json=1"], "option '--json' doesn't allow an argument"],
    [["--nothing"], "unrecognized option '--nothing'"],
    [["--toString"], "unrecognized option '--toString'"],
  ];
  for (const [words, expected] of cases) t.equal(brief(...words), expected, words.join(" "));
  t.end();
});
