/**
 * Files of corosync and Pacemaker → one complete cluster.conf with comments on what it cannot say.
 * A pure function: it reads no files. A fault in any of them yields all faults and no text.
 * Tested in: test/import/import-golden.test.ts, test/import/damaged-import.test.ts
 */
import type { Complaint } from "../config/text/complaint.ts";
import { xmlBytesMax } from "../config/text/defaults.ts";
import { forbiddenCharacter, LineIndex } from "../config/text/source-positions.ts";
import { parseXml } from "../config/text/xml.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { readCib } from "./cib-conf.ts";
import { assembleConf } from "./conf-assembly.ts";
import { remarksOf } from "./conf-element.ts";
import { draftOfCorosync } from "./corosync-conf.ts";
import { type CorosyncSection, parseCorosync } from "./corosync-syntax.ts";
import { judgeConf } from "./judged-conf.ts";
import type { PacemakerConf } from "./pacemaker-conf.ts";
import { readPcsConfig } from "./pcs-config.ts";
import { importFault, remarkComplaint } from "./remark.ts";
import { foreignToImport, recognise } from "./source-format.ts";

export type ImportSource = {
  readonly file: string;
  readonly text: string;
  /** The files of the folder uidgid.d beside a corosync.conf. */
  readonly accounts: readonly { readonly file: string; readonly text: string }[];
};

export type ImportedConf = {
  readonly text: string;
  /** What could not be carried over, in the order of the text. */
  readonly warnings: readonly Complaint[];
  /** Whether something must be filled in before it can be used. */
  readonly incomplete: boolean;
};

type Parsed = {
  readonly corosync: {
    readonly root: CorosyncSection;
    readonly accounts: readonly CorosyncSection[];
  }[];
  readonly pacemaker: PacemakerConf[];
};

export function importConf(
  sources: readonly ImportSource[],
): Result<ImportedConf, readonly Complaint[]> {
  const parsed: Parsed = { corosync: [], pacemaker: [] };
  const faults = sources.flatMap((source) => parseSource(source, parsed));
  for (const [kind, [, second]] of [
    ["corosync.conf", parsed.corosync.map(({ root }) => root.at)],
    ["configuration of Pacemaker", parsed.pacemaker.map(({ at }) => at)],
  ] as const) {
    if (second === undefined) continue;
    faults.push(importFault(second, `this is a second ${kind}`, "import one of each kind"));
  }
  if (faults.length > 0) return refuse(inOrder(faults));
  const drafts = parsed.corosync.map(({ root, accounts }) => draftOfCorosync(root, accounts));
  const assembled = assembleConf(drafts, parsed.pacemaker);
  const judged = judgeConf(assembled.root, assembled.heading);
  if (!judged.ok) return refuse(judged.problem);
  const { text, root } = judged.value;
  const warnings = remarksOf(root).map(remarkComplaint);
  return accept({ text, warnings, incomplete: assembled.incomplete });
}

/** The faults; without any, what the text says is added to `parsed`. */
function parseSource({ file, text, accounts }: ImportSource, parsed: Parsed): Complaint[] {
  const unfit = unfitText(file, text);
  if (unfit !== null) return [unfit];
  const format = recognise(text);
  switch (format.type) {
    case "unknown":
      return [importFault({ file, line: format.line }, format.problem, format.allowed)];
    case "corosync": {
      const root = parseCorosync(file, text);
      const further = accounts.map((one) => {
        const unfitAccount = unfitText(one.file, one.text);
        return unfitAccount === null ? parseCorosync(one.file, one.text) : refuse([unfitAccount]);
      });
      const faults = [root, ...further].flatMap((one) => (one.ok ? [] : one.problem));
      if (!root.ok || faults.length > 0) return faults;
      const sections = further.flatMap((one) => (one.ok ? [one.value] : []));
      parsed.corosync.push({ root: root.value, accounts: sections });
      return [];
    }
    case "xml": {
      const xml = parseXml(text);
      if (!xml.ok) {
        const { line, problem, allowed } = xml.problem;
        return [importFault({ file, line }, problem, allowed)];
      }
      const { root } = xml.value;
      const foreign = foreignToImport(root.name);
      if (foreign === null) return added(readCib(file, root), parsed);
      return [importFault({ file, line: root.line }, foreign.problem, foreign.allowed)];
    }
    case "pcs":
      return added(readPcsConfig(file, text), parsed);
  }
}

function added(read: Result<PacemakerConf, readonly Complaint[]>, { pacemaker }: Parsed) {
  if (!read.ok) return [...read.problem];
  pacemaker.push(read.value);
  return [];
}

/** By file, and by line within each. */
function inOrder(faults: readonly Complaint[]): readonly Complaint[] {
  const files = [...new Set(faults.map(({ file }) => file))];
  return files.flatMap((file) => {
    return faults.filter((one) => one.file === file).toSorted((a, b) => a.line - b.line);
  });
}

/** Of a text that is no XML; corosync itself takes 511. */
const lineLengthMax = 8000;

function unfitText(file: string, text: string): Complaint | null {
  const bytes = Buffer.byteLength(text);
  if (bytes > xmlBytesMax) {
    const allowed = `at most ${xmlBytesMax}; of a CIB: cibadmin --query --scope configuration`;
    return importFault({ file, line: 1 }, `${bytes} bytes long`, allowed);
  }
  const isXml = text.slice(0, 1000).trimStart().startsWith("<");
  const long = isXml ? -1 : text.split("\n").findIndex((line) => line.length > lineLengthMax);
  if (long >= 0) {
    const problem = "the line is too long";
    return importFault({ file, line: long + 1 }, problem, `at most ${lineLengthMax} characters`);
  }
  const offset = forbiddenCharacter(text);
  if (offset < 0) return null;
  const { line, column } = new LineIndex(text).at(offset);
  return importFault({ file, line }, `control character in column ${column}`, "a text file");
}
