/**
 * The documents that are made from the rules of the configuration are in step with them, and the
 * schema for editors accepts what the daemon accepts.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { clusterRule } from "../../src/config/schema/cluster-rules.ts";
import type { ElementRule } from "../../src/config/schema/element-rules.ts";
import { choices, flags, integers } from "../../src/config/text/defaults.ts";
import { confManual } from "../../src/documents/conf-manual.ts";
import { confSchema } from "../../src/documents/conf-schema.ts";
import { ownTypes, typeMeanings } from "../../src/documents/resource-types.ts";
import { parseClusterConf } from "../config/parsed-conf.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");
const schema = `${root}conf/cluster.rng`;
const withoutXmllint =
  spawnSync("xmllint", ["--version"]).error === undefined
    ? false
    : "xmllint (Debian: libxml2-utils) is not installed";

test("the manual page and the schema are what npm run documents makes", async (t) => {
  t.equal(read("man/cluster.conf.5"), confManual());
  t.equal(read("conf/cluster.rng"), confSchema());
});

test("the page names attributes that no other document names", async (t) => {
  const page = confManual();
  const names = [
    ...["nofailback", "ordered", "logfile_priority", "to_logfile", "override_time"],
    ...["skip_undefined", "clean_start", "status_child_max", "max_messages", "window_size"],
    ...["token_retransmits_before_loss_const", "max_restarts"],
  ];
  for (const name of names) t.ok(page.includes(`.BR "${name}" " (implement`), name);
});

/** Every attribute of the rules by `element attribute`. */
function attributesBelow(name: string, rule: ElementRule): readonly string[] {
  const own = Object.keys(rule.attributes).map((attribute) => `${name} ${attribute}`);
  const deeper = Object.entries(rule.children).flatMap(([child, below]) =>
    "rule" in below ? attributesBelow(child, below.rule) : [],
  );
  return [...own, ...deeper];
}

test("every default belongs to an attribute of the rules", async (t) => {
  const known = attributesBelow("cluster", clusterRule);
  // Written as `depth` of an action, and as `action` of a device in <unfence>.
  const elsewhere = ["action depth", "unfence action"];
  for (const table of [integers, flags, choices]) {
    for (const [element, rows] of Object.entries(table)) {
      for (const name of Object.keys(rows)) {
        const row = `${element} ${name}`;
        t.ok(known.includes(row) || elsewhere.includes(row), row);
      }
    }
  }
});

test("every parameter of a built-in type says what it means", async (t) => {
  for (const { type, parameters } of ownTypes) {
    t.ok(typeMeanings[type], type);
    for (const { name, meaning } of parameters) t.match(meaning, /\.$/, `${type} ${name}`);
  }
});

type Verdict = { readonly file: string; readonly accepted: boolean };

function xmllint(paths: readonly string[]): readonly Verdict[] {
  const { stderr } = spawnSync("xmllint", ["--noout", "--relaxng", schema, ...paths], {
    encoding: "utf8",
  });
  return paths.map((file) => ({ file, accepted: stderr.includes(`${file} validates`) }));
}

function accepts(path: string): boolean {
  return parseClusterConf(readFileSync(path, "utf8"), { file: path }).conf !== null;
}

test("the schema accepts every file that the daemon accepts", {
  skip: withoutXmllint,
}, async (t) => {
  const golden = (folder: string) =>
    readdirSync(`${root}${folder}`)
      .filter((name) => name.endsWith(".conf") || name.endsWith(".conf.example"))
      .map((name) => `${root}${folder}/${name}`);
  const realStyle = golden("test/golden/real-style");
  for (const file of realStyle) t.ok(accepts(file), `${file} is accepted`);
  const files = [
    ...golden("test/golden/conf"),
    ...realStyle,
    `${root}test/golden/qpid-manual-cluster.conf`,
    `${root}conf/cluster.conf.example`,
    `${root}conf/haproxy-mariadb.conf.example`,
  ];
  const verdicts = xmllint(files);
  const wrong = verdicts.filter(({ file, accepted }) => accepts(file) && !accepted);
  t.same(
    wrong.map(({ file }) => file),
    [],
  );
  t.ok(verdicts.filter(({ accepted }) => accepted).length > 50);
});

test("the schema refuses what a typing error makes of a name or value", {
  skip: withoutXmllint,
}, async (t) => {
  const names = [
    ...["07-name-too-long", "09-version-word", "10-no-clusternodes", "11-nodeid-missing"],
    ...["12-nodeid-zero", "20-votes-too-many", "26-transport-tcp", "29-ttl", "29-port"],
    ...["45-unknown-attribute", "45-unknown-clusternode", "46-not-a-boolean", "49-recovery"],
    ...["49-service-attribute", "57-poll-fraction", "57-actions"],
  ];
  const files = names.map((name) => `${root}test/golden/conf/${name}.conf`);
  for (const { file, accepted } of xmllint(files)) t.notOk(accepted, file);
});

test("the manual page has no errors", {
  skip: spawnSync("man", ["--version"]).error === undefined ? false : "man is not installed",
}, async (t) => {
  const args = ["-l", "--warnings", `${root}man/cluster.conf.5`];
  const { stderr, stdout } = spawnSync("man", args, {
    encoding: "utf8",
    env: { ...process.env, MANPAGER: "cat", LC_ALL: "C" },
  });
  t.equal(stderr, "");
  t.match(stdout, /token_retransmits_before_loss_const/);
});
