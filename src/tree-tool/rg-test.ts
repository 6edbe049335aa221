/**
 * The command rg_test-ts: what a configuration makes of its resources, and what would be done to
 * them. Knows its arguments and texts; changes nothing, asks no daemon.
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
import { type Forest, growForest } from "./forest.ts";
import { compareForests, type Marks } from "./forest-delta.ts";
import { type Resource, ResourceList, type Say } from "./resource-list.ts";
import { formatRule } from "./rule-text.ts";
import { rulesOfDirectory, type TreeRules } from "./tree-rule.ts";
import {
  currentStyle,
  eventTriggers,
  formatDomains,
  formatList,
  formatTrees,
} from "./tree-text.ts";
import { type Action, callsFor, downPhase, upPhase } from "./tree-walk.ts";

export type Outside = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** The file's text, or why it cannot be read. */
  readonly read: (path: string) => Promise<Result<string, string>>;
};

/** The agents of a directory, asked for their metadata; null: it is no directory. */
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
  outside: Outside & { readonly agents: AskAgents },
): Promise<number> {
  const [first = "", ...others] = words;
  const answers = commands.includes(first) ? null : await outside.agents(first);
  if (answers === null) return await runCommand(words, builtIn, outside);
  outside.err(`Using ${first} as resource agent path\n`);
  return await runCommand(others, rulesOfDirectory(answers, outside.err), outside);
}

async function runCommand(
  words: readonly string[],
  rules: TreeRules,
  outside: Outside,
): Promise<number> {
  const [command, ...rest] = words;
  if (command === "-v" || command === "--version") {
    outside.out(`${version}\n`);
    return 0;
  }
  if (command === "rules" && rest.length === 0) {
    outside.err(`Running in rules mode.\nLoaded ${rules.size} resource rules\n`);
    outside.out([...rules.values()].map(formatRule).join(""));
    return 0;
  }
  const [first, second, type, key, target] = rest;
  if (command === "test" && first !== undefined && rest.length === 1) {
    return await showTrees(first, rules, outside);
  }
  if (command === "delta" && first !== undefined && second !== undefined && rest.length === 2) {
    return await showDelta({ old: first, fresh: second }, rules, outside);
  }
  const action = actions.find((each) => each === second);
  const count = action === "migrate" ? 5 : 4;
  const complete = first !== undefined && type !== undefined && key !== undefined;
  if (command === "noop" && action !== undefined && complete && rest.length === count) {
    return await showCalls(
      { path: first, action, type, key, target: target ?? "" },
      rules,
      outside,
    );
  }
  outside.out(usage);
  return 1;
}

const commands: readonly string[] = ["test", "noop", "delta", "rules", "-v", "--version", "-h"];
const actions: readonly Action[] = ["start", "stop", "status", "migrate"];

/** Reads a configuration; messages about it are said as they arise. */
export async function loadForest(
  path: string,
  rules: TreeRules,
  outside: Outside,
): Promise<Result<Loaded, string>> {
  const text = await outside.read(path);
  if (!text.ok) return text;
  const parsed = parseXml(text.value);
  if (!parsed.ok) return refuse(`line ${parsed.problem.line}: ${parsed.problem.problem}`);
  const root = rootSection(parsed.value.root);
  const rm = onlySection(root, "rm");
  const say: Say = (channel, line) => {
    if (channel === "out") outside.out(`${line}\n`);
    else outside.err(`${path}: ${line}\n`);
  };
  const list = new ResourceList(rm, rules, say);
  const forest = growForest(rm, list, say);
  const members = sectionsNamed(onlySection(root, "clusternodes"), "clusternode");
  const nodes = new Map(
    members.map((one) => [attributeOf(one, "name") ?? "", attributeOf(one, "nodeid") ?? "0"]),
  );
  return accept({ rm, nodes, resources: list.resources, forest });
}

async function load(path: string, rules: TreeRules, outside: Outside): Promise<Loaded | null> {
  const loaded = await loadForest(path, rules, outside);
  if (loaded.ok) return loaded.value;
  outside.out(`Error parsing ${path}\n`);
  outside.err(`rg_test-ts: ${path}: ${loaded.problem}\n`);
  return null;
}

function begin(mode: string, rules: TreeRules, outside: Outside): void {
  outside.err(`Running in ${mode} mode.\nLoaded ${rules.size} resource rules\n`);
}

async function showTrees(path: string, rules: TreeRules, outside: Outside): Promise<number> {
  begin("test", rules, outside);
  const loaded = await load(path, rules, outside);
  if (loaded === null) return 1;
  const { rm, nodes } = loaded;
  outside.out(listOf("Resources List", loaded, new Map()));
  outside.out(formatTrees("Resource Tree", loaded.forest.trees, currentStyle(new Map())));
  outside.out(`${formatDomains(rm, nodes)}${eventTriggers}`);
  return 0;
}

async function showDelta(
  paths: { readonly old: string; readonly fresh: string },
  rules: TreeRules,
  outside: Outside,
): Promise<number> {
  begin("resource tree delta test", rules, outside);
  const old = await load(paths.old, rules, outside);
  const fresh = old === null ? null : await load(paths.fresh, rules, outside);
  if (old === null || fresh === null) return 1;
  const marks = compareForests(old, fresh);
  const rulesOf = childRulesIn(rules);
  const { out } = outside;
  out(listOf("Old Resource List", old, marks));
  out(listOf("New Resource List", fresh, marks));
  out(formatTrees("Old Resource Tree", old.forest.trees, currentStyle(marks)));
  out(formatTrees("New Resource Tree", fresh.forest.trees, currentStyle(marks)));
  out(`=== Operations (down-phase) ===\n${downPhase(old.forest.trees, marks, rulesOf)}`);
  out(`=== Operations (up-phase) ===\n${upPhase(fresh.forest.trees, marks, rulesOf)}`);
  return 0;
}

/** The list of one side, with how often each resource occurs there. */
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
  outside: Outside,
): Promise<number> {
  begin("test", rules, outside);
  const loaded = await load(operation.path, rules, outside);
  if (loaded === null) return 1;
  outside.out(formatCalls(operation, loaded, rules));
  return 0;
}

/** What the original prints around the calls of an operation that succeeds. */
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

/** The child lists of these rules, as the order of a tree asks for them. */
function childRulesIn(rules: TreeRules): ChildRulesByType {
  return (type) => rules.get(type)?.children ?? [];
}
