/**
 * Warnings about a valid configuration that operators get at every start.
 * Depends on the configuration only, not on the machine.
 * Tested in: test/config/host-check.test.ts
 */
import type { ClusterConf } from "../../model/conf.ts";

/** One line each, in order of importance. */
export function startupWarnings(conf: ClusterConf): string[] {
  return [...keyWarnings(conf), ...fencingWarnings(conf)];
}

function keyWarnings({ totem }: ClusterConf): string[] {
  if (!totem.secauth || totem.keyFile !== null) return [];
  return [
    "no keyfile: cluster traffic is protected only by the cluster name; " +
      'make a key with "clusterd --keygen FILE", copy it to all nodes, set <cman keyfile="FILE"/>',
  ];
}

function fencingWarnings({ nodes, fencing, quorum }: ClusterConf): string[] {
  const bare = nodes.filter((node) => node.fenceMethods.length === 0);
  if (bare.length === 0 || nodes.length === 1) return [];
  const names = bare.map((node) => node.name).join(", ");
  if (fencing.selfFence !== "no") {
    const seconds = (waitMs: number) => `${(waitMs / 1000).toFixed(1)} s`;
    const { safeWaitMs, watchdog } = fencing;
    const longer = watchdog !== null && watchdog.safeWaitMs > safeWaitMs;
    const reset = longer ? `, ${seconds(watchdog.safeWaitMs)} if it has a watchdog` : "";
    return [
      `no fence devices for ${names}: self-fencing in use; ` +
        `services of a lost node start elsewhere after ${seconds(safeWaitMs)}${reset}`,
    ];
  }
  const cause = quorum.twoNode ? "self-fencing cannot work with two_node" : "self_fence is no";
  return [
    `no fence devices for ${names} and ${cause}: services of a lost node start elsewhere ` +
      "only after an operator has acknowledged that it is off",
  ];
}
