/**
 * The typed children of each resource type with their levels, from the metadata of its agent.
 * Source: resource-agents service.sh, ip.sh, fs.sh, nfsserver.sh, nfsexport.sh, netfs.sh
 * (special/child).
 * Tested in: test/services/resource-tree.test.ts
 */
import type { ChildRule } from "../../model/conf.ts";

const serviceChildren: readonly ChildRule[] = [
  { type: "lvm", start: 1, stop: 9 },
  { type: "fs", start: 2, stop: 8 },
  { type: "clusterfs", start: 3, stop: 7 },
  { type: "netfs", start: 4, stop: 6 },
  { type: "nfsexport", start: 5, stop: 5 },
  { type: "nfsclient", start: 6, stop: 4 },
  { type: "ip", start: 7, stop: 2 },
  { type: "smb", start: 8, stop: 3 },
  { type: "script", start: 9, stop: 1 },
];

const fileSystemChildren: readonly ChildRule[] = [
  { type: "fs", start: 1, stop: 3 },
  { type: "clusterfs", start: 1, stop: 3 },
  { type: "nfsexport", start: 3, stop: 1 },
];
const noExports: readonly ChildRule[] = ["nfsclient", "nfsexport"].map(forbidden);

/** Parents without a row have no child list: their children are in document order. */
const childRules: ReadonlyMap<string, readonly ChildRule[]> = new Map([
  ["service", serviceChildren],
  ["fs", fileSystemChildren],
  ["clusterfs", fileSystemChildren],
  [
    "nfsserver",
    [
      { type: "nfsclient", start: 1, stop: 2 },
      { type: "ip", start: 2, stop: 1 },
      ...["nfsexport", "nfsserver"].map(forbidden),
    ],
  ],
  ["nfsexport", [{ type: "nfsclient", start: 0, stop: 0 }, forbidden("nfsexport")]],
  ["ip", noExports],
  ["netfs", noExports],
]);

/** The child list of a parent's type, in metadata order; empty when its agent has none. */
export function childRulesOf(type: string): readonly ChildRule[] {
  return childRules.get(type) ?? [];
}

function forbidden(type: string): ChildRule {
  return { type, start: 0, stop: 0, forbidden: true };
}
