/**
 * What agents of all dialects find in their environment besides their parameters: marks, by which
 * their descendants are found again however they detach, and what is known of the other nodes.
 * Tested in: test/services/external-agent.test.ts, test/services/external-worker.test.ts
 */
import type { ResourceConf } from "../../model/conf.ts";
import type { NodeName, ServiceName } from "../../model/ids.ts";

/** What the processes of a resource are marked with, `script:qpidd`. */
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
 * For agents that must know whether somebody who does not answer may be alive: a node that is not
 * named here may be.
 */
export function nodesOffVariable(context: {
  readonly nodesOff: readonly NodeName[];
}): readonly (readonly [string, string])[] {
  return context.nodesOff.length === 0 ? [] : [["CLUSTERD_NODES_OFF", context.nodesOff.join(" ")]];
}
