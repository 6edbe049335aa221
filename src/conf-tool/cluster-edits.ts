/**
 * Edits of the cluster as a whole and of its nodes: create, version, nodes, settings.
 * Source: ccs(8) of RHEL 6.
 * Deviations: a node that is removed is removed from failover domains, too, since no file may name
 * a node that is not there; a new node gets the lowest free id.
 * Tested in: test/conf-tool/edits.test.ts
 */
import { accept, refuse } from "../model/outcome.ts";
import { quoted } from "../model/visible-text.ts";
import {
  addTo,
  childrenNamed,
  type Edited,
  elementAt,
  nodeNamed,
  nodesOf,
  readAttributes,
  removeAll,
  withSection,
} from "./conf-find.ts";
import { ConfText } from "./conf-text.ts";

/** What `--nodeid` and `--votes` say of a new node; null: not given. */
export type NodeOptions = { readonly nodeid: string | null; readonly votes: string | null };

/** A configuration without nodes; it becomes valid with the first one. */
export function createCluster(name: string): Edited {
  const empty = ConfText.parse(`<?xml version="1.0"?>
<cluster name="" config_version="1">
  <fence_daemon/>
  <clusternodes/>
  <cman/>
  <fencedevices/>
  <rm>
    <failoverdomains/>
    <resources/>
  </rm>
</cluster>
`);
  if (!empty.ok) return empty;
  return empty.value.setAttributes(empty.value.root, new Map([["name", name]]));
}

/** The version that the file has; null: none that could be raised. */
export function versionOf(conf: ConfText): number | null {
  const text = conf.root.attributes.get("config_version") ?? "";
  return /^\d{1,10}$/.test(text) ? Number(text) : null;
}

export function setVersion(conf: ConfText, version: string): Edited {
  if (!/^[1-9]\d{0,9}$/.test(version)) {
    return refuse(`${quoted(version)} is not a version; a version is a number from 1 on`);
  }
  return conf.setAttributes(conf.root, new Map([["config_version", version]]));
}

/** Every change must raise the version; members refuse the file otherwise. */
export function raiseVersion(conf: ConfText): Edited {
  const version = versionOf(conf);
  if (version !== null) return setVersion(conf, String(version + 1));
  return refuse("config_version of <cluster> is not a number; set it with --setversion NUMBER");
}

export function addNode(conf: ConfText, name: string, { nodeid, votes }: NodeOptions): Edited {
  const present = nodesOf(conf);
  if (present.some((node) => node.attributes.get("name") === name)) {
    return refuse(`there is a node ${quoted(name)} already; remove it first with --rmnode ${name}`);
  }
  const used = new Set(present.map((node) => node.attributes.get("nodeid") ?? ""));
  let free = 1;
  while (used.has(String(free))) free += 1;
  const attributes = new Map([
    ["name", name],
    ["nodeid", nodeid ?? String(free)],
    ...(votes === null ? [] : [["votes", votes] as const]),
  ]);
  return addTo(conf, ["clusternodes"], { name: "clusternode", attributes });
}

export function removeNode(conf: ConfText, name: string): Edited {
  const node = nodeNamed(conf, name);
  if (!node.ok) return node;
  const removed = conf.remove(node.value);
  if (!removed.ok) return removed;
  return removeAll(removed.value, (left) => {
    const domains = childrenNamed(elementAt(left, "rm", "failoverdomains"), "failoverdomain");
    const members = domains.flatMap((domain) => childrenNamed(domain, "failoverdomainnode"));
    return members.find((member) => member.attributes.get("name") === name);
  });
}

/** Sets all attributes of the section: those that are not given are removed. */
export function setSection(
  conf: ConfText,
  path: readonly string[],
  words: readonly string[],
): Edited {
  const attributes = readAttributes(words);
  if (!attributes.ok) return attributes;
  const made = withSection(conf, path);
  if (!made.ok) return made;
  const section = elementAt(made.value, ...path);
  if (section === null) return refuse("no such section");
  const gone = [...section.attributes.keys()].filter((name) => !attributes.value.has(name));
  const changes = new Map([...attributes.value, ...gone.map((name) => [name, null] as const)]);
  return made.value.setAttributes(section, changes);
}

/** Without an address the multicast address is computed again. */
export function setMulticast(conf: ConfText, words: readonly string[]): Edited {
  const [address, ...options] = words;
  if (address !== undefined) {
    return setSection(conf, ["cman", "multicast"], [`addr=${address}`, ...options]);
  }
  const present = elementAt(conf, "cman", "multicast");
  return present === null ? accept(conf) : conf.remove(present);
}

/** Adds `<uidgid>`, or another element that may stand there several times, with the options. */
export function addRepeated(
  conf: ConfText,
  path: readonly string[],
  words: readonly string[],
): Edited {
  const attributes = readAttributes(words);
  if (!attributes.ok) return attributes;
  const name = path.at(-1) ?? "";
  return addTo(conf, path.slice(0, -1), { name, attributes: attributes.value });
}

/** Removes the only element at the path that has all these attributes. */
export function removeRepeated(
  conf: ConfText,
  path: readonly string[],
  words: readonly string[],
): Edited {
  const attributes = readAttributes(words);
  if (!attributes.ok) return attributes;
  const name = path.at(-1) ?? "";
  const candidates = childrenNamed(elementAt(conf, ...path.slice(0, -1)), name);
  const fitting = candidates.filter((one) =>
    [...attributes.value].every(([key, value]) => one.attributes.get(key) === value),
  );
  const [only, ...more] = fitting;
  const asked = [`<${name}>`, ...words].join(" ");
  if (only === undefined) return refuse(`there is no ${asked}`);
  if (more.length === 0) return conf.remove(only);
  const lines = fitting.map(({ line }) => line).join(", ");
  return refuse(`more than one ${asked}, at lines ${lines}; give more of its options`);
}
