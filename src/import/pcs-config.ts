/**
 * The output of `pcs config` → what it says. It is made for people, and its form differs between
 * versions: what is not understood is a fault or a remark, and never passed over.
 * Source: pcs 0.9 to 0.12: pcs/config.py.
 * Tested in: test/import/import-golden.test.ts, test/import/import-refusals.test.ts
 */
import type { Complaint } from "../config/text/complaint.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { quoted } from "../model/visible-text.ts";
import type { ForeignNode } from "./conf-draft.ts";
import { separateFenceDevices } from "./fence-primitives.ts";
import type { FenceLevel, PacemakerConf } from "./pacemaker-conf.ts";
import { readPcsColocations, readPcsLocations, readPcsOrders } from "./pcs-constraints.ts";
import { behindLabel, listBelow, type PcsLine, pcsLines } from "./pcs-lines.ts";
import { type PcsFindings, pcsRemedy, readPcsResources } from "./pcs-resources.ts";
import { importFault, type Setting } from "./remark.ts";

const readTitles = [
  ..."Cluster Name|Corosync Nodes|Pacemaker Nodes|Resources|Stonith Devices|Fencing Levels".split(
    "|",
  ),
  ..."Location Constraints|Location Set Constraints|Ordering Constraints|Order Constraints".split(
    "|",
  ),
  ..."Order Set Constraints|Colocation Constraints|Colocation Set Constraints".split("|"),
  ..."Resources Defaults|Operations Defaults|Cluster Properties|Quorum|Node Attributes".split("|"),
];
/** Their lines are lost with a remark. */
const lostTitles = "Ticket Constraints|Ticket Set Constraints|Alerts|Tags|ACLs".split("|");
const idleTitles = "UIDs/GIDs|Allowed UIDs/GIDs|uidgid|Nodes".split("|");

export function readPcsConfig(
  file: string,
  text: string,
): Result<PacemakerConf, readonly Complaint[]> {
  const findings: PcsFindings = { faults: [], remarks: [], leftOut: [] };
  const lines = pcsLines(file, text);
  const sections = sectionsOf(lines, findings);
  const all = (...titles: readonly string[]) =>
    merged(titles.flatMap((one) => sections.get(one) ?? []));
  const name = all("Cluster Name");
  const properties = listBelow(all("Cluster Properties"));
  const written = name === undefined ? "" : (behindLabel(name, "Cluster Name") ?? "");
  const resources = readPcsResources(all("Resources"), findings);
  const devices = readPcsResources(all("Stonith Devices"), findings);
  const conf: PacemakerConf = {
    at: { file, line: 1 },
    name: written === "" || name === undefined ? null : { value: written, at: name.at },
    nodes: readNodes(all("Corosync Nodes"), all("Pacemaker Nodes"), all("Node Attributes")),
    properties,
    resourceDefaults: listBelow(all("Resources Defaults")),
    operationDefaults: listBelow(all("Operations Defaults")),
    ...separateFenceDevices([...resources, ...devices]),
    fenceLevels: readLevels(all("Fencing Levels"), findings),
    preferences: readPcsLocations(
      all("Location Constraints", "Location Set Constraints"),
      findings,
    ),
    orderings: readPcsOrders(
      all("Ordering Constraints", "Order Constraints", "Order Set Constraints"),
      findings,
    ),
    colocations: readPcsColocations(
      all("Colocation Constraints", "Colocation Set Constraints"),
      findings,
    ),
    quorum: readQuorum(all("Quorum"), findings),
    leftOut: findings.leftOut,
    remarks: findings.remarks,
  };
  return findings.faults.length === 0 ? accept(conf) : refuse(findings.faults);
}

/** Old versions indent the fencing levels as far as the devices above them. */
function sectionsOf(
  lines: readonly PcsLine[],
  { faults, remarks }: PcsFindings,
): ReadonlyMap<string, readonly PcsLine[]> {
  const sections = new Map<string, PcsLine[]>();
  const inner = lines.flatMap(({ children }) => children);
  const levels = inner.filter((one) => behindLabel(one, "Fencing Levels") !== null);
  for (const line of [...lines, ...levels]) {
    const title = line.text.split(":")[0] ?? "";
    if (readTitles.includes(title) && line.text.includes(":")) {
      sections.set(title, [...(sections.get(title) ?? []), line]);
    } else if (lostTitles.includes(title)) {
      const lost = line.children.filter(({ text }) => !/^No .* (defined|set)$/.test(text));
      for (const { at, text } of lost) {
        remarks.push({ at, text: `${title}: ${quoted(text)} has no counterpart in cluster.conf` });
      }
    } else if (!idleTitles.includes(title)) {
      const problem = `${quoted(line.text)} is no part of the output of pcs config`;
      faults.push(importFault(line.at, problem, pcsRemedy));
    }
  }
  return sections;
}

function merged(sections: readonly PcsLine[]): PcsLine | undefined {
  const [first] = sections;
  if (first === undefined) return undefined;
  return { ...first, children: sections.flatMap(({ children }) => children) };
}

function readNodes(
  corosync: PcsLine | undefined,
  pacemaker: PcsLine | undefined,
  attributes: PcsLine | undefined,
): readonly ForeignNode[] {
  const ofCorosync = namesIn(corosync);
  const names = ofCorosync.length > 0 ? ofCorosync : namesIn(pacemaker);
  const standby = (attributes?.children ?? []).filter(({ text }) =>
    /\bstandby=(on|true)/.test(text),
  );
  return names.map(({ value: name, at }) => {
    const own = standby.filter(({ text }) => text.startsWith(`${name}:`));
    const text = `standby: clusterd runs services on ${name} all the same`;
    const remarks = own.map((one) => ({ at: one.at, text }));
    return { name, id: null, votes: null, addresses: [], at, remarks };
  });
}

function namesIn(section: PcsLine | undefined): readonly Setting[] {
  return (section?.children ?? []).flatMap(({ text, at }) =>
    text.split(/\s+/).map((value) => ({ value, at })),
  );
}

/** `Target: node1` or `Target (node): node1` or `Node: node1`, with `Level 1 - a,b` below it. */
function readLevels(section: PcsLine | undefined, findings: PcsFindings): readonly FenceLevel[] {
  return (section?.children ?? []).flatMap((line): readonly FenceLevel[] => {
    const node = /^(?:Target|Node|Target \(node\)):\s*(\S+)$/.exec(line.text)?.[1];
    if (node === undefined) {
      const text = `fencing level ${quoted(line.text)} is left out: it names no node`;
      findings.remarks.push({ at: line.at, text });
      return [];
    }
    return line.children.flatMap(({ text, at }) => {
      const [, index = "", names = ""] = /^Level (\d{1,3})(?: -|:)\s*(.*)$/.exec(text) ?? [];
      const devices = names.split(/[\s,]+/).filter((one) => one !== "");
      return index === "" ? [] : [{ node, index: Number(index), devices, at }];
    });
  });
}

function readQuorum(section: PcsLine | undefined, { remarks }: PcsFindings) {
  const children = section?.children ?? [];
  const device = children.find(({ text }) => text.startsWith("Device:"));
  if (device !== undefined) {
    const text =
      "the quorum device is not carried over: clusterd has none; a third machine that runs " +
      "nothing but clusterd takes its place, or two_node with fence devices";
    remarks.push({ at: device.at, text });
  }
  const options = children.filter(({ text }) => text.startsWith("Options:"));
  return options.flatMap((one) =>
    [...listBelow(one)].map(([key, { value, at }]) => ({ key, value, at })),
  );
}
