/**
 * What the tool knows of one resource type: its agent's metadata, file and child list.
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
import { knownAgents } from "../config/agents/known-agents.ts";
import type { ChildRule } from "../model/conf.ts";
import { childRulesOf } from "../services/tree/resource-rules.ts";

export type TreeRule = {
  readonly agent: AgentRule;
  /** Name of the agent's file, without its directory. */
  readonly file: string;
  readonly children: readonly ChildRule[];
  readonly initOnAdd: boolean;
  readonly destroyOnDelete: boolean;
};

export type TreeRules = ReadonlyMap<string, TreeRule>;

/** By type, in the alphabetical order in which resources are listed. */
export function sortedRules(rules: readonly TreeRule[]): TreeRules {
  const sorted = rules.toSorted((a, b) => compareTypes(a.agent.type, b.agent.type));
  return new Map(sorted.map((rule) => [rule.agent.type, rule]));
}

/** The rules that are used without a directory of agents. */
export function builtInRules(): TreeRules {
  return sortedRules([...builtInAgents, ocfRule, systemdRule, ...knownAgents].map(ruleOf));
}

/** A rule whose agent has the child list that rgmanager's agent of that type has. */
export function ruleOf(agent: AgentRule): TreeRule {
  return {
    agent,
    file: `${agent.type}.sh`,
    children: childRulesOf(agent.type),
    initOnAdd: true,
    destroyOnDelete: true,
  };
}

/** Those of a directory's agents; what cannot be used is said. */
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
