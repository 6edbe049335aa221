/** A fence device that finds its victim off at once, for measurements of everything else. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RealCluster } from "../../e2e/real-cluster.ts";
import type { WorkConf } from "./failover-work.ts";

const devices = '<fencedevices><fencedevice name="d" agent="fence_at_once"/></fencedevices>';

export function writeFenceAgent(cluster: RealCluster, node: number): void {
  const sbin = `${cluster.net.rootOf(node)}/usr/local/sbin`;
  mkdirSync(sbin, { recursive: true });
  writeFileSync(join(sbin, "fence_at_once"), "#!/bin/sh\nexec cat >/dev/null\n");
  chmodSync(join(sbin, "fence_at_once"), 0o755);
}

/** The element of one node, with its fence device if there are any. */
export function fencedNode(id: number, fenced: boolean): string {
  const device = `<fence><method name="1"><device name="d" port="${id}"/></method></fence>`;
  const fence = fenced ? device : "";
  return `<clusternode name="node${id}.example.com" nodeid="${id}">${fence}</clusternode>`;
}

export function fenceDevices(fenced: boolean): string {
  return fenced ? devices : "";
}

/** The configuration with other nodes, and with attributes of the ring. */
export function withFence(conf: string, { totem, fenced, recovery }: WorkConf): string {
  const nodes = [1, 2, 3].map((id) => fencedNode(id, fenced)).join("");
  const members = `<totem ${totem}/><clusternodes>${nodes}</clusternodes>${fenceDevices(fenced)}`;
  return conf
    .replace(/<clusternodes>.*<\/clusternodes>/s, members)
    .replace(/(name="qpidd-primary-service"[^>]*recovery=)"relocate"/, `$1"${recovery}"`);
}
