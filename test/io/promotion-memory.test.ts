/** The file that says which broker became primary last: kept, damaged, and on a full disk. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { StoredPromotion } from "../../src/io/files/promotion-memory.ts";
import { id } from "../sim/cluster-machine.ts";

test("the last promotion is there after a restart", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "promotion-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const warnings: string[] = [];
  const open = () => StoredPromotion.open(directory, (text) => warnings.push(text));
  const first = await open();
  t.equal(first.last, null);
  first.remember({ node: id(1), at: 1000 });
  first.remember({ node: id(2), at: 2000 });
  t.same(first.last, { node: 2, at: 2000 });
  await first.settled();
  t.same((await open()).last, { node: 2, at: 2000 });
  t.same(warnings, []);
  const file = join(directory, "last-primary.json");
  t.equal(statSync(file).mode & 0o777, 0o600);
  for (const damaged of ["", "{", '{"node":0,"at":1}', '{"node":1}']) {
    writeFileSync(file, damaged);
    t.equal((await open()).last, null, damaged);
    t.match(warnings.splice(0), [/last-primary.json: the content is damaged; after a start/]);
  }
});

test("what cannot be written is remembered by this process, and told", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "promotion-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const warnings: string[] = [];
  const memory = await StoredPromotion.open(directory, (text) => warnings.push(text));
  mkdirSync(join(directory, "last-primary.json"));
  memory.remember({ node: id(3), at: 5 });
  await memory.settled();
  t.same(memory.last, { node: 3, at: 5 });
  t.match(warnings, [/last-primary.json.* not written: .*; the next start may promote another/]);
});
