/**
 * What the command ccs-ts needs of its machine, and how its parts end.
 * Tested in: test/conf-tool/ccs.test.ts
 */
import type { Terminal } from "../cli/terminal.ts";
import type { Complaint } from "../config/text/complaint.ts";
import type { Result } from "../model/outcome.ts";

export type CcsPorts = {
  readonly terminal: Terminal;
  /** The text, or why it cannot be read; null: there is no such file. */
  readonly read: (file: string) => Promise<Result<string | null, string>>;
  /** The hash by which the daemon names the text. */
  readonly hashOf: (text: string) => string;
  /** Replaces the file as a whole and keeps its mode; returns why not, or null. */
  readonly write: (file: string, text: string) => Promise<string | null>;
  /** What the daemon of this machine would say of the text. */
  readonly complaints: (text: string, file: string) => Promise<readonly Complaint[]>;
};

/** The problem has one line for each thing to be said. */
export type Done = Result<null, readonly string[]>;
