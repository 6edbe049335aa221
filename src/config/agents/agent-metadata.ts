/**
 * The metadata that an agent prints → its rule, in both dialects: rgmanager's and Heartbeat's.
 * Does not run agents or look for their files.
 * Source: rgmanager resrules.c: load_resource_rulefile, _get_actions, store_action, expand_time;
 * the OCF resource agent API 1.1.
 * Deviations: `true` and `on` are true; metadata that cannot be used are reported with a remedy,
 * while rgmanager drops the agent silently; a document type is skipped, not loaded.
 */
import type { AgentActionConf, ChildRule } from "../../model/conf.ts";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { ms } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import {
  attributeOf,
  childSections,
  onlySection,
  rootSection,
  type Section,
  sectionsNamed,
} from "../text/section.ts";
import type { ValueKind } from "../text/value-kind.ts";
import { parseDuration, parseFlag, parseInteger } from "../text/value-text.ts";
import { parseXml } from "../text/xml.ts";
import type { AgentParameter } from "./agent-tables.ts";

export type AgentDialect = "rgmanager" | "ocf";

export type AgentMetadata = {
  readonly type: string;
  /** Null: without limit. */
  readonly instancesMax: number | null;
  /** Primary first. */
  readonly parameters: readonly AgentParameter[];
  readonly actions: readonly AgentActionConf[];
  readonly children: readonly ChildRule[];
  readonly initOnAdd: boolean;
  readonly destroyOnDelete: boolean;
};

/** Why metadata cannot be used, and what an operator can do. */
export type MetadataProblem = { readonly cause: string; readonly remedy: string };

const repair = "repair or reinstall the agent; it must print its metadata as XML";
const levelMax = 100;
const intervalMsMin = 1000;

export function parseMetadata(
  text: string,
  dialect: AgentDialect,
): Result<AgentMetadata, MetadataProblem> {
  if (text.trim() === "") return refuse({ cause: "it prints no metadata", remedy: repair });
  const parsed = parseXml(withoutDocumentType(text));
  if (!parsed.ok) {
    return refuse({ cause: `its metadata are not XML: ${parsed.problem.problem}`, remedy: repair });
  }
  const root = rootSection(parsed.value.root);
  if (root.element.name !== "resource-agent") {
    const cause = `its metadata begin with <${root.element.name}>, not with <resource-agent>`;
    return refuse({ cause, remedy: repair });
  }
  const type = attributeOf(root, "name") ?? "";
  if (type === "") return refuse({ cause: "its metadata have no name", remedy: repair });
  if (type.toLowerCase() === "action") {
    return refuse({ cause: "it calls itself action", remedy: "this name is reserved" });
  }
  const written = sectionsNamed(onlySection(root, "parameters"), "parameter");
  const parameters = written.map((one) => parameterOf(one, dialect));
  const problem = parametersProblem(parameters, dialect);
  if (problem !== null) return refuse({ cause: problem, remedy: repair });
  const special = childSections(root).find(
    (one) => one.element.name === "special" && attributeOf(one, "tag") === "rgmanager",
  );
  return accept({
    type,
    parameters: primaryFirst(parameters),
    actions: actionsOf(onlySection(root, "actions")),
    ...specialOf(special ?? null),
  });
}

/** Removes a document type without declarations; one with them stays, and is refused. */
function withoutDocumentType(text: string): string {
  return text.trimStart().replace(/<!DOCTYPE[^>[]*>/, "");
}

function parameterOf(section: Section, dialect: AgentDialect): AgentParameter {
  const content = onlySection(section, "content");
  const inherit = dialect === "rgmanager" ? attributeOf(section, "inherit") : null;
  const standard = dialect === "rgmanager" ? attributeOf(content, "default") : null;
  const kind = kindOf(attributeOf(content, "type") ?? "string");
  return {
    name: attributeOf(section, "name") ?? "",
    kind,
    stated: true,
    ...(isSet(section, "primary") && dialect === "rgmanager" ? { primary: true } : {}),
    // In the dialect `ocf` the flag is only advice, and many agents set it wrongly.
    ...(isSet(section, "unique") && dialect === "rgmanager" ? { unique: true } : {}),
    ...(isSet(section, "required") ? { required: true } : {}),
    ...(isSet(section, "reconfig") ? { reconfig: true } : {}),
    ...(inherit === null ? (standard === null ? {} : { default: standard }) : {}),
    ...(inherit === null ? {} : { inherit: inheritanceOf(inherit) }),
  };
}

function kindOf(words: string): ValueKind {
  switch (words) {
    case "boolean":
      return { type: "flag" };
    case "integer":
      return { type: "integer", min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
    default:
      return { type: "text" };
  }
}

/** `attribute` of the parent, or `type%attribute` of the nearest ancestor of that type. */
function inheritanceOf(words: string): NonNullable<AgentParameter["inherit"]> {
  const [first = "", attribute] = words.split("%");
  return attribute === undefined ? { type: null, attribute: first } : { type: first, attribute };
}

function isSet(section: Section, name: string): boolean {
  const value = attributeOf(section, name) ?? "";
  const number = parseInteger(value);
  return number === null ? parseFlag(value) === true || /^y/i.test(value) : number !== 0;
}

function parametersProblem(
  parameters: readonly AgentParameter[],
  dialect: AgentDialect,
): string | null {
  if (parameters.some(({ name }) => !/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name))) {
    return "a parameter in its metadata has no usable name";
  }
  if (dialect === "ocf") return null;
  if (parameters.length === 0) return "its metadata have no parameters";
  const primaries = parameters.filter(({ primary }) => primary === true);
  if (primaries.length === 0) return "none of its parameters is primary";
  if (primaries.length > 1) return `${primaries.length} of its parameters are primary`;
  const bad = parameters.find(
    ({ inherit, primary, unique, required }) =>
      inherit !== undefined && (primary === true || unique === true || required === true),
  );
  return bad === undefined
    ? null
    : `its parameter ${quoted(bad.name)} is inherited, so it cannot be primary, unique or required`;
}

function primaryFirst(parameters: readonly AgentParameter[]): readonly AgentParameter[] {
  const index = parameters.findIndex(({ primary }) => primary === true);
  const [first] = parameters;
  const primary = parameters[index];
  if (index <= 0 || primary === undefined || first === undefined) return parameters;
  // rgmanager swaps the primary parameter and the first one.
  return parameters.map((one, at) => (at === 0 ? primary : at === index ? first : one));
}

function actionsOf(section: Section): readonly AgentActionConf[] {
  return sectionsNamed(section, "action").flatMap((one) => {
    const name = attributeOf(one, "name") ?? "";
    if (name === "") return [];
    const checked = name === "status" || name === "monitor";
    const interval = attributeOf(one, "interval");
    const depth = parseInteger(attributeOf(one, "depth") ?? "");
    // An action with a role is a check of a promotable clone.
    if (attributeOf(one, "role") !== null) return [];
    return [
      {
        name,
        depth: checked && depth !== null && depth > 0 ? depth : 0,
        intervalMs: interval === null ? null : ms(Math.max(intervalMsMin, timeOf(interval))),
        timeoutMs: ms(timeOf(attributeOf(one, "timeout") ?? "")),
      },
    ];
  });
}

/** A text that is not a time counts as 0. */
function timeOf(text: string): number {
  return parseDuration(text.trim()) ?? 0;
}

function specialOf(section: Section | null) {
  const attributes = section === null ? null : onlySection(section, "attributes");
  const number = (name: string) =>
    attributes === null ? null : parseInteger(attributeOf(attributes, name) ?? "");
  const instances = Math.max(0, number("maxinstances") ?? 0);
  return {
    instancesMax: instances === 0 ? null : instances,
    initOnAdd: (number("init_on_add") ?? 1) !== 0,
    destroyOnDelete: (number("destroy_on_delete") ?? 1) !== 0,
    children: section === null ? [] : sectionsNamed(section, "child").flatMap(childOf),
  };
}

function childOf(section: Section): readonly ChildRule[] {
  const type = attributeOf(section, "type") ?? "";
  const level = (name: string) => {
    const value = parseInteger(attributeOf(section, name) ?? "") ?? 0;
    return value >= 1 && value <= levelMax ? value : 0;
  };
  if (type === "") return [];
  const rule = { type, start: level("start"), stop: level("stop") };
  return [isSet(section, "forbid") ? { ...rule, forbidden: true } : rule];
}
