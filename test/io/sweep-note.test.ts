/** The word that one guard leaves to the next. */
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import { leaveSweepNote, takeSweepNote } from "../../src/io/files/sweep-note.ts";

const none = { ok: true, value: false };

test("NOTE1: a note counts once, and on its own machine only", async (t) => {
  const directory = t.testdir();
  t.match(takeSweepNote(directory, "one"), none, "nobody has left any");
  t.match(leaveSweepNote(directory, "one"), { ok: true });
  t.match(takeSweepNote(directory, "one"), { ok: true, value: true });
  t.match(takeSweepNote(directory, "one"), none, "it is used up");
  t.match(leaveSweepNote(directory, "one"), { ok: true });
  t.match(takeSweepNote(directory, "another boot"), none);
  t.equal(existsSync(join(directory, "swept")), false);
});

test("NOTE1: what cannot be read or removed says nothing", async (t) => {
  const directory = t.testdir({ swept: {} });
  t.match(takeSweepNote(directory, "one"), { ok: false, problem: /EISDIR/ });
  t.match(leaveSweepNote(directory, "one"), { ok: false, problem: /EISDIR/ });
  t.match(leaveSweepNote(join(directory, "gone"), "one"), { ok: false, problem: /ENOENT/ });
});

test("the note is nobody else's to read, and may be cut", async (t) => {
  const directory = t.testdir({ swept: "on" });
  t.match(takeSweepNote(directory, "one"), none, "the process ended while it wrote");
  mkdirSync(join(directory, "deep"));
  chmodSync(join(directory, "deep"), 0o700);
  leaveSweepNote(join(directory, "deep"), "one");
  t.equal(readFileSync(join(directory, "deep", "swept"), "utf8"), "one\n");
});
