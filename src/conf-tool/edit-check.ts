/**
 * Judges an edit by what the daemon complains of before and after it.
 * CCS1  An edit brings no error into a file. Two kinds of errors only say that a file is not
 *     finished, since its parts are added one after the other: that something is still missing,
 *     such as the nodes of a restricted domain, and, as long as something is missing, a conflict,
 *     such as two_node before there are two nodes. They are said, and --activate refuses the file.
 * Tested in: test/conf-tool/ccs.test.ts
 */
import { type Complaint, formatComplaint, preventsStart } from "../config/text/complaint.ts";

export type EditVerdict = {
  /** Complaints that the edit has brought, as lines; null: they do not forbid it. */
  readonly refusal: readonly string[] | null;
  /** What is to be told of an edit that is made. */
  readonly notes: readonly string[];
  /** Errors are among the notes: the file cannot come into force yet. */
  readonly unfinished: boolean;
};

export function judgeEdit(
  before: readonly Complaint[],
  after: readonly Complaint[],
  options: { readonly activate: boolean; readonly ignore: boolean },
): EditVerdict {
  const known = new Set(before.map(identity));
  const fresh = after.filter((one) => !known.has(identity(one)));
  const incomplete = before.some(isMissing);
  const wrong = fresh.filter(
    (one) => isError(one) && !isMissing(one) && !(incomplete && one.type === "conflict"),
  );
  const lines = (complaints: readonly Complaint[]) => complaints.map(formatComplaint);
  if (wrong.length > 0 && !options.ignore)
    return { refusal: lines(wrong), notes: [], unfinished: true };
  if (options.activate && preventsStart(after)) {
    return { refusal: lines(after.filter(isError)), notes: [], unfinished: true };
  }
  const left = after.filter((one) => isError(one) && !fresh.includes(one));
  const unfinished = after.some(isError);
  return { refusal: null, notes: lines([...fresh, ...left]), unfinished };
}

/** An agent that is missing here may be present on the nodes of the service. */
function isError({ severity, type }: Complaint): boolean {
  return severity === "error" && type !== "agent";
}

/** Something that may be added later. */
export function isMissing(complaint: Complaint): boolean {
  return isError(complaint) && complaint.type === "missing-element";
}

/** Lines and the numbers of siblings change with every edit. */
function identity({ type, path, problem }: Complaint): string {
  return [type, path, problem].join(" ").replace(/\[\d+\]|line \d+/g, "");
}
