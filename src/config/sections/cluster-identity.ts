/**
 * The attributes of the root element: name and version of the configuration.
 * Source: cman-preconfig.c: get_cman_globals (15 bytes); cluster.conf(5).
 * Deviations: only letters, digits, dot, underline and hyphen; the version must be an integer.
 * Tested in: test/config/complaints.test.ts
 */
import type { Report } from "../text/complaint.ts";
import { clusterNameBytesMax, integers } from "../text/defaults.ts";
import {
  attributeLocation,
  locationOf,
  requiredText,
  type Section,
  SectionReader,
} from "../text/section.ts";

/** Name and version; placeholders after an error, which is in the report. */
export function readIdentity(
  root: Section,
  report: Report,
): { readonly name: string; readonly version: number } {
  const reader = new SectionReader(root, report);
  const { config_version } = integers.cluster;
  const version = reader.integer("config_version", config_version);
  if (!reader.has("config_version")) {
    const allowed = `${config_version.min} to ${config_version.max}`;
    const problem = "attribute config_version is missing";
    report.error(locationOf(root), { type: "missing-attribute", problem, allowed });
  }
  return { name: readName(root, report), version: version ?? 0 };
}

function readName(root: Section, report: Report): string {
  const allowed = `1 to ${clusterNameBytesMax} characters`;
  const name = requiredText(root, { name: "name", allowed }, report) ?? "";
  const location = attributeLocation(root, "name");
  const bytes = Buffer.byteLength(name);
  if (bytes > clusterNameBytesMax) {
    const problem = `name is ${bytes} bytes long`;
    report.error(location, {
      type: "bad-value",
      problem,
      allowed: `at most ${clusterNameBytesMax}`,
    });
  }
  const strange = name.match(/[^A-Za-z0-9._-]/u)?.[0];
  if (strange !== undefined) {
    const problem = `character ${JSON.stringify(strange)} not allowed`;
    report.error(location, { type: "bad-value", problem, allowed: "letters, digits, . _ -" });
  }
  return name;
}
