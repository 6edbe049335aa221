/** What a node must remember, on a disk with no room: a small file system in a namespace. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { t as suite, type Test, test } from "tap";
import { AddressClaims } from "../../src/io/files/address-claims.ts";
import { replaceWhole } from "../../src/io/files/atomic-file.ts";
import { FileStore } from "../../src/io/files/file-store.ts";
import { ms } from "../../src/model/time.ts";
import { inNamespace, insideNamespace, namespaceProblem } from "./namespace.ts";

function disk(t: Test): { readonly path: string; readonly fill: () => void } {
  const path = mkdtempSync(join(tmpdir(), "clusterd-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", path]);
  t.teardown(() => {
    execFileSync("umount", [path]);
    rmSync(path, { recursive: true });
  });
  const fill = (): void => {
    t.throws(() => writeFileSync(join(path, "fill"), Buffer.alloc(128 * 1024)), { code: "ENOSPC" });
  };
  return { path, fill };
}

async function claimsOf(path: string): Promise<AddressClaims> {
  const claims = await AddressClaims.open(path);
  if (!claims.ok) throw new Error(claims.problem);
  return claims.value;
}

function inside(): void {
  test("a life begins and raises its bound, and the next one begins above it", async (t) => {
    const { path, fill } = disk(t);
    await new FileStore(path).beginLife(ms(1000));
    fill();
    const store = new FileStore(path);
    t.match(await store.beginLife(ms(2000)), { ok: true });
    t.match(await store.raiseRingSeq(123_456_789_012_345), { ok: true });
    t.match(await new FileStore(path).beginLife(ms(3000)), {
      ok: true,
      value: { ringSeqStart: 123_456_789_012_346 },
    });
    t.same(readdirSync(path).sort(), ["fill", "ring.json"], "nothing else is left there");
  });

  test("an address is claimed in the place that was taken at the start", async (t) => {
    const { path, fill } = disk(t);
    const claims = await claimsOf(path);
    t.match(await claims.reserveSpace(), { ok: true });
    fill();
    t.match(await claims.claim("10.0.0.5"), { ok: true });
    t.same((await claimsOf(path)).all, ["10.0.0.5"]);
    const wanted = Array.from({ length: 200 }, (_, at) => `10.0.1.${at}`);
    const all = await Promise.all(wanted.map((address) => claims.claim(address)));
    t.match(all[0], { ok: false, problem: /ENOSPC/ }, "with all of them there is no room");
    const kept = (await claimsOf(path)).all;
    t.ok(kept.length > 20 && kept.length < 201, "then as many as there is room for");
  });

  test("ATOMIC1: the file stays whole, shorter or longer; no other one is made", async (t) => {
    const { path, fill } = disk(t);
    const file = join(path, "file");
    writeFileSync(file, "four\n");
    fill();
    const write = (text: string, at = file) =>
      replaceWhole(at, { text, mode: 0o600, orWriteOver: true });
    for (const text of ["a longer one\n", "two\n"]) {
      t.match(await write(text), { ok: true });
      t.equal(readFileSync(file, "utf8").trimEnd(), text.trimEnd());
    }
    t.match(await write(`${"x".repeat(2000)}\n`), { ok: false });
    t.equal(readFileSync(file, "utf8").trimEnd(), "two");
    t.match(await write("new\n", join(path, "other")), { ok: false });
    t.equal(existsSync(join(path, "other")), false);
    t.match(
      await replaceWhole(file, { text: "three\n", mode: 0o600 }),
      { ok: false },
      "not asked for",
    );
  });
}

if (!insideNamespace()) {
  const skip = namespaceProblem();
  if (skip === null) suite.spawn(...inNamespace(import.meta.url, "in a namespace"));
  else test("a full disk", { skip }, async () => undefined);
} else inside();
