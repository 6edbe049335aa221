/**
 * Reads `<rm>`: its services, each with its resource tree, in which references are resolved.
 * Source: rgmanager groups.c, restree.c: build_tree, do_load_resource; rgmanager(8).
 * Deviations: elements that rgmanager skips with a message are errors; `depend` must name a service
 * of the file and must not form a cycle; `retry_delay`, `quorum_loss` and `qpid…` are additions.
 * Tested in: test/config/complaints.test.ts, test/config/quorum-loss.test.ts
 */
import type {
  FailoverDomainConf,
  RecoveryPolicy,
  ResourceConf,
  ServiceConf,
  ServicesConf,
} from "../../model/conf.ts";
import { parseServiceName, type ServiceName } from "../../model/ids.ts";
import { type Ms, ms, seconds, toMs } from "../../model/time.ts";
import { quoted } from "../../model/visible-text.ts";
import type { AgentRules } from "../agents/agent-rules.ts";
import { machineAttributes } from "../agents/rgmanager-agents.ts";
import type { Report } from "../text/complaint.ts";
import {
  choices,
  flags,
  integers,
  retryDelaySecondsDefault,
  servicesMax,
} from "../text/defaults.ts";
import {
  attributeLocation,
  attributeOf,
  childSections,
  locationOf,
  onlySection,
  type Section,
  SectionReader,
  sectionsNamed,
} from "../text/section.ts";
import { nameList, parseDuration, parseFlag, parseInteger } from "../text/value-text.ts";
import { readActions } from "./action-overrides.ts";
import { occurrenceAttributes, readOccurrenceOptions } from "./occurrence-attributes.ts";
import { boundNode } from "./quorum-loss.ts";
import { type Definition, ResourceCatalog } from "./resource-catalog.ts";
import { checkReference } from "./resource-values.ts";

export function readServices(
  root: Section,
  given: { readonly domains: readonly FailoverDomainConf[]; readonly rules: AgentRules },
  report: Report,
): ServicesConf {
  const rm = onlySection(root, "rm");
  const reader = new SectionReader(rm, report);
  const catalog = new ResourceCatalog(root, given.rules, report);
  const sections = childSections(rm).filter(({ element }) => serviceTypes.includes(element.name));
  if (sections.length > servicesMax) {
    const problem = `${sections.length} services`;
    const allowed = `at most ${servicesMax}`;
    report.error(locationOf(rm), { type: "bad-value", problem, allowed });
  }
  const written = sectionsNamed(onlySection(rm, "failoverdomains"), "failoverdomain");
  const domains = written.map((domain) => attributeOf(domain, "name") ?? "");
  const stopsAll = reader.choice("quorum_loss", choices.rm.quorum_loss) === "stop-all";
  const bindable = stopsAll ? [] : given.domains;
  const read = new ServiceReader(catalog, { domains, bindable }, report);
  const found: { readonly service: ServiceConf; readonly section: Section }[] = [];
  for (const section of sections.slice(0, servicesMax)) {
    const service = read.service(section);
    if (service !== null) found.push({ service, section });
  }
  checkDependencies(found, report);
  return {
    enabled: !reader.flag("disabled", flags.rm.disabled),
    statusPollIntervalMs: reader.duration("status_poll_interval", integers.rm.status_poll_interval),
    brokers: reader.choice("qpid", choices.rm.qpid),
    brokerHang: {
      timeoutMs: reader.duration("qpid_hang_timeout", integers.rm.qpid_hang_timeout),
      recovery: reader.choice("qpid_hang_recovery", choices.rm.qpid_hang_recovery),
    },
    statusChildMax: reader.integer("status_child_max", integers.rm.status_child_max),
    domains: given.domains,
    services: found.map(({ service }) => service),
  };
}

const serviceTypes = ["service", "vm"];

/** The ancestors from which a resource may inherit attributes, nearest first. */
type Ancestors = readonly Pick<ResourceConf, "type" | "attributes">[];

class ServiceReader {
  readonly #catalog: ResourceCatalog;
  readonly #domains: readonly string[];
  /** The domains that may bind a service to their only node. */
  readonly #bindable: readonly FailoverDomainConf[];
  readonly #report: Report;

  constructor(
    catalog: ResourceCatalog,
    given: {
      readonly domains: readonly string[];
      readonly bindable: readonly FailoverDomainConf[];
    },
    report: Report,
  ) {
    this.#catalog = catalog;
    this.#domains = given.domains;
    this.#bindable = given.bindable;
    this.#report = report;
  }

  service(section: Section): ServiceConf | null {
    const rule = this.#catalog.ruleFor(section);
    const definition = rule === null ? null : this.#catalog.definitionFor(section, rule);
    if (attributeOf(section, "ref") !== null) checkReference(section, this.#report);
    if (definition === null) return null;
    const tree = this.#resource(section, definition, []);
    if (tree.type === "vm") return this.#fields(definition.section, machineTree(tree));
    if (tree.children.length === 0 && childSections(section).length === 0) {
      const problem = "the service has no resources: starting it does nothing";
      this.#report.warning(locationOf(section), { type: "missing-element", problem });
    }
    return this.#fields(definition.section, tree);
  }

  #resource(section: Section, definition: Definition, ancestors: Ancestors): ResourceConf {
    const { rule, key } = definition;
    const attributes: (readonly [string, string])[] = [];
    for (const parameter of rule.parameters) {
      const { name, inherit } = parameter;
      const value = this.#catalog.valueOf(definition, parameter);
      const inherited = inherit === undefined ? null : inheritedValue(inherit, ancestors);
      const effective = value ?? inherited;
      if (effective !== null) attributes.push([name, effective]);
    }
    attributes.push(...passedAttributes(definition));
    const own = { type: rule.type, attributes };
    const children: ResourceConf[] = [];
    for (const child of childSections(section)) {
      if (child.element.name === "action") continue;
      const resource = this.#child(child, [own, ...ancestors]);
      if (resource !== null) children.push(resource);
    }
    const referred = section !== definition.section;
    const actions = referred
      ? [...definition.actions, ...readActions(section, rule, this.#report)]
      : definition.actions;
    const options = readOccurrenceOptions(section, this.#report);
    const agent = rule.agent === undefined ? {} : { agent: rule.agent };
    const written = this.#catalog.writtenOf(definition);
    const { line } = section.element;
    return { ...own, key, written, line, actions, children, ...options, ...agent };
  }

  #child(section: Section, ancestors: Ancestors): ResourceConf | null {
    if (section.element.name === "service") {
      const problem = "a service cannot stand inside another one";
      const allowed = "use depend to order services";
      this.#report.error(locationOf(section), { type: "not-supported", problem, allowed });
      return null;
    }
    const rule = this.#catalog.ruleFor(section);
    if (rule === null) return null;
    if (attributeOf(section, "ref") !== null) checkReference(section, this.#report);
    const definition = this.#catalog.definitionFor(section, rule);
    return definition === null ? null : this.#resource(section, definition, ancestors);
  }

  /**
   * The values were checked against the agent's rule; a value that is wrong reads as the default.
   */
  #fields(section: Section, tree: ResourceConf): ServiceConf | null {
    // All nodes must come to the same values, whatever agents they have.
    const values = new Map(tree.written);
    const name = parseServiceName(`${section.element.name}:${tree.key}`);
    if (name === null || tree.key.includes(":")) {
      const problem = `${quoted(tree.key)} cannot be the name of a service`;
      const allowed = "at most 55 bytes, without a colon";
      const location = attributeLocation(section, "name");
      this.#report.error(location, { type: "bad-value", problem, allowed });
      return null;
    }
    const domain = this.#domain(section, values.get("domain") ?? null);
    const exclusive = this.#exclusive(section, values.get("exclusive") ?? "");
    const where = this.#bindable.find((one) => one.name === domain) ?? null;
    const depend = this.#depend(section, values.get("depend") ?? null);
    const dependMode = values.get("depend_mode") === "soft" ? "soft" : "hard";
    const waits = depend !== null && dependMode === "hard";
    return {
      name,
      line: tree.line,
      domain,
      autostart: parseFlag(values.get("autostart") ?? "") ?? true,
      exclusive,
      recovery: recoveries.find((each) => each === values.get("recovery")) ?? "restart",
      depend,
      dependMode,
      maxRestarts: parseInteger(values.get("max_restarts") ?? "") ?? 0,
      restartExpireMs: duration(values.get("restart_expire_time")),
      priority: parseInteger(values.get("priority") ?? "") ?? 0,
      retryDelayMs: retryDelayOf(values),
      boundTo: exclusive || waits ? null : boundNode(where, tree),
      tree,
    };
  }

  /** In rgmanager's central processing a number above 1 ranks exclusive services. */
  #exclusive(section: Section, text: string): boolean {
    const flag = parseFlag(text);
    if (flag !== null) return flag;
    const number = parseInteger(text) ?? 0;
    if (number > 1) {
      const problem = `exclusive="${number}" does not rank exclusive services here: it means yes`;
      this.#report.warning(attributeLocation(section, "exclusive"), { type: "ignored", problem });
    }
    return number > 0;
  }

  #domain(section: Section, name: string | null): string | null {
    // Tools have written an empty one for none.
    if (name === null || name.trim() === "") return null;
    if (this.#domains.includes(name)) return name;
    const defined = this.#domains.length === 0 ? "none" : nameList(this.#domains);
    this.#report.error(attributeLocation(section, "domain"), {
      type: "dangling-reference",
      problem: `failoverdomain ${quoted(name)} is not defined`,
      allowed: `defined: ${defined}`,
    });
    return null;
  }

  #depend(section: Section, text: string | null): ServiceName | null {
    if (text === null) return null;
    const name = parseServiceName(text);
    if (name !== null) return name;
    const problem = `${quoted(text)} is not the name of a service`;
    const location = attributeLocation(section, "depend");
    this.#report.error(location, { type: "bad-value", problem, allowed: "service:NAME" });
    return null;
  }
}

/** A service with nothing but the machine; what the file says of it as a service is apart. */
function machineTree(machine: ResourceConf): ResourceConf {
  const { key, line, written } = machine;
  const isOfService = ([name]: readonly [string, string]) => machineAttributes.includes(name);
  const attributes = [["name", key] as const];
  const child = { ...machine, written: written.filter((one) => !isOfService(one)) };
  return {
    ...{ type: "service", key, line, attributes, actions: [], children: [child] },
    written: [...attributes, ...written.filter(isOfService)],
  };
}

const recoveries: readonly RecoveryPolicy[] = ["restart", "relocate", "disable", "restart-disable"];

function retryDelayOf(values: ReadonlyMap<string, string>): Ms {
  const text = values.get("retry_delay");
  return text === undefined ? toMs(seconds(retryDelaySecondsDefault)) : duration(text);
}

function duration(text: string | undefined): Ms {
  return parseDuration(text ?? "") ?? ms(0);
}

/** The attributes that the agent gets although its metadata do not list them. */
function passedAttributes({ rule, section }: Definition): readonly (readonly [string, string])[] {
  if (rule.others !== "passed" && rule.others !== "passed-with-warning") return [];
  const known = rule.parameters.map(({ name }) => name);
  return section.element.attributes
    .filter(({ name }) => !known.includes(name) && !occurrenceAttributes.includes(name))
    .map(({ name, value }) => [name, value] as const);
}

function inheritedValue(
  from: { readonly type: string | null; readonly attribute: string },
  ancestors: Ancestors,
): string | null {
  const giver = ancestors.find(({ type }) => from.type === null || type === from.type);
  return new Map(giver?.attributes).get(from.attribute) ?? null;
}

type Found = { readonly service: ServiceConf; readonly section: Section };

function checkDependencies(found: readonly Found[], report: Report): void {
  const byName = new Map<ServiceName, Found>(found.map((each) => [each.service.name, each]));
  const names = [...byName.keys()];
  const inCycle = new Set<ServiceName>();
  for (const { service, section } of found) {
    const { name, depend } = service;
    if (depend === null) continue;
    const location = attributeLocation(section, "depend");
    if (!byName.has(depend)) {
      const problem = `depends on ${quoted(depend)}, which is not defined`;
      const allowed = `services: ${nameList(names)}`;
      report.error(location, { type: "dangling-reference", problem, allowed });
      continue;
    }
    const chain = dependencyCycle(name, byName);
    if (chain === null || inCycle.has(name)) continue;
    for (const member of chain) inCycle.add(member);
    const problem = `depends on itself: ${formatChain([...chain, name])}`;
    report.error(location, { type: "conflict", problem, allowed: "remove one depend" });
  }
}

/** A long chain is cut in the middle. */
function formatChain(chain: readonly ServiceName[]): string {
  if (chain.length <= 12) return chain.join(" -> ");
  return [...chain.slice(0, 10), "…", ...chain.slice(-1)].join(" -> ");
}

/** The cycle of services from `start` back to it; null: it is in no cycle. */
function dependencyCycle(
  start: ServiceName,
  byName: ReadonlyMap<ServiceName, Found>,
): readonly ServiceName[] | null {
  const chain = new Set<ServiceName>([start]);
  let next = byName.get(start)?.service.depend ?? null;
  while (next !== null && !chain.has(next)) {
    chain.add(next);
    next = byName.get(next)?.service.depend ?? null;
  }
  return next === start ? [...chain] : null;
}
