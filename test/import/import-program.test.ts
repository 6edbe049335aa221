/** `clusterd --import`: files, streams and exit statuses. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { importFiles } from "../../src/daemon/import-files.ts";

const samples = fileURLToPath(new URL("../../../test/golden/import/", import.meta.url));

async function run(...files: readonly string[]) {
  const printed: string[] = [];
  const said: string[] = [];
  const status = await importFiles(files, {
    out: (text) => printed.push(text),
    say: (line) => said.push(line),
  });
  return { status, printed: printed.join(""), said };
}

test("a complete configuration is printed, and the warnings are said: 0", async (t) => {
  const { status, printed, said } = await run(join(samples, "qpid-group/cib.xml"));
  t.equal(status, 0);
  t.match(printed, /<service name="test-group"/);
  t.match(said.at(-1), /^\d+ warnings, also as comments in what is printed$/);
});

test("corosync.conf and CIB become one configuration", async (t) => {
  const files = ["corosync.conf", "cib.xml"].map((one) => join(samples, "two-node-both", one));
  const { status, printed } = await run(...files);
  t.equal(status, 0);
  t.match(printed, /<clusternode name="web1" nodeid="1">/);
});

test("where the nodes are unknown it is printed with their places marked: 3", async (t) => {
  const { status, printed, said } = await run(join(samples, "corosync-1-multicast/corosync.conf"));
  t.equal(status, 3);
  t.match(printed, /<clusternode name="CHANGE-node1"/);
  t.match(printed, /<uidgid uid="qpidd" gid="qpidd"\/>/, "of the folder uidgid.d beside the file");
  t.match(said.at(-1), /^incomplete: fill in what is marked CHANGE-node/);
});

test("what is broken prints nothing: 1", async (t) => {
  const { status, printed, said } = await run(join(samples, "broken-cib/cib.xml"), "/nowhere/x");
  t.equal(status, 1);
  t.equal(printed, "");
  t.match(said[0], /^\/nowhere\/x: error: cannot be read/);
  t.match(said[1], /cib\.xml:3: error: <node>: attribute uname is missing/);
  t.match(said.at(-1), /errors; nothing is printed$/);
});

test("a broken file of uidgid.d is named", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "import-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  cpSync(join(samples, "corosync-1-multicast"), folder, { recursive: true });
  writeFileSync(join(folder, "uidgid.d/broken"), "uidgid {\n");
  const { status, said } = await run(join(folder, "corosync.conf"));
  t.equal(status, 1);
  t.match(said[0], /uidgid\.d\/broken:1: error: unexpected end of file/);
});
