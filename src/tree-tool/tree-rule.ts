/**
 * The rule of one resource type: its agent's metadata, file and child list.
 * Source: rgmanager resrules.c: load_resource_rulefile, print_resource_rule.
 * Tested in: test/tree-tool/rg-test.test.ts
 */
import {
  type AgentRule,
  builtInAgents,
  ocfRule,
  systemdRule,
} from "../config/agents/agent-tables.ts";
import { agentsByType, type MetadataAnswer } from "../config/agents/discovered-agents.ts";
import { rgmanagerAgents } from "../config/agents/rgmanager-agents.ts";
import type { ChildRule } from "../model/conf.ts";
import { childRulesOf } from "../services/tree/resource-rules.ts";

export type TreeRule = {
  readonly agent: AgentRule;
  /** The name of the agent's file, without its directory. */
  readonly file: string;
  readonly children: readonly ChildRule[];
  readonly initOnAdd: boolean;
  readonly destroyOnDelete: boolean;
};

export type TreeRules = ReadonlyMap<string, TreeRule>;

/** The rules by type, in alphabetical order, in which resources are listed. */
export function sortedRules(rules: readonly TreeRule[]): TreeRules {
  const sorted = rules.toSorted((a, b) => compareTypes(a.agent.type, b.agent.type));
  return new Map(sorted.map((rule) => [rule.agent.type, rule]));
}

/** The rules that are used if no directory of agents is given. */
export function builtInRules(): TreeRules {
  return sortedRules([...builtInAgents, ocfRule, systemdRule, ...rgmanagerAgents].map(ruleOf));
}

/** Types that rgmanager has no agent for. */
const ownTypes: readonly string[] = ["qpidd", "qpidd-primary"];

/** The rule of an agent, with the child list of rgmanager's agent of that type. */
export function ruleOf(agent: AgentRule): TreeRule {
  return {
    agent,
    file: ownTypes.includes(agent.type) ? "clusterd" : `${agent.type}.sh`,
    children: childRulesOf(agent.type),
    initOnAdd: true,
    destroyOnDelete: true,
  };
}

/** The rules of a directory's agents; agents that cannot be used are reported. */
export function rulesOfDirectory(
  answers: readonly MetadataAnswer[],
  say: (line: string) => void,
): TreeRules {
  const rules: TreeRule[] = [];
  for (const found of agentsByType(answers).values()) {
    if (found.type === "unusable") {
      say(`${found.file ?? ""}: ${found.problem.cause}\n`);
      continue;
    }
    const { metadata, file } = found;
    const { type, instancesMax, parameters, actions } = metadata;
    const { children, initOnAdd, destroyOnDelete } = metadata;
    rules.push({
      agent: { type, instancesMax, parameters, actions },
      file: file.split("/").at(-1) ?? "",
      children,
      initOnAdd,
      destroyOnDelete,
    });
  }
  return sortedRules(rules);
}

function compareTypes(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  return left < right ? -1 : left > right ? 1 : 0;
}
