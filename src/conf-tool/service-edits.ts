/**
 * Edits of `<rm>`: failover domains, resources, services and what stands in them.
 * Source: ccs(8) of RHEL 6.
 * Tested in: test/conf-tool/edits.test.ts
 */
import { accept, type Result, refuse } from "../model/outcome.ts";
import { quoted } from "../model/visible-text.ts";
import { addRepeated, removeRepeated } from "./cluster-edits.ts";
import {
  addTo,
  childrenNamed,
  type Edited,
  elementAt,
  named,
  nodeNamed,
  readAttributes,
} from "./conf-find.ts";
import { type ConfText, isXmlName, type PlacedElement } from "./conf-text.ts";

const domainWords = ["restricted", "ordered", "nofailback"] as const;

export function addDomain(conf: ConfText, name: string, words: readonly string[]): Edited {
  const unknown = words.find((word) => !domainWords.some((known) => known === word));
  if (unknown !== undefined) {
    return refuse(`${quoted(unknown)} is unknown of a domain; known are ${domainWords.join(", ")}`);
  }
  if (domainsOf(conf).some((one) => one.attributes.get("name") === name)) {
    return refuse(`there is a failover domain ${quoted(name)} already; remove it first`);
  }
  const flags = domainWords.map((word) => [word, words.includes(word) ? "1" : "0"] as const);
  const attributes = new Map([["name", name], ...flags]);
  return addTo(conf, ["rm", "failoverdomains"], { name: "failoverdomain", attributes });
}

export function removeDomain(conf: ConfText, name: string): Edited {
  const domain = domainNamed(conf, name);
  return domain.ok ? conf.remove(domain.value) : domain;
}

/** A node that is in the domain already gets the priority; `priority` null: it has none. */
export function addDomainNode(
  conf: ConfText,
  { domain: name, node }: { readonly domain: string; readonly node: string },
  priority: string | null,
): Edited {
  if (priority !== null && !/^([1-9]\d?|100)$/.test(priority)) {
    return refuse(`${quoted(priority)} is not a priority; priorities are 1 (first) to 100`);
  }
  const domain = domainNamed(conf, name);
  if (!domain.ok) return domain;
  const known = nodeNamed(conf, node);
  if (!known.ok) return known;
  const present = domainNode(domain.value, node);
  if (present !== undefined) {
    return conf.setAttributes(present, new Map([["priority", priority]]));
  }
  const ranked = priority === null ? [] : [["priority", priority] as const];
  const attributes = new Map([["name", node], ...ranked]);
  return conf.addChild(domain.value, { name: "failoverdomainnode", attributes });
}

export function removeDomainNode(conf: ConfText, name: string, node: string): Edited {
  const domain = domainNamed(conf, name);
  if (!domain.ok) return domain;
  const present = domainNode(domain.value, node);
  if (present === undefined) {
    return refuse(`node ${quoted(node)} is not in failover domain ${quoted(name)}`);
  }
  return conf.remove(present);
}

export function addResource(conf: ConfText, type: string, words: readonly string[]): Edited {
  if (!isXmlName(type)) return refuse(`${quoted(type)} cannot be a type of resources`);
  return addRepeated(conf, ["rm", "resources", type], words);
}

export function removeResource(conf: ConfText, type: string, words: readonly string[]): Edited {
  return removeRepeated(conf, ["rm", "resources", type], words);
}

/** A virtual machine (`vm`) is a service of its own. */
export type ServiceElement = "service" | "vm";

export function addService(
  conf: ConfText,
  { element, name }: { readonly element: ServiceElement; readonly name: string },
  words: readonly string[],
): Edited {
  const options = readAttributes(words);
  if (!options.ok) return options;
  if (servicesOf(conf, element).some((one) => one.attributes.get("name") === name)) {
    return refuse(`there is a <${element}> ${quoted(name)} already; remove it first`);
  }
  const attributes = new Map([["name", name], ...options.value]);
  return addTo(conf, ["rm"], { name: element, attributes });
}

export function removeService(conf: ConfText, element: ServiceElement, name: string): Edited {
  const add = `--add${element} ${name}`;
  const found = named(servicesOf(conf, element), name, { what: element, add });
  return found.ok ? conf.remove(found.value) : found;
}

/** `path`: `ip`, or `fs[1]:script` for a script in the second file system of the service. */
export function addSubservice(
  conf: ConfText,
  place: { readonly service: string; readonly path: string },
  words: readonly string[],
): Edited {
  const options = readAttributes(words);
  if (!options.ok) return options;
  const steps = place.path.split(":");
  const type = steps.pop() ?? "";
  if (!isXmlName(type)) return refuse(`${quoted(type)} cannot be a type of resources`);
  const parent = partOf(conf, place.service, steps);
  if (!parent.ok) return parent;
  return conf.addChild(parent.value, { name: type, attributes: options.value });
}

export function removeSubservice(conf: ConfText, service: string, path: string): Edited {
  const part = partOf(conf, service, path.split(":"));
  return part.ok ? conf.remove(part.value) : part;
}

/** The element in the service to which the steps lead; a step is TYPE or TYPE[NUMBER]. */
function partOf(
  conf: ConfText,
  service: string,
  steps: readonly string[],
): Result<PlacedElement, string> {
  const start = serviceNamed(conf, service);
  if (!start.ok) return start;
  let found = start.value;
  for (const step of steps) {
    const [, type = "", index = "0"] = /^([^[\]]+)(?:\[(\d{1,3})\])?$/.exec(step) ?? [];
    const present = childrenNamed(found, type);
    const next = present[Number(index)];
    if (next === undefined) {
      const where = found === start.value ? `service ${service}` : `<${found.name}>`;
      const parts = found.children.map((child) => child.name).join(", ") || "nothing";
      const counted = "the first of a type is TYPE or TYPE[0], the second TYPE[1]";
      return refuse(`${where} has no ${quoted(step)}: it has ${parts}; ${counted}`);
    }
    found = next;
  }
  return accept(found);
}

function domainsOf(conf: ConfText): readonly PlacedElement[] {
  return childrenNamed(elementAt(conf, "rm", "failoverdomains"), "failoverdomain");
}

function domainNamed(conf: ConfText, name: string): Result<PlacedElement, string> {
  const add = `--addfailoverdomain ${name}`;
  return named(domainsOf(conf), name, { what: "failover domain", add });
}

function serviceNamed(conf: ConfText, name: string): Result<PlacedElement, string> {
  return named(servicesOf(conf), name, { what: "service", add: `--addservice ${name}` });
}

function domainNode(domain: PlacedElement, node: string): PlacedElement | undefined {
  const members = childrenNamed(domain, "failoverdomainnode");
  return members.find((member) => member.attributes.get("name") === node);
}

export function servicesOf(
  conf: ConfText,
  element: ServiceElement = "service",
): readonly PlacedElement[] {
  return childrenNamed(elementAt(conf, "rm"), element);
}
