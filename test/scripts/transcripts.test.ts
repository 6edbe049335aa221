/** Plays every transcript of this folder; REWRITE=1 writes what happens into the files instead. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "tap";
import { ScriptedCluster } from "./scripted-cluster.ts";
import { parseTranscript, rewriteTranscript } from "./transcript.ts";

/** Seen from build/test/scripts. */
const folder = new URL("../../../test/scripts/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));
const rewriting = process.env["REWRITE"] === "1";

test("there are transcripts", async (t) => {
  t.ok(names.length >= 6, `${names.length} files`);
});

for (const name of names.toSorted()) {
  const file = new URL(name, folder);
  const text = readFileSync(file, "utf8");
  const { title, blocks } = parseTranscript(text);
  test(`${name}: ${title}`, async (t) => {
    const cluster = new ScriptedCluster();
    const actual = blocks.map(({ commands }) => {
      for (const command of commands) cluster.perform(command);
      return cluster.report();
    });
    if (rewriting) writeFileSync(file, rewriteTranscript(text, actual));
    else {
      for (const [at, block] of blocks.entries()) {
        t.equal(actual[at], block.expected, block.commands.join("; "));
      }
    }
    t.ok(blocks.length > 0);
  });
}

test("a rewritten transcript keeps its commands and comments", async (t) => {
  const text = "# one.txt — a title\n\nboot node1\nsettle\n----\nold\n\n# why\nheal; run 2s\n";
  const { title, blocks } = parseTranscript(text);
  t.equal(title, "one.txt — a title");
  t.same(blocks, [
    { commands: ["boot node1", "settle"], expected: "old" },
    { commands: ["heal", "run 2s"], expected: "" },
  ]);
  t.equal(
    rewriteTranscript(text, ["new", "newer\nlines"]),
    "# one.txt — a title\n\nboot node1\nsettle\n----\nnew\n\n" +
      "# why\nheal; run 2s\n----\nnewer\nlines\n",
  );
});
