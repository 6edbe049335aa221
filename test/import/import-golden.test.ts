/**
 * Golden files: the files of each folder of test/golden/import are imported in one call, and what
 * is printed must be that in its file `expected`. `REWRITE=1` rewrites those; the difference is
 * then reviewed like code.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import { type ImportSource, importConf } from "../../src/import/import-conf.ts";
import { parseClusterConf } from "../config/parsed-conf.ts";

const root = fileURLToPath(new URL("../../../test/golden/import/", import.meta.url));
const rewrite = process.env["REWRITE"] === "1";
const names = readdirSync(root).sort();

/** corosync.conf before the CIB, as an operator would name them. */
function sourcesOf(name: string): readonly ImportSource[] {
  const files = readdirSync(`${root}${name}`, { withFileTypes: true })
    .filter((one) => one.isFile() && one.name !== "expected")
    .map((one) => one.name)
    .sort((a, b) => Number(b.startsWith("corosync")) - Number(a.startsWith("corosync")));
  const folder = `${root}${name}/uidgid.d`;
  const accounts = existsSync(folder)
    ? readdirSync(folder).map((file) => {
        return { file: `uidgid.d/${file}`, text: readFileSync(`${folder}/${file}`, "utf8") };
      })
    : [];
  return files.map((file) => {
    return { file, text: readFileSync(`${root}${name}/${file}`, "utf8"), accounts };
  });
}

function outcomeOf(name: string): string {
  const imported = importConf(sourcesOf(name));
  if (!imported.ok) return `${imported.problem.map(formatComplaint).join("\n")}\n`;
  const { text, warnings, incomplete } = imported.value;
  const lines = warnings.map(formatComplaint);
  return [text, ...lines, incomplete ? "incomplete" : "complete", ""].join("\n");
}

test("each sample becomes exactly the cluster.conf that is written down", async (t) => {
  t.ok(names.length >= 15);
  for (const name of names) {
    const path = `${root}${name}/expected`;
    if (rewrite) writeFileSync(path, outcomeOf(name));
    t.equal(outcomeOf(name), existsSync(path) ? readFileSync(path, "utf8") : null, name);
  }
});

test("what is printed is accepted by the reader of cluster.conf", async (t) => {
  for (const name of names) {
    const imported = importConf(sourcesOf(name));
    if (!imported.ok) continue;
    const { conf, complaints } = parseClusterConf(imported.value.text, { file: name });
    t.ok(conf !== null, `${name}: ${complaints.map(formatComplaint).join("\n")}`);
  }
});

test("the qpid pattern of the guides comes out as one writes it in cluster.conf", async (t) => {
  const imported = importConf(sourcesOf("qpid-group"));
  if (!imported.ok) return t.fail("refused");
  const { conf } = parseClusterConf(imported.value.text, { file: "qpid-group" });
  const service = conf?.services.services.find(({ name }) => name === "service:test-group");
  t.same(
    service?.tree.children.map(({ type, key }) => `${type} ${key}`),
    ["ip 20.0.20.200/24", "script qpidd"],
  );
  return t.match(imported.value.text, /<script name="qpidd" file="\/etc\/init.d\/qpidd">/);
});

test("remarks show no secrets", async (t) => {
  for (const name of names) {
    const imported = importConf(sourcesOf(name));
    const said = imported.ok ? imported.value.warnings : imported.problem;
    for (const line of said.map(formatComplaint)) t.notMatch(line, /"secret"|=secret/, name);
  }
});
