/**
 * Formats a list of resources, their trees, failover domains and event triggers.
 * Source: rgmanager reslist.c: print_resource; restree.c: print_resource_tree; fo_domain.c:
 * print_domains; event.c: print_events.
 * Tested in: test/rg-test/classic.test.ts, test/tree-tool/rg-test.test.ts
 */
import { attributeOf, onlySection, type Section, sectionsNamed } from "../config/text/section.ts";
import { parseFlag } from "../config/text/value-text.ts";
import { type Forest, type Occurrence, valueIn } from "./forest.ts";
import type { Marks } from "./forest-delta.ts";
import type { Attribute, Resource } from "./resource-list.ts";

export type ListParts = {
  readonly head: string;
  readonly resources: readonly Resource[];
  readonly instances: Forest["instances"];
  readonly marks: Marks;
};

export function formatList({ head, resources, instances, marks }: ListParts): string {
  const blocks = resources.map((one) => {
    const { agent, file } = one.rule;
    const flags = [...(one.inline ? ["INLINE"] : []), ...inListOrder(marks.get(one) ?? [])];
    const count = `Instances: ${instances.get(one) ?? 0}/${agent.instancesMax ?? 0}\n`;
    const attributes = one.attributes.map((each) => `  ${formatAttribute(each)}\n`);
    return (
      `Resource type: ${agent.type}${flags.map((flag) => ` [${flag}]`).join("")}\n` +
      `${agent.instancesMax === null ? "" : count}Agent: ${file}\nAttributes:\n` +
      `${attributes.length === 0 ? "  - None -\n" : attributes.join("")}\n`
    );
  });
  return `=== ${head} ===\n${blocks.join("")}`;
}

function inListOrder(marks: readonly string[]): readonly string[] {
  return ["NEEDSTART", "NEEDSTOP", "RECONFIG"].filter((mark) => marks.includes(mark));
}

function formatAttribute({ parameter, value, inherited }: Attribute): string {
  const flags = [
    ...(parameter.primary === true ? ["primary"] : []),
    ...(parameter.unique === true ? ["unique"] : []),
    ...(parameter.required === true ? ["required"] : []),
    ...(parameter.reconfig === true ? ["reconfig"] : []),
    ...(inherited ? [`inherit("${value}")`] : []),
  ];
  const shown = inherited ? parameter.name : `${parameter.name} = ${value}`;
  return flags.length === 0 ? shown : `${shown} [ ${flags.join(" ")} ]`;
}

/** The style of a tree: the line that opens a node, and a line for each of its attributes. */
export type TreeStyle = {
  readonly opening: (occurrence: Occurrence) => string;
  /** The line with its line feed. */
  readonly attribute: (occurrence: Occurrence, name: string) => string;
};

export function formatTrees(head: string, trees: readonly Occurrence[], style: TreeStyle): string {
  return `=== ${head} ===\n${trees.map((tree) => formatTree(tree, "", style)).join("")}`;
}

function formatTree(occurrence: Occurrence, indent: string, style: TreeStyle): string {
  const inner = `${indent}  `;
  const attributes = occurrence.resource.attributes.map(
    ({ parameter }) => inner + style.attribute(occurrence, parameter.name),
  );
  const children = occurrence.children.map((child) => formatTree(child, inner, style));
  const opening = `${indent}${style.opening(occurrence)} {\n`;
  return `${opening}${attributes.join("")}${children.join("")}${indent}}\n`;
}

/** The style of the last rgmanager: all flags, the state, and `(null)` for a missing value. */
export function currentStyle(marks: Marks): TreeStyle {
  return {
    opening: (one) => {
      const asked = marks.get(one) ?? [];
      const flags = [
        ...["NEEDSTOP", "NEEDSTART"].filter((mark) => asked.some((each) => each === mark)),
        ...(one.independent ? ["INDEPENDENT"] : []),
        ...(asked.includes("RECONFIG") ? ["RECONFIG"] : []),
        ...(one.enforceTimeouts ? ["ENFORCE-TIMEOUTS"] : []),
        ...(one.nonCritical ? ["NON-CRITICAL"] : []),
      ];
      return `${one.type}${flags.length === 0 ? "" : ` [ ${flags.join(" ")} ]`} (S0)`;
    },
    attribute: (one, name) => `${name} = "${valueIn(one, name) ?? "(null)"}";\n`,
  };
}

/** The failover domains; empty when there are none. `nodes`: the ids of nodes by name. */
export function formatDomains(rm: Section, nodes: ReadonlyMap<string, string>): string {
  const domains = sectionsNamed(onlySection(rm, "failoverdomains"), "failoverdomain");
  if (domains.length === 0) return "";
  const blocks = domains.map((domain) => {
    const is = (name: string) => parseFlag(attributeOf(domain, name) ?? "") === true;
    const words = [
      ...(is("ordered") ? ["Ordered "] : []),
      ...(is("restricted") ? ["Restricted "] : []),
      ...(is("nofailback") ? ["No Failback"] : []),
    ];
    const members = sectionsNamed(domain, "failoverdomainnode").map((member) => {
      const name = attributeOf(member, "name") ?? "";
      const priority = is("ordered") ? (attributeOf(member, "priority") ?? "0") : "0";
      return `  Node ${name} (id ${nodes.get(name) ?? "0"}, priority ${priority})\n`;
    });
    const flags = words.length === 0 ? "none" : words.join("");
    const name = attributeOf(domain, "name") ?? "";
    return `Failover domain: ${name}\nFlags: ${flags}\n${members.join("")}`;
  });
  return `=== Failover Domains ===\n${blocks.join("")}`;
}

/** The default trigger of every configuration; others are not supported and have no effect. */
export const eventTriggers =
  "=== Event Triggers ===\nEvent Priority Level 100:\n  Name: Default\n    (Any event)\n" +
  "    File: /usr/share/cluster/default_event_script.sl\n";
