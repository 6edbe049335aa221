/**
 * Environment variables that agents of all dialects get besides their parameters: marks, by which
 * clusterd finds their descendants again however they detach, and which other nodes are off.
 * Tested in: test/services/external-agent.test.ts, test/services/external-worker.test.ts
 */
import type { ResourceConf } from "../../model/conf.ts";
import type { NodeName, ServiceName } from "../../model/ids.ts";

/** The mark on the processes of a resource, for example `script:qpidd`. */
export function resourceMark({ type, key }: ResourceConf): string {
  return `${type}:${key}`;
}

export function trackingMarks(context: {
  readonly service: ServiceName;
  readonly resource: string;
  readonly nodeName: NodeName;
  readonly trackingToken: string;
}): readonly (readonly [string, string])[] {
  return [
    ["CLUSTERD_SERVICE", context.service],
    ["CLUSTERD_RESOURCE", context.resource],
    ["CLUSTERD_NODE", context.nodeName],
    ["CLUSTERD_TRACK", context.trackingToken],
  ];
}

/**
 * For agents that must know whether a peer that does not answer may still be alive: only the nodes
 * named here are known to run nothing.
 */
export function nodesOffVariable(context: {
  readonly nodesOff: readonly NodeName[];
}): readonly (readonly [string, string])[] {
  return context.nodesOff.length === 0 ? [] : [["CLUSTERD_NODES_OFF", context.nodesOff.join(" ")]];
}
