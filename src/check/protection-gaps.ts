/**
 * What each protection against a service that runs twice does not cover, of what can occur with
 * this configuration.
 * Source: docs/operating.md, section "What each protection covers".
 * Tested in: test/check/effective-view.test.ts
 */
import type { ClusterConf, ResourceConf } from "../model/conf.ts";

/** In the order of their likelihood. */
export function uncoveredCases(
  by: "fence devices" | "lease and watchdog" | "lease" | "an operator",
  conf: ClusterConf,
): readonly string[] {
  switch (by) {
    case "fence devices":
      return [
        "a device that cannot be reached: the services of its node then wait",
        "an operator who acknowledges a node that is not off",
      ];
    case "an operator":
      return ["everything: services of a lost node start elsewhere only after fence_ack-ts"];
    case "lease and watchdog":
      return [...pausedMachines, ...heldResources(conf)];
    case "lease":
      return [
        "clusterd and its guard both killed or stopped, unless the node has a watchdog",
        "a kernel that hangs and continues later, unless the node has a watchdog",
        ...pausedMachines,
        ...heldResources(conf),
      ];
  }
}

const pausedMachines = [
  "a virtual machine that is paused or moved for longer than the safe wait",
  "clocks whose rates differ by more than 1 %",
];

/** Resources that do not end with their processes, such as mounted file systems. */
function heldResources({ services }: ClusterConf): readonly string[] {
  const held = services.services.flatMap(({ tree }) => holdersBelow(tree));
  if (held.length === 0) return [];
  return [`what outlives its processes on a node that hangs: ${[...new Set(held)].join(", ")}`];
}

function holdersBelow({ children, type, key, agent }: ResourceConf): readonly string[] {
  const own = agent?.holds === true ? [`${type} ${key}`] : [];
  return [...own, ...children.flatMap(holdersBelow)];
}
