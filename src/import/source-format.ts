/**
 * Tells by its text which kind of file is to be imported.
 * Tested in: test/import/import-refusals.test.ts
 */
import { foreignTextFormat } from "../config/text/foreign-format.ts";
import { quoted } from "../model/visible-text.ts";

export type SourceFormat =
  | { readonly type: "corosync" }
  | { readonly type: "xml" }
  | { readonly type: "pcs" }
  | {
      readonly type: "unknown";
      readonly line: number;
      readonly problem: string;
      readonly allowed: string;
    };

const kinds =
  "a corosync.conf, a CIB (cibadmin --query, pcs cluster cib) or the output of pcs config";

const crmLine = /^(node|primitive|group|clone|ms|location|colocation|order|property)\s+\S/;

export function recognise(text: string): SourceFormat {
  const lines = text.split("\n");
  const index = lines.findIndex((line) => line.trim() !== "" && !line.trim().startsWith("#"));
  const first = lines[index]?.trim() ?? "";
  const line = Math.max(1, index + 1);
  if (first === "") {
    return { type: "unknown", line, problem: "the file is empty", allowed: kinds };
  }
  if (first.startsWith("<") || first.startsWith("\ufeff<")) return { type: "xml" };
  const format = foreignTextFormat(text);
  if (format !== null) return { type: format };
  if (crmLine.test(first)) {
    const problem = "this is the output of crm configure show";
    return { type: "unknown", line, problem, allowed: "import the output of: cibadmin --query" };
  }
  const problem = `${quoted(first)} begins no file that can be imported`;
  return { type: "unknown", line, problem, allowed: kinds };
}

/** Null: the root is that of a CIB; else what it is, and what to import. */
export function foreignToImport(
  root: string,
): { readonly problem: string; readonly allowed: string } | null {
  if (root === "cib" || root === "configuration") return null;
  if (root !== "cluster") return { problem: `the root is <${root}>`, allowed: kinds };
  const problem = "this is a cluster.conf already";
  return { problem, allowed: "see what it lacks: clusterd --check -c FILE" };
}
