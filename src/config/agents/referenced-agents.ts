/**
 * Which external agents a configuration refers to: only these are run to get their metadata.
 * Makes no complaints; the reader of the configuration does.
 * Tested in: test/config/agent-elements.test.ts
 */

import { ocfEquivalents } from "../../model/ocf-equivalents.ts";
import {
  attributeOf,
  childSections,
  onlySection,
  rootSection,
  type Section,
} from "../text/section.ts";
import { ocfAgentName, unitName } from "../text/unit-and-agent-names.ts";
import { parseFlag } from "../text/value-text.ts";
import type { ParsedXml } from "../text/xml.ts";
import { builtInAgents, ocfRule, systemdRule } from "./agent-tables.ts";
import { agentDirectoryDefault } from "./discovered-agents.ts";

export type ReferencedAgents = {
  readonly directory: string;
  /** Element names that are not built in. */
  readonly types: readonly string[];
  /** `provider:type`. */
  readonly ocf: readonly string[];
  /** Units of systemd, with suffix. */
  readonly units: readonly string[];
};

const none: ReferencedAgents = { directory: agentDirectoryDefault, types: [], ocf: [], units: [] };

/** Elements below `<rm>` that are no resources and contain none. */
const notResources = ["failoverdomains", "events", "action", "param"];

/** No agents if the text could not be parsed. */
export function referencedAgents(parsed: ParsedXml): ReferencedAgents {
  if (!parsed.ok) return none;
  const rm = onlySection(rootSection(parsed.value.root), "rm");
  const native = parseFlag(attributeOf(rm, "native") ?? "") ?? true;
  const given = attributeOf(rm, "agent_path") ?? "";
  const known = [...(native ? builtInAgents : []), ocfRule, systemdRule].map(({ type }) => type);
  const resources = resourcesBelow(rm);
  const types = resources.map(({ element }) => element.name);
  return {
    directory: given.startsWith("/") ? given : agentDirectoryDefault,
    types: distinct(types.filter((type) => !known.includes(type))),
    ocf: distinct([
      ...valuesOf(resources, "ocf", "agent").map(ocfAgentName),
      // They replace agents that the directory may not have.
      ...types.map((type) => ocfEquivalents[type]?.agent ?? null),
    ]),
    units: distinct(valuesOf(resources, "systemd", "unit").map(unitName)),
  };
}

function resourcesBelow(section: Section): readonly Section[] {
  return childSections(section).flatMap((child) => {
    const { name } = child.element;
    if (notResources.includes(name)) return [];
    const own = name === "resources" || name === "resource-defaults" ? [] : [child];
    return [...own, ...resourcesBelow(child)];
  });
}

function valuesOf(sections: readonly Section[], type: string, attribute: string) {
  return sections
    .filter(({ element }) => element.name === type)
    .map((section) => attributeOf(section, attribute) ?? "");
}

function distinct(names: readonly (string | null)[]): readonly string[] {
  return [...new Set(names.flatMap((name) => (name === null ? [] : [name])))];
}
