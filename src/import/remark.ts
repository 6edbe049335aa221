/**
 * Places in the files that are imported, the values that stand there, and remarks on what a
 * cluster.conf cannot say.
 * Tested in: test/import/import-golden.test.ts
 */
import type { Complaint, ComplaintType } from "../config/text/complaint.ts";

/** The line is one-based. */
export type Place = { readonly file: string; readonly line: number };

export type Setting = { readonly value: string; readonly at: Place };

export type Settings = ReadonlyMap<string, Setting>;

/** What the operator must know of the imported text; it becomes a comment and a warning. */
export type Remark = { readonly at: Place; readonly text: string };

/** An error in an imported file: nothing is printed. */
export function importFault(at: Place, problem: string, allowed?: string): Complaint {
  return complaintAt(at, { severity: "error", type: "not-well-formed", problem, allowed });
}

export function remarkComplaint({ at, text }: Remark): Complaint {
  const [problem = "", ...rest] = text.split("; ");
  const allowed = rest.length === 0 ? undefined : rest.join("; ");
  return complaintAt(at, { severity: "warning", type: "ignored", problem, allowed });
}

function complaintAt(
  { file, line }: Place,
  what: {
    readonly severity: Complaint["severity"];
    readonly type: ComplaintType;
    readonly problem: string;
    readonly allowed: string | undefined;
  },
): Complaint {
  const { severity, type, problem, allowed } = what;
  const found = { type, severity, file, line, path: "", problem };
  return allowed === undefined ? found : { ...found, allowed };
}
