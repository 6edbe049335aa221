/**
 * The command rg_test-ts: prints the resources and trees of a configuration, and what operations on
 * them would do. It changes nothing and asks no daemon.
 * Source: rgmanager test.c.
 * Deviations: agents are never run, so `test` has no operations; a file that cannot be read or
 * parsed always ends with exit status 1.
 */
import type { MetadataAnswer } from "../config/agents/discovered-agents.ts";
import {
  attributeOf,
  onlySection,
  rootSection,
  type Section,
  sectionsNamed,
} from "../config/text/section.ts";
import { parseXml } from "../config/text/xml.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { version } from "../model/version.ts";
import type { ChildRulesByType } from "../services/tree/resource-tree.ts";
import { buildForest, type Forest } from "./forest.ts";
import { compareForests, type Marks } from "./forest-delta.ts";
import { type ReportLine, type Resource, ResourceList } from "./resource-list.ts";
import { formatRule } from "./rule-text.ts";
import { rulesOfDirectory, type TreeRules } from "./tree-rule.ts";
import {
  currentStyle,
  eventTriggers,
  formatDomains,
  formatList,
  formatTrees,
} from "./tree-text.ts";
import { type Action, callsFor, startPhase, stopPhase } from "./tree-walk.ts";

export type RgTestPorts = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Reads a file; the problem says why it cannot be read. */
  readonly read: (path: string) => Promise<Result<string, string>>;
};

/** Asks the agents of a directory for their metadata; null: it is not a directory. */
type AskAgents = (directory: string) => Promise<readonly MetadataAnswer[] | null>;

const usage = `usage: rg_test-ts [AGENTDIR] test CONF
       rg_test-ts [AGENTDIR] noop CONF start|stop|status TYPE NAME
       rg_test-ts [AGENTDIR] noop CONF migrate TYPE NAME TARGET
       rg_test-ts [AGENTDIR] delta OLD-CONF NEW-CONF
       rg_test-ts [AGENTDIR] rules
       rg_test-ts -v | -h
`;

export type Loaded = {
  readonly rm: Section;
  readonly nodes: ReadonlyMap<string, string>;
  readonly resources: readonly Resource[];
  readonly forest: Forest;
};

/** Runs the command; returns its exit status. The first directory replaces the rules. */
export async function rgTest(
  words: readonly string[],
  builtIn: TreeRules,
  ports: RgTestPorts & { readonly agents: AskAgents },
): Promise<number> {
  const [first = "", ...others] = words;
  const answers = commands.includes(first) ? null : await ports.agents(first);
  if (answers === null) return await runCommand(words, builtIn, ports);
  ports.err(`Using ${first} as resource agent path\n`);
  return await runCommand(others, rulesOfDirectory(answers, ports.err), ports);
}

async function runCommand(
  words: readonly string[],
  rules: TreeRules,
  ports: RgTestPorts,
): Promise<number> {
  const [command, ...rest] = words;
  if (command === "-v" || command === "--version") {
    ports.out(`${version}\n`);
    return 0;
  }
  if (command === "rules" && rest.length === 0) {
    ports.err(`Running in rules mode.\nLoaded ${rules.size} resource rules\n`);
    ports.out([...rules.values()].map(formatRule).join(""));
    return 0;
  }
  const [first, second, type, key, target] = rest;
  if (command === "test" && first !== undefined && rest.length === 1) {
    return await showTrees(first, rules, ports);
  }
  if (command === "delta" && first !== undefined && second !== undefined && rest.length === 2) {
    return await showDelta({ old: first, fresh: second }, rules, ports);
  }
  const action = actions.find((each) => each === second);
  const count = action === "migrate" ? 5 : 4;
  const complete = first !== undefined && type !== undefined && key !== undefined;
  if (command === "noop" && action !== undefined && complete && rest.length === count) {
    return await showCalls({ path: first, action, type, key, target: target ?? "" }, rules, ports);
  }
  ports.out(usage);
  return 1;
}

const commands: readonly string[] = ["test", "noop", "delta", "rules", "-v", "--version", "-h"];
const actions: readonly Action[] = ["start", "stop", "status", "migrate"];

/** Reads a configuration and prints messages about it. */
export async function loadForest(
  path: string,
  rules: TreeRules,
  ports: RgTestPorts,
): Promise<Result<Loaded, string>> {
  const text = await ports.read(path);
  if (!text.ok) return text;
  const parsed = parseXml(text.value);
  if (!parsed.ok) return refuse(`line ${parsed.problem.line}: ${parsed.problem.problem}`);
  const root = rootSection(parsed.value.root);
  const rm = onlySection(root, "rm");
  const report: ReportLine = (channel, line) => {
    if (channel === "out") ports.out(`${line}\n`);
    else ports.err(`${path}: ${line}\n`);
  };
  const list = new ResourceList(rm, rules, report);
  const forest = buildForest(rm, list, report);
  const members = sectionsNamed(onlySection(root, "clusternodes"), "clusternode");
  const nodes = new Map(
    members.map((one) => [attributeOf(one, "name") ?? "", attributeOf(one, "nodeid") ?? "0"]),
  );
  return accept({ rm, nodes, resources: list.resources, forest });
}

async function load(path: string, rules: TreeRules, ports: RgTestPorts): Promise<Loaded | null> {
  const loaded = await loadForest(path, rules, ports);
  if (loaded.ok) return loaded.value;
  ports.out(`Error parsing ${path}\n`);
  ports.err(`rg_test-ts: ${path}: ${loaded.problem}\n`);
  return null;
}

function begin(mode: string, rules: TreeRules, ports: RgTestPorts): void {
  ports.err(`Running in ${mode} mode.\nLoaded ${rules.size} resource rules\n`);
}

async function showTrees(path: string, rules: TreeRules, ports: RgTestPorts): Promise<number> {
  begin("test", rules, ports);
  const loaded = await load(path, rules, ports);
  if (loaded === null) return 1;
  const { rm, nodes } = loaded;
  ports.out(listOf("Resources List", loaded, new Map()));
  ports.out(formatTrees("Resource Tree", loaded.forest.trees, currentStyle(new Map())));
  ports.out(`${formatDomains(rm, nodes)}${eventTriggers}`);
  return 0;
}

async function showDelta(
  paths: { readonly old: string; readonly fresh: string },
  rules: TreeRules,
  ports: RgTestPorts,
): Promise<number> {
  begin("resource tree delta test", rules, ports);
  const old = await load(paths.old, rules, ports);
  const fresh = old === null ? null : await load(paths.fresh, rules, ports);
  if (old === null || fresh === null) return 1;
  const marks = compareForests(old, fresh);
  const rulesOf = childRulesIn(rules);
  const { out } = ports;
  out(listOf("Old Resource List", old, marks));
  out(listOf("New Resource List", fresh, marks));
  out(formatTrees("Old Resource Tree", old.forest.trees, currentStyle(marks)));
  out(formatTrees("New Resource Tree", fresh.forest.trees, currentStyle(marks)));
  out(`=== Operations (down-phase) ===\n${stopPhase(old.forest.trees, marks, rulesOf)}`);
  out(`=== Operations (up-phase) ===\n${startPhase(fresh.forest.trees, marks, rulesOf)}`);
  return 0;
}

/** The resource list of one configuration, with how often each resource occurs. */
export function listOf(head: string, loaded: Loaded, marks: Marks): string {
  const { resources, forest } = loaded;
  return formatList({ head, resources, instances: forest.instances, marks });
}

type Operation = {
  readonly path: string;
  readonly action: Action;
  readonly type: string;
  readonly key: string;
  readonly target: string;
};

async function showCalls(
  operation: Operation,
  rules: TreeRules,
  ports: RgTestPorts,
): Promise<number> {
  begin("test", rules, ports);
  const loaded = await load(operation.path, rules, ports);
  if (loaded === null) return 1;
  ports.out(formatCalls(operation, loaded, rules));
  return 0;
}

/** The lines that rgmanager's rg_test prints around the calls of a successful operation. */
export function formatCalls(
  operation: Omit<Operation, "path">,
  loaded: Loaded,
  rules: TreeRules,
): string {
  const { action, type, key, target } = operation;
  const { trees } = loaded.forest;
  const known = loaded.resources.some((one) => one.rule.agent.type === type && one.key === key);
  if (!known) return `No resource ${key} of type ${type} found\n`;
  const [before, after] = {
    start: [`Starting ${key}...`, `Start of ${key} complete`],
    stop: [`Stopping ${key}...`, `Stop of ${key} complete`],
    status: [`Checking status of ${key}...`, `Status of ${key} is good`],
    migrate: [`Migrating ${key} to ${target}...`, `Migration of ${key} complete`],
  }[action];
  const calls = callsFor(trees, { action, type, key }, childRulesIn(rules));
  return [before, ...calls, after].map((line) => `${line}\n`).join("");
}

/** Looks up child lists in these rules. */
function childRulesIn(rules: TreeRules): ChildRulesByType {
  return (type) => rules.get(type)?.children ?? [];
}
