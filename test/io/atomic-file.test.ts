import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { replaceWhole } from "../../src/io/files/atomic-file.ts";

async function directory(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "clusterd-file-"));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

const kept = { kept: true, otherwise: 0o640 } as const;
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test("a file that others may not read stays so", async (t) => {
  const path = join(await directory(t), "cluster.conf");
  t.same(await replaceWhole(path, { text: "one", mode: kept }), { ok: true, value: null });
  t.equal(await modeOf(path), 0o640, "a new one");
  await writeFile(path, "two");
  for (const mode of [0o600, 0o664]) {
    await rm(path);
    await writeFile(path, "two", { mode: 0o600 });
    await chmod(path, mode);
    await replaceWhole(path, { text: "three", mode: kept });
    t.equal(await modeOf(path), mode);
  }
  await replaceWhole(path, { text: "four", mode: 0o600 });
  t.equal(await modeOf(path), 0o600);
});

test("a link that somebody has put in the way is not followed", async (t) => {
  const folder = await directory(t);
  const [path, victim] = [join(folder, "cluster.conf"), join(folder, "victim")];
  await writeFile(victim, "precious");
  await symlink(victim, `${path}.new`);
  t.match(await replaceWhole(path, { text: "one", mode: kept }), { ok: true });
  t.equal(await readFile(victim, "utf8"), "precious");
  t.same((await readdir(folder)).toSorted(), ["cluster.conf", "cluster.conf.new", "victim"]);
});

test("a link to the file itself stays one", async (t) => {
  const folder = await directory(t);
  const [link, file] = [join(folder, "cluster.conf"), join(folder, "real.conf")];
  await writeFile(file, "one");
  await symlink(file, link);
  await replaceWhole(link, { text: "two", mode: kept });
  t.equal(await readlink(link), file);
  t.equal(await readFile(file, "utf8"), "two");
});

test("what cannot be replaced is left alone, and nothing beside it", async (t) => {
  const folder = await directory(t);
  const path = join(folder, "cluster.conf");
  await mkdir(join(path, "inside"), { recursive: true });
  t.match(await replaceWhole(path, { text: "one", mode: 0o600 }), { ok: false });
  t.same(await readdir(folder), ["cluster.conf"]);
});
