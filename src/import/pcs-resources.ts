/**
 * The resources and fence devices in the output of `pcs config`.
 * Source: pcs 0.9 to 0.12: pcs/resource.py, pcs/cli/resource/output.py.
 * Tested in: test/import/import-golden.test.ts
 */
import type { Complaint } from "../config/text/complaint.ts";
import { quoted } from "../model/visible-text.ts";
import {
  type ClusterOperation,
  type ClusterResource,
  type Group,
  isTrue,
  type Primitive,
} from "./pacemaker-conf.ts";
import { behindLabel, type PcsLine, pairsBelow, pairsOf } from "./pcs-lines.ts";
import { importFault, type Remark, type Settings } from "./remark.ts";

export type PcsFindings = {
  readonly faults: Complaint[];
  readonly remarks: Remark[];
  /** The ids of resources that are not read. */
  readonly leftOut: string[];
};

/** What to do about a text that cannot be understood. */
export const pcsRemedy = "import the CIB instead: pcs cluster cib > cib.xml";

const cloneLabels = ["Clone", "Master", "Promotable"] as const;
const metaLabels = ["Meta Attrs", "Meta Attributes"] as const;

/** `section`: the line `Resources:` or `Stonith Devices:`. */
export function readPcsResources(
  section: PcsLine | undefined,
  findings: PcsFindings,
): readonly ClusterResource[] {
  return (section?.children ?? []).flatMap((line) => {
    const resource = readResource(line, findings);
    return resource === null ? [] : [resource];
  });
}

function readResource(line: PcsLine, findings: PcsFindings): ClusterResource | null {
  const simple = readMember(line, findings);
  if (simple !== null || behindLabel(line, "Resource") !== null) return simple;
  const label = cloneLabels.find((one) => behindLabel(line, one) !== null);
  if (label !== undefined) return readClone(line, label, findings);
  const bundle = behindLabel(line, "Bundle");
  if (bundle !== null) {
    const text = `bundle ${bundle} has no counterpart in cluster.conf: it is left out`;
    findings.remarks.push({ at: line.at, text });
    findings.leftOut.push(bundle);
  } else if (behindLabel(line, "Fencing Levels") === null) {
    findings.faults.push(importFault(line.at, `${quoted(line.text)} is no resource`, pcsRemedy));
  }
  return null;
}

/** A primitive or a group. */
function readMember(line: PcsLine, findings: PcsFindings): Primitive | Group | null {
  if (behindLabel(line, "Resource") !== null) return readPrimitive(line, findings);
  const id = behindLabel(line, "Group");
  if (id === null) return null;
  const lines = line.children.filter((one) => behindLabel(one, "Resource") !== null);
  const members = lines.flatMap((one) => readPrimitive(one, findings) ?? []);
  return { type: "group", id, members, meta: metaOf(line), at: line.at };
}

function readClone(
  line: PcsLine,
  label: (typeof cloneLabels)[number],
  findings: PcsFindings,
): ClusterResource | null {
  const id = behindLabel(line, label) ?? "";
  const bodies = line.children.flatMap((one) => readMember(one, findings) ?? []);
  const [body] = bodies;
  const meta = metaOf(line);
  if (body !== undefined) {
    const promotable = label !== "Clone" || isTrue(meta.get("promotable"));
    return { type: "clone", id, promotable, body, meta, at: line.at };
  }
  findings.faults.push(importFault(line.at, `clone ${id} has no resource inside`, pcsRemedy));
  return null;
}

function readPrimitive(line: PcsLine, { faults, remarks }: PcsFindings): Primitive | null {
  const written = behindLabel(line, "Resource") ?? "";
  const [, id = "", inside = ""] = /^(\S+) \((class=[^)]*)\)?$/.exec(written) ?? [];
  const kind = pairsOf(inside, line.at);
  const standard = kind.get("class")?.value ?? "";
  const agent = kind.get("type")?.value ?? "";
  if (id === "" || standard === "" || agent === "") {
    const problem = `${quoted(line.text)} names no class and type`;
    faults.push(importFault(line.at, problem, pcsRemedy));
    return null;
  }
  const utilization = line.children.find((one) => behindLabel(one, "Utilization") !== null);
  if (utilization !== undefined) {
    const text = `${id}: utilization is not carried over: nodes have no capacities`;
    remarks.push({ at: utilization.at, text });
  }
  return {
    type: "primitive",
    id,
    standard,
    provider: kind.get("provider")?.value ?? null,
    agent,
    parameters: labelled(line, ["Attributes"]),
    meta: metaOf(line),
    operations: line.children
      .filter((one) => behindLabel(one, "Operations") !== null)
      .flatMap(readOperations),
    at: line.at,
  };
}

function metaOf(line: PcsLine): Settings {
  return labelled(line, metaLabels);
}

function labelled({ children }: PcsLine, labels: readonly string[]): Settings {
  const lines = children.filter((one) => labels.some((label) => behindLabel(one, label) !== null));
  return new Map(lines.flatMap((one) => [...pairsBelow(one)]));
}

/** One a line: `monitor interval=10s (ID)`, or `monitor: ID` with the pairs below it. */
function readOperations(line: PcsLine): readonly ClusterOperation[] {
  const first = behindLabel(line, "Operations") ?? "";
  const own = first === "" ? [] : [{ ...line, text: first, children: [] }];
  return [...own, ...line.children].flatMap((one) => {
    const text = one.text.replace(/\s*\([^()]*\)$/, "");
    const name = /^([\w-]+)/.exec(text)?.[1];
    if (name === undefined || /^[\w-]+=/.test(text)) return [];
    const pairs = [one, ...one.children].map((each) =>
      pairsBelow({ ...each, text: each.text.replace(/\s*\([^()]*\)$/, "") }),
    );
    return [{ name, options: new Map(pairs.flatMap((each) => [...each])), at: one.at }];
  });
}
