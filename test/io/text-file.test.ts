/** Whole texts, and what is none. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { readWhole } from "../../src/io/files/atomic-file.ts";
import { readNames, readText } from "../../src/io/files/text-file.ts";

test("a text is read whole, however its characters fall on the pieces", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-text-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "file");
  const text = `a${"€".repeat(100_000)}`;
  writeFileSync(file, text);
  t.same(await readText(file), { ok: true, value: text });
  t.same(await readWhole(file), { ok: true, value: text });
  writeFileSync(file, "");
  t.same(await readText(file), { ok: true, value: "" });
  t.same(await readNames(folder), { ok: true, value: ["file"] });
});

test("what has no end is refused, and what is not there is told apart", async (t) => {
  t.same(await readText("/dev/zero"), { ok: false, problem: "it has more than 16 MiB" });
  t.match(await readWhole("/dev/zero"), { ok: false, problem: { cause: /more than 16 MiB/ } });
  t.match(await readText("/"), { ok: false, problem: /EISDIR/ });
  t.match(await readText("/nowhere/file"), { ok: false, problem: /ENOENT/ });
  t.same(await readWhole("/nowhere/file"), { ok: true, value: null });
  t.same(await readNames("/nowhere"), { ok: true, value: [] });
});
