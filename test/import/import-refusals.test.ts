/** What cannot be imported is refused with file, line, cause and remedy, all in one go. */
import { test } from "tap";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import { importConf } from "../../src/import/import-conf.ts";

function refusals(...texts: readonly string[]): readonly string[] {
  const sources = texts.map((text, index) => ({ file: `f${index + 1}`, text, accounts: [] }));
  const imported = importConf(sources);
  return imported.ok ? [] : imported.problem.map(formatComplaint);
}

const corosync = "totem {\n version: 2\n}\n";
const cib = "<cib><configuration/></cib>";

test("a section that is not closed is named with its line", async (t) => {
  t.match(refusals("# c\n\ntotem {\n version: 2\n"), [
    /^f1:4: error: unexpected end of file; section "totem" opened at line 3 is not closed$/,
  ]);
});

test("faults of all files come in one go", async (t) => {
  t.match(refusals("totem {\n what\n}\n}\n", "<cib>\n</cib>"), [
    /^f1:2: error: "what" is no line of a corosync\.conf; a line is/,
    /^f1:4: error: "}" closes nothing/,
    /^f2:1: error: <cib>: has no <configuration>; give the output of: cibadmin --query/,
  ]);
});

test("two files of one kind are refused", async (t) => {
  t.match(refusals(corosync, corosync), [/^f2:1: error: this is a second corosync\.conf/]);
  t.match(refusals(cib, "Cluster Name: a\n"), [/^f2:1: error: this is a second configuration/]);
});

test("files of other kinds are said to be what they are", async (t) => {
  t.match(refusals('<cluster name="a"/>'), [
    /^f1:1: error: this is a cluster\.conf already; .*--check/,
  ]);
  t.match(refusals("primitive a lsb:a\n"), [/crm configure show; import the output of: cibadmin/]);
  t.match(refusals("<domain/>"), [/the root is <domain>; a corosync\.conf, a CIB/]);
  t.match(refusals(""), [/^f1:1: error: the file is empty/]);
  t.match(refusals("\u0001"), [/^f1:1: error: control character in column 1/]);
});

test("a document type and entities are not read", async (t) => {
  const text = '<!DOCTYPE cib [<!ENTITY a "b">]>\n<cib>&a;</cib>';
  t.match(refusals(text), [/document type declarations are not accepted/]);
  t.match(refusals("<cib>\n&a;</cib>"), [/^f1:2: error: not well-formed.*entity/]);
});

test("what is too large is refused with what is enough", async (t) => {
  t.match(refusals(`${cib}${" ".repeat(1_100_000)}`), [
    /bytes long; at most .*--scope configuration/,
  ]);
});
