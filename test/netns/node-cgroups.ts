/**
 * A part of the cgroup v2 tree for each node, so that programs under test can keep their services
 * in cgroups of their own. Only root can give it; without it nodes simply have no cgroups.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Trees of networks that were killed are swept once they are older than this. */
const staleMs = 10 * 60 * 1000;
const prefix = "clusterd-net.";

/** A fresh tree, or null where there is no cgroup v2 that this process may write. */
export function createCgroupTree(): string | null {
  const top = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(
    readFileSync("/proc/self/mountinfo", "utf8"),
  )?.[1];
  if (top === undefined) return null;
  try {
    sweep(top);
    const tree = join(top, `${prefix}${Date.now()}.${Math.floor(Math.random() * 1e9)}`);
    mkdirSync(tree);
    return tree;
  } catch {
    return null;
  }
}

/** Removes a tree whose processes have ended; one that is still in use stays for a later sweep. */
export function removeCgroupTree(tree: string): void {
  for (const entry of readdirSync(tree, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroupTree(join(tree, entry.name));
  }
  try {
    rmdirSync(tree);
  } catch {
    // A process that was killed a moment ago may still be in it.
  }
}

function sweep(top: string): void {
  for (const name of readdirSync(top).filter((entry) => entry.startsWith(prefix))) {
    const tree = join(top, name);
    const idle = readFileSync(join(tree, "cgroup.events"), "utf8").includes("populated 0");
    if (idle && Date.now() - statSync(tree).ctimeMs > staleMs) removeCgroupTree(tree);
  }
}
