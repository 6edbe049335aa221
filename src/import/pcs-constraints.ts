/**
 * The constraints in the output of `pcs config`, in the words of old and new versions.
 * Source: pcs 0.9 to 0.12: pcs/constraint.py, pcs/cli/constraint/output.
 * Tested in: test/import/import-golden.test.ts
 */
import { quoted } from "../model/visible-text.ts";
import {
  type Colocation,
  infinity,
  type Ordering,
  type Preference,
  parseScore,
} from "./pacemaker-conf.ts";
import { behindLabel, type PcsLine, pairsBelow, pairsOf, withBelow } from "./pcs-lines.ts";
import { type PcsFindings, pcsRemedy } from "./pcs-resources.ts";
import { importFault, type Place } from "./remark.ts";
import { colocatedPairs, orderedPairs, type ResourceSet, setNamesMax } from "./resource-sets.ts";

/** `start A then start B`, `Started resource 'A' with resource 'B'`: words, names in quotes. */
const orderLine =
  /^(?:(\w+) )?(?:resource )?'?([^\s'()]+)'? then (?:(\w+) )?(?:resource )?'?([^\s'()]+)'?(?: |$)/;
const colocationLine =
  /^(?:(\w+) )?(?:resource )?'?([^\s'()]+)'? with (?:(\w+) )?(?:resource )?'?([^\s'()]+)'?(?: |$)/;

function bracket(text: string, name: string): string | null {
  const start = text.indexOf(`(${name}:`);
  const end = text.indexOf(")", start);
  return start < 0 || end < 0 ? null : text.slice(start + name.length + 2, end).trim();
}

function idOf({ text }: PcsLine): string {
  return bracket(text, "id") ?? "";
}

function readScore(text: string | null, at: Place, findings: PcsFindings): number {
  const score = text === null ? infinity : parseScore(text);
  if (score === null) {
    findings.faults.push(importFault(at, `score ${quoted(text ?? "")} is none`, pcsRemedy));
  }
  return score ?? 0;
}

export function readPcsLocations(
  section: PcsLine | undefined,
  findings: PcsFindings,
): readonly Preference[] {
  return (section?.children ?? []).flatMap((line): readonly Preference[] => {
    const old = behindLabel(line, "Resource");
    if (old !== null) return readOldLocation(line, old, findings);
    const match =
      /^(\w+ )?resource '([^']*)' (prefers|avoids) node '([^']*)' with score (\S+)/.exec(line.text);
    const [, role, resource = "", verb = "", node = "", written = ""] = match ?? [];
    const otherRole = role !== undefined && role !== "Started ";
    const named = namedByRule(line);
    const ruled = /^resource '([^']*)'(?: \(id|$)/.exec(line.text)?.[1];
    if (named !== null && ruled !== undefined) {
      const score = readScore(named.score, line.at, findings);
      return [{ id: idOf(line), at: line.at, resource: ruled, node: named.node, score }];
    }
    if (match === null || otherRole) {
      const text = `${quoted(line.text)} is not carried over: failover domains know nodes only`;
      findings.remarks.push({ at: line.at, text });
      return [];
    }
    const score = readScore(written, line.at, findings);
    const signed = verb === "avoids" ? -score : score;
    return [{ id: idOf(line), at: line.at, resource, node, score: signed }];
  });
}

/** `Enabled on: node1 (score:50) (id:…)`, also with `Node: ` in a line of its own. */
function readOldLocation(
  line: PcsLine,
  resource: string,
  findings: PcsFindings,
): readonly Preference[] {
  return line.children.flatMap((child): readonly Preference[] => {
    const [, verb, rest = ""] = /^(Enabled|Disabled) on:\s*(.*)$/.exec(child.text) ?? [];
    const named = verb === undefined ? namedByRule(child) : null;
    if (named !== null) {
      const score = readScore(named.score, child.at, findings);
      return [{ id: idOf(child), at: child.at, resource, node: named.node, score }];
    }
    if (verb === undefined) {
      const text = `${resource}: ${quoted(child.text)} is lost: failover domains know nodes only`;
      findings.remarks.push({ at: child.at, text });
      return [];
    }
    const lines = rest === "" ? child.children : [{ ...child, text: rest }];
    return lines.flatMap((one) => {
      const role = bracket(one.text, "role") ?? "Started";
      if (role !== "Started") {
        const lost = `${resource}: ${quoted(one.text)} is not carried over: no role ${role}`;
        findings.remarks.push({ at: one.at, text: lost });
        return [];
      }
      const text = behindLabel(one, "Node") ?? one.text;
      const node = text.split(" (")[0]?.trim() ?? "";
      const fallback = verb === "Enabled" ? "INFINITY" : "-INFINITY";
      const score = readScore(bracket(text, "score") ?? fallback, one.at, findings);
      return { id: idOf(one), at: one.at, resource, node, score };
    });
  });
}

/** A single rule that asks for the name of a node; null: it is another one. */
function namedByRule(line: PcsLine): { readonly node: string; readonly score: string } | null {
  const lines = withBelow(line).filter(({ text }) => /^(Rule|Expression):/.test(text));
  const [rule, expression, ...others] = lines;
  if (rule === undefined || expression === undefined || others.length > 0) return null;
  const score = /^Rule:.*\bscore=(\S+)/.exec(rule.text)?.[1];
  const node = /^Expression: #uname eq (\S+)/.exec(expression.text)?.[1];
  return score === undefined || node === undefined ? null : { node, score };
}

export function readPcsOrders(
  section: PcsLine | undefined,
  findings: PcsFindings,
): readonly Ordering[] {
  return (section?.children ?? []).flatMap((line): readonly Ordering[] => {
    const options = pairsBelow({ ...line, text: "" });
    const kind = options.get("kind")?.value ?? bracket(line.text, "kind") ?? "Mandatory";
    const isZero = bracket(line.text, "score") === "0" || options.get("score")?.value === "0";
    const mandatory = kind === "Mandatory" && !isZero;
    const shared = { id: idOf(line), at: line.at, mandatory };
    const match = orderLine.exec(line.text);
    if (match !== null) {
      const [, first, earlier = "", then, later = ""] = match;
      const actions = [first, then].map((one) => (one === "resource" ? undefined : one));
      const action = actions.find((one) => one !== undefined && one !== "start") ?? null;
      return [{ ...shared, earlier, later, action }];
    }
    return readSets(line, findings, (sets, one) => {
      const isOptional = !["Mandatory", null].includes(setOption(one, "kind"));
      const own = { id: idOf(one), at: one.at, mandatory: !isOptional };
      return orderedPairs(sets).map((pair) => ({ ...own, ...pair }));
    });
  });
}

export function readPcsColocations(
  section: PcsLine | undefined,
  findings: PcsFindings,
): readonly Colocation[] {
  return (section?.children ?? []).flatMap((line): readonly Colocation[] => {
    const options = pairsBelow({ ...line, text: "" });
    const written = options.get("score")?.value ?? bracket(line.text, "score");
    const match = colocationLine.exec(line.text);
    if (match === null) {
      return readSets(line, findings, (sets, one) => {
        const score = readScore(setOption(one, "score"), one.at, findings);
        return colocatedPairs(sets).map((pair) => ({ id: idOf(one), at: one.at, score, ...pair }));
      });
    }
    const [, role, resource = "", withRole, other = ""] = match;
    const brackets = ["rsc-role", "with-rsc-role"].map(
      (name) => bracket(line.text, name) ?? undefined,
    );
    const roles = [role, withRole, ...brackets].map((one) =>
      one === "resource" ? undefined : one,
    );
    const isOther = (one: string | undefined) => one !== undefined && one !== "Started";
    const score = readScore(written, line.at, findings);
    const shared = { id: idOf(line), at: line.at, score, role: roles.find(isOther) ?? null };
    return [{ ...shared, resource, with: other }];
  });
}

/** `set A B sequential=false set C`, or `Resource Set:` with `Resources: 'A', 'B'` below it. */
function readSets<Pair>(
  line: PcsLine,
  findings: PcsFindings,
  pairsFrom: (sets: readonly ResourceSet[], line: PcsLine) => readonly Pair[],
): readonly Pair[] {
  if (/^Resource Sets:/.test(line.text)) {
    return line.children.flatMap((one) => readSets(one, findings, pairsFrom));
  }
  const below = line.children.filter(({ text }) => text.startsWith("Resource Set:"));
  const isNew = below.length > 0;
  const texts = isNew ? below.map(setText) : line.text.split(/(?:^|\s)set\s+/).slice(1);
  if (texts.length === 0 || (!isNew && !line.text.startsWith("set "))) {
    const problem = `${quoted(line.text)} is no constraint`;
    findings.faults.push(importFault(line.at, problem, pcsRemedy));
    return [];
  }
  const sets = texts.map((text) => setOf(text, line.at));
  if (sets.reduce((total, { resources }) => total + resources.length, 0) > setNamesMax) {
    const problem = `its sets have more than ${setNamesMax} resources`;
    findings.faults.push(importFault(line.at, problem, pcsRemedy));
    return [];
  }
  return pairsFrom(sets, line);
}

/** Of the constraint as a whole: behind `setoptions`, or in a line of its own. */
function setOption(line: PcsLine, name: string): string | null {
  const own = line.children.filter(({ text }) => !text.startsWith("Resource Set:"));
  const texts = [line.text.split("setoptions ")[1] ?? "", ...own.map(({ text }) => text)];
  return texts.flatMap((text) => pairsOf(text, line.at).get(name)?.value ?? [])[0] ?? null;
}

function setText(line: PcsLine): string {
  return line.children
    .map(({ text }) => text.replace(/^Resources:/, "").replaceAll(/[',]/g, " "))
    .join(" ");
}

function setOf(text: string, at: Place): ResourceSet {
  const own = text.split(/\s(?:setoptions\s|\(id:)/)[0] ?? "";
  const words = own.trim().split(/\s+/);
  const options = pairsOf(own, at);
  const role = options.get("role")?.value ?? "Started";
  const action = options.get("action")?.value ?? "start";
  const sequential = options.get("sequential")?.value ?? "true";
  return {
    resources: words.filter((one) => one !== "" && !one.includes("=")),
    sequential: !["false", "0"].includes(sequential),
    role: role === "Started" ? null : role,
    action: action === "start" ? null : action,
  };
}
