/**
 * `<failoverdomains>`: named, optionally ordered sets of nodes.
 * Source: rgmanager fo_domain.c: fod_get_domain, fod_get_node.
 * Deviations: duplicates and unknown nodes are errors; a node without priority in an ordered
 * domain ranks last, not first.
 * Tested in: test/config/complaints.test.ts
 */
import type { FailoverDomainConf } from "../../model/conf.ts";
import type { NodeId } from "../../model/ids.ts";
import { quoted } from "../../model/visible-text.ts";
import type { Report } from "../text/complaint.ts";
import { flags, integers } from "../text/defaults.ts";
import { nearestName } from "../text/nearest-name.ts";
import {
  attributeLocation,
  attributeOf,
  locationOf,
  onlySection,
  requiredText,
  type Section,
  SectionReader,
  sectionsNamed,
} from "../text/section.ts";
import { nameList } from "../text/value-text.ts";
import type { NodeEntry } from "./nodes-section.ts";

type DomainNode = FailoverDomainConf["nodes"][number];

export function readDomains(
  root: Section,
  nodes: readonly NodeEntry[],
  report: Report,
): readonly FailoverDomainConf[] {
  const parent = onlySection(onlySection(root, "rm"), "failoverdomains");
  const ids = new Map<string, NodeId>(nodes.map(({ name, id }) => [name, id]));
  const written = sectionsNamed(onlySection(root, "clusternodes"), "clusternode");
  const names = written.map((node) => attributeOf(node, "name") ?? "");
  const lines = new Map<string, number>();
  const domains: FailoverDomainConf[] = [];
  for (const section of sectionsNamed(parent, "failoverdomain")) {
    const allowed = "a name that is unique within <failoverdomains>";
    const name = requiredText(section, { name: "name", allowed }, report);
    const reader = new SectionReader(section, report);
    const first = name === null ? undefined : lines.get(name);
    if (first !== undefined) {
      const problem = `failoverdomain ${quoted(name ?? "")} is already defined, line ${first}`;
      report.error(attributeLocation(section, "name"), { type: "duplicate", problem });
    }
    const ordered = reader.flag("ordered", flags.failoverdomain.ordered);
    const restricted = reader.flag("restricted", flags.failoverdomain.restricted);
    const nofailback = reader.flag("nofailback", flags.failoverdomain.nofailback);
    const members = readMembers(section, { ids, names, ordered }, report);
    if (restricted && sectionsNamed(section, "failoverdomainnode").length === 0) {
      const problem = "a restricted domain without nodes: services of it could never run";
      report.error(locationOf(section), { type: "missing-element", problem });
    }
    if (name === null || first !== undefined) continue;
    lines.set(name, section.element.line);
    domains.push({ name, ordered, restricted, nofailback, nodes: members });
  }
  return domains;
}

function readMembers(
  domain: Section,
  given: {
    readonly ids: ReadonlyMap<string, NodeId>;
    /** Names of all nodes as written, also of those that have been refused. */
    readonly names: readonly string[];
    readonly ordered: boolean;
  },
  report: Report,
): readonly DomainNode[] {
  const lines = new Map<string, number>();
  const members: DomainNode[] = [];
  for (const section of sectionsNamed(domain, "failoverdomainnode")) {
    const allowed = "the name of a clusternode";
    const name = requiredText(section, { name: "name", allowed }, report);
    const reader = new SectionReader(section, report);
    const priority = reader.integer("priority", integers.failoverdomainnode.priority);
    if (given.ordered && !reader.has("priority")) {
      const problem = "no priority in an ordered domain: ranked after all numbered nodes";
      report.warning(locationOf(section), { type: "missing-attribute", problem });
    }
    if (name === null) continue;
    const node = given.ids.get(name);
    const first = lines.get(name);
    lines.set(name, first ?? section.element.line);
    if (!given.names.includes(name)) {
      complainUnknownNode(section, { name, known: given.names }, report);
    } else if (first !== undefined) {
      const problem = `node ${name} is already in this domain, first at line ${first}`;
      report.error(attributeLocation(section, "name"), { type: "duplicate", problem });
    } else if (node !== undefined) {
      members.push({ node, priority });
    }
  }
  return members;
}

function complainUnknownNode(
  section: Section,
  node: { readonly name: string; readonly known: readonly string[] },
  report: Report,
): void {
  const guess = nearestName(node.name, node.known);
  const names = node.known.length === 0 ? "there are none" : nameList(node.known);
  report.error(attributeLocation(section, "name"), {
    type: "dangling-reference",
    problem: `${quoted(node.name)} is not a clusternode`,
    allowed: guess === null ? `clusternodes: ${names}` : `did you mean "${guess}"?`,
  });
}
