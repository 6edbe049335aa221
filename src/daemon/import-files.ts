/**
 * `clusterd --import FILE…`: reads the files, and prints the cluster.conf that is made of them.
 * Exit status: 0 printed, 1 refused and nothing printed, 3 printed but something must be filled in.
 * Tested in: test/import/import-program.test.ts
 */
import { dirname, join } from "node:path";
import {
  type Complaint,
  formatComplaint,
  formatCount,
  unreadableFile,
} from "../config/text/complaint.ts";
import { type ImportSource, importConf } from "../import/import-conf.ts";
import { readNames, readText } from "../io/files/text-file.ts";

export type ImportOutput = {
  readonly out: (text: string) => void;
  /** One line without line end. */
  readonly say: (line: string) => void;
};

export async function importFiles(
  files: readonly string[],
  { out, say }: ImportOutput,
): Promise<number> {
  const sources: ImportSource[] = [];
  const unreadable: Complaint[] = [];
  for (const file of files) {
    const text = await readText(file);
    if (!text.ok) unreadable.push(unreadableFile(file, text.problem));
    else sources.push({ file, text: text.value, accounts: await accountsBeside(file, unreadable) });
  }
  const imported = importConf(sources);
  const faults = [...unreadable, ...(imported.ok ? [] : imported.problem)];
  for (const fault of faults) say(formatComplaint(fault));
  if (!imported.ok || faults.length > 0) {
    say(`${formatCount(faults)}; nothing is printed`);
    return 1;
  }
  const { text, warnings, incomplete } = imported.value;
  out(text);
  for (const warning of warnings) say(formatComplaint(warning));
  if (warnings.length > 0) say(`${formatCount(warnings)}, also as comments in what is printed`);
  if (incomplete) say("incomplete: fill in what is marked CHANGE-node, then use clusterd --check");
  return incomplete ? 3 : 0;
}

/** The files of `uidgid.d` beside a corosync.conf; empty where there is no such folder. */
async function accountsBeside(
  file: string,
  unreadable: Complaint[],
): Promise<ImportSource["accounts"]> {
  const folder = join(dirname(file), "uidgid.d");
  const names = await readNames(folder);
  if (!names.ok) unreadable.push(unreadableFile(folder, names.problem));
  const found: { file: string; text: string }[] = [];
  for (const name of names.ok ? names.value.filter((one) => !one.startsWith(".")) : []) {
    const path = join(folder, name);
    const text = await readText(path);
    if (text.ok) found.push({ file: path, text: text.value });
    else unreadable.push(unreadableFile(path, text.problem));
  }
  return found;
}
