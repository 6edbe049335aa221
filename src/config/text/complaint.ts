/**
 * Complaints about a configuration and their one-line form.
 * Independent of the elements of the file.
 * Form: `FILE:LINE: error|warning: PATH: PROBLEM; ALLOWED`, sorted by line, then a count.
 * Tested in: test/config/complaints.test.ts
 */

export type Severity = "error" | "warning";

/** The kind of problem, for programs; people read the text. */
export type ComplaintType =
  | "unreadable"
  | "not-well-formed"
  | "too-large"
  | "text-ignored"
  | "unknown-element"
  | "unknown-attribute"
  | "missing-element"
  | "missing-attribute"
  | "bad-value"
  | "duplicate"
  | "dangling-reference"
  | "conflict"
  | "unsafe"
  | "not-supported"
  | "ignored"
  | "host"
  /** An agent is missing or broken on this node: only its resources cannot run here. */
  | "agent"
  | "too-many";

/** A location in the file: the path of the element, as in XPath, and the one-based line. */
export type SourceLocation = { readonly path: string; readonly line: number };

/** The part of a complaint that does not depend on where it is found. */
export type Finding = {
  readonly type: ComplaintType;
  readonly problem: string;
  /** What would be right, or what to do; absent when the problem needs no addition. */
  readonly allowed?: string;
};

export type Complaint = Finding & {
  readonly severity: Severity;
  readonly file: string;
  /** One-based; 0 when the complaint concerns the file as a whole. */
  readonly line: number;
  /** Empty when the complaint is about the text and not about an element. */
  readonly path: string;
};

/** The most complaints that are kept; a last one says how many more there were. */
export const complaintsMax = 500;

/** One line without line end. */
export function formatComplaint(complaint: Complaint): string {
  const { file, line, severity, path, problem, allowed } = complaint;
  const position = line > 0 ? `${file}:${line}` : file;
  const subject = path === "" ? "" : `${path}: `;
  const remedy = allowed === undefined ? "" : `; ${allowed}`;
  return `${position}: ${severity}: ${subject}${problem}${remedy}`;
}

/** `2 errors, 1 warning`; a kind that does not occur is left out; `no complaints` for none. */
export function formatCount(complaints: readonly Complaint[]): string {
  const errors = complaints.filter((complaint) => complaint.severity === "error").length;
  const warnings = complaints.length - errors;
  const parts = [];
  if (errors > 0) parts.push(`${errors} ${errors === 1 ? "error" : "errors"}`);
  if (warnings > 0) parts.push(`${warnings} ${warnings === 1 ? "warning" : "warnings"}`);
  return parts.length === 0 ? "no complaints" : parts.join(", ");
}

/** The complaint about a file that could not be read, with the system's own words. */
export function unreadableFile(file: string, cause: string): Complaint {
  return {
    type: "unreadable",
    severity: "error",
    file,
    line: 0,
    path: "",
    problem: `cannot be read: ${cause}`,
  };
}

export function hasErrors(complaints: readonly Complaint[]): boolean {
  return complaints.some((complaint) => complaint.severity === "error");
}

/** Whether the daemon must not start; a missing agent alone does not prevent that. */
export function preventsStart(complaints: readonly Complaint[]): boolean {
  return complaints.some((one) => one.severity === "error" && one.type !== "agent");
}

/** Collects complaints while a file is read. */
export class Report {
  readonly file: string;
  readonly #complaints: Complaint[] = [];
  #omitted = 0;
  #errors = 0;

  constructor(file: string) {
    this.file = file;
  }

  error(location: SourceLocation, finding: Finding): void {
    if (finding.type !== "agent") this.#errors += 1;
    this.#add("error", location, finding);
  }

  warning(location: SourceLocation, finding: Finding): void {
    this.#add("warning", location, finding);
  }

  get failed(): boolean {
    return this.#errors > 0;
  }

  /** In line order; complaints about one line keep the order in which they were found. */
  sorted(): readonly Complaint[] {
    const found = [...this.#complaints].sort((a, b) => a.line - b.line);
    if (this.#omitted === 0) return found;
    const severity = this.failed ? "error" : "warning";
    const problem = `${this.#omitted} further complaints are not shown`;
    const line = found.at(-1)?.line ?? 0;
    return [...found, { type: "too-many", severity, file: this.file, line, path: "", problem }];
  }

  #add(severity: Severity, location: SourceLocation, finding: Finding): void {
    if (this.#complaints.length >= complaintsMax) {
      this.#omitted += 1;
      return;
    }
    this.#complaints.push({ ...finding, severity, file: this.file, ...location });
  }
}
