/** Files of other cluster managers, given as cluster.conf. */
import { test } from "tap";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import { foreignText } from "../../src/config/text/foreign-format.ts";
import { parseClusterConf } from "./parsed-conf.ts";

test("a corosync.conf of either generation", async (t) => {
  const old =
    "# Please read corosync.conf(5)\ncompatibility: whitetank\n\ntotem {\n version: 2\n}\n";
  const texts = [
    "totem {\n  version: 2\n}\n",
    "\n# comment\n\n  nodelist {\n node {\n }\n}\n",
    old,
  ];
  for (const text of texts) t.match(foreignText(text)?.problem, /this is a corosync\.conf/, text);
  for (const text of ["", "hello {", "totem", "<cluster>", " \n".repeat(400_000)])
    t.equal(foreignText(text), null, text.slice(0, 20));
});

test("the output of pcs config, and what to do with it", async (t) => {
  const found = foreignText("Cluster Name: a\nCorosync Nodes:\n n1\n");
  t.match(found, { problem: /output of pcs config/, allowed: /clusterd --import FILE/ });
  t.match(foreignText("\nResources:\n"), { problem: /output of pcs config/ });
  t.equal(foreignText("Resources: many\n"), null);
});

test("a CIB is said to be one", async (t) => {
  const { complaints } = parseClusterConf('<cib crm_feature_set="3"/>', { file: "c" });
  t.match(complaints.map(formatComplaint), [
    /the root must be <cluster>; this is a .* \(CIB\), which/,
  ]);
  const other = parseClusterConf("<other/>", { file: "c" });
  t.match(other.complaints.map(formatComplaint), [/the root must be <cluster>$/]);
});
