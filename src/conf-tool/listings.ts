/**
 * Lists what a configuration has, in the layout of ccs, which scripts read.
 * Source: ccs(8) of RHEL 6.
 * Deviation: passwords are not shown.
 * Tested in: test/conf-tool/edits.test.ts
 */
import { accept, type Result } from "../model/outcome.ts";
import { isSecret } from "../model/secrets.ts";
import { childrenNamed, elementAt, nodeNamed, nodesOf } from "./conf-find.ts";
import type { ConfText, PlacedElement } from "./conf-text.ts";
import { servicesOf } from "./service-edits.ts";

type Listing = (conf: ConfText, words: readonly string[]) => Result<string, string>;

/** By the name of the option; only the listing of fence devices takes a word, a node. */
export const listings: Readonly<Record<string, Listing>> = {
  lsnodes: (conf) => accept(lines(nodesOf(conf).map((one) => headed(one)))),
  lsfencedev: (conf) => {
    const devices = childrenNamed(elementAt(conf, "fencedevices"), "fencedevice");
    return accept(lines(devices.map((one) => headed(one))));
  },
  lsfenceinst: (conf, [name]) => {
    if (name === undefined) return accept(nodesOf(conf).map(fencingOf).join(""));
    const node = nodeNamed(conf, name);
    return node.ok ? accept(fencingOf(node.value)) : node;
  },
  lsfailoverdomain: (conf) => {
    const domains = childrenNamed(elementAt(conf, "rm", "failoverdomains"), "failoverdomain");
    return accept(domains.map(domainLines).join(""));
  },
  lsservices: (conf) => {
    const services = [...servicesOf(conf), ...servicesOf(conf, "vm")].map((one) => tree(one, 0));
    const resources = elementAt(conf, "rm", "resources")?.children ?? [];
    const named = resources.map((one) => tree(one, 1)).join("");
    return accept(`${services.join("")}${named === "" ? "" : `resources: \n${named}`}`);
  },
  lsmisc: (conf) => accept(otherSections(conf)),
};

const sections = [
  ["Totem", ["totem"]],
  ["Dlm", ["dlm"]],
  ["Resource Manager", ["rm"]],
  ["CMAN", ["cman"]],
  ["Multicast", ["cman", "multicast"]],
  ["Fence Daemon", ["fence_daemon"]],
  ["Logging", ["logging"]],
] as const;

function otherSections(conf: ConfText): string {
  const present = sections.flatMap(([title, path]) => {
    const section = elementAt(conf, ...path);
    return section === null ? [] : [`${title}: ${settings(section)}`];
  });
  const daemons = childrenNamed(elementAt(conf, "logging"), "logging_daemon");
  const accounts = childrenNamed(conf.root, "uidgid");
  return lines([
    ...present,
    ...daemons.map((one) => `  logging_daemon: ${settings(one)}`),
    ...accounts.map((one) => `UID/GID: ${settings(one)}`),
  ]);
}

function fencingOf(node: PlacedElement): string {
  const fences = childrenNamed(node, "fence").flatMap((fence) => childrenNamed(fence, "method"));
  const methods = fences.flatMap((method) => [
    `  ${method.attributes.get("name") ?? ""}`,
    ...childrenNamed(method, "device").map((one) => `    ${headed(one)}`),
  ]);
  const unfences = childrenNamed(node, "unfence").flatMap((one) => childrenNamed(one, "device"));
  const unfencing = unfences.map((one) => `    ${headed(one)}`);
  const title = unfencing.length === 0 ? [] : ["  unfence"];
  return lines([node.attributes.get("name") ?? "", ...methods, ...title, ...unfencing]);
}

function domainLines(domain: PlacedElement): string {
  const words = ["restricted", "ordered", "nofailback"] as const;
  const flags = words.map((word) => `${word}=${domain.attributes.get(word) ?? "0"}`);
  const members = childrenNamed(domain, "failoverdomainnode");
  const head = `${domain.attributes.get("name") ?? ""}: ${flags.join(", ")}`;
  return lines([head, ...members.map((one) => `  ${headed(one)}`)]);
}

function tree(element: PlacedElement, depth: number): string {
  const own = `${"  ".repeat(depth)}${element.name}: ${listed(element)}\n`;
  return own + element.children.map((child) => tree(child, depth + 1)).join("");
}

/** `NAME: key=value, key=value`; only the name when there is nothing else. */
function headed(element: PlacedElement): string {
  const rest = [...element.attributes].filter(([name]) => name !== "name");
  const name = element.attributes.get("name") ?? "";
  return rest.length === 0 ? name : `${name}: ${pairs(rest)}`;
}

function listed(element: PlacedElement): string {
  return pairs([...element.attributes]);
}

function pairs(attributes: readonly (readonly [string, string])[]): string {
  return attributes
    .map(([name, value]) => `${name}=${isSecret(name) ? "(hidden)" : value}`)
    .join(", ");
}

/** Settings of the cluster have no secrets, but a token. */
function settings({ attributes }: PlacedElement): string {
  return [...attributes].map(([name, value]) => `${name}=${value}`).join(", ");
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
