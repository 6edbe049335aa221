import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { keyFromFile, keyFromName, writeNewKey } from "../../src/io/frames/key-file.ts";
import { run } from "../cli/spawned.ts";

async function directory(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "clusterd-key-"));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("a key file has to be long enough", async (t) => {
  const path = join(await directory(t), "key");
  t.match(await keyFromFile(path), { ok: false, problem: { path } });
  for (const size of [0, 31, 4097]) {
    await writeFile(path, Buffer.alloc(size, 1), { mode: 0o600 });
    const cause = `${size} bytes; a key has 32 to 4096`;
    t.same(await keyFromFile(path), { ok: false, problem: { path, cause } });
  }
  for (const size of [32, 128, 4096]) {
    await writeFile(path, Buffer.alloc(size, 1));
    t.same(await keyFromFile(path), { ok: true, value: Buffer.alloc(size, 1) });
  }
});

test("a key file that group or others may use in any way is refused", async (t) => {
  const path = join(await directory(t), "key");
  await writeFile(path, Buffer.alloc(32, 1));
  for (const mode of [0o440, 0o404, 0o620, 0o602, 0o610, 0o601, 0o777]) {
    await chmod(path, mode);
    t.match(await keyFromFile(path), { ok: false, problem: { cause: /chmod 0400/ } });
  }
  for (const mode of [0o400, 0o600]) {
    await chmod(path, mode);
    t.match(await keyFromFile(path), { ok: true });
  }
});

test("what is no regular file is refused at once", async (t) => {
  const path = await directory(t);
  t.match(await keyFromFile(path), { ok: false, problem: { cause: "not a regular file" } });
  const pipe = join(path, "pipe");
  execFileSync("mkfifo", ["-m", "0400", pipe]);
  t.match(await keyFromFile(pipe), { ok: false, problem: { cause: "not a regular file" } });
});

test("a new key is random, private, accepted, and never replaces a file", async (t) => {
  const path = await directory(t);
  const keys = [join(path, "first"), join(path, "second")];
  for (const key of keys) t.same(await writeNewKey(key), { ok: true, value: 128 });
  const [first, second] = await Promise.all(keys.map((key) => readFile(key)));
  t.equal(first?.length, 128);
  t.notSame(first, second);
  t.equal((await stat(join(path, "first"))).mode & 0o7777, 0o400);
  t.match(await keyFromFile(join(path, "first")), { ok: true, value: first });
  const again = await writeNewKey(join(path, "first"));
  t.match(again, { ok: false, problem: { cause: /exists already/ } });
  t.same(await readFile(join(path, "first")), first);
  await symlink(join(path, "elsewhere"), join(path, "link"));
  t.match(await writeNewKey(join(path, "link")), { ok: false });
  t.match(await writeNewKey(join(path, "no/such")), { ok: false, problem: { cause: /ENOENT/ } });
});

test("clusterd --keygen writes a key and ends; it needs no configuration", async (t) => {
  const path = join(await directory(t), "key");
  const made = await run("clusterd", ["--keygen", path]);
  t.match(made, { out: "", err: /a new key of 128 bytes; copy it to every node/, exit: 0 });
  const refused = await run("clusterd", ["--keygen", path]);
  t.match(refused, { out: "", err: /exists already and is not overwritten/, exit: 1 });
  t.match(await keyFromFile(path), { ok: true });
});

test("clusters of different names derive different keys", (t) => {
  t.notSame(keyFromName("alpha"), keyFromName("beta"));
  t.equal(keyFromName("alpha").length, 32);
  t.end();
});
