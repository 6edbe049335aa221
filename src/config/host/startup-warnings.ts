/**
 * Warnings about a valid configuration that operators get at every start, and from every check.
 * Depends on the configuration only, not on the machine.
 * Tested in: test/config/host-check.test.ts, test/config/startup-traps.test.ts
 */
import type { ClusterConf, NodeConf } from "../../model/conf.ts";
import { secondsText } from "../../model/time.ts";
import { quorumOf } from "../../quorum/votes.ts";
import type { SourceLocations } from "../source-locations.ts";
import type { Complaint, SourceLocation } from "../text/complaint.ts";

type StartupWarning = {
  readonly about: "key" | "fencing" | "two nodes" | "clean start";
  readonly problem: string;
  readonly remedy?: string;
};

/** One line each, in order of importance. */
export function startupWarnings(conf: ClusterConf): readonly string[] {
  return warningsOf(conf).map(({ problem, remedy }) => {
    return remedy === undefined ? problem : `${problem}; ${remedy}`;
  });
}

/** The same with their places in the file. */
export function startupComplaints(
  conf: ClusterConf,
  locations: SourceLocations,
): readonly Complaint[] {
  const { file } = locations;
  return warningsOf(conf).map(({ about, problem, remedy }) => {
    const allowed = remedy === undefined ? {} : { allowed: remedy };
    const location = locationOf(about, conf, locations);
    return { type: "unsafe", severity: "warning", file, ...location, problem, ...allowed };
  });
}

function locationOf(
  about: StartupWarning["about"],
  conf: ClusterConf,
  locations: SourceLocations,
): SourceLocation {
  const { cman, cleanStart, nodes } = locations;
  if (about === "clean start") return cleanStart;
  const bare = about === "fencing" ? withoutDevices(conf)[0] : undefined;
  return (bare === undefined ? undefined : nodes.get(bare.name)) ?? cman;
}

function warningsOf(conf: ClusterConf): readonly StartupWarning[] {
  return [
    ...keyWarnings(conf),
    ...fencingWarnings(conf),
    ...twoNodeWarnings(conf),
    ...cleanStartWarnings(conf),
  ];
}

function keyWarnings({ totem }: ClusterConf): readonly StartupWarning[] {
  if (!totem.secauth || totem.keyFile !== null) return [];
  const problem = "no keyfile: cluster traffic is protected only by the cluster name";
  const remedy =
    'make a key with "clusterd --keygen FILE", copy it to all nodes, set <cman keyfile="FILE"/>';
  return [{ about: "key", problem, remedy }];
}

function withoutDevices({ nodes }: ClusterConf): readonly NodeConf[] {
  return nodes.filter((node) => node.fenceMethods.length === 0);
}

function fencingWarnings(conf: ClusterConf): readonly StartupWarning[] {
  const { nodes, fencing, quorum } = conf;
  const bare = withoutDevices(conf);
  if (bare.length === 0 || nodes.length === 1) return [];
  const names = bare.map((node) => node.name).join(", ");
  if (fencing.selfFence !== "no") {
    const { safeWaitMs, watchdog } = fencing;
    const longer = watchdog !== null && watchdog.safeWaitMs > safeWaitMs;
    const reset = longer ? `, ${secondsText(watchdog.safeWaitMs)} if it has a watchdog` : "";
    const problem = `no fence devices for ${names}: self-fencing in use`;
    const after = `${secondsText(safeWaitMs)}${reset}`;
    const remedy = `services of a lost node start elsewhere after ${after}`;
    return [{ about: "fencing", problem, remedy }];
  }
  const cause = quorum.twoNode ? "self-fencing cannot work with two_node" : "self_fence is no";
  const problem =
    `no fence devices for ${names} and ${cause}: services of a lost node start elsewhere ` +
    "only after an operator has acknowledged that it is off";
  return [{ about: "fencing", problem }];
}

/** Two nodes have no majority, and with two_node both sides of a cut fence each other. */
function twoNodeWarnings({ nodes, quorum }: ClusterConf): readonly StartupWarning[] {
  if (nodes.length !== 2) return [];
  if (!quorum.twoNode) {
    const { expectedVotes: expected, tieBreaker } = quorum;
    const needed = (total: number) =>
      quorumOf({ total, expected, previousQuorum: 0, twoNode: false });
    const alone = nodes.every(({ votes }) => votes < needed(votes));
    if (!alone || tieBreaker !== null) return [];
    const problem = "two nodes, and neither is quorate alone: the loss of one stops all services";
    const remedy = 'set two_node="1" with fence devices, auto_tie_breaker, or add a third node';
    return [{ about: "two nodes", problem, remedy }];
  }
  const powered = nodes.every(({ fenceMethods }) => fenceMethods.length > 0);
  if (!powered || nodes.some(delays)) return [];
  const problem = "after a cut both nodes fence each other at the same time, and both may be off";
  const remedy = 'give the <device> of the node that shall win a delay, such as delay="5"';
  return [{ about: "two nodes", problem, remedy }];
}

function delays({ fenceMethods }: NodeConf): boolean {
  const values = fenceMethods.flatMap(({ devices }) =>
    devices.flatMap(({ parameters }) => parameters.filter(([name]) => name === "delay")),
  );
  return values.some(([, value]) => Number.parseFloat(value) > 0);
}

function cleanStartWarnings({ nodes, fencing }: ClusterConf): readonly StartupWarning[] {
  if (!fencing.cleanStart || nodes.length === 1) return [];
  const problem =
    "clean_start: nodes that are absent at a start count as off; if they run, so do their services";
  return [{ about: "clean start", problem, remedy: "remove clean_start" }];
}
