/**
 * Formats the rules of resource types.
 * Source: rgmanager resrules.c: print_resource_rule.
 * Tested in: test/tree-tool/rg-test.test.ts
 */
import type { AgentParameter } from "../config/agents/agent-tables.ts";
import type { AgentActionConf, ChildRule } from "../model/conf.ts";
import { expressionOf } from "./resource-list.ts";
import type { TreeRule } from "./tree-rule.ts";

/** One rule as text, with an empty line at the end. */
export function formatRule(rule: TreeRule): string {
  const { type, instancesMax, parameters, actions } = rule.agent;
  const flags = [
    ...(rule.initOnAdd ? ["init_on_add "] : []),
    ...(rule.destroyOnDelete ? ["destroy_on_delete "] : []),
  ];
  const lines = [
    `Resource Rules for "${type}"`,
    ...(instancesMax === null ? [] : [`Max instances: ${instancesMax}`]),
    `Agent: ${rule.file}`,
    `Flags: ${flags.length === 0 ? "(none)" : flags.join("")}`,
    "Attributes:",
    ...orNone(parameters.map(formatParameter)),
    "Actions:",
    ...orNone(actions.flatMap(formatAction)),
    "Explicitly defined child resource types:",
    ...orNone(rule.children.map(formatChild)),
    "",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function orNone(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? ["  - None -"] : lines;
}

function formatParameter(parameter: AgentParameter): string {
  const { name, inherit } = parameter;
  const flags = [
    ...(parameter.primary === true ? ["primary"] : []),
    ...(parameter.unique === true ? ["unique"] : []),
    ...(parameter.required === true ? ["required"] : []),
    ...(inherit === undefined ? [] : ["inherit"]),
    ...(parameter.reconfig === true ? ["reconfig"] : []),
  ];
  const value = inherit === undefined ? parameter.default : expressionOf(inherit);
  const bracket = flags.length === 0 ? "" : ` [ ${flags.join(" ")} ]`;
  return `  ${name}${bracket}${value === undefined ? "" : ` default="${value}"`}`;
}

function formatAction({ name, depth, intervalMs, timeoutMs }: AgentActionConf): readonly string[] {
  const interval = intervalMs ?? 0;
  return [
    `  ${name}`,
    ...(timeoutMs > 0 ? [`    Timeout (hint): ${timeoutMs / 1000} seconds`] : []),
    ...(depth > 0 ? [`    OCF Check Depth (status/monitor): ${depth} seconds`] : []),
    ...(interval > 0 ? [`    Check Interval: ${interval / 1000} seconds`] : []),
  ];
}

function formatChild({ type, start, stop, forbidden }: ChildRule): string {
  if (forbidden === true) return `  ${type} (forbidden)`;
  if (start === 0 && stop === 0) return `  ${type}`;
  const levels = [
    ...(start > 0 ? [`startlevel = ${start} `] : []),
    ...(stop > 0 ? [`stoplevel = ${stop} `] : []),
  ];
  return `  ${type} [ ${levels.join("")}] `;
}
