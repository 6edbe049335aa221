/**
 * Where those things stand in the file that only the machine itself can check.
 * Does not check anything.
 * Tested in: test/config/complaints.test.ts, test/config/host-check.test.ts
 */

import { unitName } from "./agents/unit-and-agent-names.ts";
import { accountKey } from "./sections/accounts-section.ts";
import type { SourcePlace } from "./text/complaint.ts";
import {
  attributeOf,
  childSections,
  onlySection,
  placeOfAttribute,
  type Section,
  sectionsNamed,
} from "./text/section.ts";

export type SourceLocations = {
  readonly file: string;
  /** By name of the node. */
  readonly nodes: ReadonlyMap<string, SourcePlace>;
  /** Second names of nodes. */
  readonly altnames: readonly { readonly node: string; readonly name: string }[];
  /** By name of the agent, where it is first named. */
  readonly agents: ReadonlyMap<string, SourcePlace>;
  /** By path of the script, where it is first named. */
  readonly scripts: ReadonlyMap<string, SourcePlace>;
  /** By name of the unit with its suffix, where it is first named. */
  readonly units: ReadonlyMap<string, SourcePlace>;
  /** By key of the account. */
  readonly accounts: ReadonlyMap<string, SourcePlace>;
  readonly keyFile: SourcePlace | null;
  readonly logging: SourcePlace;
  /** Null: the address was computed, and may be computed again for another family. */
  readonly multicast: SourcePlace | null;
};

export function collectPlaces(root: Section, file: string): SourceLocations {
  const cman = onlySection(root, "cman");
  const multicast = onlySection(cman, "multicast");
  const holder = attributeOf(cman, "keyfile") === null ? onlySection(root, "totem") : cman;
  const nodes = sectionsNamed(onlySection(root, "clusternodes"), "clusternode");
  const devices = sectionsNamed(onlySection(root, "fencedevices"), "fencedevice");
  return {
    file,
    nodes: firstPlaces(nodes, "name"),
    altnames: nodes.flatMap((node) =>
      sectionsNamed(node, "altname").flatMap((second) => {
        const name = attributeOf(second, "name");
        return name === null ? [] : [{ node: attributeOf(node, "name") ?? "", name }];
      }),
    ),
    agents: firstPlaces(devices, "agent"),
    scripts: firstPlaces(sectionsOf("script", onlySection(root, "rm")), "file"),
    units: unitPlaces(sectionsOf("systemd", onlySection(root, "rm"))),
    accounts: accountPlaces(sectionsNamed(root, "uidgid")),
    keyFile: optionalPlace(holder, "keyfile"),
    logging: placeOfAttribute(onlySection(root, "logging"), "logfile"),
    multicast: optionalPlace(multicast, "addr"),
  };
}

function firstPlaces(
  sections: readonly Section[],
  attribute: string,
): ReadonlyMap<string, SourcePlace> {
  const places = new Map<string, SourcePlace>();
  for (const section of sections) {
    const value = attributeOf(section, attribute);
    if (value === null || places.has(value)) continue;
    places.set(value, placeOfAttribute(section, attribute));
  }
  return places;
}

function accountPlaces(sections: readonly Section[]): ReadonlyMap<string, SourcePlace> {
  const of = (type: "uid" | "gid") =>
    [...firstPlaces(sections, type)].map(
      ([name, place]) => [accountKey({ type, name }), place] as const,
    );
  return new Map([...of("uid"), ...of("gid")]);
}

function optionalPlace(section: Section, attribute: string): SourcePlace | null {
  return attributeOf(section, attribute) === null ? null : placeOfAttribute(section, attribute);
}

/** All elements of that name below. */
function sectionsOf(name: string, section: Section): readonly Section[] {
  return childSections(section).flatMap((child) => [
    ...(child.element.name === name ? [child] : []),
    ...sectionsOf(name, child),
  ]);
}

/** A unit may be written with and without its suffix. */
function unitPlaces(sections: readonly Section[]): ReadonlyMap<string, SourcePlace> {
  const written = [...firstPlaces(sections, "unit")].flatMap(([text, place]) => {
    const name = unitName(text);
    return name === null ? [] : [[name, place] as const];
  });
  return new Map(written.toReversed());
}
