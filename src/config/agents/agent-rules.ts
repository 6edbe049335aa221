/**
 * The rule of each resource element: built in, or made from the metadata of an agent on this
 * machine. Does not run agents, and does not check the resources.
 * Source: rgmanager resrules.c: load_resource_rules, store_rule; the OCF resource agent API 1.1.
 * Deviation: if an agent is installed but cannot be used, its resources cannot run on this node.
 * Tested in: test/config/agent-elements.test.ts
 * RULE1  A resource whose agent cannot be used stays in its service: the services of a
 *     configuration do not depend on what is installed on the node that reads it.
 */
import type { AgentActionConf, AgentRun } from "../../model/conf.ts";
import { ocfEquivalents } from "../../model/ocf-equivalents.ts";
import { ms } from "../../model/time.ts";
import type { Report } from "../text/complaint.ts";
import { attributeLocation, attributeOf, locationOf, type Section } from "../text/section.ts";
import { ocfAgentName, unitName } from "../text/unit-and-agent-names.ts";
import { nameList } from "../text/value-text.ts";
import { type AgentRule, ocfRule, systemdRule } from "./agent-tables.ts";
import type { DiscoveredAgents, FoundAgent } from "./discovered-agents.ts";
import {
  insteadOf,
  type Replacement,
  replacedParameters,
  replacementOf,
  replacementWords,
  warnOfUnsaid,
} from "./equivalent-agents.ts";
import {
  holdsAfterKill,
  type MissingPacemaker,
  needsPacemaker,
  shareableAgents,
} from "./ocf-lists.ts";
import { reservedParameters } from "./ocf-params.ts";

const ocfTimeoutMs = ms(20_000);
const ocfIntervalMs = ms(10_000);

export class AgentRules {
  readonly #builtIn: ReadonlyMap<string, AgentRule>;
  readonly #found: DiscoveredAgents;
  readonly #native: boolean;
  readonly #complained = new Set<string>();

  /** Unless `native` is set, agents of the directory replace built-in ones. */
  constructor(
    builtIn: readonly AgentRule[],
    found: DiscoveredAgents,
    options: { readonly native: boolean },
  ) {
    this.#builtIn = new Map(builtIn.map((rule) => [rule.type, rule]));
    this.#found = found;
    this.#native = options.native;
  }

  /** Null: no agent of that type exists; a complaint has been made. */
  ruleFor(section: Section, report: Report): AgentRule | null {
    const { name } = section.element;
    if (name === ocfRule.type) return this.#ofOcf(section, report);
    if (name === systemdRule.type) return ofSystemd(section);
    const own = this.#builtIn.get(name);
    const found = this.#found.byType.get(name);
    if (own !== undefined && (this.#native || found === undefined)) return own;
    if (found !== undefined) return this.#ofDirectory(section, found, report);
    const replacement = replacementOf(name);
    if (replacement !== null) return this.#ofReplacement(section, replacement, report);
    const instead = insteadOf(name);
    if (instead !== null) return this.#withoutReplacement(section, instead, report);
    const known = [
      ...this.#builtIn.keys(),
      ocfRule.type,
      systemdRule.type,
      ...[...this.#found.byType.keys()].filter((type) => !this.#builtIn.has(type)),
    ];
    report.error(locationOf(section), {
      type: "unknown-element",
      problem: `no resource agent "${name}"`,
      allowed: `known types: ${nameList(known)}; searched: ${this.#found.directory}`,
    });
    return null;
  }

  /** The defaults that clusterd has built in for the type, whichever agent is used. */
  ownDefaults(type: string): readonly (readonly [string, string])[] {
    const parameters = this.#builtIn.get(type)?.parameters ?? [];
    return parameters.flatMap((one) =>
      one.default === undefined ? [] : [[one.name, one.default] as const],
    );
  }

  #ofDirectory(section: Section, found: FoundAgent, report: Report): AgentRule {
    const type = section.element.name;
    if (found.type === "unusable") {
      const why = this.#complain(section, { what: `resource agent "${type}"`, found }, report);
      return unusable(section, why);
    }
    const { metadata, file } = found;
    const { instancesMax, parameters, actions, children } = metadata;
    const runs = { dialect: "rgmanager", file, directory: this.#found.directory } as const;
    const agent = { runs, actions, children, ...holding({ dialect: "rgmanager", type }) };
    const others = "ignored-with-warning";
    return { type, instancesMax, parameters, actions, agent, others };
  }

  #ofReplacement(section: Section, replacement: Replacement, report: Report): AgentRule {
    const { type, agent: name, original } = replacement;
    const { instancesMax } = original;
    const found = this.#found.ocf.get(name) ?? this.#notInstalled();
    if (found.type === "unusable") {
      const what = `ocf:${name}, which runs the ${type}, as ${this.#found.directory} has no agent,`;
      const why = this.#complain(section, { what, found }, report);
      return { ...original, ...without(why), others: "passed" };
    }
    if (!this.#complained.has(type)) {
      this.#complained.add(type);
      const how = `no agent "${type}" in ${this.#found.directory}`;
      const problem = `${how}: ${replacementWords(replacement)}`;
      report.warning(locationOf(section), { type: "agent", problem });
    }
    warnOfUnsaid(replacement, section, report);
    const { metadata, file } = found;
    const { parameters, passed } = replacedParameters(replacement, metadata.parameters);
    const [provider = "", ocfType = ""] = name.split(":");
    const actions = ocfActions(metadata.actions);
    const idle = ocfEquivalents[type]?.idle === true;
    const replaces = { type, passed };
    const root = this.#found.ocfRoot;
    const runs = { dialect: "ocf", file, root, provider, type: ocfType, replaces } as const;
    const held = idle ? {} : holding({ dialect: "rgmanager", type });
    const agent = { runs, actions: idle ? [] : actions, ...held };
    return { type, instancesMax, parameters, actions, agent, others: "passed-with-warning" };
  }

  #withoutReplacement(section: Section, instead: string, report: Report): AgentRule {
    const type = section.element.name;
    const cause = `${this.#found.directory} has none, and no other agent replaces it`;
    const problem = { cause, remedy: `use instead: ${instead}` };
    const found = { type: "unusable", file: null, problem } as const;
    const why = this.#complain(section, { what: `resource agent "${type}"`, found }, report);
    return unusable(section, why);
  }

  #notInstalled(): FoundAgent & { readonly type: "unusable" } {
    const searched = `${this.#found.ocfRoot}/resource.d`;
    const where = "install it on this node (Debian: package resource-agents)";
    const problem = { cause: "it is not installed", remedy: `${where}; searched: ${searched}` };
    return { type: "unusable", file: null, problem };
  }

  #ofOcf(section: Section, report: Report): AgentRule {
    const name = ocfAgentName(attributeOf(section, "agent") ?? "");
    // A reference, or a definition without `agent`, about which the check of values complains.
    if (name === null) return { ...ocfRule, ...without("no agent is named"), others: "passed" };
    const found = this.#found.ocf.get(name) ?? this.#notInstalled();
    const instancesMax = shareableAgents.includes(name) ? null : 1;
    if (found.type === "unusable") {
      const why = this.#complain(section, { what: `OCF agent ${name}`, found }, report);
      return { ...ocfRule, ...without(why), instancesMax, others: "passed" };
    }
    const { metadata, file } = found;
    const actionNames = metadata.actions.map((one) => one.name);
    const missing = needsPacemaker({ name, actions: actionNames }, section);
    if (missing !== null) {
      const why = this.#refusePromotable(section, { name, missing }, report);
      return { ...ocfRule, ...without(why), instancesMax, others: "passed" };
    }
    const [provider = "", type = ""] = name.split(":");
    const runs = { dialect: "ocf", file, root: this.#found.ocfRoot, provider, type } as const;
    const actions = ocfActions(metadata.actions);
    const parameters = metadata.parameters.map((one) =>
      reservedParameters.includes(one.name) ? { ...one, name: `param.${one.name}` } : one,
    );
    return {
      type: ocfRule.type,
      instancesMax,
      parameters: [...ocfRule.parameters, ...parameters],
      actions,
      agent: { runs, actions, children: [], ...holding({ dialect: "ocf", name }) },
      others: "passed-with-warning",
    };
  }

  /** Complains once for each agent. Returns the text with which a start of the resource fails. */
  #complain(
    section: Section,
    about: { readonly what: string; readonly found: FoundAgent & { readonly type: "unusable" } },
    report: Report,
  ): string {
    const { what, found } = about;
    const { cause, remedy } = found.problem;
    const where = found.file === null ? "" : `${found.file}: `;
    const problem = `${what} cannot be used: ${where}${cause}`;
    if (!this.#complained.has(what)) {
      this.#complained.add(what);
      const allowed = `${remedy}; until then its services cannot run on this node`;
      report.error(locationOf(section), { type: "agent", problem, allowed });
    }
    return problem;
  }

  #refusePromotable(
    section: Section,
    about: { readonly name: string; readonly missing: MissingPacemaker },
    report: Report,
  ): string {
    const problem = `OCF agent ${about.name} ${about.missing.what}`;
    const allowed = about.missing.remedy;
    report.error(attributeLocation(section, "agent"), { type: "agent", problem, allowed });
    return problem;
  }
}

function ofSystemd(section: Section): AgentRule {
  const unit = unitName(attributeOf(section, "unit") ?? "") ?? "";
  const runs: AgentRun = { dialect: "systemd", unit };
  const { actions } = systemdRule;
  const held = holding({ dialect: "systemd", unit });
  return { ...systemdRule, agent: { runs, actions, children: [], ...held } };
}

function holding(of: Parameters<typeof holdsAfterKill>[0]): { readonly holds?: true } {
  return holdsAfterKill(of) ? { holds: true } : {};
}

function without(why: string): Pick<AgentRule, "agent"> & { readonly agent: object } {
  return { agent: { runs: { dialect: "none", why }, actions: [], children: [] } };
}

/** Without metadata the name of the primary attribute is unknown; for most agents it is `name`. */
function unusable(section: Section, why: string): AgentRule {
  const { attributes, name: type } = section.element;
  const named = attributeOf(section, "name") !== null || attributeOf(section, "ref") !== null;
  const primary = named ? "name" : (attributes[0]?.name ?? "name");
  const parameters = [{ name: primary, kind: { type: "text" }, primary: true }] as const;
  const rule = { type, instancesMax: null, parameters, actions: [], ...without(why) };
  return { ...rule, others: "passed" };
}

/** `monitor` becomes `status`. Adds a check where there is none, and a limit to every action. */
function ocfActions(actions: readonly AgentActionConf[]): readonly AgentActionConf[] {
  const limited = actions.map((one) =>
    one.timeoutMs > 0 ? one : { ...one, timeoutMs: ocfTimeoutMs },
  );
  const checks = limited
    .filter(({ name }) => name === "monitor")
    .map((one) => ({ ...one, name: "status" }));
  const scheduled = checks.some(({ intervalMs }) => intervalMs !== null);
  const standard = { name: "status", depth: 0, intervalMs: ocfIntervalMs, timeoutMs: ocfTimeoutMs };
  const missing = ["start", "stop"]
    .filter((name) => !limited.some((one) => one.name === name))
    .map((name) => ({ name, depth: 0, intervalMs: null, timeoutMs: ocfTimeoutMs }));
  const others = limited.filter(({ name }) => name !== "monitor" && name !== "status");
  return [
    ...others,
    ...missing,
    ...(scheduled ? checks : [...checks.filter(({ depth }) => depth !== 0), standard]),
  ];
}
