/**
 * The locations in the file of values that are checked against the machine later.
 * Tested in: test/config/complaints.test.ts, test/config/host-check.test.ts
 */

import { accountKey } from "./sections/accounts-section.ts";
import type { SourceLocation } from "./text/complaint.ts";
import {
  attributeLocation,
  attributeOf,
  childSections,
  locationOf,
  onlySection,
  type Section,
  sectionsNamed,
} from "./text/section.ts";
import { unitName } from "./text/unit-and-agent-names.ts";

export type SourceLocations = {
  readonly file: string;
  /** By name of the node. */
  readonly nodes: ReadonlyMap<string, SourceLocation>;
  /** Second names of nodes. */
  readonly altnames: readonly { readonly node: string; readonly name: string }[];
  /** By name of the agent, where it is first named. */
  readonly agents: ReadonlyMap<string, SourceLocation>;
  /** By path of the script, where it is first named. */
  readonly scripts: ReadonlyMap<string, SourceLocation>;
  /** By name of the unit with its suffix, where it is first named. */
  readonly units: ReadonlyMap<string, SourceLocation>;
  /** By key of the account. */
  readonly accounts: ReadonlyMap<string, SourceLocation>;
  readonly keyFile: SourceLocation | null;
  readonly cman: SourceLocation;
  readonly cleanStart: SourceLocation;
  readonly logging: SourceLocation;
  /** Null: the address is computed, and may be computed again for another address family. */
  readonly multicast: SourceLocation | null;
};

export function collectLocations(root: Section, file: string): SourceLocations {
  const cman = onlySection(root, "cman");
  const multicast = onlySection(cman, "multicast");
  const holder = attributeOf(cman, "keyfile") === null ? onlySection(root, "totem") : cman;
  const nodes = sectionsNamed(onlySection(root, "clusternodes"), "clusternode");
  const devices = sectionsNamed(onlySection(root, "fencedevices"), "fencedevice");
  return {
    file,
    nodes: firstLocations(nodes, "name"),
    altnames: nodes.flatMap((node) =>
      sectionsNamed(node, "altname").flatMap((second) => {
        const name = attributeOf(second, "name");
        return name === null ? [] : [{ node: attributeOf(node, "name") ?? "", name }];
      }),
    ),
    agents: firstLocations(devices, "agent"),
    scripts: firstLocations(sectionsOf("script", onlySection(root, "rm")), "file"),
    units: unitLocations(sectionsOf("systemd", onlySection(root, "rm"))),
    accounts: accountLocations(sectionsNamed(root, "uidgid")),
    keyFile: optionalLocation(holder, "keyfile"),
    cman: locationOf(cman),
    cleanStart: attributeLocation(onlySection(root, "fence_daemon"), "clean_start"),
    logging: attributeLocation(onlySection(root, "logging"), "logfile"),
    multicast: optionalLocation(multicast, "addr"),
  };
}

function firstLocations(
  sections: readonly Section[],
  attribute: string,
): ReadonlyMap<string, SourceLocation> {
  const locations = new Map<string, SourceLocation>();
  for (const section of sections) {
    const value = attributeOf(section, attribute);
    if (value === null || locations.has(value)) continue;
    locations.set(value, attributeLocation(section, attribute));
  }
  return locations;
}

function accountLocations(sections: readonly Section[]): ReadonlyMap<string, SourceLocation> {
  const of = (type: "uid" | "gid") =>
    [...firstLocations(sections, type)].map(
      ([name, location]) => [accountKey({ type, name }), location] as const,
    );
  return new Map([...of("uid"), ...of("gid")]);
}

function optionalLocation(section: Section, attribute: string): SourceLocation | null {
  return attributeOf(section, attribute) === null ? null : attributeLocation(section, attribute);
}

/** All elements of that name below the section. */
function sectionsOf(name: string, section: Section): readonly Section[] {
  return childSections(section).flatMap((child) => [
    ...(child.element.name === name ? [child] : []),
    ...sectionsOf(name, child),
  ]);
}

/** The locations of units by full name, since a unit may be written without its suffix. */
function unitLocations(sections: readonly Section[]): ReadonlyMap<string, SourceLocation> {
  const written = [...firstLocations(sections, "unit")].flatMap(([text, location]) => {
    const name = unitName(text);
    return name === null ? [] : [[name, location] as const];
  });
  return new Map(written.toReversed());
}
