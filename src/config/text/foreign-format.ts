/**
 * Recognises files of other cluster managers that are given as cluster.conf.
 * Source: corosync.conf(5) for its sections.
 * Tested in: test/config/foreign-format.test.ts
 */
import type { Finding } from "./complaint.ts";

const corosyncSections =
  "totem|nodelist|quorum|logging|compatibility|aisexec|amf|service|system|resources|uidgid|nozzle";
/** Of a line; nothing of it matches in two ways, since files may be large. */
const blank = "[^\\S\\n]*";
const skipped = `${blank}(?:#[^\\n]*|compatibility:[^\\n]*)?\\n`;
const corosyncStart = new RegExp(`^(?:${skipped})*${blank}(?:${corosyncSections})${blank}\\{`);

const remedy =
  "write a cluster.conf: conf/cluster.conf.example is one with comments, cluster.conf is XML";

/** What a text that is no XML is; null: not known. */
export function foreignText(text: string): Finding | null {
  if (!corosyncStart.test(text)) return null;
  const problem = "this is a corosync.conf, which clusterd does not read";
  return { type: "unreadable", problem, allowed: remedy };
}

const roots: Readonly<Record<string, string>> = {
  cib: "this is a configuration of Pacemaker (CIB)",
  domain: "this is the definition of a virtual machine of libvirt",
};

/** What a document with another root is; null: not known. */
export function foreignRoot(name: string): string | null {
  const what = roots[name];
  return what === undefined ? null : `${what}, which clusterd does not read; ${remedy}`;
}
