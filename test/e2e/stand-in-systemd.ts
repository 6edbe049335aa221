/** Gives the nodes of a test network the stand-in for systemd. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { project, type RealCluster } from "./real-cluster.ts";

const program = join(project, "build/test/e2e/stand-in-systemctl.js");

/** From now on systemd "runs" there. */
export function installSystemd(cluster: RealCluster, node: number): void {
  const root = cluster.net.rootOf(node);
  mkdirSync(join(root, "run/systemd/system"), { recursive: true });
  const path = join(root, "usr/local/sbin/systemctl");
  writeFileSync(path, `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`);
  chmodSync(path, 0o755);
}

export function writeUnit(
  cluster: RealCluster,
  node: number,
  unit: { readonly name: string; readonly text: string },
): void {
  const folder = cluster.net.path(node, "etc/systemd/system");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, unit.name), unit.text);
}
