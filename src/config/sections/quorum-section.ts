/**
 * The quorum options of `<cman>`: expected votes, two_node, wait_for_all, and the two that make a
 * part without a majority quorate: auto_tie_breaker and last_man_standing.
 * Source: cman commands.c: calculate_quorum; cmanconfig.c: get_cman_join_info; votequorum(5).
 * Deviation: combinations that could make two parts of a cluster quorate, or none, are refused.
 * Tested in: test/config/quorum-conf.test.ts
 */
import type { QuorumConf } from "../../model/conf.ts";
import type { NodeId } from "../../model/ids.ts";
import { type Ms, ms } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import type { Report, SourceLocation } from "../text/complaint.ts";
import { flags, integers } from "../text/defaults.ts";
import {
  attributeLocation,
  onlySection,
  type Section,
  SectionReader,
  sectionsNamed,
} from "../text/section.ts";
import type { NodeEntry } from "./nodes-section.ts";

export function readQuorum(root: Section, nodes: readonly NodeEntry[], report: Report): QuorumConf {
  const section = onlySection(root, "cman");
  const reader = new SectionReader(section, report);
  const sum = nodes.reduce((total, node) => total + node.votes, 0);
  const twoNode = reader.flag("two_node", flags.cman.two_node);
  const expected = reader.integer("expected_votes", integers.cman.expected_votes);
  const written = sectionsNamed(onlySection(root, "clusternodes"), "clusternode");
  if (twoNode) checkTwoNode(section, { nodes, written, expected }, report);
  // If a node was refused, the sum of votes would be wrong.
  else if (expected !== null && written.length === nodes.length) {
    checkExpected(section, { sum, expected }, report);
  }
  const waitForAll = reader.flag("wait_for_all", flags.cman.wait_for_all) ?? twoNode;
  const expectedVotes = twoNode ? sum : (expected ?? sum);
  const plain = { expectedVotes, twoNode, waitForAll, tieBreaker: null, lastManStandingMs: null };
  return { ...plain, tieBreaker: readTieBreaker(reader, { plain, nodes, sum }, report) };
}

/**
 * The window of last_man_standing; null: it is off. It must be at least `safeWaitMs`, so that a
 * lost node has surely stopped when fewer votes are expected.
 */
export function readLastManStanding(
  root: Section,
  cluster: {
    readonly quorum: QuorumConf;
    readonly nodes: readonly NodeEntry[];
    readonly safeWaitMs: Ms;
  },
  report: Report,
): Ms | null {
  const section = onlySection(root, "cman");
  const reader = new SectionReader(section, report);
  const { quorum, nodes, safeWaitMs } = cluster;
  const on = reader.flag("last_man_standing", flags.cman.last_man_standing);
  const written = reader.duration(
    "last_man_standing_window",
    integers.cman.last_man_standing_window,
  );
  if (!on) {
    warnIdle(reader, { name: "last_man_standing_window", master: "last_man_standing" }, report);
    return null;
  }
  const location = attributeLocation(section, "last_man_standing");
  const refuse = (problem: string, allowed: string) =>
    report.error(location, { type: "unsafe", problem, allowed });
  if (quorum.twoNode) {
    refuse("one of two nodes is quorate with two_node anyway", "remove last_man_standing");
  } else if (!quorum.waitForAll) {
    const problem = "without wait_for_all nodes that start alone become quorate beside the others";
    refuse(problem, 'set wait_for_all="1"');
  }
  for (const { name, votes, section: node } of nodes.filter((one) => one.votes !== 1)) {
    const allowed = `remove votes at line ${node.element.line}`;
    refuse(`last_man_standing needs 1 vote each; ${name} has ${votes}`, allowed);
  }
  checkSum(location, { quorum, nodes }, report);
  const least = Math.max(10_000, safeWaitMs);
  if (written !== null && written < safeWaitMs) {
    const problem = `window ${written} ms ends before a lost node has surely stopped`;
    const allowed = `at least ${safeWaitMs}, or leave it out (${least})`;
    report.error(attributeLocation(section, "last_man_standing_window"), {
      type: "unsafe",
      problem,
      allowed,
    });
  }
  return written ?? ms(least);
}

function readTieBreaker(
  reader: SectionReader,
  cluster: {
    readonly plain: QuorumConf;
    readonly nodes: readonly NodeEntry[];
    readonly sum: number;
  },
  report: Report,
): readonly NodeId[] | null {
  const { plain, nodes, sum } = cluster;
  if (!reader.flag("auto_tie_breaker", flags.cman.auto_tie_breaker)) {
    warnIdle(reader, { name: "auto_tie_breaker_node", master: "auto_tie_breaker" }, report);
    return null;
  }
  const location = attributeLocation(reader.section, "auto_tie_breaker");
  if (plain.twoNode) {
    const problem = "two_node leaves no tie to be decided";
    report.error(location, { type: "conflict", problem, allowed: "one of the two" });
  } else if (!plain.waitForAll && sum % 2 === 1) {
    const problem = `with an odd number of votes (${sum}), auto_tie_breaker needs wait_for_all`;
    report.error(location, { type: "unsafe", problem, allowed: 'set wait_for_all="1"' });
  } else if (!plain.waitForAll) {
    const problem = "without wait_for_all only one node can decide a tie, also when it is lost";
    report.warning(location, { type: "unsafe", problem, allowed: 'better set wait_for_all="1"' });
  }
  checkSum(location, { quorum: plain, nodes }, report);
  return readTieOrder(reader, nodes, report);
}

/** The nodes in the order in which they are preferred. */
function readTieOrder(
  reader: SectionReader,
  nodes: readonly NodeEntry[],
  report: Report,
): readonly NodeId[] {
  const ascending = nodes.map(({ id }) => id).toSorted((a, b) => a - b);
  const text = reader.text("auto_tie_breaker_node") ?? "lowest";
  if (text === "lowest") return ascending;
  if (text === "highest") return ascending.toReversed();
  const order: NodeId[] = [];
  for (const word of text.split(/[\s,]+/).filter((one) => one !== "")) {
    const id = ascending.find((each) => String(each) === word);
    if (id !== undefined && !order.includes(id)) {
      order.push(id);
      continue;
    }
    const problem = `${quoted(word)} is ${id === undefined ? "no" : "twice a"} node id`;
    const allowed = `lowest, highest, or a list of ${ascending.join(", ")}`;
    report.error(attributeLocation(reader.section, "auto_tie_breaker_node"), {
      type: "bad-value",
      problem,
      allowed,
    });
  }
  if (order.length > 0 || text.trim() !== "") return order;
  const problem = "is empty";
  report.error(attributeLocation(reader.section, "auto_tie_breaker_node"), {
    type: "bad-value",
    problem,
    allowed: "lowest, highest, or a list of node ids",
  });
  return ascending;
}

/** What decides without a majority is safe only if expected_votes is the sum of all votes. */
function checkSum(
  location: SourceLocation,
  { quorum, nodes }: { readonly quorum: QuorumConf; readonly nodes: readonly NodeEntry[] },
  report: Report,
): void {
  const sum = nodes.reduce((total, node) => total + node.votes, 0);
  if (quorum.twoNode || quorum.expectedVotes === sum) return;
  const problem = `expected_votes is ${quorum.expectedVotes}, all nodes together have ${sum}`;
  report.error(location, { type: "unsafe", problem, allowed: "leave expected_votes out" });
}

function warnIdle(
  reader: SectionReader,
  { name, master }: { readonly name: string; readonly master: string },
  report: Report,
): void {
  if (!reader.has(name)) return;
  const problem = `has no effect without ${master}`;
  report.warning(attributeLocation(reader.section, name), { type: "ignored", problem });
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
  const location = attributeLocation(section, "two_node");
  const { nodes, written, expected } = found;
  if (written.length !== 2) {
    const lines = written.map((node) => node.element.line).join(", ");
    const where = written.length === 0 ? "" : ` (lines ${lines})`;
    const problem = `two_node needs exactly 2 clusternodes, found ${written.length}${where}`;
    report.error(location, { type: "conflict", problem });
  }
  for (const node of nodes.filter(({ votes }) => votes !== 1)) {
    const problem = `two_node needs 1 vote each; ${node.name} has ${node.votes}`;
    const allowed = `remove votes at line ${node.section.element.line}`;
    report.error(location, { type: "conflict", problem, allowed });
  }
  if (expected !== null && expected !== 1) {
    const problem = `expected_votes is ${expected}`;
    const allowed = "with two_node it must be 1 or absent";
    report.error(attributeLocation(section, "expected_votes"), {
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
  const location = attributeLocation(section, "expected_votes");
  const quorum = Math.floor((expected + 2) / 2);
  const allowed = `leave it out (= ${sum})`;
  if (quorum > sum) {
    const problem = `quorum would be ${quorum}, all nodes together have ${sum}: never quorate`;
    report.error(location, { type: "conflict", problem, allowed });
  } else if (2 * quorum <= sum) {
    const problem = `quorum would be ${quorum} of ${sum}: two groups could be quorate at once`;
    report.error(location, { type: "unsafe", problem, allowed });
  }
}
