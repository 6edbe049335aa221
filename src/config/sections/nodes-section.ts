/**
 * `<clusternodes>`: names, ids and votes of the nodes. Names are resolved elsewhere.
 * Source: cluster.conf(5); cman commands.c: add_new_node.
 * Deviations: ids are mandatory, 1 to 4095, and unique; votes are 1 to 255; names are compared
 * without regard to case when duplicates are sought.
 * Tested in: test/config/complaints.test.ts
 */
import {
  type NodeId,
  type NodeName,
  nodesMax,
  parseNodeId,
  parseNodeName,
} from "../../model/ids.ts";
import type { Report } from "../text/complaint.ts";
import { integers } from "../text/defaults.ts";
import {
  attributeLocation,
  locationOf,
  onlySection,
  requiredText,
  type Section,
  SectionReader,
  sectionsNamed,
} from "../text/section.ts";

export type NodeEntry = {
  readonly section: Section;
  readonly id: NodeId;
  readonly name: NodeName;
  readonly votes: number;
};

/** The valid nodes, ascending by id; the report has the errors of the others. */
export function readNodes(root: Section, report: Report): readonly NodeEntry[] {
  const parent = onlySection(root, "clusternodes");
  const sections = sectionsNamed(parent, "clusternode");
  if (sections.length === 0) {
    const problem = "there is no node; at least one <clusternode> is needed in <clusternodes>";
    report.error(locationOf(parent), { type: "missing-element", problem });
  }
  if (sections.length > nodesMax) {
    const problem = `${sections.length} nodes`;
    report.error(locationOf(parent), {
      type: "bad-value",
      problem,
      allowed: `at most ${nodesMax}`,
    });
    return [];
  }
  const ids = new NodeIds(sections, report);
  const names = new Map<string, Section>();
  const nodes: NodeEntry[] = [];
  for (const section of sections) {
    const name = readName(section, names, report);
    const id = ids.read(section);
    const votes = new SectionReader(section, report).integer("votes", integers.clusternode.votes);
    if (name !== null && id !== null) nodes.push({ section, id, name, votes });
  }
  return nodes.sort((a, b) => a.id - b.id);
}

function readName(section: Section, names: Map<string, Section>, report: Report): NodeName | null {
  const allowed = "a host name or address of at most 254 bytes";
  const text = requiredText(section, { name: "name", allowed }, report);
  if (text === null) return null;
  const location = attributeLocation(section, "name");
  const name = parseNodeName(text);
  if (name === null || /\s/.test(text)) {
    const problem = "name is too long or contains a blank";
    report.error(location, { type: "bad-value", problem, allowed });
    return null;
  }
  const first = names.get(text.toLowerCase());
  if (first !== undefined) {
    const problem = `node name ${text} is already used, first at line ${first.element.line}`;
    report.error(location, { type: "duplicate", problem });
    return null;
  }
  names.set(text.toLowerCase(), section);
  return name;
}

/** Node ids in use, to find duplicates and to propose free ones. */
class NodeIds {
  readonly #used = new Map<NodeId, Section>();
  readonly #taken: ReadonlySet<string>;
  readonly #report: Report;

  constructor(sections: readonly Section[], report: Report) {
    this.#report = report;
    this.#taken = new Set(
      sections.map((section) => new SectionReader(section, report).text("nodeid") ?? ""),
    );
  }

  read(section: Section): NodeId | null {
    const reader = new SectionReader(section, this.#report);
    const location = attributeLocation(section, "nodeid");
    if (!reader.has("nodeid")) {
      const allowed = `each node needs its own, free are ${this.#free().join(", ")}, …`;
      const problem = "attribute nodeid is missing";
      this.#report.error(location, { type: "missing-attribute", problem, allowed });
      return null;
    }
    const id = parseNodeId(reader.integer("nodeid", integers.clusternode.nodeid));
    if (id === null) return null;
    const first = this.#used.get(id);
    if (first !== undefined) {
      const owner = new SectionReader(first, this.#report).text("name") ?? "another node";
      const problem = `nodeid ${id} is already used by ${owner} (line ${first.element.line})`;
      this.#report.error(location, { type: "duplicate", problem });
      return null;
    }
    this.#used.set(id, section);
    return id;
  }

  #free(): readonly number[] {
    const free: number[] = [];
    for (let id = 1; free.length < 3; id += 1) if (!this.#taken.has(String(id))) free.push(id);
    return free;
  }
}
