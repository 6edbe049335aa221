/**
 * Finds elements of a configuration, and makes the sections that an edit needs.
 * Tested in: test/conf-tool/edits.test.ts
 */
import { nearestName } from "../config/text/nearest-name.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { quoted } from "../model/visible-text.ts";
import { type ConfText, isXmlName, type PlacedElement } from "./conf-text.ts";

/** The outcome of an edit; the problem names the cause and the remedy. */
export type Edited = Result<ConfText, string>;

export function childrenNamed(
  parent: PlacedElement | null,
  name: string,
): readonly PlacedElement[] {
  return parent?.children.filter((child) => child.name === name) ?? [];
}

/** The first element at the path of names below the root. */
export function elementAt(conf: ConfText, ...path: readonly string[]): PlacedElement | null {
  let found: PlacedElement | null = conf.root;
  for (const name of path) found = childrenNamed(found, name)[0] ?? null;
  return found;
}

/** Sections that readers expect before the services. */
const leading: readonly string[] = ["failoverdomains", "resources"];

/** The configuration with an element at the path; what is missing of it is added, empty. */
export function withSection(conf: ConfText, path: readonly string[]): Edited {
  let made = conf;
  for (let depth = 1; depth <= path.length; depth += 1) {
    const names = path.slice(0, depth);
    const name = names.at(-1) ?? "";
    const parent = elementAt(made, ...names.slice(0, -1));
    if (parent === null || elementAt(made, ...names) !== null) continue;
    const where = leading.includes(name) ? "first" : "last";
    const added = made.addChild(parent, { name, attributes: new Map() }, where);
    if (!added.ok) return added;
    made = added.value;
  }
  return accept(made);
}

/** Adds an element to the section at the path, which is made if it is missing. */
export function addTo(
  conf: ConfText,
  path: readonly string[],
  child: Parameters<ConfText["addChild"]>[1],
): Edited {
  const section = withSection(conf, path);
  if (!section.ok) return section;
  const parent = elementAt(section.value, ...path);
  return parent === null ? refuse("no such section") : section.value.addChild(parent, child);
}

/** What is sought, for the refusal: `fence device`, ` of node n1`, and the option that adds one. */
type Sought = { readonly what: string; readonly of?: string; readonly add?: string };

/** The element with that name among `candidates`; the problem names the nearest other name. */
export function named(
  candidates: readonly PlacedElement[],
  name: string,
  { what, of = "", add }: Sought,
): Result<PlacedElement, string> {
  const found = candidates.find((one) => one.attributes.get("name") === name);
  if (found !== undefined) return accept(found);
  const known = candidates.flatMap((one) => one.attributes.get("name") ?? []);
  const guess = nearestName(name, known);
  const others = known.length === 0 ? "there is none" : `known are ${known.join(", ")}`;
  const remedies = [
    guess === null ? others : `did you mean "${guess}"?`,
    ...(add === undefined ? [] : [`one is added with ${add}`]),
  ];
  return refuse(`there is no ${what} ${quoted(name)}${of}; ${remedies.join("; ")}`.trimEnd());
}

/** Removes elements one after the other; `find` gets the next one, until it finds none. */
export function removeAll(
  conf: ConfText,
  find: (conf: ConfText) => PlacedElement | undefined,
): Edited {
  let left = conf;
  for (let next = find(left); next !== undefined; next = find(left)) {
    const removed = left.remove(next);
    if (!removed.ok) return removed;
    left = removed.value;
  }
  return accept(left);
}

/** `key=value` words as attributes, in their order. */
export function readAttributes(
  words: readonly string[],
): Result<ReadonlyMap<string, string>, string> {
  const attributes = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = word.slice(0, Math.max(0, equals));
    if (equals < 0) return refuse(`${quoted(word)} is no option; options are written NAME=VALUE`);
    if (!isXmlName(name)) return refuse(`${quoted(name)} cannot be the name of an option`);
    const value = word.slice(equals + 1);
    if (hasControlCharacter(value)) return refuse(`the value of ${name} has a control character`);
    if (attributes.has(name)) return refuse(`${name} is given twice`);
    attributes.set(name, value);
  }
  return accept(attributes);
}

/** `<clusternode>` elements, in the order of the file. */
export function nodesOf(conf: ConfText): readonly PlacedElement[] {
  return childrenNamed(elementAt(conf, "clusternodes"), "clusternode");
}

export function nodeNamed(conf: ConfText, name: string): Result<PlacedElement, string> {
  return named(nodesOf(conf), name, { what: "node", add: `--addnode ${name}` });
}

function hasControlCharacter(value: string): boolean {
  return [...value].some((one) => one < " " || one === "\u007f");
}
