/**
 * The parsed configuration file → a complete ClusterConf, or complaints. A pure function: it does
 * not read files, resolve names or look at the machine.
 * Source: cluster.conf(5), cman(5), fenced(8), rgmanager(8).
 * Deviation from cman and rgmanager: an option that has no effect here is refused or warned about,
 * with its line.
 * Tested in: test/config/complaints.test.ts, test/config/conf-values.test.ts
 * CONF1  There is a configuration exactly if there is no error among the complaints.
 */
import type { ClusterConf, NodeConf } from "../model/conf.ts";
import { quoted } from "../model/visible-text.ts";
import { AgentRules } from "./agents/agent-rules.ts";
import { type AgentRule, builtInAgents } from "./agents/agent-tables.ts";
import {
  agentDirectoryDefault,
  type DiscoveredAgents,
  noAgents,
} from "./agents/discovered-agents.ts";
import { foldParameters } from "./agents/ocf-params.ts";
import { checkBrokerResources } from "./resources/broker-check.ts";
import { warnUnfencedHolders } from "./resources/holder-check.ts";
import { checkSelfDevices } from "./resources/self-fencing-check.ts";
import { readServices } from "./resources/services-section.ts";
import { clusterRule } from "./schema/cluster-rules.ts";
import { readAccounts } from "./sections/accounts-section.ts";
import { readIdentity } from "./sections/cluster-identity.ts";
import { readDomains } from "./sections/domains-section.ts";
import { readFencing } from "./sections/fence-daemon-section.ts";
import {
  readFenceDevices,
  readFenceMethods,
  readUnfence,
} from "./sections/fence-methods-section.ts";
import { readLogging } from "./sections/logging-section.ts";
import { readNodes } from "./sections/nodes-section.ts";
import { readLastManStanding, readQuorum } from "./sections/quorum-section.ts";
import { checkCharacters, checkSchema } from "./sections/schema-check.ts";
import { readClusterId, readTotem } from "./sections/totem-section.ts";
import { collectLocations, type SourceLocations } from "./source-locations.ts";
import { type Complaint, Report } from "./text/complaint.ts";
import { flags } from "./text/defaults.ts";
import { foreignRoot } from "./text/foreign-format.ts";
import {
  attributeLocation,
  rootSection,
  type Section,
  SectionReader,
  sectionsNamed,
} from "./text/section.ts";
import type { ParsedXml, XmlElement } from "./text/xml.ts";

export type LoadOutcome = {
  /** Null if and only if there is an error among the complaints. */
  readonly conf: ClusterConf | null;
  /** In line order. */
  readonly complaints: readonly Complaint[];
  /** The locations of values that checkHost checks against the machine; null if `conf` is null. */
  readonly locations: SourceLocations | null;
  /**
   * What can be checked against the machine although there are errors; null: there are none, or
   * nothing can be checked. Never to be used for anything else.
   */
  readonly refused: { readonly conf: ClusterConf; readonly locations: SourceLocations } | null;
};

/**
 * Reads a configuration. `file` is only its name in complaints; `rmAgents` are the rules of further
 * resource agents, which replace built-in ones of the same type.
 */
export function readClusterConf(
  parsed: ParsedXml,
  options: {
    readonly file: string;
    readonly rmAgents?: readonly AgentRule[];
    /** The external agents of this machine; none unless given. */
    readonly agents?: DiscoveredAgents;
  },
): LoadOutcome {
  const report = new Report(options.file);
  const builtIn = [...builtInAgents, ...(options.rmAgents ?? [])];
  const root = readRoot(parsed, report);
  const agents = { builtIn, found: options.agents ?? noAgents };
  const conf = root === null ? null : readCluster(root, agents, report);
  const complaints = report.sorted();
  const none = { conf: null, locations: null, refused: null };
  if (conf === null || root === null) return { ...none, complaints };
  const locations = collectLocations(root, options.file);
  if (report.failed) return { ...none, complaints, refused: { conf, locations } };
  return { conf, complaints, locations, refused: null };
}

function readRoot(parsed: ParsedXml, report: Report): Section | null {
  if (!parsed.ok) {
    const { line, ...finding } = parsed.problem;
    report.error({ path: "", line }, finding);
    return null;
  }
  const { root, warnings } = parsed.value;
  for (const { line, ...finding } of warnings) report.warning({ path: "", line }, finding);
  return isCluster(root, report) ? rootSection(foldParameters(root, report)) : null;
}

function isCluster(root: XmlElement, report: Report): boolean {
  if (root.name === "cluster") return true;
  const location = { path: `/${root.name}`, line: root.line };
  const problem = "the root must be <cluster>";
  const allowed = foreignRoot(root.name);
  const more = allowed === null ? {} : { allowed };
  report.error(location, { type: "unknown-element", problem, ...more });
  return false;
}

type Agents = { readonly builtIn: readonly AgentRule[]; readonly found: DiscoveredAgents };

function readCluster(root: Section, agents: Agents, report: Report): ClusterConf {
  checkSchema(root, clusterRule, report);
  checkCharacters(root, report);
  warnFencingSwitchedOff(root, report);
  const { name, version } = readIdentity(root, report);
  const clusterId = readClusterId(root, name, report);
  const entries = readNodes(root, report);
  const devices = readFenceDevices(root, report);
  const nodes: readonly NodeConf[] = entries.map(({ section, id, name, votes }) => ({
    id,
    name,
    votes,
    fenceMethods: readFenceMethods({ section, name }, devices, report),
    unfence: readUnfence({ section, name }, devices, report),
  }));
  const totem = readTotem(root, { id: clusterId, nodes: entries }, report);
  const votes = readQuorum(root, entries, report);
  const { twoNode } = votes;
  const fencing = readFencing(root, { totem, twoNode }, report);
  const { safeWaitMs } = fencing;
  const lastManStandingMs = readLastManStanding(
    root,
    { quorum: votes, nodes: entries, safeWaitMs },
    report,
  );
  checkSelfDevices(devices, { fencing, twoNode }, report);
  const domains = readDomains(root, entries, report);
  const services = readServices(root, { domains, rules: readRules(root, agents, report) }, report);
  warnUnfencedHolders(nodes, services, report);
  checkBrokerResources(services, report);
  return {
    name,
    version,
    clusterId,
    totem,
    quorum: { ...votes, lastManStandingMs },
    nodes,
    fencing,
    logging: readLogging(root, report),
    services,
    accounts: readAccounts(root, report),
  };
}

function readRules(root: Section, { builtIn, found }: Agents, report: Report): AgentRules {
  const [rm] = sectionsNamed(root, "rm");
  if (rm === undefined) return new AgentRules(builtIn, found, { native: true });
  const reader = new SectionReader(rm, report);
  const path = reader.text("agent_path");
  if (path !== null && !path.startsWith("/")) {
    const problem = `${quoted(path)} is not an absolute path`;
    const allowed = `the directory of resource agents, ${agentDirectoryDefault} by default`;
    report.error(attributeLocation(rm, "agent_path"), { type: "bad-value", problem, allowed });
  }
  return new AgentRules(builtIn, found, { native: reader.flag("native", flags.rm.native) });
}

function warnFencingSwitchedOff(root: Section, report: Report): void {
  for (const section of sectionsNamed(root, "dlm")) {
    const reader = new SectionReader(section, report);
    if (reader.flag("enable_fencing", flags.dlm.enable_fencing)) continue;
    const problem = "enable_fencing is ignored: clusterd always waits for fencing";
    const location = { path: `${section.path}/@enable_fencing`, line: section.element.line };
    report.warning(location, { type: "ignored", problem });
  }
}
