/**
 * Recognises files of other cluster managers that are given as cluster.conf.
 * Source: corosync.conf(5) for its sections; pcs 0.9 to 0.12 for its output.
 * Tested in: test/config/foreign-format.test.ts
 */
import type { Finding } from "./complaint.ts";

const corosyncSections =
  "totem|nodelist|quorum|logging|compatibility|aisexec|amf|service|system|resources|uidgid|nozzle";
/** Of a line; nothing of it matches in two ways, since files may be large. */
const blank = "[^\\S\\n]*";
const skipped = `${blank}(?:#[^\\n]*|compatibility:[^\\n]*)?\\n`;
const corosyncStart = new RegExp(`^(?:${skipped})*${blank}(?:${corosyncSections})${blank}\\{`);

/** Lines with which the output of `pcs config` begins. */
const pcsTitles = "(?:Corosync|Pacemaker) Nodes|Resources|Stonith Devices";
const pcsStart = new RegExp(`^\\s*(?:Cluster Name:|(?:${pcsTitles}):${blank}(?:\\n|$))`);

const imported = "clusterd --import FILE prints what it says as a cluster.conf";

/** Which format a text that is no XML has; null: not known. */
export function foreignTextFormat(text: string): "corosync" | "pcs" | null {
  if (corosyncStart.test(text)) return "corosync";
  return pcsStart.test(text) ? "pcs" : null;
}

/** What a text that is no XML is; null: not known. */
export function foreignText(text: string): Finding | null {
  const format = foreignTextFormat(text);
  if (format === null) return null;
  const what = format === "corosync" ? "a corosync.conf" : "the output of pcs config";
  const problem = `this is ${what}, which clusterd does not run`;
  return { type: "unreadable", problem, allowed: imported };
}

const roots: Readonly<Record<string, string>> = {
  cib: `this is a configuration of Pacemaker (CIB), which clusterd does not run; ${imported}`,
  domain:
    "this is the definition of a virtual machine of libvirt, which clusterd does not read; write " +
    "a cluster.conf: conf/cluster.conf.example is one with comments",
};

/** What a document with another root is; null: not known. */
export function foreignRoot(name: string): string | null {
  return roots[name] ?? null;
}
