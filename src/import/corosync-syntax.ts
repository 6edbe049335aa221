/**
 * The sections and settings of a corosync.conf with their lines, or all faults of its syntax.
 * Source: corosync exec/coroparse.c: parse_section; corosync.conf(5).
 * Deviation: what corosync skips without a word, such as text behind a brace, is a fault.
 * Tested in: test/import/import-golden.test.ts, test/import/import-refusals.test.ts
 */
import type { Complaint } from "../config/text/complaint.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { quoted } from "../model/visible-text.ts";
import { importFault, type Place, type Setting } from "./remark.ts";

export type CorosyncSetting = Setting & { readonly key: string };

export type CorosyncSection = {
  readonly name: string;
  readonly at: Place;
  readonly settings: readonly CorosyncSetting[];
  readonly sections: readonly CorosyncSection[];
};

type OpenSection = {
  readonly name: string;
  readonly at: Place;
  readonly settings: CorosyncSetting[];
  readonly sections: OpenSection[];
};

/** Deeper sections are none that corosync knows. */
const depthMax = 8;

/** The file as a section without a name. */
export function parseCorosync(
  file: string,
  text: string,
): Result<CorosyncSection, readonly Complaint[]> {
  const root: OpenSection = { name: "", at: { file, line: 1 }, settings: [], sections: [] };
  const open = [root];
  const faults: Complaint[] = [];
  for (const [index, written] of text.split("\n").entries()) {
    const line = written.trim();
    const at = { file, line: index + 1 };
    if (line === "" || line.startsWith("#")) continue;
    const section = open.at(-1) ?? root;
    const opening = /^([\w.-]+)\s*\{(.*)$/.exec(line);
    const setting = /^([^:{}]+?)\s*:(.*)$/.exec(line);
    if (opening !== null) {
      const [, name = "", rest = ""] = opening;
      if (rest.trim() !== "") {
        const problem = `text behind the brace of section ${quoted(name)}: ${quoted(rest.trim())}`;
        faults.push(importFault(at, problem, "write it in a line of its own"));
      }
      const opened: OpenSection = { name, at, settings: [], sections: [] };
      section.sections.push(opened);
      open.push(opened);
      if (open.length > depthMax) {
        return refuse([...faults, importFault(at, `sections nested more than ${depthMax} deep`)]);
      }
    } else if (setting !== null) {
      const [, key = "", value = ""] = setting;
      section.settings.push({ key, value: value.trim(), at });
    } else if (line === "}") {
      if (open.length > 1) open.pop();
      else faults.push(importFault(at, '"}" closes nothing', "no section is open here"));
    } else {
      const allowed = 'a line is "name {", "key: value", "}" or a comment that starts with #';
      faults.push(importFault(at, `${quoted(line)} is no line of a corosync.conf`, allowed));
    }
  }
  for (const { name, at } of open.slice(1)) {
    const end = { file, line: text.trimEnd().split("\n").length };
    const opened = `section "${name}" opened at line ${at.line}`;
    faults.push(importFault(end, "unexpected end of file", `${opened} is not closed`));
  }
  return faults.length === 0 ? accept(root) : refuse(faults);
}

/** The last one counts, as in corosync. */
export function settingOf(section: CorosyncSection, key: string): CorosyncSetting | null {
  return section.settings.findLast((one) => one.key === key) ?? null;
}

/** All sections of that name, of which a file may have several. */
export function sectionsCalled(parent: CorosyncSection, name: string): readonly CorosyncSection[] {
  return parent.sections.filter((one) => one.name === name);
}
