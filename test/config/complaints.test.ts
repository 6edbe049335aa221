/**
 * Golden files: each test/golden/conf/NAME.conf against the complaints in NAME.expected.
 * `REWRITE=1` rewrites the expected files; the difference is then reviewed like code.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { formatCount, preventsStart } from "../../src/config/text/complaint.ts";
import { formatComplaints, parseClusterConf } from "./parsed-conf.ts";

const folder = fileURLToPath(new URL("../../../test/golden/conf/", import.meta.url));
const rewrite = process.env["REWRITE"] === "1";
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".conf"))
  .map((file) => file.slice(0, -".conf".length))
  .sort();

/** The closing line also of a file without complaints, so that no expected file is empty. */
function verdict(name: string): string {
  const text = readFileSync(`${folder}${name}.conf`, "utf8");
  const { complaints } = parseClusterConf(text, { file: `${name}.conf` });
  return complaints.length === 0 ? `${formatCount([])}\n` : formatComplaints(complaints);
}

test("every golden configuration has an expected file and the reverse", async (t) => {
  const expected = readdirSync(folder).filter((file) => file.endsWith(".expected"));
  if (!rewrite) t.same(expected.sort(), names.map((name) => `${name}.expected`).sort());
  t.ok(names.length >= 100);
});

test("each configuration gets exactly the complaints that are written down", async (t) => {
  for (const name of names) {
    const path = `${folder}${name}.expected`;
    if (rewrite) writeFileSync(path, verdict(name));
    t.equal(verdict(name), existsSync(path) ? readFileSync(path, "utf8") : null, name);
  }
});

test("there is a configuration exactly if no error is about the file", async (t) => {
  for (const name of names) {
    const text = readFileSync(`${folder}${name}.conf`, "utf8");
    const { conf, locations, complaints } = parseClusterConf(text, { file: name });
    // An agent that is not installed keeps its services from running here, and nothing else.
    t.equal(conf === null, preventsStart(complaints), name);
    t.equal(locations === null, conf === null, name);
  }
});

test("a configuration named good has no complaints", async (t) => {
  const good = names.filter((name) => name.endsWith("-good"));
  t.ok(good.length >= 10);
  for (const name of good) t.equal(verdict(name), "no complaints\n", name);
});
