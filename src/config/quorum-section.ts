/**
 * The votes part of `<cman>`: expected votes, two_node, wait_for_all.
 * Does not compute quorum at run time.
 * Source: cman commands.c: calculate_quorum; cmanconfig.c: get_cman_join_info; votequorum(5).
 * Deviation: combinations that could make two parts of a cluster quorate, or none, are refused.
 */
import type { QuorumConf } from "../model/conf.ts";
import type { Report } from "./complaint.ts";
import { flags, integers } from "./defaults.ts";
import type { NodeEntry } from "./nodes-section.ts";
import {
  onlySection,
  placeOfAttribute,
  type Section,
  SectionReader,
  sectionsNamed,
} from "./section.ts";

export function readQuorum(root: Section, nodes: readonly NodeEntry[], report: Report): QuorumConf {
  const section = onlySection(root, "cman");
  const reader = new SectionReader(section, report);
  const sum = nodes.reduce((total, node) => total + node.votes, 0);
  const twoNode = reader.flag("two_node", flags.cman.two_node);
  const expected = reader.integer("expected_votes", integers.cman.expected_votes);
  for (const name of ["auto_tie_breaker", "last_man_standing"] as const) {
    if (reader.flag(name, flags.cman[name])) {
      const problem = `${name} is not supported by clusterd`;
      const allowed = "remove it; the majority of the votes decides";
      report.error(placeOfAttribute(section, name), { type: "not-supported", problem, allowed });
    }
  }
  const written = sectionsNamed(onlySection(root, "clusternodes"), "clusternode");
  if (twoNode) checkTwoNode(section, { nodes, written, expected }, report);
  // A node that was refused already would make the sum wrong.
  else if (expected !== null && written.length === nodes.length) {
    checkExpected(section, { sum, expected }, report);
  }
  return {
    expectedVotes: twoNode ? sum : (expected ?? sum),
    twoNode,
    waitForAll: reader.optionalFlag("wait_for_all") ?? twoNode,
  };
}

function checkTwoNode(
  section: Section,
  found: {
    readonly nodes: readonly NodeEntry[];
    readonly written: readonly Section[];
    readonly expected: number | null;
  },
  report: Report,
): void {
  const place = placeOfAttribute(section, "two_node");
  const { nodes, written, expected } = found;
  if (written.length !== 2) {
    const lines = written.map((node) => node.element.line).join(", ");
    const where = written.length === 0 ? "" : ` (lines ${lines})`;
    const problem = `two_node needs exactly 2 clusternodes, found ${written.length}${where}`;
    report.error(place, { type: "conflict", problem });
  }
  for (const node of nodes.filter(({ votes }) => votes !== 1)) {
    const problem = `two_node needs 1 vote each; ${node.name} has ${node.votes}`;
    const allowed = `remove votes at line ${node.section.element.line}`;
    report.error(place, { type: "conflict", problem, allowed });
  }
  if (expected !== null && expected !== 1) {
    const problem = `expected_votes is ${expected}`;
    const allowed = "with two_node it must be 1 or absent";
    report.error(placeOfAttribute(section, "expected_votes"), {
      type: "conflict",
      problem,
      allowed,
    });
  }
}

function checkExpected(
  section: Section,
  votes: { readonly sum: number; readonly expected: number },
  report: Report,
): void {
  const { sum, expected } = votes;
  if (sum === 0) return;
  const place = placeOfAttribute(section, "expected_votes");
  const quorum = Math.floor((expected + 2) / 2);
  const allowed = `leave it out (= ${sum})`;
  if (quorum > sum) {
    const problem = `quorum would be ${quorum}, all nodes together have ${sum}: never quorate`;
    report.error(place, { type: "conflict", problem, allowed });
  } else if (2 * quorum <= sum) {
    const problem = `quorum would be ${quorum} of ${sum}: two groups could be quorate at once`;
    report.error(place, { type: "unsafe", problem, allowed });
  }
}
